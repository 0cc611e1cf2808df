//! What a verification asks for, from the keywords that all of them take.
//!
//! What is the same for many requests is compiled once and kept, under what was asked in so many
//! bytes: the library remembers which keys grant the scopes of a requirement that it has met before.

use std::borrow::Cow;
use std::cell::RefCell;

use keyfob::{Environment, Misuse, Request, Requirement, limits};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rustc_hash::FxHashMap;

use crate::arguments::{Given, Special, address, each_of, is_special, text, text_from_outside};
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

impl Keywords<'_, '_> {
    /// Reads them, and runs with what they ask for.
    ///
    /// # Errors
    /// A `TypeError` or a `MisuseError` for what can never be right.
    pub(crate) fn required<T>(
        &self,
        py: Python<'_>,
        run: impl FnOnce(Request<'_>) -> PyResult<T>,
    ) -> PyResult<T> {
        let any_project = match self.project {
            Some(project) => is_special(project, Special::Any)?,
            None => false,
        };
        let project = match self.project {
            Some(project) if !any_project => Some(text_from_outside("project", "a str", project)?),
            _ => None,
        };
        let owner = self.owner.map(|owner| text("owner", owner)).transpose()?;
        let ip = self.ip.map(address).transpose()?;
        let of_this_request = |requirement: &Requirement| {
            let mut request = requirement.request();
            if let Some(project) = &project {
                request = request.project(project);
            }
            if let Some(owner) = owner {
                request = request.owner(owner);
            }
            if let Some(ip) = ip {
                request = request.ip(ip);
            }
            run(request)
        };
        let nothing =
            self.scopes.is_none() && self.any_scopes.is_none() && self.environment.is_none();
        if nothing && !any_project {
            return of_this_request(const { &Requirement::new() });
        }
        let asked = self.describe(any_project)?;
        compiled(&asked, of_this_request).unwrap_or_else(|error| Err(misuse(py, error)))
    }

    /// What is asked that is the same for many requests, as [`compile`] reads it.
    fn describe(&self, any_project: bool) -> PyResult<Cow<'_, [u8]>> {
        let nothing_else = self.any_scopes.is_none() && self.environment.is_none() && !any_project;
        if let Some(scope) = self.scopes
            && nothing_else
            && scope.is_instance_of::<PyString>()
        {
            return Ok(Cow::Borrowed(text("scopes", scope)?.as_bytes()));
        }
        let mut asked = Vec::with_capacity(64);
        if any_project {
            asked.push(ANY_PROJECT);
        }
        match self.environment {
            Some(any) if is_special(any, Special::Any)? => asked.push(ANY_ENVIRONMENT),
            Some(named) => add(&mut asked, ENVIRONMENT, text("environment", named)?),
            None => {}
        }
        if let Some(scopes) = self.any_scopes {
            asked.push(ANY_SCOPES);
            add_scopes(&mut asked, "any_scopes", scopes)?;
        }
        if let Some(scopes) = self.scopes {
            asked.push(SCOPES);
            add_scopes(&mut asked, "scopes", scopes)?;
        }
        Ok(Cow::Owned(asked))
    }
}

// What a part of a description is, said before it. None of these bytes is in any UTF-8, so that one
// that begins with no such byte is of a single scope that is required, and nothing else.
const ANY_PROJECT: u8 = 0xf8;
const ANY_ENVIRONMENT: u8 = 0xf9;
const ENVIRONMENT: u8 = 0xfa;
const ANY_SCOPES: u8 = 0xfb;
const SCOPES: u8 = 0xfc;
const SCOPE: u8 = 0xfd;

fn add(asked: &mut Vec<u8>, what: u8, text: &str) {
    asked.push(what);
    asked.extend_from_slice(text.as_bytes());
}

/// A single `str` is one scope, and not an iterable of its letters. Of more scopes than may be
/// required, as an iterable without an end has them, only as many are read as tell it.
///
/// # Errors
/// Misuse for none: a generator that was used up would ask for nothing.
fn add_scopes(asked: &mut Vec<u8>, what: &'static str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if value.is_instance_of::<PyString>() {
        add(asked, SCOPE, text(what, value)?);
        return Ok(());
    }
    let before = asked.len();
    if let Ok(tuple) = value.cast::<PyTuple>() {
        for scope in tuple.iter_borrowed().take(limits::SCOPES + 1) {
            add(asked, SCOPE, text(what, &scope)?);
        }
    } else {
        for scope in each_of(what, "a str or an iterable of str", value)?.take(limits::SCOPES + 1) {
            add(asked, SCOPE, text(what, &scope?)?);
        }
    }
    if asked.len() == before {
        return Err(misuse(value.py(), Misuse::EmptyRequirement));
    }
    Ok(())
}

fn compile(asked: &[u8]) -> Result<Requirement, Misuse> {
    let mut requirement = Requirement::new();
    if asked.first().is_none_or(|first| *first < ANY_PROJECT) {
        return requirement.scopes([str::from_utf8(asked).unwrap_or_default()]);
    }
    let (mut all, mut any): (Option<Vec<&str>>, Option<Vec<&str>>) = (None, None);
    let mut at = asked;
    while let [what, rest @ ..] = at {
        let end = rest.iter().position(|byte| *byte >= ANY_PROJECT);
        let (part, next) = rest.split_at(end.unwrap_or(rest.len()));
        let part = str::from_utf8(part).unwrap_or_default();
        match *what {
            ANY_PROJECT => requirement = requirement.any_project(),
            ANY_ENVIRONMENT => requirement = requirement.any_environment(),
            ENVIRONMENT => requirement = requirement.environment(Environment::parse(part)?),
            ANY_SCOPES => any = Some(Vec::new()),
            SCOPES => all = Some(Vec::new()),
            // Those of `scopes` come last.
            _ => all
                .as_mut()
                .or(any.as_mut())
                .into_iter()
                .for_each(|list| list.push(part)),
        }
        at = next;
    }
    if let Some(scopes) = all {
        requirement = requirement.scopes(scopes)?;
    }
    if let Some(scopes) = any {
        requirement = requirement.any_scopes(scopes)?;
    }
    Ok(requirement)
}

/// A program has some dozens. One that makes them up for each request would fill any memory.
const MOST_KEPT: usize = 512;
/// Those of a longer description, in bytes, are compiled each time, so that a thread keeps 4 MiB at
/// most, where each is of 128 short scopes.
const LONGEST_KEPT: usize = 1_024;

/// Runs with the requirement of a description: the one that was made of it before, where this
/// thread still keeps it. Nothing is shared between threads, and so nothing waited for.
fn compiled<T>(asked: &[u8], run: impl FnOnce(&Requirement) -> T) -> Result<T, Misuse> {
    thread_local! {
        static KEPT: RefCell<FxHashMap<Box<[u8]>, Requirement>> = RefCell::default();
    }
    KEPT.with(|kept| {
        if let Some(requirement) = kept.borrow().get(asked) {
            return Ok(run(requirement));
        }
        let requirement = compile(asked)?;
        // It is lent to a verification that goes on meanwhile, where that led to code of Python's.
        if asked.len() <= LONGEST_KEPT
            && let Ok(mut kept) = kept.try_borrow_mut()
        {
            if kept.len() >= MOST_KEPT {
                kept.clear();
            }
            kept.insert(asked.into(), requirement.clone());
        }
        Ok(run(&requirement))
    })
}

/// Checks what integrations require of every key, without a store: an application is to fail when it
/// starts, and not at its first request.
///
/// # Errors
/// A `TypeError` or a `MisuseError` for what can never be right.
#[pyfunction]
#[pyo3(signature = (*, scopes=None, any_scopes=None, project=None, environment=None, owner=None))]
pub(crate) fn _check_requirement(
    py: Python<'_>,
    scopes: Given<'_, '_>,
    any_scopes: Given<'_, '_>,
    project: Given<'_, '_>,
    environment: Given<'_, '_>,
    owner: Given<'_, '_>,
) -> PyResult<()> {
    let asked = Keywords {
        scopes,
        any_scopes,
        project,
        environment,
        owner,
        ip: None,
    };
    asked.required(py, |_| Ok(()))
}
