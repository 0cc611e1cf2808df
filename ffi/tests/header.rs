//! The committed header is the one that the sources make. `scripts/header` writes it anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, DocumentationLength, DocumentationStyle, Language, Style};

/// The sources, in the order in which the header has them.
const FILES: &[&str] = &[
    "version",
    "status",
    "error",
    "text",
    "id",
    "progress",
    "pepper",
    "options",
    "store",
    "requirement",
    "verify",
    "verified",
    "refusals",
    "create",
    "lifecycle",
    "bulk",
    "state",
    "key",
    "key_list",
    "list",
    "project",
    "projects",
    "settings",
    "log",
    "info",
    "check",
    "backup",
    "import",
    "scan",
];

/// Set by `scripts/header`: write the header instead of comparing it.
const WRITE: &str = "KEYFOB_WRITE_HEADER";

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn source(file: &str) -> PathBuf {
    crate_folder().join(format!("src/{file}.rs"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn config() -> Config {
    // Nothing in a signature is an enumeration: what C passes is any number.
    let enums = FILES.iter().flat_map(|file| {
        let source = read(source(file));
        let named = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub enum "));
        let names = named.map(|rest| rest.trim_end_matches(" {").to_owned());
        names.collect::<Vec<_>>()
    });
    let mut config = Config {
        language: Language::C,
        style: Style::Both,
        cpp_compat: true,
        include_guard: Some("KEYFOB_H".into()),
        no_includes: true,
        sys_includes: vec!["stddef.h".into(), "stdint.h".into()],
        usize_is_size_t: true,
        documentation_style: DocumentationStyle::Doxy,
        documentation_length: DocumentationLength::Full,
        line_length: 100,
        header: Some(
            read(crate_folder().join("header/prelude.h"))
                .trim_end()
                .into(),
        ),
        after_includes: Some(definitions()),
        ..Config::default()
    };
    config.export.include = enums.collect();
    config.function.must_use = Some("KEYFOB_NODISCARD".into());
    config.function.postfix = Some("KEYFOB_NOEXCEPT".into());
    config
}

/// What the header defines that Rust has no words for, with the versions filled in.
fn definitions() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut parts = version.split('.');
    let mut text = read(crate_folder().join("header/definitions.h"));
    for name in ["MAJOR", "MINOR", "PATCH"] {
        let part = parts.next().expect("three parts");
        text = text.replace(&format!("@{name}@"), part);
    }
    let text = text.replace("@VERSION@", version);
    let text = text.replace("@ABI@", env!("KEYFOB_ABI_VERSION"));
    assert!(!text.contains('@'), "a placeholder was left");
    format!("\n{}", text.trim_end())
}

fn generated() -> String {
    let mut builder = Builder::new().with_config(config());
    for file in FILES {
        builder = builder.with_src(source(file));
    }
    let mut header = Vec::new();
    builder
        .generate()
        .expect("the sources parse")
        .write(&mut header);
    with_initialisers(&String::from_utf8(header).expect("UTF-8"))
}

/// Puts behind each struct that begins with its size a macro that names every field of it: a
/// shorter one would be a warning of some compiler.
fn with_initialisers(header: &str) -> String {
    let mut out = String::new();
    let mut fields: Option<Vec<&str>> = None;
    for line in header.lines() {
        writeln!(out, "{line}").expect("a string takes any text");
        if line.starts_with("typedef struct keyfob_") && line.ends_with('{') {
            fields = Some(Vec::new());
        } else if let Some(name) = line.strip_prefix("} keyfob_") {
            let name = name.trim_end_matches(';');
            let fields = fields.take().unwrap_or_default(); // none of an enumeration
            if fields.first() != Some(&"uint32_t size;") {
                continue;
            }
            let zeros: Vec<_> = fields.iter().skip(1).map(|field| zero(field)).collect();
            let (macro_name, what) = (name.to_uppercase(), format!("keyfob_{name}"));
            write!(
                out,
                "\n/** A \\ref {what} of zeros, with its size. */\n#define KEYFOB_{macro_name}_INIT"
            )
            .expect("a string takes any text");
            let mut column = usize::MAX;
            let parts = zeros.iter().map(|zero| format!(", {zero}"));
            let parts = [format!("{{ sizeof({what})")].into_iter().chain(parts);
            for part in parts.chain([" }".to_owned()]) {
                if column.saturating_add(part.len()) > 96 {
                    // A comma stays on the line of what it follows.
                    let comma = part.starts_with(", ");
                    out.push_str(if comma { ", \\\n    " } else { " \\\n    " });
                    out.push_str(part.trim_start_matches([',', ' ']));
                    column = 4 + part.len();
                } else {
                    out.push_str(&part);
                    column += part.len();
                }
            }
            out.push('\n');
        } else if let (Some(fields), true) = (&mut fields, line.ends_with(';')) {
            fields.push(line.trim());
        }
    }
    out
}

/// The initialiser of a field that makes it zero.
fn zero(field: &str) -> &'static str {
    if field.ends_with("];") {
        "{ 0 }"
    } else if field.contains('*') {
        "NULL"
    } else if field.starts_with("struct keyfob_text ") {
        "{ NULL, 0 }"
    } else if field.starts_with("struct ") {
        panic!("no initialiser is known for `{field}`")
    } else {
        "0"
    }
}

#[test]
fn the_committed_header_is_the_one_that_the_sources_make() {
    let path = crate_folder().join("../include/keyfob.h");
    let made = generated();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, made).expect("the header can be written");
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differ = || {
        made.lines()
            .zip(committed.lines())
            .position(|(a, b)| a != b)
    };
    assert!(
        made == committed,
        "include/keyfob.h is not what ffi/src makes, from line {} on; run scripts/header and commit it",
        differ().map_or(0, |line| line + 1)
    );
}
