//! Projects and their verbs.

use std::ffi::{c_char, c_int};

use keyfob_core::{Error, NewProject, ProjectId, ProjectInfo, ProjectUpdate, Refused};

use crate::create::scopes;
use crate::error::{Fault, keyfob_error};
use crate::guard::{free, read as read_object, read_text};
use crate::key::{NO_TIME, time};
use crate::lifecycle::{change, shortened};
use crate::out::Out;
use crate::sized::{only, read, sized};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{Text, keyfob_text, text};

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

/// What a project is made from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_new_project {
    /// sizeof(keyfob_new_project).
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Its name: [a-z0-9][a-z0-9._-]{0,63}, unique among the projects that exist, fixed.
    pub name: keyfob_text,
    /// The caller's own id of whom it belongs to, at most 128 bytes.
    pub owner: keyfob_text,
    /// The scopes that its tokens may hold at most; none lets them hold nothing.
    pub scopes: *const keyfob_text,
    /// How many.
    pub scopes_count: usize,
}

sized!(keyfob_new_project {
    size: u32,
    reserved: u32,
    name: keyfob_text,
    owner: keyfob_text,
    scopes: *const keyfob_text,
    scopes_count: usize,
});

/// Bits of keyfob_project_update.set and keyfob_project_update.clear.
#[repr(C)]
pub enum keyfob_project_fields {
    /// The scopes that its tokens may hold at most, from now on.
    KEYFOB_PROJECT_SCOPES = 1,
    /// Whom it belongs to.
    KEYFOB_PROJECT_OWNER = 2,
}

/// What is changed of a project. A field stays as it is unless its bit is set.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_project_update {
    /// sizeof(keyfob_project_update).
    pub size: u32,
    /// Bits of \ref keyfob_project_fields: these become what is given.
    pub set: u32,
    /// Bits of \ref keyfob_project_fields: these become empty.
    pub clear: u32,
    /// 0.
    pub reserved: u32,
    /// Whom it belongs to.
    pub owner: keyfob_text,
    /// The scopes that its tokens may hold at most.
    pub scopes: *const keyfob_text,
    /// How many.
    pub scopes_count: usize,
}

sized!(keyfob_project_update {
    size: u32,
    set: u32,
    clear: u32,
    reserved: u32,
    owner: keyfob_text,
    scopes: *const keyfob_text,
    scopes_count: usize,
});

/// A verb of one project that answers the project.
///
/// # Safety
/// The pointers are as the functions below say.
unsafe fn on_project(
    store: *const keyfob_store,
    name: (*const c_char, usize),
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
    verb: impl FnOnce(&keyfob_store, &str) -> Result<ProjectInfo, Fault>,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let project = unsafe { Out::new(project) };
    let body = |handle: &keyfob_store| {
        // SAFETY: the caller's text.
        let name = unsafe { text(name.0, name.1, "name") }?;
        let info = verb(handle, name)?;
        project.give(|| keyfob_project::new(info));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Creates a project. A project of the same name that was deleted is another one: this one has none
/// of its tokens.
///
/// Errors: NAME_TAKEN; INVALID_ARGUMENT, INVALID_SCOPE, LIMIT_EXCEEDED, NOT_UTF8, UNKNOWN_OPTION where something is not of its
/// form; NULL_ARGUMENT; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param new_project   what it is made from
/// \param[out] project  the project; free it with keyfob_project_free(); may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_create_project(
    store: *const keyfob_store,
    new_project: *const keyfob_new_project,
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(project) };
    let body = |handle: &keyfob_store| {
        if new_project.is_null() {
            return Err(Fault::null("new_project"));
        }
        // SAFETY: the caller's struct.
        let new = unsafe {
            let asked = read(new_project)?;
            only(asked.reserved, 0, "keyfob_new_project.reserved")?;
            let mut new = NewProject::new(asked.name.stated("name")?.unwrap_or_default());
            new.scopes = scopes(asked.scopes, asked.scopes_count)?;
            new.owner = asked.owner.stated("owner")?.map(str::to_owned);
            new
        };
        let info = handle.store.create_project(&new)?;
        out.give(|| keyfob_project::new(info));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// One project that exists, by name.
///
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param name          the name of the project
/// \param name_size     its length, or KEYFOB_NUL
/// \param[out] project  the project; free it with keyfob_project_free(); may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_get_project(
    store: *const keyfob_store,
    name: *const c_char,
    name_size: usize,
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_project(store, (name, name_size), project, err, |handle, name| {
            Ok(handle.store.project(name)?)
        })
    }
}

/// One project, by its id, also one that was deleted, as long as it is known.
///
/// Errors: NO_SUCH_PROJECT; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param name          the name of the project
/// \param id_size       its length, or KEYFOB_NUL
/// \param[out] project  the project; free it with keyfob_project_free(); may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_get_project_by_id(
    store: *const keyfob_store,
    id: *const c_char,
    id_size: usize,
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_project(store, (id, id_size), project, err, |handle, name| {
            let id = ProjectId::parse(name.as_bytes());
            let id = id.ok_or_else(|| Error::from(Refused::NoSuchProject(shortened(name))))?;
            Ok(handle.store.project_by_id(id)?)
        })
    }
}

/// Changes what an update names of a project. Narrower scopes bind every token of the project from
/// its next verification on.
///
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT, INVALID_SCOPE, LIMIT_EXCEEDED, NOT_UTF8, UNKNOWN_OPTION where something is not of its
/// form; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param name          the name of the project
/// \param name_size     its length, or KEYFOB_NUL
/// \param update        what is changed
/// \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_update_project(
    store: *const keyfob_store,
    name: *const c_char,
    name_size: usize,
    update: *const keyfob_project_update,
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_project(store, (name, name_size), project, err, |handle, name| {
            Ok(handle.store.update_project(name, &self::update(update)?)?)
        })
    }
}

/// Disables a project: its tokens answer DISABLED until it is enabled again.
///
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param name          the name of the project
/// \param name_size     its length, or KEYFOB_NUL
/// \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_disable_project(
    store: *const keyfob_store,
    name: *const c_char,
    name_size: usize,
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_project(store, (name, name_size), project, err, |handle, name| {
            Ok(handle.store.disable_project(name)?)
        })
    }
}

/// Enables a project again.
///
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param name          the name of the project
/// \param name_size     its length, or KEYFOB_NUL
/// \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_enable_project(
    store: *const keyfob_store,
    name: *const c_char,
    name_size: usize,
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_project(store, (name, name_size), project, err, |handle, name| {
            Ok(handle.store.enable_project(name)?)
        })
    }
}

/// Deletes a project, for good: its tokens answer REVOKED, and its name is free.
///
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param name          the name of the project
/// \param name_size     its length, or KEYFOB_NUL
/// \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_delete_project(
    store: *const keyfob_store,
    name: *const c_char,
    name_size: usize,
    project: *mut *mut keyfob_project,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_project(store, (name, name_size), project, err, |handle, name| {
            Ok(handle.store.delete_project(name)?)
        })
    }
}

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
unsafe fn update(from: *const keyfob_project_update) -> Result<ProjectUpdate, Fault> {
    use keyfob_project_fields as fields;
    if from.is_null() {
        return Err(Fault::null("update"));
    }
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(asked.set, 3, "keyfob_project_update.set")?;
    only(asked.clear, 3, "keyfob_project_update.clear")?;
    only(asked.reserved, 0, "keyfob_project_update.reserved")?;
    let masks = (asked.set, asked.clear);
    let mut update = ProjectUpdate::default();
    // SAFETY: as above.
    unsafe {
        update.scopes = change(masks, fields::KEYFOB_PROJECT_SCOPES as u32, || {
            scopes(asked.scopes, asked.scopes_count)
        })?;
        update.owner = change(masks, fields::KEYFOB_PROJECT_OWNER as u32, || {
            Ok(asked
                .owner
                .stated("owner")?
                .ok_or(Fault::null("owner"))?
                .to_owned())
        })?;
    }
    Ok(update)
}

/// Several projects.
pub struct keyfob_project_list(Vec<keyfob_project>);

/// The projects that exist, in the order of their names.
///
/// Errors: what the store says; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param store          the store
/// \param[out] projects  the projects; free it with keyfob_project_list_free()
/// \param[out] err       why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_list_projects(
    store: *const keyfob_store,
    projects: *mut *mut keyfob_project_list,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        listed(store, projects, err, |handle| {
            Ok(handle.store.projects()?)
        })
    }
}

/// The projects that were deleted, in the order of their creation, as long as they are known.
/// Several may have had the same name.
///
/// Errors: what the store says; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param store          the store
/// \param[out] projects  the projects; free it with keyfob_project_list_free()
/// \param[out] err       why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_list_deleted_projects(
    store: *const keyfob_store,
    projects: *mut *mut keyfob_project_list,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        listed(store, projects, err, |handle| {
            Ok(handle.store.deleted_projects()?)
        })
    }
}

/// # Safety
/// The pointers are as the functions above say.
unsafe fn listed(
    store: *const keyfob_store,
    projects: *mut *mut keyfob_project_list,
    err: *mut *mut keyfob_error,
    list: impl FnOnce(&keyfob_store) -> Result<Vec<ProjectInfo>, Fault>,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(projects) };
    let body = |handle: &keyfob_store| {
        let out = out.required("projects")?;
        let projects = list(handle)?;
        out.give(|| keyfob_project_list(projects.into_iter().map(keyfob_project::new).collect()));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// How many projects there are.
///
/// Threads: one at a time.
///
/// \param list  the list
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_list_count(list: *const keyfob_project_list) -> usize {
    // SAFETY: the caller's object.
    unsafe { read_object(list, 0, |list| list.0.len()) }
}

/// One of them. NULL beyond the last.
///
/// Threads: one at a time.
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
        read_object(list, std::ptr::null(), |list| {
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
/// Threads: one at a time.
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
    unsafe { read_text(project, size, |project| Some(&project.id)) }
}

/// Its name; of a deleted project, the one that it had. NULL only of NULL.
///
/// Threads: one at a time.
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
    unsafe { read_text(project, size, |project| Some(&project.name)) }
}

/// Whom it belongs to; NULL where that was not said.
///
/// Threads: one at a time.
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
    unsafe { read_text(project, size, |project| project.owner.as_ref()) }
}

/// How many scopes its tokens may hold.
///
/// Threads: one at a time.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_scope_count(project: *const keyfob_project) -> usize {
    // SAFETY: the caller's object.
    unsafe { read_object(project, 0, |project| project.scopes.len()) }
}

/// One of the scopes that its tokens may hold at most. NULL beyond the last.
///
/// Threads: one at a time.
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
    unsafe { read_text(project, size, |project| project.scopes.get(index)) }
}

/// 1 where it is enabled; else 0.
///
/// Threads: one at a time.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_enabled(project: *const keyfob_project) -> c_int {
    // SAFETY: the caller's object.
    unsafe { read_object(project, 0, |project| project.info.enabled.into()) }
}

/// When it was created, in seconds since 1970.
///
/// Threads: one at a time.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_created_at(project: *const keyfob_project) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read_object(project, NO_TIME, |project| project.info.created_at.unix()) }
}

/// When it was last changed, in seconds since 1970.
///
/// Threads: one at a time.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_updated_at(project: *const keyfob_project) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read_object(project, NO_TIME, |project| project.info.updated_at.unix()) }
}

/// When it was deleted, in seconds since 1970; KEYFOB_NO_TIME while it exists.
///
/// Threads: one at a time.
///
/// \param project  the project
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_project_deleted_at(project: *const keyfob_project) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read_object(project, NO_TIME, |project| time(project.info.deleted_at)) }
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
