//! The command `keyfob`: the same as that of Rust, inside of the module.

use std::ffi::OsString;
use std::io::{stderr, stdin, stdout};

use pyo3::prelude::*;

/// Runs the command with its arguments, of which the first is its own name, and answers the status
/// that the process should end with. From then on Ctrl-C is the command's and not Python's, so that
/// the process should end with it.
#[pyfunction]
pub(crate) fn _command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| keyfob_cli::run(arguments, stdin(), stdout(), stderr()))
}
