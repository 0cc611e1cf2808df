//! Structs that begin with their size, so that a program and a library of different versions
//! understand each other: the one reads of the other what both know.

use keyfob_core::Code;

use crate::error::Fault;

/// Longer than any struct will ever be; a size beyond it is none.
const LONGEST: usize = 4_096;
/// The size itself, with which each begins.
const HEAD: usize = size_of::<u32>();

/// A struct that begins with `size: u32` and has no padding.
///
/// # Safety
/// `#[repr(C)]`; its first field is `size: u32`; all of its fields are integers, arrays of them,
/// and pointers, so that any bytes are good, zeros among them; no byte is padding.
pub(crate) unsafe trait SizedStruct: Copy {
    const WHAT: &'static str;
    /// The size that it had when it was first released: what is shorter was given the size of
    /// something else.
    const FIRST: usize;
    /// Its fields, each with its place and its size.
    #[cfg(test)]
    const FIELDS: &'static [(&'static str, usize, usize)];
}

/// Implements [`SizedStruct`] and holds what it promises: every field is named here, in order, with
/// its offset and the size of the whole following from them. A field goes to the end, or the ABI
/// changes.
macro_rules! sized {
    ($name:ident, $first:literal { $($field:ident: $type:ty,)* }) => {
        // SAFETY: held right below; the fields are integers, arrays of them, and pointers.
        unsafe impl $crate::sized::SizedStruct for $name {
            const WHAT: &'static str = stringify!($name);
            const FIRST: usize = $first;
            #[cfg(test)]
            const FIELDS: &'static [(&'static str, usize, usize)] =
                &[$((stringify!($field), std::mem::offset_of!($name, $field), size_of::<$type>())),*];
        }
        const _: () = {
            let mut at = 0;
            $(
                assert!(std::mem::offset_of!($name, $field) == at, "padding, or out of order");
                at += size_of::<$type>();
            )*
            assert!(at == size_of::<$name>(), "padding at the end, or a field that is not named");
            assert!(std::mem::offset_of!($name, size) == 0);
            assert!(<$name as $crate::sized::SizedStruct>::FIRST <= size_of::<$name>());
            // Every field is here, with its type.
            let _ = |all: $name| {
                let $name { $($field),* } = all;
                $(let _: $type = $field;)*
            };
        };
    };
}
pub(crate) use sized;

/// What a struct says of its own size, if it is a size that such a struct can have.
///
/// # Safety
/// `from` points to a `T` that was compiled for some version.
pub(crate) unsafe fn stated_size<T: SizedStruct>(from: *const T) -> Result<usize, Fault> {
    // SAFETY: every version of it begins with its size.
    let stated = unsafe { from.cast::<u32>().read_unaligned() } as usize;
    if (T::FIRST..=LONGEST).contains(&stated) {
        return Ok(stated);
    }
    let what = T::WHAT;
    let why = format!(
        "the size in {what} is {stated}; begin with its _INIT, or set it to sizeof({what})"
    );
    Err(Fault::misuse(Code::INVALID_ARGUMENT, why))
}

/// The struct of a caller, as far as both know it: what theirs lacks is zero, and what it has
/// beyond ours has to be.
///
/// # Safety
/// `from` is NULL, or points to a `T` of some version, as long as its size says.
pub(crate) unsafe fn read<T: SizedStruct>(from: *const T) -> Result<T, Fault> {
    if from.is_null() {
        // SAFETY: zeros are good for it.
        return Ok(unsafe { std::mem::zeroed() });
    }
    // SAFETY: as above.
    let stated = unsafe { stated_size(from) }?;
    if stated == size_of::<T>() {
        // SAFETY: all of it is there.
        return Ok(unsafe { from.read() });
    }
    // SAFETY: zeros are good for it.
    let mut ours: T = unsafe { std::mem::zeroed() };
    let known = stated.min(size_of::<T>());
    // SAFETY: so many bytes are there and here; any bytes are good for it.
    unsafe { std::ptr::copy_nonoverlapping(from.cast::<u8>(), (&raw mut ours).cast(), known) };
    // SAFETY: its size says that they are there.
    let beyond =
        unsafe { std::slice::from_raw_parts(from.cast::<u8>().add(known), stated - known) };
    if beyond.iter().any(|byte| *byte != 0) {
        let what = T::WHAT;
        let why = format!(
            "{what} asks for something that this version of keyfob does not know; use a newer one"
        );
        return Err(Fault::misuse(Code::UNKNOWN_OPTION, why));
    }
    Ok(ours)
}

/// The caller's struct to be filled: zeros but for its size, until there is something to put in.
pub(crate) struct Place<T> {
    to: *mut T,
    known: usize,
}

impl<T: SizedStruct> Place<T> {
    /// # Safety
    /// `to` is NULL, or points to a `T` of some version, as long as its size says, which is the
    /// caller's to be written to as long as this lives.
    pub(crate) unsafe fn new(to: *mut T) -> Result<Self, Fault> {
        if to.is_null() {
            return Ok(Place { to, known: 0 });
        }
        // SAFETY: as above.
        let stated = unsafe { stated_size(to.cast_const()) }?;
        // SAFETY: so many bytes are the caller's.
        unsafe { to.cast::<u8>().add(HEAD).write_bytes(0, stated - HEAD) };
        Ok(Place {
            to,
            known: stated.min(size_of::<T>()),
        })
    }

    pub(crate) fn required(self, what: &'static str) -> Result<Self, Fault> {
        if self.to.is_null() {
            return Err(Fault::null(what));
        }
        Ok(self)
    }

    /// Fills in as much as the caller knows; the size stays theirs.
    pub(crate) fn give(self, value: &T) {
        if self.known > HEAD {
            let from = (&raw const *value).cast::<u8>();
            // SAFETY: so many bytes are there and here.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    from.add(HEAD),
                    self.to.cast::<u8>().add(HEAD),
                    self.known - HEAD,
                );
            }
        }
    }
}

/// Refuses bits that mean nothing.
pub(crate) fn only(given: u32, known: u32, what: &'static str) -> Result<(), Fault> {
    match given & !known {
        0 => Ok(()),
        beyond => Err(unknown(&format!("the bits {beyond:#x} in {what}"))),
    }
}

/// Refuses a value whose bit was forgotten: it would be left out unnoticed.
pub(crate) fn named(has_bit: bool, is_given: bool, what: &str) -> Result<(), Fault> {
    if has_bit || !is_given {
        return Ok(());
    }
    let why = format!("{what} is given and its bit is not set; set the bit, or leave it zero");
    Err(Fault::misuse(Code::INVALID_ARGUMENT, why))
}

/// What this version does not know.
pub(crate) fn unknown(what: &str) -> Fault {
    let why = format!(
        "{what} mean nothing to this version of keyfob; use a newer one, or leave them out"
    );
    Fault::misuse(Code::UNKNOWN_OPTION, why)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::undocumented_unsafe_blocks,
        reason = "every pointer is NULL, or to a local that outlives the call and is as long as is said"
    )]

    use super::*;

    #[repr(C, align(8))] // as what it became
    #[derive(Clone, Copy)]
    struct Older {
        size: u32,
        flags: u32,
    }

    sized!(Older, 8 {
        size: u32,
        flags: u32,
    });

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Newer {
        size: u32,
        flags: u32,
        more: u64,
    }

    sized!(Newer, 8 {
        size: u32,
        flags: u32,
        more: u64,
    });

    fn size<T>() -> u32 {
        u32::try_from(size_of::<T>()).unwrap()
    }

    fn newer(more: u64) -> Newer {
        Newer {
            size: size::<Newer>(),
            flags: 7,
            more,
        }
    }

    #[test]
    fn what_an_older_program_does_not_know_is_zero() {
        let theirs = Older {
            size: size::<Older>(),
            flags: 7,
        };
        let ours = unsafe { read((&raw const theirs).cast::<Newer>()) };
        let ours = ours.ok().unwrap();
        assert_eq!((ours.flags, ours.more), (7, 0));
    }

    #[test]
    fn what_a_newer_program_asks_for_is_refused_and_what_it_leaves_zero_is_not() {
        let read = |theirs: &Newer| unsafe { read((&raw const *theirs).cast::<Older>()) };
        assert_eq!(read(&newer(0)).ok().unwrap().flags, 7);
        assert_eq!(read(&newer(1)).err().unwrap().code(), Code::UNKNOWN_OPTION);
    }

    #[test]
    fn a_size_that_was_never_set_is_refused() {
        for wrong in [0, 3, 4_097, u32::MAX] {
            let theirs = Older {
                size: wrong,
                flags: 0,
            };
            let refused = unsafe { read(&raw const theirs) };
            assert_eq!(refused.err().unwrap().code(), Code::INVALID_ARGUMENT);
            let mut place = theirs;
            let refused = unsafe { Place::new(&raw mut place) };
            assert_eq!(refused.err().unwrap().code(), Code::INVALID_ARGUMENT);
        }
    }

    /// Such as the size of a pointer to it: most of what it asks for would be left out unnoticed.
    #[test]
    fn a_size_that_no_version_had_is_refused() {
        let mut theirs = newer(0);
        theirs.size = 4;
        let refused = unsafe { read(&raw const theirs) };
        assert_eq!(refused.err().unwrap().code(), Code::INVALID_ARGUMENT);
        let refused = unsafe { Place::new(&raw mut theirs) };
        assert_eq!(refused.err().unwrap().code(), Code::INVALID_ARGUMENT);
    }

    #[test]
    fn nothing_is_written_beyond_what_the_caller_has() {
        let mut theirs = [newer(9), newer(9)];
        theirs[0].size = size::<Older>();
        let place = unsafe { Place::new(&raw mut theirs[0]) }.ok().unwrap();
        assert_eq!((theirs[0].flags, theirs[0].more), (0, 9));
        place.give(&newer(1));
        assert_eq!((theirs[0].size, theirs[0].flags, theirs[0].more), (8, 7, 9));
    }

    #[test]
    fn a_place_that_is_not_filled_is_zeros_as_far_as_the_caller_has_it() {
        let mut theirs = newer(9);
        let place = unsafe { Place::new((&raw mut theirs).cast::<Older>()) };
        assert!(place.is_ok());
        assert_eq!((theirs.size, theirs.flags, theirs.more), (16, 0, 0));
    }
}
