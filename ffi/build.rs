//! Gives the shared library its soname, from the one place where the ABI is counted: the first
//! number of `version` in `[package.metadata.capi.library]` of `Cargo.toml`, where cargo-c reads it
//! too. The sources and the header get it as `KEYFOB_ABI_VERSION`.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");

    let variable = |name| std::env::var(name).unwrap_or_default();
    let path = Path::new(&variable("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(&path).unwrap_or_default();
    let Some(abi) = abi_version(&manifest) else {
        println!(
            "cargo::error={} counts no ABI: write `version = \"0.0.0\"` under [package.metadata.capi.library]",
            path.display()
        );
        return;
    };
    println!("cargo::rustc-env=KEYFOB_ABI_VERSION={abi}");

    // Other systems name their libraries in other ways, which nobody has tried here.
    if variable("CARGO_CFG_TARGET_OS") == "linux" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libkeyfob.so.{abi}");
        // A thread of its own runs on after dlclose, and the locals of the program's threads are
        // dropped when these end: the code that they need must not go away.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

fn abi_version(manifest: &str) -> Option<u32> {
    let (_, after) = manifest.split_once("\n[package.metadata.capi.library]\n")?;
    let table = after.split("\n[").next()?;
    let version = table
        .lines()
        .find_map(|line| line.strip_prefix("version = \""))?;
    version.split('.').next()?.parse().ok()
}
