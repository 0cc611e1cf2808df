//! What the store tells of a project, and of several.

use std::ffi::{c_char, c_int};

use keyfob_core::ProjectInfo;

use crate::guard::{access, access_text, free};
use crate::key::{NO_TIME, time};
use crate::text::Text;

/// What the store told of a project, as it was then.
pub struct keyfob_project {
    info: ProjectInfo,
    id: Text,
    name: Text,
    scopes: Vec<Text>,
    owner: Option<Text>,
}

impl keyfob_project {
    pub(crate) fn new(info: ProjectInfo) -> Self {
        keyfob_project {
            id: Text::new(info.id.to_text()),
            name: Text::new(&info.name),
            scopes: info
                .scopes
                .iter()
                .map(|scope| Text::new(scope.as_str()))
                .collect(),
            owner: info.owner.as_ref().map(Text::new),
            info,
        }
    }
}

/// How many projects there are.
///
/// Threads: any.
///
/// \param list  the list
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_list_count(list: *const keyfob_project_list) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(list, 0, |list| list.0.len()) }
}

/// One of them. NULL beyond the last.
///
/// Threads: any.
///
/// \param list   the list
/// \param index  which, from 0
/// \return a project that lives as long as the list, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_list_at(
    list: *const keyfob_project_list,
    index: usize,
) -> *const keyfob_project {
    // SAFETY: the caller's object.
    unsafe {
        access(list, std::ptr::null(), |list| {
            list.0
                .get(index)
                .map_or(std::ptr::null(), |project| &raw const *project)
        })
    }
}

/// Frees a list of projects.
///
/// Threads: one at a time.
///
/// \param list  a list of projects; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_list_free(list: *mut keyfob_project_list) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(list) }
}

/// Its internal id, never used again. NULL only of NULL.
///
/// Threads: any.
///
/// \param project  the project
/// \param size     where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_id(
    project: *const keyfob_project,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(project, size, |project| Some(&project.id)) }
}

/// Its name; of a deleted project, the one that it had. NULL only of NULL.
///
/// Threads: any.
///
/// \param project  the project
/// \param size     where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_name(
    project: *const keyfob_project,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(project, size, |project| Some(&project.name)) }
}

/// Whom it belongs to; NULL where that was not said.
///
/// Threads: any.
///
/// \param project  the project
/// \param size     where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the project, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_owner(
    project: *const keyfob_project,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(project, size, |project| project.owner.as_ref()) }
}

/// How many scopes its tokens may hold.
///
/// Threads: any.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_scope_count(project: *const keyfob_project) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(project, 0, |project| project.scopes.len()) }
}

/// One of the scopes that its tokens may hold at most. NULL beyond the last.
///
/// Threads: any.
///
/// \param project  the project
/// \param index    which, from 0
/// \param size     where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the project, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_scope(
    project: *const keyfob_project,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(project, size, |project| project.scopes.get(index)) }
}

/// 1 where it is enabled; else 0.
///
/// Threads: any.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_enabled(project: *const keyfob_project) -> c_int {
    // SAFETY: the caller's object.
    unsafe { access(project, 0, |project| project.info.enabled.into()) }
}

/// When it was created, in seconds since 1970.
///
/// Threads: any.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_created_at(project: *const keyfob_project) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(project, NO_TIME, |project| project.info.created_at.unix()) }
}

/// When it was last changed, in seconds since 1970.
///
/// Threads: any.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_updated_at(project: *const keyfob_project) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(project, NO_TIME, |project| project.info.updated_at.unix()) }
}

/// When it was deleted, in seconds since 1970; KEYFOB_NO_TIME while it exists.
///
/// Threads: any.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_deleted_at(project: *const keyfob_project) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(project, NO_TIME, |project| time(project.info.deleted_at)) }
}

/// Frees a project.
///
/// Threads: one at a time.
///
/// \param project  a project; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_free(project: *mut keyfob_project) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(project) }
}

/// Several projects.
pub struct keyfob_project_list(Vec<keyfob_project>);

impl keyfob_project_list {
    pub(crate) fn new(projects: Vec<ProjectInfo>) -> Self {
        keyfob_project_list(projects.into_iter().map(keyfob_project::new).collect())
    }
}
