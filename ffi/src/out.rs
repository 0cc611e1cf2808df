//! What a call gives back: empty from its first line on, and filled where it succeeded.

use std::ffi::c_char;

use keyfob_core::{Code, Token};

use crate::error::Fault;

/// Where an object goes that is then the caller's.
pub(crate) struct Out<T>(*mut *mut T);

impl<T> Out<T> {
    /// Empties the place.
    ///
    /// # Safety
    /// `place` is NULL, or the caller's to be written to as long as this lives.
    pub(crate) unsafe fn new(place: *mut *mut T) -> Self {
        // SAFETY: as above.
        if let Some(place) = unsafe { place.as_mut() } {
            *place = std::ptr::null_mut();
        }
        Out(place)
    }

    /// Refuses that there is no place.
    pub(crate) fn required(self, what: &'static str) -> Result<Self, Fault> {
        if self.0.is_null() {
            return Err(Fault::null(what));
        }
        Ok(self)
    }

    /// Gives the object away, where it is wanted.
    pub(crate) fn give(self, object: impl FnOnce() -> T) {
        if !self.0.is_null() {
            // SAFETY: the place is the caller's, as `new` was promised.
            unsafe { *self.0 = Box::into_raw(Box::new(object())) };
        }
    }
}

/// Where a number, or a plain struct without a size, goes.
pub(crate) struct Value<T>(*mut T);

impl<T: Default> Value<T> {
    /// Puts a zero there.
    ///
    /// # Safety
    /// `place` is NULL, or the caller's to be written to as long as this lives.
    pub(crate) unsafe fn new(place: *mut T) -> Self {
        // SAFETY: as above.
        if let Some(place) = unsafe { place.as_mut() } {
            *place = T::default();
        }
        Value(place)
    }

    pub(crate) fn required(self, what: &'static str) -> Result<Self, Fault> {
        if self.0.is_null() {
            return Err(Fault::null(what));
        }
        Ok(self)
    }

    pub(crate) fn give(self, value: T) {
        // SAFETY: the place is the caller's, as `new` was promised.
        if let Some(place) = unsafe { self.0.as_mut() } {
            *place = value;
        }
    }
}

/// The caller's buffer for text. What is put there ends with a NUL, which the size does not count.
pub(crate) struct Buffer {
    data: *mut c_char,
    capacity: usize,
    size: Value<usize>,
}

impl Buffer {
    /// Makes the buffer an empty text.
    ///
    /// # Safety
    /// `data` is NULL, or has `capacity` bytes that are the caller's to be written to as long as
    /// this lives; `size` is NULL or the caller's to be written to.
    pub(crate) unsafe fn new(data: *mut c_char, capacity: usize, size: *mut usize) -> Self {
        // SAFETY: as above.
        let size = unsafe { Value::new(size) };
        if capacity > 0 && !data.is_null() {
            // SAFETY: there is at least one byte.
            unsafe { *data = 0 };
        }
        Buffer {
            data,
            capacity,
            size,
        }
    }

    /// Refuses a buffer that may not do for a text and its NUL, before anything is done.
    pub(crate) fn holding(self, needed: usize, what: &'static str) -> Result<Self, Fault> {
        if self.data.is_null() {
            return Err(Fault::null(what));
        }
        if self.capacity < needed {
            let got = self.capacity;
            let why = format!(
                "{what}: the buffer has {got} bytes, and {needed} are needed; nothing was done"
            );
            return Err(Fault::misuse(Code::BUFFER_TOO_SMALL, why));
        }
        Ok(self)
    }

    /// Puts a text there, which is known to fit.
    pub(crate) fn give(self, text: &[u8]) {
        if text.len() < self.capacity && !self.data.is_null() {
            // SAFETY: the text and its NUL fit into the caller's bytes, which no borrow of ours
            // overlaps.
            unsafe {
                std::ptr::copy_nonoverlapping(text.as_ptr(), self.data.cast(), text.len());
                *self.data.add(text.len()) = 0;
            }
            self.size.give(text.len());
        }
    }

    /// The same of a token; none is an empty text.
    pub(crate) fn give_token(self, token: Option<&Token>) {
        self.give(token.map_or(&[], Token::as_bytes));
    }
}

/// Where a pointer goes to what stays ours.
pub(crate) struct Lent<T>(*mut *const T);

impl<T> Lent<T> {
    /// Puts NULL there.
    ///
    /// # Safety
    /// `place` is NULL, or the caller's to be written to as long as this lives.
    pub(crate) unsafe fn new(place: *mut *const T) -> Self {
        // SAFETY: as above.
        if let Some(place) = unsafe { place.as_mut() } {
            *place = std::ptr::null();
        }
        Lent(place)
    }

    pub(crate) fn required(self, what: &'static str) -> Result<Self, Fault> {
        if self.0.is_null() {
            return Err(Fault::null(what));
        }
        Ok(self)
    }

    pub(crate) fn lend(self, object: Option<&T>) {
        self.point(object.map_or(std::ptr::null(), |object| &raw const *object));
    }

    pub(crate) fn point(self, at: *const T) {
        // SAFETY: the place is the caller's, as `new` was promised.
        if let Some(place) = unsafe { self.0.as_mut() } {
            *place = at;
        }
    }
}
