//! The native module of the Python package, `keyfob._native`, over the public API of the Rust
//! library.
//!
//! A file for each noun. [`arguments`] reads what Python passes, [`info`] makes the values that it
//! is answered, [`error`] is the one place where errors become exceptions, and [`guard`] where a
//! panic ends. Enums, exceptions and info objects are defined in Python, in `src/keyfob/`, where
//! they can be subclasses of what Python has, pickled and iterated.

#![forbid(unsafe_code)]
#![allow(
    clippy::too_many_arguments,
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "a method has the arguments that Python's has, each by keyword, and gives them as PyO3 does"
)]
#![allow(
    missing_debug_implementations,
    reason = "Python has repr; what nobody prints leaks nothing"
)]

#[cfg(panic = "abort")] // a panic could then not be caught
compile_error!(
    "a fault is to become an exception, and not the end of the program: build with panic = \"unwind\""
);

mod arguments;
mod backup;
mod bulk;
mod clock;
mod command;
mod create;
mod error;
mod events;
mod filter;
mod guard;
mod import;
mod info;
mod issued;
mod keys;
mod lifecycle;
mod options;
mod projects;
mod requirement;
mod scan;
mod settings;
mod store;
mod verified;
mod verify;

use pyo3::prelude::*;

// Nothing here rests on the GIL: the classes are frozen, and what they hold is shared between
// threads by the Rust library itself.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::{
        clock::ManualClock, events::EventIterator, issued::Issued, keys::KeyIterator, store::Store,
        verified::VerifiedKey,
    };

    use pyo3::prelude::*;
    use pyo3::wrap_pyfunction;

    /// As the metadata of the wheel has it: maturin takes it from the same place. A version that
    /// is no plain `1.2.3` would be spelt otherwise there; a test compares the two.
    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// What is for the package itself and its tests is set and not added, so that it is not in
    /// `__all__`.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        #[cfg(feature = "planted-panic")]
        module.setattr("_panic", wrap_pyfunction!(crate::guard::_panic, module)?)?;
        module.setattr(
            "_command",
            wrap_pyfunction!(crate::command::_command, module)?,
        )?;
        module.setattr(
            "_check_requirement",
            wrap_pyfunction!(crate::requirement::_check_requirement, module)?,
        )?;
        module.setattr("_codes", wrap_pyfunction!(crate::error::_codes, module)?)
    }
}
