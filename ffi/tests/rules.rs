//! What holds for every function of the C API, read from the sources: that it says what it has to,
//! that no panic leaves it, and that no operation of the store is missing. Every rule has a control
//! beside it, a fault that it has to find.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyfob_core::{Check, Code, ForeignFormat, KeyState, Reason};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The sources below a folder, name and text, without their tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).expect("the folder of the sources") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = read(&path);
            let code = text
                .split("#[cfg(test)]\nmod tests")
                .next()
                .expect("one part");
            let name = path.file_stem().expect("a name").to_string_lossy();
            found.push((name.into_owned(), code.to_owned()));
        }
    }
    found.sort();
    assert!(found.len() > 20, "the sources were not found");
    found
}

/// A function: its documentation and attributes, its signature, its body.
#[derive(Clone, Debug)]
struct Function {
    name: String,
    head: String,
    signature: String,
    body: String,
}

impl Function {
    fn is_exported(&self) -> bool {
        self.head.contains("#[unsafe(no_mangle)]") && !self.head.contains("planted-panic")
    }

    fn parameters(&self) -> Vec<String> {
        let from = self.signature.find('(').expect("parameters") + 1;
        let to = self.signature.rfind(')').expect("parameters");
        let names = self.signature[from..to].split(',').filter_map(|part| {
            let (name, _) = part.split_once(':')?;
            Some(name.trim().to_owned())
        });
        names.collect()
    }

    fn answers_a_status(&self) -> bool {
        self.signature.ends_with("-> keyfob_status")
    }
}

/// The functions of a source that stand at its left margin, or in an `impl` block there.
fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let margin = line.len() - code.len();
        let begins = [
            "fn ",
            "unsafe fn ",
            "pub ",
            "pub(crate) ",
            "const fn ",
            "async fn ",
        ]
        .iter()
        .any(|word| code.starts_with(word));
        if margin > 4 || !begins || code.starts_with("pub type") {
            continue;
        }
        let Some(name) = code.split_once("fn ").map(|(_, rest)| rest) else {
            continue;
        };
        let name: String = name
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if name.is_empty() {
            continue;
        }
        let above = lines[..at].iter().rposition(|line| {
            let line = line.trim_start();
            !line.starts_with("///") && !line.starts_with("#[") && !line.starts_with("// ")
        });
        let head = lines[above.map_or(0, |above| above + 1)..at].join("\n");
        let end = format!("{}}}", &line[..margin]);
        let last = (at..lines.len())
            .find(|&last| lines[last] == end)
            .unwrap_or(lines.len() - 1);
        let whole = lines[at..=last].join("\n");
        let (signature, body) = whole.split_once('{').unwrap_or((&whole, ""));
        found.push(Function {
            name,
            head,
            signature: signature.split_whitespace().collect::<Vec<_>>().join(" "),
            body: body.to_owned(),
        });
    }
    found
}

fn exported(files: &[(String, String)]) -> Vec<Function> {
    let all = files.iter().flat_map(|(_, text)| functions(text));
    all.filter(Function::is_exported).collect()
}

// ---- what is said of each function ----

fn unsaid(function: &Function) -> Vec<String> {
    let mut faults = Vec::new();
    let name = &function.name;
    let mut need = |what: &str, there: bool| {
        if !there {
            faults.push(format!("{name}: {what}"));
        }
    };
    let head = &function.head;
    need(
        "say which threads may call it: `Threads: any.`",
        head.contains("/// Threads: "),
    );
    need(
        "say since when it is there: `\\since 0.1`",
        head.contains("/// \\since "),
    );
    let documented: Vec<String> = head
        .lines()
        .filter_map(|line| line.trim_start_matches("/// ").strip_prefix("\\param"))
        .map(|rest| {
            rest.trim_start_matches("[out]")
                .split_whitespace()
                .next()
                .unwrap_or("")
                .to_owned()
        })
        .collect();
    need(
        &format!(
            "document its parameters, in order: {:?}",
            function.parameters()
        ),
        documented == function.parameters(),
    );
    if function.answers_a_status() && function.parameters().iter().any(|name| name == "err") {
        need(
            "say how it fails: `Errors: ...`",
            head.contains("/// Errors: "),
        );
        need(
            "take `err` last",
            function
                .parameters()
                .last()
                .is_some_and(|last| last == "err"),
        );
        // Who closes on the way out of a failure has nothing left to do.
        let must_use = head.contains("#[must_use]") || name == "keyfob_store_close";
        need(
            "warn of a status that nobody looks at: `#[must_use]`",
            must_use,
        );
    }
    faults
}

#[test]
fn every_function_says_what_it_does_who_may_call_it_and_how_it_fails() {
    let functions = exported(&sources("ffi/src"));
    assert!(functions.len() > 200, "only {} were found", functions.len());
    let faults: Vec<_> = functions.iter().flat_map(unsaid).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

const PLANTED: &str = r#"
/// Does a thing.
///
/// Errors: BUSY.
///
/// Threads: any.
///
/// \param store     the store
/// \param[out] err  why
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_thing(
    store: *const keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    unsafe { on_store(store, err, |_| Ok(())) }
}
"#;

#[test]
fn control_what_a_function_does_not_say_is_found() {
    let faults = |text: &str| unsaid(&functions(text)[0]).len();
    assert_eq!(faults(PLANTED), 0);
    for missing in [
        "/// Threads: any.\n",
        "/// \\since 0.1\n",
        "/// Errors: BUSY.\n",
        "#[must_use]\n",
        "/// \\param store     the store\n",
    ] {
        assert_eq!(faults(&PLANTED.replace(missing, "")), 1, "{missing}");
    }
    let other_order = PLANTED.replace(
        "    store: *const keyfob_store,\n    err: *mut *mut keyfob_error,\n",
        "    err: *mut *mut keyfob_error,\n    store: *const keyfob_store,\n",
    );
    assert_eq!(faults(&other_order), 2);
}

// ---- where a panic ends ----

/// Functions that neither allocate nor call what could panic, so that there is nothing to catch.
const NOTHING_TO_CATCH: &[&str] = &[
    "keyfob_version",
    "keyfob_version_number",
    "keyfob_abi_version",
    "keyfob_token_max",
    "keyfob_memzero",
    "keyfob_requirement_nothing",
    "keyfob_status_is_denial",
    "keyfob_status_http_status",
    "keyfob_key_state_name",
    "keyfob_reason_name",
    "keyfob_import_format_name",
];

/// The exported functions whose body reaches no function that catches.
fn unguarded(all: &[Function]) -> Vec<String> {
    let mut catching: BTreeSet<&str> = BTreeSet::from(["caught"]);
    let calls = |body: &str, name: &str| {
        body.match_indices(&format!("{name}(")).any(|(at, _)| {
            let before = body[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
        })
    };
    loop {
        let more: Vec<&str> = all
            .iter()
            .filter(|f| !catching.contains(f.name.as_str()))
            .filter(|f| catching.iter().any(|name| calls(&f.body, name)))
            .map(|f| f.name.as_str())
            .collect();
        if more.is_empty() {
            break;
        }
        catching.extend(more);
    }
    let exported = all.iter().filter(|f| f.is_exported());
    let open = exported.filter(|f| !catching.contains(f.name.as_str()));
    open.map(|f| f.name.clone()).collect()
}

fn all_functions() -> Vec<Function> {
    let files = sources("ffi/src");
    files.iter().flat_map(|(_, text)| functions(text)).collect()
}

#[test]
fn no_panic_leaves_a_function() {
    assert_eq!(unguarded(&all_functions()), {
        let mut known: Vec<_> = NOTHING_TO_CATCH
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let order: Vec<_> = all_functions().into_iter().map(|f| f.name).collect();
        known.sort_by_key(|name| order.iter().position(|other| other == name));
        known
    });
}

#[test]
fn control_a_function_without_a_guard_is_found() {
    let guard = "fn on_store() {\n    caught(|| ());\n}\n";
    let guarded = functions(&format!("{guard}{PLANTED}"));
    assert!(unguarded(&guarded).is_empty());
    let open = PLANTED.replace("on_store(store, err, |_| Ok(()))", "0");
    assert_eq!(
        unguarded(&functions(&format!("{guard}{open}"))),
        ["keyfob_thing"]
    );
}

// ---- every operation of the store ----

/// Public methods that C has under another form, and why.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "keys",
        "keyfob_store_list_keys() is the iterator of C, in pages that a cursor resumes",
    ),
    ("keys_reversed", "the same, with KEYFOB_LIST_REVERSE"),
    (
        "apart",
        "hidden: for the Rust library's own tests of what processes see of each other",
    ),
];

/// The public methods of a type, in its `impl` blocks at the left margin.
fn methods(text: &str, of: &str) -> Vec<String> {
    let (mut inside, mut found) = (false, Vec::new());
    for line in text.lines() {
        if line == format!("impl {of} {{") {
            inside = true;
        } else if line == "}" {
            inside = false;
        } else if let (true, Some(rest)) = (inside, line.strip_prefix("    pub fn ")) {
            found.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    found
}

/// The methods that nothing in the C API calls.
fn missing(methods: &[String], ours: &str) -> Vec<String> {
    // Calls may be broken over lines.
    let ours: String = ours.split_whitespace().collect();
    let absent = |name: &&String| {
        !ours.contains(&format!(".{name}(")) && !ours.contains(&format!("::{name}("))
    };
    methods.iter().filter(absent).cloned().collect()
}

#[test]
fn no_operation_of_the_store_is_missing_in_c() {
    let ours: String = sources("ffi/src")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let core = sources("core/src");
    for (of, least) in [("Store", 50), ("StoreOptions", 20)] {
        let methods: Vec<_> = core
            .iter()
            .flat_map(|(_, text)| methods(text, of))
            .collect();
        assert!(
            methods.len() > least,
            "only {} methods of {of} were found",
            methods.len()
        );
        let missing: Vec<_> = missing(&methods, &ours)
            .into_iter()
            .filter(|name| !OTHERWISE.iter().any(|(other, _)| other == name))
            .collect();
        assert!(
            missing.is_empty(),
            "{of} has {missing:?}, and C does not: export them from ffi/src"
        );
    }
}

#[test]
fn control_an_operation_that_is_missing_is_found() {
    let core = "impl Store {\n    pub fn verify(&self) {}\n    pub fn revoke(&self) {}\n    fn own(&self) {}\n}\nimpl Other {\n    pub fn not(&self) {}\n}\n";
    let methods = methods(core, "Store");
    assert_eq!(methods, ["verify", "revoke"]);
    assert_eq!(
        missing(&methods, "handle.store\n    .verify(token)"),
        ["revoke"]
    );
}

// ---- numbers and names ----

/// The enumerators of an enumeration: number, and documentation.
fn enumerators(text: &str, of: &str) -> BTreeMap<String, (i64, String)> {
    let mut found = BTreeMap::new();
    let mut doc = Vec::new();
    let lines = text
        .lines()
        .skip_while(|line| *line != format!("pub enum {of} {{"));
    for line in lines.skip(1).take_while(|line| *line != "}") {
        let line = line.trim();
        if let Some(said) = line.strip_prefix("/// ") {
            doc.push(said);
        } else if let Some((name, number)) = line.trim_end_matches(',').split_once(" = ") {
            let number = number.parse().expect("a number");
            found.insert(name.to_owned(), (number, doc.join(" ")));
            doc.clear();
        }
    }
    assert!(!found.is_empty(), "{of} was not found");
    found
}

fn source(name: &str) -> String {
    read(&root().join(format!("ffi/src/{name}.rs")))
}

#[test]
fn every_status_is_a_code_of_the_rust_library_with_its_number_and_its_meaning() {
    let ours = enumerators(&source("status"), "keyfob_statuses");
    let codes = Code::ALL.iter().map(|code| {
        let words = (i64::from(code.number()), code.meaning().to_owned());
        (format!("KEYFOB_{}", code.name()), words)
    });
    assert_eq!(ours, codes.collect());
}

/// Enumerators have the names that the Rust library has, in capitals.
#[test]
fn states_reasons_and_formats_have_their_names() {
    let capitals =
        |prefix: &str, name: &str| format!("{prefix}{}", name.to_uppercase().replace('-', "_"));
    let names = |file, of| {
        enumerators(&source(file), of)
            .into_keys()
            .collect::<BTreeSet<_>>()
    };
    let states = KeyState::ALL
        .iter()
        .map(|state| capitals("KEYFOB_STATE_", state.name()));
    assert_eq!(names("state", "keyfob_key_states"), states.collect());
    let reasons = Reason::ALL
        .iter()
        .map(|reason| capitals("KEYFOB_REASON_", reason.name()));
    assert_eq!(names("state", "keyfob_reasons"), reasons.collect());
    let formats = ForeignFormat::ALL
        .iter()
        .map(|format| capitals("KEYFOB_IMPORT_", format.name()));
    assert_eq!(names("import", "keyfob_import_formats"), formats.collect());
    // The numbers are the places in the list of the Rust library, from 1.
    let numbers = enumerators(&source("import"), "keyfob_import_formats");
    for (place, format) in ForeignFormat::ALL.iter().enumerate() {
        let number = numbers[&capitals("KEYFOB_IMPORT_", format.name())].0;
        assert_eq!(usize::try_from(number), Ok(place + 1), "{format}");
    }
}

#[test]
fn every_check_has_its_name() {
    let source = source("refusals");
    for check in Check::ALL {
        assert!(
            source.contains(&format!("=> c\"{}\"", check.name())),
            "{check:?}"
        );
    }
}
