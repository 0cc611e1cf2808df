//! What a token must be good for, compiled once; and what only one request knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keyfob_core::{Code, Environment, Misuse, Request, Requirement};

use crate::error::{Fault, keyfob_error};
use crate::guard::{answer, free};
use crate::out::Out;
use crate::sized::{only, read, sized};
use crate::status::keyfob_status;
use crate::text::{keyfob_text, texts};

/// Bits of keyfob_requirement_spec.flags.
#[repr(C)]
pub enum keyfob_requirement_flags {
    /// Accept the tokens of any project.
    KEYFOB_REQUIRE_ANY_PROJECT = 1,
    /// Accept any environment.
    KEYFOB_REQUIRE_ANY_ENVIRONMENT = 2,
}

/// What a requirement is made from. What it does not state is not granted: without a project only a
/// key without a project is good, and the environment is "live".
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_requirement_spec {
    /// sizeof(keyfob_requirement_spec).
    pub size: u32,
    /// Bits of \ref keyfob_requirement_flags.
    pub flags: u32,
    /// All of these scopes are required; at most 64, and none holds a "*". NULL requires none.
    pub scopes: *const keyfob_text,
    /// How many. 0 of a pointer that is not NULL are EMPTY_REQUIREMENT: a list that happened to be
    /// empty does not let everybody in.
    pub scopes_count: usize,
    /// At least one of these is required, beside the others; NULL requires none of any.
    pub any_scopes: *const keyfob_text,
    /// How many; 0 as above.
    pub any_scopes_count: usize,
    /// The project: its tokens are good, and keys without a project.
    pub project: keyfob_text,
    /// The environment, instead of "live".
    pub environment: keyfob_text,
    /// The owner.
    pub owner: keyfob_text,
}

sized!(keyfob_requirement_spec, 88 {
    size: u32,
    flags: u32,
    scopes: *const keyfob_text,
    scopes_count: usize,
    any_scopes: *const keyfob_text,
    any_scopes_count: usize,
    project: keyfob_text,
    environment: keyfob_text,
    owner: keyfob_text,
});

/// What a token must be good for. It never changes, so that any number of threads may use one at
/// the same time.
pub struct keyfob_requirement(Requirement);

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
unsafe fn requirement(from: *const keyfob_requirement_spec) -> Result<Requirement, Fault> {
    use keyfob_requirement_flags as flags;
    let (any_project, any_environment) = (
        flags::KEYFOB_REQUIRE_ANY_PROJECT as u32,
        flags::KEYFOB_REQUIRE_ANY_ENVIRONMENT as u32,
    );
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(
        asked.flags,
        any_project | any_environment,
        "keyfob_requirement_spec.flags",
    )?;
    // SAFETY: as above.
    let (all, any, project, environment, owner) = unsafe {
        (
            texts(asked.scopes, asked.scopes_count, "scopes")?,
            texts(asked.any_scopes, asked.any_scopes_count, "any_scopes")?,
            asked.project.stated("project")?,
            asked.environment.stated("environment")?,
            asked.owner.stated("owner")?,
        )
    };
    let twice = |what: &str| {
        let why = format!("{what}: one is named and any is accepted; do one of both");
        Fault::misuse(Code::INVALID_ARGUMENT, why)
    };
    if all.is_empty() && !asked.scopes.is_null() {
        return Err(Misuse::EmptyRequirement.into());
    }
    let mut required = Requirement::new().scopes(all)?;
    if !asked.any_scopes.is_null() {
        required = required.any_scopes(any)?;
    }
    required = match (project, asked.flags & any_project != 0) {
        (Some(_), true) => return Err(twice("project")),
        (Some(project), false) => required.project(project)?,
        (None, true) => required.any_project(),
        (None, false) => required,
    };
    required = match (environment, asked.flags & any_environment != 0) {
        (Some(_), true) => return Err(twice("environment")),
        (Some(environment), false) => required.environment(Environment::parse(environment)?),
        (None, true) => required.any_environment(),
        (None, false) => required,
    };
    Ok(match owner {
        Some(owner) => required.owner(owner)?,
        None => required,
    })
}

/// Compiles a requirement. Make it once and use it for every request.
///
/// Errors: INVALID_SCOPE for a scope that does not parse or holds "*"; EMPTY_REQUIREMENT of any of
/// no scopes; INVALID_ARGUMENT, LIMIT_EXCEEDED where a name is not of its form; NOT_UTF8;
/// UNKNOWN_OPTION; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param spec              what is required; NULL for a live key without a project, and no scope
/// \param[out] requirement  the requirement; free it with keyfob_requirement_free()
/// \param[out] err          why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_requirement_new(
    spec: *const keyfob_requirement_spec,
    requirement: *mut *mut keyfob_requirement,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(requirement) };
    let body = || {
        let out = out.required("requirement")?;
        // SAFETY: the caller's struct.
        let required = unsafe { self::requirement(spec) }?;
        out.give(|| keyfob_requirement(required));
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// What requires nothing of a token but that it is of a live key without a project: no scope. A NULL
/// requirement is refused instead, since NULL is what a requirement is that could not be compiled.
///
/// Threads: any.
///
/// \return a requirement that is always there; it is not freed
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_requirement_nothing() -> *const keyfob_requirement {
    static NOTHING: keyfob_requirement = keyfob_requirement(Requirement::new());
    &raw const NOTHING
}

/// Frees a requirement.
///
/// Threads: no verification with it at the same time.
///
/// \param requirement  a requirement; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_requirement_free(requirement: *mut keyfob_requirement) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(requirement) }
}

/// What only one request knows of what is required. It goes before what the requirement says of the
/// same. Nothing in it is copied: verifying allocates nothing.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_request {
    /// sizeof(keyfob_request).
    pub size: u32,
    /// How many bytes the address has: 4, 16, or 0 where it is not known.
    pub ip_size: u32,
    /// The address that the token came from, in network order: the peer's own, not what a header
    /// claims. IPv4-mapped IPv6 counts as IPv4.
    pub ip: [u8; 16],
    /// The project. A name that no project has makes every key WRONG_PROJECT.
    pub project: keyfob_text,
    /// The owner.
    pub owner: keyfob_text,
}

sized!(keyfob_request, 56 {
    size: u32,
    ip_size: u32,
    ip: [u8; 16],
    project: keyfob_text,
    owner: keyfob_text,
});

/// What is required of a token in a request.
///
/// # Safety
/// `required` is NULL, or a requirement that lives as long as `'a`; `known` is NULL,
/// or a struct whose pointers are as its fields say, and live as long.
#[inline]
pub(crate) unsafe fn request<'a>(
    required: *const keyfob_requirement,
    known: *const keyfob_request,
) -> Result<Request<'a>, Fault> {
    // SAFETY: as above.
    let required = unsafe { required.as_ref() }.ok_or_else(|| Fault::null("requirement"))?;
    let required = &required.0;
    if known.is_null() {
        return Ok(required.request());
    }
    // SAFETY: as above.
    unsafe { what_is_known(required.request(), known) }
}

/// Adds to a request what only it knows.
///
/// # Safety
/// As [`request`].
unsafe fn what_is_known(
    mut request: Request<'_>,
    known: *const keyfob_request,
) -> Result<Request<'_>, Fault> {
    // SAFETY: as above.
    let known = unsafe { read(known) }?;
    match known.ip_size {
        0 => {}
        4 => {
            let [a, b, c, d, ..] = known.ip;
            request = request.ip(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
        }
        16 => request = request.ip(IpAddr::V6(Ipv6Addr::from(known.ip))),
        other => {
            let why = format!(
                "keyfob_request.ip_size: it is {other}; use 4, 16, or 0 where it is not known"
            );
            return Err(Fault::misuse(Code::INVALID_ARGUMENT, why));
        }
    }
    // SAFETY: as above.
    let (project, owner) = unsafe {
        (
            known.project.stated("project")?,
            known.owner.stated("owner")?,
        )
    };
    if let Some(project) = project {
        request = request.project(project);
    }
    if let Some(owner) = owner {
        request = request.owner(owner);
    }
    Ok(request)
}
