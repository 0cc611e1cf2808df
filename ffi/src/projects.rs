//! Projects and their verbs.

use std::ffi::c_char;

use keyfob_core::{Code, NewProject, ProjectId, ProjectInfo, ProjectUpdate};

use crate::create::scopes;
use crate::error::{Fault, keyfob_error};
use crate::lifecycle::change;
use crate::out::Out;
use crate::project::{keyfob_project, keyfob_project_list};
use crate::sized::{only, read, sized};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{keyfob_text, text};

/// What a project is made from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_new_project {
    /// sizeof(keyfob_new_project).
    pub size: u32,
    /// Reserved; 0.
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

sized!(keyfob_new_project, 56 {
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
    /// These become what is given: bits of \ref keyfob_project_fields.
    pub set: u32,
    /// These become empty: bits of \ref keyfob_project_fields.
    pub clear: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// Whom it belongs to.
    pub owner: keyfob_text,
    /// The scopes that its tokens may hold at most.
    pub scopes: *const keyfob_text,
    /// How many.
    pub scopes_count: usize,
}

sized!(keyfob_project_update, 48 {
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
/// Errors: NAME_TAKEN; INVALID_ARGUMENT, INVALID_SCOPE, LIMIT_EXCEEDED, NOT_UTF8, UNKNOWN_OPTION
/// where something is not of its form; NULL_ARGUMENT; what the store says.
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
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
/// says.
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
/// \param id            the id of the project
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
            let why = "no project has this id: an id is 22 characters of 0-9, A-Z and a-z";
            let id = ProjectId::parse(name.as_bytes());
            let id = id.ok_or_else(|| Fault::misuse(Code::NO_SUCH_PROJECT, why.into()))?;
            Ok(handle.store.project_by_id(id)?)
        })
    }
}

/// Changes what an update names of a project. Narrower scopes bind every token of the project from
/// its next verification on.
///
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT, INVALID_SCOPE, LIMIT_EXCEEDED, NOT_UTF8,
/// UNKNOWN_OPTION where something is not of its form; what the store says.
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
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
/// says.
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
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
/// says.
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
/// Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
/// says.
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
        update.scopes = change(
            masks,
            fields::KEYFOB_PROJECT_SCOPES as u32,
            ("scopes", !asked.scopes.is_null()),
            || scopes(asked.scopes, asked.scopes_count),
        )?;
        update.owner = change(
            masks,
            fields::KEYFOB_PROJECT_OWNER as u32,
            ("owner", !asked.owner.data.is_null()),
            || {
                Ok(asked
                    .owner
                    .stated("owner")?
                    .ok_or(Fault::null("owner"))?
                    .to_owned())
            },
        )?;
    }
    Ok(update)
}

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
        out.give(|| keyfob_project_list::new(projects));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}
