//! Versions: of the release, and of the ABI, which is counted apart.

use std::ffi::c_char;

/// The version of the library that is loaded, "0.1.0". Never NULL; it lives as long as the library.
///
/// Threads: any.
///
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is loaded as a number, to be compared with
/// \ref KEYFOB_VERSION_NUMBER which is made the same way: major * 1,000,000 + minor * 1,000 +
/// patch.
///
/// Threads: any.
///
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_version_number() -> u32 {
    const NUMBER: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + number(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
        + number(env!("CARGO_PKG_VERSION_PATCH"));
    NUMBER
}

/// The ABI of the library that is loaded, which is also the number in its soname. A program that
/// was compiled with another \ref KEYFOB_ABI_VERSION must not call it.
///
/// Threads: any.
///
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_abi_version() -> u32 {
    ABI_VERSION
}

/// Raised by a change that a program which was compiled before would not survive, and by nothing
/// else. It stands in `Cargo.toml`, where `build.rs` reads it.
const ABI_VERSION: u32 = number(env!("KEYFOB_ABI_VERSION"));

const fn number(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("cargo gives numbers"),
    }
}
