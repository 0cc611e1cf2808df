//! Reads the sources and holds what the compiler does not: the direction of imports, where the
//! engine may be named, what may be left lying about. Every rule has a control beside it, a
//! violation planted in a string, so that no rule can silently stop finding anything.
//!
//! A rule is a function from one source to its faults; each fault says what to do instead.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A layer of core, from the bottom up, and the modules in it. A module may use its own layer and
/// those below it; `docs/ARCHITECTURE.md` says why.
const LAYERS: &[(&str, &[&str])] = &[
    ("system", &["header", "mutant", "sync"]),
    (
        "values",
        &[
            "authorization",
            "base62",
            "class",
            "digest",
            "error",
            "id",
            "limits",
            "progress",
            "scope",
            "secret",
            "tag",
            "time",
            "token",
        ],
    ),
    (
        "judgement",
        &[
            "decision",
            "event",
            "filter",
            "foreign",
            "foreign_row",
            "key",
            "key_info",
            "policy",
            "project",
            "requirement",
        ],
    ),
    ("disk", &["disk"]),
    ("memory", &["cache", "usage"]),
    ("store", &["opening", "store"]),
    ("commit", &["catch_up", "commit"]),
    (
        "verbs",
        &[
            "backup",
            "bulk",
            "create",
            "import",
            "integrity",
            "lifecycle",
            "list",
            "log",
            "pepper",
            "projects",
            "prune",
            "restore",
            "scan",
            "settings",
            "verify",
        ],
    ),
    ("proof", &["coherence", "interleavings"]),
    ("lib", &["lib"]),
];

/// Edges that go down, and are closed all the same: from, to, why.
const CLOSED: &[(&str, &str, &str)] = &[
    (
        "cache",
        "disk",
        "the cache stores what it is given and knows nothing of the file",
    ),
    ("cache", "decision", "records are cached, not verdicts"),
    ("disk", "decision", "the disk never decides"),
    ("decision", "event", "a decision changes nothing"),
];

/// Longest source in lines, its own tests not counted.
const LINES: usize = 1_000;

// ---- the sources ----

/// A source: its path from the root of the workspace, its text, and the text with comments and
/// literals blanked out, line for line.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: blanked(text),
        }
    }

    /// The module of core that this is: `disk` for everything below `disk/`.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("core/src/")?;
        Some(
            inside
                .split_once('/')
                .map_or(inside.trim_end_matches(".rs"), |(folder, _)| folder),
        )
    }

    /// The code above the tests module, which stands last in a file.
    fn without_tests(&self) -> &str {
        match self.code.find("#[cfg(test)]\nmod tests") {
            Some(at) => &self.code[..at],
            None => &self.code,
        }
    }

    fn fault(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }

    /// A fault for every line of code on which `word` stands on its own.
    fn lines_with(&self, word: &str, advice: &str) -> Vec<String> {
        let lines = self.code.lines().enumerate();
        lines
            .filter(|(_, line)| names(line, word))
            .map(|(at, _)| self.fault(at + 1, &format!("`{word}`: {advice}")))
            .collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("core/ stands in the workspace")
        .to_owned()
}

/// The files that git tracks; where there is no clone, everything but what is built or installed.
fn tracked() -> Vec<String> {
    let root = root();
    let git = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(&root)
        .output();
    let mut files = Vec::new();
    match git {
        Ok(git) if git.status.success() => {
            let listed = String::from_utf8(git.stdout).expect("names of files are UTF-8");
            files.extend(listed.split_terminator('\0').map(str::to_owned));
        }
        _ => walk(&root, "", &mut files),
    }
    files.retain(|file| root.join(file).is_file());
    assert!(
        files.iter().any(|file| file == "core/tests/tidy.rs"),
        "the sources were not found"
    );
    files
}

fn walk(root: &Path, below: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(root.join(below)).expect("a folder of the project can be read") {
        let entry = entry.expect("a folder of the project can be read");
        let name = entry
            .file_name()
            .into_string()
            .expect("names of files are UTF-8");
        if matches!(
            name.as_str(),
            ".git" | "target" | ".venvs" | ".tools" | "dist"
        ) {
            continue;
        }
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if entry.path().is_dir() {
            walk(root, &path, files);
        } else {
            files.push(path);
        }
    }
}

/// The Rust sources below the given folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let found: Vec<Source> = tracked()
        .iter()
        .filter(|path| {
            Path::new(path)
                .extension()
                .is_some_and(|extension| extension == "rs")
                && folders.iter().any(|folder| path.starts_with(folder))
        })
        .map(|path| {
            Source::new(
                path,
                &std::fs::read_to_string(root().join(path)).expect("a source is UTF-8"),
            )
        })
        .collect();
    assert!(
        !found.is_empty(),
        "no source below {folders:?}: has a folder moved?"
    );
    found
}

fn hold(folders: &[&str], rule: fn(&Source) -> Vec<String>) {
    let mut report = String::new();
    for fault in sources(folders).iter().flat_map(rule) {
        writeln!(report, "{fault}").expect("a string takes any text");
    }
    assert!(report.is_empty(), "\n{report}");
}

// ---- reading Rust ----

/// Whether `word` stands in `line` with no letter, digit or underscore right before or after it.
fn names(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let opens = word.starts_with(part_of_word);
    let closes = word.ends_with(part_of_word);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let longer_before = opens && before.is_some_and(part_of_word);
        let longer_after = closes && after.is_some_and(part_of_word);
        !longer_before && !longer_after
    })
}

/// The text with comments and the insides of string and character literals turned into blanks;
/// every line stays where it is.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    // Copies `count` characters as blanks.
    let skip = |at: &mut usize, count: usize, out: &mut String| {
        for &c in chars.iter().skip(*at).take(count) {
            out.push(if c == '\n' { '\n' } else { ' ' });
        }
        *at += count;
    };
    while at < chars.len() {
        let rest = &chars[at..];
        let previous = out.chars().next_back();
        let in_word = previous.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if rest.starts_with(&['/', '/']) {
            let end = rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
            skip(&mut at, end, &mut out);
        } else if rest.starts_with(&['/', '*']) {
            let mut depth = 0;
            let mut end = 0;
            while end < rest.len() {
                if rest[end..].starts_with(&['/', '*']) {
                    depth += 1;
                    end += 2;
                } else if rest[end..].starts_with(&['*', '/']) {
                    depth -= 1;
                    end += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    end += 1;
                }
            }
            skip(&mut at, end, &mut out);
        } else if let Some(length) = raw_string(rest).filter(|_| !in_word || previous == Some('b'))
        {
            skip(&mut at, length, &mut out);
        } else if rest[0] == '"' {
            let mut end = 1;
            while end < rest.len() && rest[end] != '"' {
                end += if rest[end] == '\\' { 2 } else { 1 };
            }
            skip(&mut at, end + 1, &mut out);
        } else if let Some(length) = character(rest) {
            skip(&mut at, length, &mut out);
        } else {
            out.push(rest[0]);
            at += 1;
        }
    }
    out
}

/// The length of the raw string that begins here: `r"..."`, `r#"..."#`.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest
        .strip_prefix(&['r'])?
        .iter()
        .take_while(|&&c| c == '#')
        .count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let mut closing = vec!['"'];
    closing.resize(1 + hashes, '#');
    let inside = &rest[2 + hashes..];
    let end = inside
        .windows(closing.len())
        .position(|window| window == closing)?;
    Some(2 + hashes + end + closing.len())
}

/// The length of the character literal that begins here; a lifetime is none.
fn character(rest: &[char]) -> Option<usize> {
    match rest {
        ['\'', '\\', _, tail @ ..] => Some(tail.iter().position(|&c| c == '\'')? + 4),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

/// The first name after each `crate::`, with its line; a group `crate::{a::B, c}` gives each.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let identifier = |text: &str| {
        text.chars()
            .take_while(|&c| c.is_alphanumeric() || c == '_')
            .collect::<String>()
    };
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        if code[..start].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$')) {
            continue;
        }
        let line = code[..start].matches('\n').count() + 1;
        let rest = &code[start + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push((line, identifier(rest)));
            continue;
        };
        let mut depth = 0;
        let mut fresh = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => fresh = true,
                c if fresh && depth == 0 && !c.is_whitespace() => {
                    found.push((
                        line + group[..at].matches('\n').count(),
                        identifier(&group[at..]),
                    ));
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    found
}

// ---- the direction of imports ----

fn layer(module: &str) -> Option<usize> {
    LAYERS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
}

fn direction(source: &Source) -> Vec<String> {
    let module = source.module().expect("the rule is for core's sources");
    let Some(own) = layer(module) else {
        return vec![source.fault(
            1,
            &format!(
                "`{module}` is in no layer: add it to LAYERS in core/tests/tidy.rs, in the lowest layer whose \
                 neighbours it needs, and to docs/ARCHITECTURE.md"
            ),
        )];
    };
    if LAYERS[own].0 == "lib" {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (line, used) in crate_paths(source.without_tests()) {
        if used.starts_with(char::is_uppercase) {
            faults.push(source.fault(
                line,
                &format!("`crate::{used}`: name the module it comes from, not the re-export"),
            ));
            continue;
        }
        match layer(&used) {
            None => faults.push(source.fault(line, &format!("`crate::{used}` is in no layer of core/tests/tidy.rs"))),
            Some(theirs) if theirs > own => faults.push(source.fault(
                line,
                &format!(
                    "{module} ({}) uses {used} ({}), which is upward: pass the value in, or move what is needed down",
                    LAYERS[own].0, LAYERS[theirs].0
                ),
            )),
            Some(_) => {}
        }
        for (from, to, why) in CLOSED {
            if *from == module && *to == used {
                faults.push(source.fault(line, &format!("{from} must not use {to}: {why}")));
            }
        }
    }
    if source.without_tests().contains("super::super::") {
        faults.push(source.fault(
            1,
            "`super::super::`: write `crate::`, so that the direction can be seen",
        ));
    }
    faults
}

#[test]
fn imports_go_down() {
    hold(&["core/src/"], direction);
}

#[test]
fn control_an_upward_import_is_found() {
    let found = |path: &str, text: &str| direction(&Source::new(path, text)).len();
    assert_eq!(found("core/src/scope.rs", "use crate::key::KeyRecord;"), 1);
    assert_eq!(
        found(
            "core/src/scope.rs",
            "use crate::{limits, key::{self, KeyRecord}, store};"
        ),
        2
    );
    assert_eq!(
        found(
            "core/src/disk/read.rs",
            "fn f() { crate::verify::verify(); }"
        ),
        1
    );
    assert_eq!(found("core/src/store.rs", "use crate::commit::Room;"), 1);
    assert_eq!(found("core/src/usage.rs", "use crate::store::Store;"), 1);
    assert_eq!(found("core/src/commit.rs", "use crate::list::Filter;"), 1);
    assert_eq!(found("core/src/key.rs", "use crate::KeyId;"), 1);
    assert_eq!(found("core/src/key.rs", "use crate::nowhere::Thing;"), 1);
    assert_eq!(found("core/src/cache.rs", "use crate::disk::read;"), 1);
    assert_eq!(
        found("core/src/disk/read.rs", "use super::super::store::Store;"),
        1
    );
    assert_eq!(found("core/src/helpers.rs", ""), 1, "a file in no layer");
    assert!(direction(&Source::new("core/src/helpers.rs", ""))[0].contains("add it to LAYERS"));
}

#[test]
fn control_a_downward_import_passes() {
    let found = |path: &str, text: &str| direction(&Source::new(path, text)).len();
    assert_eq!(
        found(
            "core/src/verify.rs",
            "use crate::{disk::read, decision::decide, limits, store::Store, commit::Room};"
        ),
        0
    );
    assert_eq!(found("core/src/commit.rs", "use crate::store::Store;"), 0);
    assert_eq!(
        found(
            "core/src/disk/mod.rs",
            "pub(crate) mod read;\nuse crate::key::KeyRecord;"
        ),
        0
    );
    assert_eq!(
        found(
            "core/src/scope.rs",
            "// crate::store\nconst A: &str = \"crate::store\";"
        ),
        0
    );
    assert_eq!(
        found(
            "core/src/key.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests { use crate::store::Store; }"
        ),
        0
    );
}

// ---- the map for readers ----

/// What the map of `docs/ARCHITECTURE.md` says otherwise than LAYERS, of the modules that there are.
fn map_faults(page: &str, there: &[String]) -> Vec<String> {
    let rows: Vec<Vec<&str>> = page
        .lines()
        .skip_while(|line| !line.starts_with("| layer |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let mut faults = Vec::new();
    let named: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    let layers: Vec<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    if named != layers {
        faults.push(format!(
            "docs/ARCHITECTURE.md has the layers {named:?}, and LAYERS {layers:?}"
        ));
    }
    for (row, (layer, modules)) in rows.iter().zip(LAYERS) {
        let shown = row[1].split('`').skip(1).step_by(2);
        let mut shown: Vec<&str> = shown.map(|name| name.trim_end_matches('/')).collect();
        shown.sort_unstable();
        let mut wanted: Vec<&str> = modules.to_vec();
        wanted.retain(|module| there.iter().any(|name| name == module));
        wanted.sort_unstable();
        if shown != wanted {
            faults.push(format!(
                "docs/ARCHITECTURE.md names {shown:?} in the layer {layer}, and there are {wanted:?}"
            ));
        }
    }
    faults
}

fn page_and_modules() -> (String, Vec<String>) {
    let page = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page");
    let sources = sources(&["core/src/"]);
    let modules = sources.iter().filter_map(|source| source.module());
    (page, modules.map(str::to_owned).collect())
}

#[test]
fn the_map_for_readers_names_every_module_in_its_layer() {
    let (page, modules) = page_and_modules();
    assert_eq!(map_faults(&page, &modules), [""; 0]);
}

#[test]
fn control_a_map_that_is_wrong_is_found() {
    let (page, modules) = page_and_modules();
    for (right, wrong) in [
        ("`scan` ", ""),
        ("`base62` ", "`base62` `nothing` "),
        ("| memory |", "| usage |"),
        ("| layer | modules |", "| no | map |"),
    ] {
        assert!(page.contains(right), "{right}");
        let planted = page.replacen(right, wrong, 1);
        assert!(!map_faults(&planted, &modules).is_empty(), "{right}");
    }
}

#[test]
fn control_each_module_is_in_one_layer() {
    let all: Vec<_> = LAYERS.iter().flat_map(|(_, modules)| *modules).collect();
    for module in &all {
        assert_eq!(
            all.iter().filter(|other| other == &module).count(),
            1,
            "{module}"
        );
    }
}

// ---- the engine ----

fn engine(source: &Source) -> Vec<String> {
    if source.path.starts_with("core/src/disk/") {
        return Vec::new();
    }
    source.lines_with(
        "redb",
        "only core/src/disk/ names the engine; use what disk offers",
    )
}

#[test]
fn only_disk_names_the_engine() {
    hold(&["core/src/", "cli/src/", "ffi/src/", "python/"], engine);
}

#[test]
fn control_the_engine_elsewhere_is_found() {
    let planted =
        "//! Rests on redb.\nuse redb::Database;\nfn f() -> Result<(), redb::Error> { todo() }";
    assert_eq!(engine(&Source::new("core/src/store.rs", planted)).len(), 2);
    assert_eq!(engine(&Source::new("cli/src/check.rs", planted)).len(), 2);
    assert_eq!(
        engine(&Source::new("core/src/disk/mod.rs", planted)).len(),
        0
    );
    assert_eq!(
        engine(&Source::new(
            "core/src/store.rs",
            "let redb_like = \"redb\";"
        ))
        .len(),
        0
    );
}

// ---- one home of `unsafe`, one reader of the clock ----

/// The C ABI (`ffi/`) is about pointers, and is not held to this; clippy holds there that every block
/// says why it is sound.
fn unsafe_code(source: &Source) -> Vec<String> {
    if source.path == "core/src/header.rs" {
        return Vec::new();
    }
    source.lines_with(
        "unsafe",
        "the mapped header (core/src/header.rs) is its one home",
    )
}

#[test]
fn unsafe_stays_in_its_home() {
    hold(&["core/src/", "cli/src/", "python/"], unsafe_code);
}

#[test]
fn control_unsafe_elsewhere_is_found() {
    let planted = "fn f() { unsafe { g() } }";
    assert_eq!(
        unsafe_code(&Source::new("core/src/cache.rs", planted)).len(),
        1
    );
    assert_eq!(
        unsafe_code(&Source::new("core/src/header.rs", planted)).len(),
        0
    );
    assert_eq!(
        unsafe_code(&Source::new("core/src/lib.rs", "#![deny(unsafe_code)]")).len(),
        0
    );
}

fn clock(source: &Source) -> Vec<String> {
    if matches!(
        source.path.as_str(),
        "core/src/store.rs" | "core/src/time.rs"
    ) {
        return Vec::new();
    }
    source.lines_with(
        "SystemTime::now",
        "the store reads the clock; take `now` as an argument",
    )
}

#[test]
fn only_the_store_reads_the_clock() {
    hold(&["core/src/"], clock);
}

#[test]
fn control_a_second_clock_is_found() {
    let planted = "let now = SystemTime::now();";
    assert_eq!(
        clock(&Source::new("core/src/decision.rs", planted)).len(),
        1
    );
    assert_eq!(clock(&Source::new("core/src/time.rs", planted)).len(), 0);
}

// ---- what may not be left lying about ----

fn printing(source: &Source) -> Vec<String> {
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let advice = "a library does not print; return it, and let the command show it";
    words
        .iter()
        .flat_map(|word| source.lines_with(word, advice))
        .collect()
}

#[test]
fn libraries_do_not_print() {
    hold(&["core/src/", "ffi/src/"], printing);
}

#[test]
fn control_printing_is_found() {
    for planted in [
        "println!(\"a\");",
        "eprintln!();",
        "print!(\"a\");",
        "eprint!(\"a\");",
        "dbg!(x);",
    ] {
        assert_eq!(
            printing(&Source::new("core/src/key.rs", planted)).len(),
            1,
            "{planted}"
        );
    }
    assert_eq!(
        printing(&Source::new(
            "core/src/key.rs",
            "// println!(1)\nwriteln!(f)?;"
        ))
        .len(),
        0
    );
}

fn leftovers(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for word in ["todo!", "unimplemented!"] {
        faults.extend(source.lines_with(word, "finish it, or leave it out"));
    }
    for word in ["#[ignore", "#![ignore"] {
        faults.extend(source.lines_with(
            word,
            "a test that does not run proves nothing: mend it or take it out",
        ));
    }
    faults
}

#[test]
fn nothing_is_left_unfinished() {
    hold(&["core/", "cli/", "ffi/", "python/", "bench/"], leftovers);
}

#[test]
fn control_leftovers_are_found() {
    for planted in [
        "todo!()",
        "unimplemented!(\"x\")",
        "#[ignore]",
        "#[ignore = \"slow\"]",
    ] {
        assert_eq!(
            leftovers(&Source::new("core/src/key.rs", planted)).len(),
            1,
            "{planted}"
        );
    }
    assert_eq!(
        leftovers(&Source::new("core/src/key.rs", "// todo!()\nfn todo() {}")).len(),
        0
    );
}

/// A lint is set aside with its reason: `reason = ".."`, or a comment on the line or right above.
fn bare_allow(source: &Source) -> Vec<String> {
    let text: Vec<&str> = source.text.lines().collect();
    let code: Vec<&str> = source.code.lines().collect();
    let mut faults = Vec::new();
    for (at, line) in code.iter().enumerate() {
        let Some(start) = ["#[allow(", "#![allow(", "#[expect(", "#![expect("]
            .iter()
            .find_map(|word| line.find(word))
        else {
            continue;
        };
        // The attribute may run over several lines; it ends with the first `]`.
        let last = (at..code.len())
            .find(|&end| code[end][if end == at { start } else { 0 }..].contains(']'))
            .unwrap_or(at);
        let attribute = code[at..=last].join("\n");
        let beside = text[last].contains("// ");
        let above = at > 0 && {
            let above = text[at - 1].trim_start();
            above.starts_with("// ") && !above.starts_with("///")
        };
        if !(names(&attribute, "reason") || beside || above) {
            faults.push(source.fault(
                at + 1,
                "a lint is set aside without saying why: add `reason = \"...\"` or a comment",
            ));
        }
    }
    faults
}

#[test]
fn a_lint_is_set_aside_with_its_reason() {
    hold(&["core/", "cli/", "ffi/", "python/", "bench/"], bare_allow);
}

#[test]
fn control_a_bare_allow_is_found() {
    let found = |text: &str| bare_allow(&Source::new("core/src/key.rs", text)).len();
    assert_eq!(found("#[allow(dead_code)]\nfn f() {}"), 1);
    assert_eq!(
        found("/// What it does.\n#[expect(dead_code)]\nfn f() {}"),
        1
    );
    assert_eq!(found("#![allow(\n    dead_code,\n)]"), 1);
    assert_eq!(found("#[allow(dead_code)] // C calls it"), 0);
    assert_eq!(found("// C calls it.\n#[allow(dead_code)]"), 0);
    assert_eq!(
        found("#[allow(\n    dead_code,\n    reason = \"C calls it\"\n)]"),
        0
    );
}

// ---- files ----

fn length(source: &Source) -> Vec<String> {
    let lines = source.without_tests().lines().count();
    if lines <= LINES {
        return Vec::new();
    }
    vec![source.fault(
        LINES + 1,
        &format!("{lines} lines without its tests, more than {LINES}: two nouns in one file?"),
    )]
}

#[test]
fn no_file_is_too_long_to_read() {
    hold(&["core/src/", "cli/src/", "ffi/src/", "python/"], length);
}

#[test]
fn control_a_long_file_is_found() {
    let found = |text: &str| length(&Source::new("core/src/key.rs", text)).len();
    assert_eq!(found(&"fn f() {}\n".repeat(LINES + 1)), 1);
    assert_eq!(found(&"fn f() {}\n".repeat(LINES)), 0);
    assert_eq!(
        found(&format!(
            "#[cfg(test)]\nmod tests {{\n{}}}",
            "fn f() {}\n".repeat(LINES)
        )),
        0
    );
}

fn opening(source: &Source) -> Vec<String> {
    if source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![source.fault(1, "begin with `//! ` and one sentence on what this file is")]
}

#[test]
fn every_source_says_what_it_is() {
    hold(&["core/", "cli/", "ffi/", "python/", "bench/"], opening);
}

#[test]
fn control_a_source_without_an_opening_is_found() {
    assert_eq!(
        opening(&Source::new("cli/src/args.rs", "use std::io;\n//! late")).len(),
        1
    );
    assert_eq!(
        opening(&Source::new(
            "cli/src/args.rs",
            "//! What the user typed.\n"
        ))
        .len(),
        0
    );
}

/// Folders of one machine: an absolute path below one of these is nobody else's.
fn machine_paths(source: &Source) -> Vec<String> {
    let folders = ["home", "root", "work"].map(|folder| format!("/{folder}/"));
    let mut faults = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        for folder in &folders {
            let absolute = |at: usize| {
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~)}|".contains(c))
            };
            if line
                .match_indices(folder.as_str())
                .any(|(at, _)| absolute(at))
            {
                faults.push(source.fault(
                    at + 1,
                    &format!("a path of one machine, {folder}: make it relative"),
                ));
            }
        }
    }
    faults
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let mut report = String::new();
    for path in tracked() {
        // What is not text holds no path that anybody would read.
        let Ok(text) = String::from_utf8(
            std::fs::read(root().join(&path)).expect("a tracked file can be read"),
        ) else {
            continue;
        };
        let source = Source {
            path,
            text,
            code: String::new(),
        };
        for fault in machine_paths(&source) {
            writeln!(report, "{fault}").expect("a string takes any text");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn control_a_machine_path_is_found() {
    for folder in ["home", "root", "work"] {
        let found = |before: &str| {
            let text = format!("see {before}/{folder}/keyfob");
            machine_paths(&Source {
                path: "README.md".to_owned(),
                text,
                code: String::new(),
            })
            .len()
        };
        assert_eq!(found(""), 1);
        assert_eq!(found("\""), 1);
        assert_eq!(
            found("docs"),
            0,
            "a folder of the project may have any name"
        );
    }
}

#[test]
fn control_comments_and_literals_are_blanked() {
    let text = "let a = \"x\\\"redb\"; // redb\n/* redb /* redb */ redb */ let b = r#\"redb \" \"#;\nlet c = '\"'; let d: &'a str = b\"redb\";";
    let code = blanked(text);
    assert!(!code.contains("redb"), "{code}");
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(
        code.contains("let b =") && code.contains("let c =") && code.contains("&'a str"),
        "{code}"
    );
}
