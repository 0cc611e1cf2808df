//! Several keys, as one answer.

use keyfob_core::KeyInfo;

use crate::guard::{access, free};
use crate::key::keyfob_key;

/// Several keys.
pub struct keyfob_key_list(Vec<keyfob_key>);

impl keyfob_key_list {
    pub(crate) fn new(keys: impl IntoIterator<Item = KeyInfo>) -> Self {
        keyfob_key_list(keys.into_iter().map(keyfob_key::new).collect())
    }
}

/// How many keys there are.
///
/// Threads: any.
///
/// \param list  the list
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_list_count(list: *const keyfob_key_list) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(list, 0, |list| list.0.len()) }
}

/// One of them. NULL beyond the last.
///
/// Threads: any.
///
/// \param list   the list
/// \param index  which, from 0
/// \return a key that lives as long as the list, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_list_at(
    list: *const keyfob_key_list,
    index: usize,
) -> *const keyfob_key {
    let at = |list: &keyfob_key_list| {
        let key = list.0.get(index);
        key.map_or(std::ptr::null(), std::ptr::from_ref)
    };
    // SAFETY: the caller's object.
    unsafe { access(list, std::ptr::null(), at) }
}

/// Frees a list of keys.
///
/// Threads: one at a time.
///
/// \param list  a list of keys; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_list_free(list: *mut keyfob_key_list) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(list) }
}
