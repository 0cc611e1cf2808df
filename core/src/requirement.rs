//! What a caller demands of a token, compiled once and used for every request.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::class::Class;
use crate::error::Misuse;
use crate::key::check_text;
use crate::limits;
use crate::project::check_project_name;
use crate::scope::{Scope, ScopeSet};
use crate::token::Environment;

/// Which project a token must be good in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ProjectRule<Name = String> {
    /// None is stated: only a key without a project is good.
    #[default]
    NotStated,
    /// Any will do.
    Any,
    /// This one.
    Named(Name),
}

/// Which environment a token must be of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum EnvironmentRule {
    Any,
    Exactly(Environment),
}

/// What a token must be good for. What it does not state is not granted: without a project only a
/// key without a project is good, and the environment is `live`.
///
/// Cheap to share between threads; build it once and use it for every request. What only the request
/// knows, such as the address that it came from, is added with [`Requirement::request`].
///
/// ```
/// use keyfob::Requirement;
/// let requirement = Requirement::new().scopes(["orders:read"])?.project("shop")?;
/// # Ok::<(), keyfob::Misuse>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    pub(crate) scopes: RequiredScopes,
    pub(crate) project: ProjectRule,
    pub(crate) environment: EnvironmentRule,
    pub(crate) owner: Option<String>,
    pub(crate) ip: Option<IpAddr>,
}

/// The scopes that are required: all of some, and one of others where there are any. Each set of
/// them that is made has a number of its own, never given twice, which its clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequiredScopes {
    /// Zero where nothing is required.
    number: u64,
    all: Vec<Scope>,
    any: Vec<Scope>,
}

impl RequiredScopes {
    fn new(all: Vec<Scope>, any: Vec<Scope>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = if all.is_empty() && any.is_empty() {
            0
        } else {
            LAST.fetch_add(1, Ordering::Relaxed) + 1
        };
        RequiredScopes { number, all, any }
    }

    /// Whether a class grants them.
    #[inline]
    pub(crate) fn are_granted_by(&self, class: &Class) -> bool {
        let scopes = &class.scopes;
        self.number == 0
            || class.answers.remembered(self.number, || {
                self.all.iter().all(|scope| scopes.grants(scope))
                    && (self.any.is_empty() || self.any.iter().any(|scope| scopes.grants(scope)))
            })
    }
}

/// Which number they have says nothing of what they are.
impl PartialEq for RequiredScopes {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all && self.any == other.any
    }
}

impl Eq for RequiredScopes {}

impl Default for Requirement {
    fn default() -> Self {
        Self::new()
    }
}

fn literal_scopes<I, S>(scopes: I) -> Result<Vec<Scope>, Misuse>
where
    I: IntoIterator<Item = S>,
    S: AsRef<str>,
{
    let set = ScopeSet::parse(scopes)?;
    let list: Vec<Scope> = set.iter().cloned().collect();
    match list.iter().find(|scope| scope.is_pattern()) {
        Some(pattern) => Err(Misuse::invalid_scope(
            pattern.as_str(),
            "a requirement names what is needed and holds no '*'",
        )),
        None => Ok(list),
    }
}

impl Requirement {
    /// Requires a live key without a project, and no scope; every other check runs.
    pub const fn new() -> Self {
        Requirement {
            scopes: RequiredScopes {
                number: 0,
                all: Vec::new(),
                any: Vec::new(),
            },
            project: ProjectRule::NotStated,
            environment: EnvironmentRule::Exactly(Environment::live()),
            owner: None,
            ip: None,
        }
    }

    /// Requires all of these scopes.
    ///
    /// # Errors
    /// A scope that does not parse or holds `*`, or more than 64.
    pub fn scopes<I, S>(mut self, scopes: I) -> Result<Self, Misuse>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        self.scopes = RequiredScopes::new(literal_scopes(scopes)?, self.scopes.any);
        Ok(self)
    }

    /// Requires at least one of these scopes, beside those that [`Requirement::scopes`] requires.
    ///
    /// # Errors
    /// An empty list, a scope that does not parse or holds `*`, or more than 64.
    pub fn any_scopes<I, S>(mut self, scopes: I) -> Result<Self, Misuse>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let any = literal_scopes(scopes)?;
        if any.is_empty() {
            return Err(Misuse::EmptyRequirement);
        }
        self.scopes = RequiredScopes::new(self.scopes.all, any);
        Ok(self)
    }

    /// States the project, by name: its tokens are good, and keys without a project. Where no
    /// project has the name, no key is good: the answer is WRONG_PROJECT.
    ///
    /// # Errors
    /// A name that no project can have.
    pub fn project(mut self, name: &str) -> Result<Self, Misuse> {
        check_project_name(name)?;
        self.project = ProjectRule::Named(name.to_owned());
        Ok(self)
    }

    /// Accepts the tokens of any project.
    #[must_use]
    pub fn any_project(mut self) -> Self {
        self.project = ProjectRule::Any;
        self
    }

    /// Requires this environment instead of `live`.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = EnvironmentRule::Exactly(environment);
        self
    }

    /// Accepts any environment.
    #[must_use]
    pub fn any_environment(mut self) -> Self {
        self.environment = EnvironmentRule::Any;
        self
    }

    /// Requires this owner.
    ///
    /// # Errors
    /// An owner that no key can have.
    pub fn owner(mut self, owner: &str) -> Result<Self, Misuse> {
        check_text("owner (bytes)", owner, 1, limits::OWNER_BYTES)?;
        self.owner = Some(owner.to_owned());
        Ok(self)
    }

    /// States the address that the token came from. It must be the peer's own, not what a header
    /// claims. IPv4-mapped IPv6 counts as IPv4.
    #[must_use]
    pub fn ip(mut self, address: IpAddr) -> Self {
        self.ip = Some(address);
        self
    }

    /// This requirement for one request, to which is added what only the request knows. Nothing is
    /// copied or allocated.
    ///
    /// ```
    /// # use keyfob::{NewKey, Requirement, StoreOptions};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = StoreOptions::new().prefix("acme")?.create(folder.path().join("k"))?;
    /// let requirement = Requirement::new();
    ///
    /// let mut new = NewKey::new("office");
    /// new.ip_list = vec!["192.0.2.0/24".parse().unwrap()];
    /// let token = store.create(&new)?.token.expect("shown once, here");
    ///
    /// let peer = "192.0.2.7".parse().unwrap();
    /// assert!(store.verify(token.expose(), requirement.request().ip(peer)).is_ok());
    /// assert!(store.verify(token.expose(), &requirement).is_err());
    /// # Ok::<(), keyfob::Error>(())
    /// ```
    pub fn request(&self) -> Request<'_> {
        self.into()
    }
}

/// What a token must be good for in one request: a [`Requirement`], and what only the request
/// knows, which goes before what the requirement says of the same. Made by
/// [`Requirement::request`].
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(crate) requirement: &'a Requirement,
    project: Option<&'a str>,
    owner: Option<&'a str>,
    ip: Option<IpAddr>,
}

impl<'a> Request<'a> {
    /// States the project, by name, as [`Requirement::project`] does. A name that no project has,
    /// or can have, makes every key WRONG_PROJECT.
    #[must_use]
    pub fn project(mut self, name: &'a str) -> Self {
        self.project = Some(name);
        self
    }

    /// Requires this owner, as [`Requirement::owner`] does.
    #[must_use]
    pub fn owner(mut self, owner: &'a str) -> Self {
        self.owner = Some(owner);
        self
    }

    /// States the address that the token came from, as [`Requirement::ip`] does.
    #[must_use]
    pub fn ip(mut self, address: IpAddr) -> Self {
        self.ip = Some(address);
        self
    }

    #[allow(clippy::inline_always)] // see `judge` of a decision
    #[inline(always)]
    pub(crate) fn project_rule(&self) -> ProjectRule<&'a str> {
        match (self.project, &self.requirement.project) {
            (Some(name), _) => ProjectRule::Named(name),
            (None, ProjectRule::NotStated) => ProjectRule::NotStated,
            (None, ProjectRule::Any) => ProjectRule::Any,
            (None, ProjectRule::Named(name)) => ProjectRule::Named(name),
        }
    }

    #[allow(clippy::inline_always)] // as above
    #[inline(always)]
    pub(crate) fn required_owner(&self) -> Option<&'a str> {
        self.owner.or(self.requirement.owner.as_deref())
    }

    #[allow(clippy::inline_always)] // as above
    #[inline(always)]
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.ip.or(self.requirement.ip)
    }
}

impl<'a> From<&'a Requirement> for Request<'a> {
    #[inline]
    fn from(requirement: &'a Requirement) -> Self {
        Request {
            requirement,
            project: None,
            owner: None,
            ip: None,
        }
    }
}

impl<'a> From<&'a Arc<Requirement>> for Request<'a> {
    #[inline]
    fn from(requirement: &'a Arc<Requirement>) -> Self {
        Request::from(&**requirement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_an_empty_list_is_misuse_and_all_of_it_requires_nothing() {
        let none: [&str; 0] = [];
        assert_eq!(
            Requirement::new().any_scopes(none),
            Err(Misuse::EmptyRequirement)
        );
        assert_eq!(Requirement::new().scopes(none).unwrap(), Requirement::new());
    }

    #[test]
    fn a_requirement_holds_no_star() {
        assert!(Requirement::new().scopes(["a:*"]).is_err());
        assert!(Requirement::new().any_scopes(["*"]).is_err());
    }
}
