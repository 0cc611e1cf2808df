//! What a verification asks for, from the keywords that all of them take.

use std::net::IpAddr;
use std::sync::LazyLock;

use keyfob::{Request, Requirement};
use pyo3::prelude::*;

use crate::arguments::{Given, Special, address, environment, is_special, text, texts};
use crate::error::misuse;

/// The keywords of a verification, as Python passes them.
pub(crate) struct Keywords<'a, 'py> {
    pub(crate) scopes: Given<'a, 'py>,
    pub(crate) any_scopes: Given<'a, 'py>,
    pub(crate) project: Given<'a, 'py>,
    pub(crate) environment: Given<'a, 'py>,
    pub(crate) owner: Given<'a, 'py>,
    pub(crate) ip: Given<'a, 'py>,
}

/// What is required, and what only this request knows.
pub(crate) struct Required<'a> {
    /// None asks for nothing but what always holds.
    requirement: Option<Requirement>,
    project: Option<&'a str>,
    owner: Option<&'a str>,
    ip: Option<IpAddr>,
}

impl<'a> Keywords<'a, '_> {
    /// # Errors
    /// A `TypeError` or a `MisuseError` for what can never be right.
    pub(crate) fn read(&self, py: Python<'_>) -> PyResult<Required<'a>> {
        let any_project = match self.project {
            Some(project) => is_special(project, Special::Any)?,
            None => false,
        };
        Ok(Required {
            requirement: self.compile(py, any_project)?,
            project: match self.project {
                Some(project) if !any_project => Some(text("project", project)?),
                _ => None,
            },
            owner: self.owner.map(|owner| text("owner", owner)).transpose()?,
            ip: self.ip.map(address).transpose()?,
        })
    }

    fn compile(&self, py: Python<'_>, any_project: bool) -> PyResult<Option<Requirement>> {
        let nothing =
            self.scopes.is_none() && self.any_scopes.is_none() && self.environment.is_none();
        if nothing && !any_project {
            return Ok(None);
        }
        let refuse = |error| misuse(py, error);
        let mut requirement = Requirement::new();
        if let Some(scopes) = self.scopes {
            requirement = requirement
                .scopes(texts("scopes", scopes)?)
                .map_err(refuse)?;
        }
        if let Some(scopes) = self.any_scopes {
            requirement = requirement
                .any_scopes(texts("any_scopes", scopes)?)
                .map_err(refuse)?;
        }
        if any_project {
            requirement = requirement.any_project();
        }
        match self.environment {
            Some(any) if is_special(any, Special::Any)? => {
                requirement = requirement.any_environment();
            }
            Some(named) => requirement = requirement.environment(environment(named)?),
            None => {}
        }
        Ok(Some(requirement))
    }
}

impl Required<'_> {
    pub(crate) fn request(&self) -> Request<'_> {
        static NOTHING: LazyLock<Requirement> = LazyLock::new(Requirement::new);
        let mut request = self.requirement.as_ref().unwrap_or(&NOTHING).request();
        if let Some(project) = self.project {
            request = request.project(project);
        }
        if let Some(owner) = self.owner {
            request = request.owner(owner);
        }
        if let Some(ip) = self.ip {
            request = request.ip(ip);
        }
        request
    }
}
