//! Text and bytes over the border: what C passes is looked at and never kept; what C is given is
//! NUL-terminated and counted, and belongs to the object that it came from.

use std::ffi::{c_char, c_void};
use std::fmt;

use keyfob_core::Code;

use crate::error::Fault;

/// Bytes that end where the first NUL is: what a caller passes as the size of a C string.
pub(crate) const NUL_TERMINATED: usize = usize::MAX;

/// A text, or bytes, of the caller's. It is looked at during the call and not kept.
///
/// NULL with a size of 0 is a text that is not stated; any other pointer with a size of 0 is an
/// empty one. NULL with any other size, \ref KEYFOB_NUL too, is a mistake and answers NULL_ARGUMENT. The layout
/// of this struct never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_text {
    /// The first byte, UTF-8; NULL where the text is not stated.
    pub data: *const c_char,
    /// How many bytes, or \ref KEYFOB_NUL where a NUL ends them.
    pub size: usize,
}

/// A key and its value in the metadata of an API key. The layout of this struct never changes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_pair {
    /// The key.
    pub key: keyfob_text,
    /// The value.
    pub value: keyfob_text,
}

/// The bytes at a pointer; NULL with nothing is none at all.
///
/// # Safety
/// `data` is NULL, or points to `size` bytes, or to bytes that a NUL ends where it says so; they
/// outlive `'a` and are not written meanwhile.
#[inline]
pub(crate) unsafe fn bytes<'a>(
    data: *const c_char,
    size: usize,
    what: &'static str,
) -> Result<&'a [u8], Fault> {
    if data.is_null() {
        return match size {
            0 => Ok(&[]),
            _ => Err(Fault::null(what)),
        };
    }
    if size == NUL_TERMINATED {
        // SAFETY: a NUL ends them.
        return Ok(unsafe { std::ffi::CStr::from_ptr(data) }.to_bytes());
    }
    if isize::try_from(size).is_err() {
        return Err(too_large(what));
    }
    // SAFETY: so many bytes are there, and not more than a slice may have.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), size) })
}

#[cold]
fn too_large(what: &'static str) -> Fault {
    let why = "its size is more than memory can hold; pass KEYFOB_NUL for a C string";
    Fault::misuse(Code::INVALID_ARGUMENT, format!("{what}: {why}"))
}

/// The text at a pointer.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(
    data: *const c_char,
    size: usize,
    what: &'static str,
) -> Result<&'a str, Fault> {
    // SAFETY: as above.
    let bytes = unsafe { bytes(data, size, what) }?;
    std::str::from_utf8(bytes).map_err(|_| {
        Fault::misuse(
            Code::NOT_UTF8,
            format!("{what} is not UTF-8; convert it first"),
        )
    })
}

impl keyfob_text {
    /// The text; none where it is not stated. NULL as a C string is refused: who passes one meant to
    /// state a text, and without it a filter means more keys, and a requirement asks for less.
    ///
    /// # Safety
    /// As [`bytes`].
    pub(crate) unsafe fn stated<'a>(self, what: &'static str) -> Result<Option<&'a str>, Fault> {
        if self.data.is_null() && self.size == 0 {
            return Ok(None);
        }
        // SAFETY: as above.
        unsafe { text(self.data, self.size, what) }.map(Some)
    }
}

/// An array of the caller's.
///
/// # Safety
/// `data` is NULL, or points to `count` of them, which outlive `'a` and are not written meanwhile.
pub(crate) unsafe fn array<'a, T>(
    data: *const T,
    count: usize,
    what: &'static str,
) -> Result<&'a [T], Fault> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Fault::null(what));
    }
    let bytes = count.checked_mul(size_of::<T>());
    if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        let why = format!("{what}: there cannot be so many of them in memory");
        return Err(Fault::misuse(Code::INVALID_ARGUMENT, why));
    }
    // SAFETY: so many of them are there, and not more than a slice may have.
    Ok(unsafe { std::slice::from_raw_parts(data, count) })
}

/// The texts of an array, none of which may be left unstated.
///
/// # Safety
/// As [`array`], and as [`bytes`] for each.
pub(crate) unsafe fn texts<'a>(
    data: *const keyfob_text,
    count: usize,
    what: &'static str,
) -> Result<Vec<&'a str>, Fault> {
    // SAFETY: as above.
    let all = unsafe { array(data, count, what) }?;
    // SAFETY: as above.
    let each = |one: &keyfob_text| unsafe { one.stated(what) }?.ok_or(Fault::null(what));
    all.iter().map(each).collect()
}

/// A text as C is given it, with a NUL behind it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text(Box<[u8]>);

impl Text {
    pub(crate) fn new(text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text);
        bytes.push(0);
        Text(bytes.into())
    }

    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    /// Its length without the NUL.
    pub(crate) fn len(&self) -> usize {
        self.0.len() - 1
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0[..self.len()]))
    }
}

/// Overwrites memory with zeros, in a way that the compiler cannot leave out as it may leave out a
/// memset() before a free(). For the buffers that tokens were put into.
///
/// Threads: any.
///
/// \param data  the memory; NULL with a size of 0 is allowed
/// \param size  its size in bytes; KEYFOB_NUL is none, and wipes nothing
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_memzero(data: *mut c_void, size: usize) {
    if data.is_null() || isize::try_from(size).is_err() {
        return;
    }
    // SAFETY: the caller has so many bytes there, and not more than a slice may have. Bytes that
    // were never written are written here, and not read.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(data.cast::<std::mem::MaybeUninit<u8>>(), size) };
    zeroize::Zeroize::zeroize(bytes);
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::undocumented_unsafe_blocks,
        reason = "every pointer is NULL, or to a local that outlives the call and is as long as is said"
    )]

    use super::*;

    fn read(data: *const c_char, size: usize) -> Result<&'static [u8], Code> {
        unsafe { bytes(data, size, "data") }.map_err(|fault| fault.code())
    }

    #[test]
    fn a_text_ends_where_its_size_or_its_nul_says() {
        let text = c"abc".as_ptr();
        assert_eq!(read(text, 2), Ok(b"ab".as_slice()));
        assert_eq!(read(text, NUL_TERMINATED), Ok(b"abc".as_slice()));
        assert_eq!(read(text, 0), Ok(b"".as_slice()));
    }

    #[test]
    fn null_is_an_empty_text_only_where_its_size_is_none() {
        let null = std::ptr::null();
        assert_eq!(read(null, 0), Ok(b"".as_slice()));
        assert_eq!(read(null, 1), Err(Code::NULL_ARGUMENT));
        assert_eq!(read(null, NUL_TERMINATED), Err(Code::NULL_ARGUMENT));
    }

    #[test]
    fn a_size_that_no_memory_has_is_refused_unread() {
        let size = isize::MAX.unsigned_abs() + 1;
        assert_eq!(read(c"abc".as_ptr(), size), Err(Code::INVALID_ARGUMENT));
        let one = 1_u64;
        let many = unsafe { array(&raw const one, usize::MAX / 4, "data") };
        assert_eq!(many.err().unwrap().code(), Code::INVALID_ARGUMENT);
    }

    #[test]
    fn a_text_that_is_not_stated_is_another_thing_than_an_empty_one() {
        let stated = |data, size| unsafe { keyfob_text { data, size }.stated("text") };
        assert_eq!(stated(std::ptr::null(), 0).ok(), Some(None));
        assert_eq!(stated(c"abc".as_ptr(), 0).ok(), Some(Some("")));
        let not_utf8 = stated(c"\xff".as_ptr(), NUL_TERMINATED).err().unwrap();
        assert_eq!(not_utf8.code(), Code::NOT_UTF8);
    }

    #[test]
    fn what_is_wiped_is_zero() {
        let mut token = *b"acme_live";
        unsafe { keyfob_memzero(token.as_mut_ptr().cast(), 4) };
        assert_eq!(&token, b"\0\0\0\0_live");
        unsafe { keyfob_memzero(std::ptr::null_mut(), 4) };
    }

    /// A filter by an owner that was looked up and not found was one of every key.
    #[test]
    fn a_c_string_that_is_null_is_not_taken_for_one_that_is_not_stated() {
        for size in [NUL_TERMINATED, 1] {
            let data = std::ptr::null();
            let stated = unsafe { keyfob_text { data, size }.stated("owner") };
            assert_eq!(stated.err().unwrap().code(), Code::NULL_ARGUMENT);
        }
    }
}
