//! The C ABI: what `include/keyfob.h` declares, over the public API of the Rust library.
//!
//! The conventions are written once, for those who call it, at the top of the header
//! (`header/prelude.h`). The functions stand in a file for each topic, in the order of [`FILES`],
//! which is that of the header; every one of them goes through [`guard`], where a panic ends.
//! [`text`], [`sized`] and [`out`] are the only ones that read and write the caller's memory; the
//! others say what is in it.
//!
//! [`FILES`]: ../tests/header.rs

#![allow(
    unsafe_code,
    reason = "pointers of another language are what this crate is about"
)]
#![allow(
    non_camel_case_types,
    reason = "types have the names that they have in C"
)]
#![allow(
    clippy::missing_safety_doc,
    clippy::doc_markdown,
    reason = "the documentation is that of the header, where every function is unsafe and `code` is @c code"
)]
#![allow(
    missing_debug_implementations,
    reason = "C has no Debug; what nobody prints leaks nothing"
)]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(panic = "abort")] // a panic could then not be caught
compile_error!(
    "a fault is to become a status, and not the end of the program: build with panic = \"unwind\""
);

pub mod backup;
pub mod bulk;
pub mod check;
pub mod create;
pub mod error;
pub mod guard;
pub mod id;
pub mod import;
pub mod info;
pub mod key;
pub mod key_list;
#[cfg(test)]
mod layout;
pub mod lifecycle;
pub mod list;
pub mod log;
pub mod options;
pub mod out;
pub mod pepper;
pub mod progress;
pub mod project;
pub mod projects;
pub mod refusals;
pub mod requirement;
pub mod scan;
pub mod settings;
pub mod sized;
pub mod state;
pub mod status;
pub mod store;
pub mod text;
pub mod verified;
pub mod verify;
pub mod version;
