//! Holds docs/FORMAT.md against the code: tables, fields and variants by the text of the sources,
//! and the formulas on a real file, recomputed here by the page alone.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use keyfob::{NewKey, Pepper, ScopeSet, StoreOptions};
use redb::{ReadableDatabase, ReadableTable};
use sha2::{Digest, Sha256};

// ---- names ----

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn page() -> String {
    source("../docs/FORMAT.md")
}

/// The names of all tables that a source defines.
fn tables(schema: &str) -> Vec<&str> {
    schema
        .split("TableDefinition::new(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// The inside of a `struct` or `enum`, from its brace to the one that closes it.
fn body<'a>(source: &'a str, head: &str) -> Option<&'a str> {
    let start = source.find(&format!("{head} {{\n"))? + head.len() + 3;
    let end = source[start..].find("\n}")?;
    Some(&source[start..=start + end])
}

/// The fields of a struct, in order.
fn fields<'a>(source: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let lines = body(source, &format!("struct {name}"))?.lines();
    Some(
        lines
            .map(|line| line.trim().trim_start_matches("pub(crate) "))
            .map(|line| line.trim_start_matches("pub "))
            .filter(|line| !line.starts_with("//") && !line.starts_with('#'))
            .filter_map(|line| line.split_once(':').map(|(name, _)| name))
            .collect(),
    )
}

/// The variants of an enum, each with its fields, in order.
fn variants<'a>(source: &'a str, name: &str) -> Option<Vec<(&'a str, Vec<&'a str>)>> {
    let mut out: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in body(source, &format!("enum {name}"))?.lines() {
        let text = line.trim();
        if text.is_empty() || text.starts_with("//") || text.starts_with('#') {
            continue;
        }
        if line.starts_with("        ") {
            let field = text.split_once(':')?.0;
            out.last_mut()?.1.push(field);
        } else if text.starts_with(char::is_uppercase) {
            let end = text
                .find(|c: char| !c.is_alphanumeric())
                .unwrap_or(text.len());
            out.push((&text[..end], Vec::new()));
        }
    }
    Some(out)
}

/// The part of the page below a heading of the third level.
fn section<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n### `{name}`\n"))?;
    rest.split("\n##").next()
}

/// The first cells of the tables in a part of the page that hold a name in backquotes.
fn first_cells(part: &str) -> Vec<&str> {
    part.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect()
}

/// All names in backquotes of the paragraph that begins with a name.
fn listed<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = page.find(&format!("\n`{name}`, from 0:"));
    let part = start.and_then(|at| page[at + 1..].split("\n\n").next());
    part.unwrap_or_default()
        .split('`')
        .skip(3)
        .step_by(2)
        .collect()
}

/// Records by the source that defines them.
const RECORDS: &[(&str, &[&str])] = &[
    (
        "src/disk/schema.rs",
        &[
            "Identity",
            "PepperState",
            "Rechain",
            "State",
            "DigestRow",
            "Tombstone",
            "RequestRow",
        ],
    ),
    (
        "src/key.rs",
        &["KeyRecord", "Revocation", "SecretSlot", "PreviousSecret"],
    ),
    ("src/project.rs", &["ProjectRecord"]),
    ("src/policy.rs", &["Policy"]),
    ("src/foreign.rs", &["ForeignSecret"]),
    ("src/event.rs", &["EventRecord", "KeyTerms"]),
];

fn table_faults(page: &str, schema: &str) -> Vec<String> {
    let named = page
        .split("\n## ")
        .find(|part| part.starts_with("Tables\n"));
    let mut named = first_cells(named.unwrap_or_default());
    named.dedup(); // one row for each key of `meta`
    if named == tables(schema) {
        return Vec::new();
    }
    vec![format!(
        "docs/FORMAT.md has the tables {named:?}, schema.rs {:?}",
        tables(schema)
    )]
}

fn record_faults(page: &str, source: &str, record: &str) -> Vec<String> {
    let Some(fields) = fields(source, record) else {
        return vec![format!("struct {record} was not found: has it moved?")];
    };
    assert!(!fields.is_empty(), "struct {record} was read as empty");
    let named = section(page, record).map(first_cells).unwrap_or_default();
    if named == fields {
        return Vec::new();
    }
    vec![format!(
        "docs/FORMAT.md has the fields of {record} as {named:?}, the code as {fields:?}"
    )]
}

fn kind_faults(page: &str, source: &str) -> Vec<String> {
    let kinds = variants(source, "EventKind").expect("EventKind is read");
    let rows = section(page, "EventKind").unwrap_or_default();
    let mut rows = rows.lines().filter(|line| line.contains("| `"));
    let mut faults = Vec::new();
    for (number, (kind, fields)) in kinds.iter().enumerate() {
        let row = rows.next().unwrap_or_default();
        let mut cells = row.split('|').map(str::trim).skip(1);
        let place = cells.next().unwrap_or_default() == number.to_string();
        let name = cells.next().unwrap_or_default() == format!("`{kind}`");
        let named: Vec<&str> = cells
            .next()
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        let named: Vec<&str> = named
            .into_iter()
            .filter(|n| !n.starts_with(char::is_uppercase))
            .collect();
        if !place || !name || named != *fields {
            faults.push(format!(
                "docs/FORMAT.md: `{row}` should be {number}, {kind}, {fields:?}"
            ));
        }
    }
    faults.extend(rows.map(|row| format!("docs/FORMAT.md: `{row}` is no variant of EventKind")));
    faults
}

fn version_faults(page: &str, schema: &str) -> Vec<String> {
    let number = |text: &str, before: &str| -> Option<u32> {
        let rest = text.split_once(before)?.1;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    let code = number(schema, "FORMAT_VERSION: u32 = ");
    let said = number(page, "Format version: ");
    let history = page.split("\n## History\n").nth(1).unwrap_or_default();
    let last = history
        .lines()
        .filter_map(|line| number(line, "| "))
        .next_back();
    assert!(code.is_some(), "FORMAT_VERSION was not found");
    if code == said && code == last {
        return Vec::new();
    }
    vec![format!(
        "docs/FORMAT.md says version {said:?} and {last:?} in its history, schema.rs {code:?}"
    )]
}

#[test]
fn the_page_names_every_table_in_order() {
    assert_eq!(
        table_faults(&page(), &source("src/disk/schema.rs")),
        Vec::<String>::new()
    );
}

#[test]
fn the_page_names_every_field_of_every_record_in_order() {
    let page = page();
    for (path, records) in RECORDS {
        let source = source(path);
        for record in *records {
            assert_eq!(record_faults(&page, &source, record), Vec::<String>::new());
        }
    }
}

#[test]
fn no_record_of_the_schema_is_left_out() {
    let schema = source("src/disk/schema.rs");
    let serialized = schema.split("#[derive(").skip(1);
    for part in serialized.filter(|part| {
        part.split(']')
            .next()
            .is_some_and(|d| d.contains("Serialize"))
    }) {
        let name = part
            .split("struct ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let name = name.expect("a struct follows");
        assert!(
            RECORDS[0].1.contains(&name),
            "add {name} to RECORDS and to docs/FORMAT.md"
        );
    }
}

#[test]
fn the_page_names_every_variant_by_its_number() {
    let (page, event, key) = (page(), source("src/event.rs"), source("src/key.rs"));
    assert_eq!(kind_faults(&page, &event), Vec::<String>::new());
    for (text, name) in [
        (&event, "Subject"),
        (&event, "Reason"),
        (&event, "KeyField"),
        (&event, "ProjectField"),
        (&key, "StoredSecret"),
    ] {
        let known: Vec<&str> = variants(text, name)
            .expect(name)
            .iter()
            .map(|(v, _)| *v)
            .collect();
        assert_eq!(listed(&page, name), known, "{name}");
    }
}

#[test]
fn the_page_has_the_version_of_the_code() {
    assert_eq!(
        version_faults(&page(), &source("src/disk/schema.rs")),
        Vec::<String>::new()
    );
}

#[test]
fn control_a_planted_difference_is_found() {
    let (page, schema) = (page(), source("src/disk/schema.rs"));
    let event = source("src/event.rs");
    let more = schema.replace(
        "TableDefinition::new(\"usage\")",
        "TableDefinition::new(\"planted\")",
    );
    assert_eq!(table_faults(&page, &more).len(), 1);
    let more = schema.replace(
        "    pub(crate) sequence: u64,\n",
        "    pub(crate) sequence: u64,\n    pub(crate) planted: u64,\n",
    );
    assert_eq!(record_faults(&page, &more, "State").len(), 1);
    assert_eq!(record_faults(&page, &more, "Gone").len(), 1);
    let swapped = page.replace("| `head` |", "| `sum` |");
    assert_eq!(record_faults(&swapped, &schema, "State").len(), 1);
    let more = event.replace("    KeyDisabled,\n", "    Planted,\n    KeyDisabled,\n");
    assert!(!kind_faults(&page, &more).is_empty());
    let fewer = event.replace("    KeyDisabled,\n", "");
    assert!(!kind_faults(&page, &fewer).is_empty());
    let more = schema.replace("FORMAT_VERSION: u32 = 1", "FORMAT_VERSION: u32 = 2");
    assert_eq!(version_faults(&page, &more).len(), 1);
}

// ---- formulas ----

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// `H` of the page.
fn h(pepper: Option<[u8; 32]>, store_id: &[u8], purpose: &str, data: &[u8]) -> [u8; 32] {
    let labelled = |label: &str| [label.as_bytes(), purpose.as_bytes(), b"/", store_id].concat();
    match pepper {
        Some(pepper) => hmac(&hmac(&pepper, &labelled("keyfob/derive/1/")), data),
        None => Sha256::digest([&labelled("keyfob/plain/1/")[..], data].concat()).into(),
    }
}

/// Adds two little-endian numbers modulo 2^256.
fn add(sum: &mut [u8; 32], tag: [u8; 32]) {
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().zip(tag) {
        let both = u16::from(*byte) + u16::from(other) + carry;
        *byte = u8::try_from(both & 0xff).expect("masked");
        carry = both >> 8;
    }
}

/// A reader of postcard, as far as the page explains it.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }

    fn count(&mut self) -> usize {
        usize::try_from(self.number()).expect("a count fits")
    }

    fn text(&mut self) -> &'a str {
        let count = self.count();
        std::str::from_utf8(self.take(count)).expect("text is UTF-8")
    }

    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.byte() == 1).then(|| read(self))
    }
}

type Blob = &'static [u8];
const META: redb::TableDefinition<'_, &str, Blob> = redb::TableDefinition::new("meta");
const KEYS: redb::TableDefinition<'_, &[u8; 16], Blob> = redb::TableDefinition::new("keys");
const EVENTS: redb::TableDefinition<'_, u64, Blob> = redb::TableDefinition::new("events");

fn a_file_is_as_the_page_says(pepper: Option<[u8; 32]>) {
    const START: i64 = 1_800_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.redb");
    let clock = keyfob::Clock::manual(keyfob::Timestamp::from_unix(START));
    let mut options = StoreOptions::new()
        .prefix("acme")
        .expect("a prefix")
        .clock(clock);
    if let Some(pepper) = pepper {
        options = options.pepper(Pepper::new(pepper));
    }
    let store = options.create(&path).expect("a store");
    let mut new = NewKey::new("CI deploy");
    new.scopes = ScopeSet::parse(["orders:read"]).expect("scopes");
    new.owner = Some("acct_1".into());
    new.metadata.insert("team".into(), "blue".into());
    new.ip_list = vec!["10.0.0.0/8".parse().expect("a range")];
    let created = store.create(&new).expect("a key");
    store.create(&NewKey::new("another")).expect("a key");
    let token = created.token.expect("shown once").expose().to_owned();
    store.close().expect("closed");

    let file = redb::Database::open(&path).expect("a redb file");
    let snapshot = file.begin_read().expect("a snapshot");
    let meta = snapshot.open_table(META).expect("meta");
    let row = |name| {
        meta.get(name)
            .expect("read")
            .expect("there")
            .value()
            .to_vec()
    };
    assert_eq!(row("format"), 1u32.to_le_bytes());
    let generation = u8::from(pepper.is_some());

    let identity = row("store");
    let store_id = identity[18..34].to_vec();
    let full_tag = |table: u8, key: &[u8], row: &[u8]| {
        let length = u32::try_from(key.len()).expect("short").to_le_bytes();
        let data = [&[table], &length[..], key, &row[..2], &row[18..]].concat();
        assert_eq!(row[..2], [1, generation], "version, generation");
        let full = h(pepper, &store_id, "tag", &data);
        assert_eq!(row[2..18], full[..16], "tag");
        full
    };
    full_tag(1, b"store", &identity);
    let mut at = Bytes(&identity[34..]);
    assert_eq!((at.text(), at.signed()), ("acme", START));
    assert_eq!(at.byte(), generation, "current");
    let check = pepper.map(|_| h(pepper, &store_id, "check", b"")[..16].to_vec());
    assert_eq!(at.optional(|at| at.take(16).to_vec()), check);
    assert_eq!((at.byte(), at.0.len()), (0, 0), "changing_from, end");

    let mut sum = [0; 32];
    for row in snapshot
        .open_table(KEYS)
        .expect("keys")
        .iter()
        .expect("rows")
    {
        let (key, row) = row.expect("a row");
        add(&mut sum, full_tag(3, key.value(), row.value()));
    }

    let keys = snapshot.open_table(KEYS).expect("keys");
    let record = keys
        .get(created.key.id.as_bytes())
        .expect("read")
        .expect("there")
        .value()
        .to_vec();
    let mut at = Bytes(&record[18..]);
    assert_eq!((at.number(), at.text()), (2, "CI deploy"));
    assert_eq!((at.count(), at.text()), (1, "orders:read"));
    assert_eq!((at.byte(), at.text()), (0, "live"), "project, environment");
    assert_eq!(at.optional(Bytes::text), Some("acct_1"));
    assert_eq!((at.signed(), at.signed()), (START, START));
    assert_eq!(at.take(2), [0, 0], "expires_at, not_before");
    assert_eq!((at.count(), at.text(), at.text()), (1, "team", "blue"));
    assert_eq!(at.count(), 0, "tags");
    assert_eq!(
        (at.count(), at.take(6)),
        (1, &[0, 10, 0, 0, 0, 8][..]),
        "ip_list"
    );
    assert_eq!(
        at.take(3),
        [0, 1, 0],
        "rotation_due_after, enabled, revocation"
    );
    assert_eq!((at.number(), at.number()), (1, 0), "generation, Native");
    let secret = &token[token.len() - 49..token.len() - 6];
    let digest = Sha256::digest(format!("keyfob/key/1{secret}"));
    assert_eq!(at.take(32), &digest[..]);
    assert_eq!(
        (at.signed(), at.byte(), at.0.len()),
        (START, 0, 0),
        "created_at, previous, end"
    );

    let mut hash = [0; 32];
    let mut last = 0;
    for row in snapshot
        .open_table(EVENTS)
        .expect("events")
        .iter()
        .expect("rows")
    {
        let (sequence, row) = row.expect("a row");
        let (sequence, row) = (sequence.value(), row.value());
        let data = [&hash[..], &sequence.to_be_bytes(), &row[34..]].concat();
        hash = h(pepper, &store_id, "chain", &data);
        assert_eq!((sequence, &row[..2]), (last + 1, &[1, generation][..]));
        assert_eq!(row[2..34], hash, "hash of event {sequence}");
        let mut at = Bytes(&row[34..]);
        assert_eq!((at.signed(), at.text()), (START * 1_000, "unknown"));
        if sequence == 2 {
            assert_eq!(
                (at.byte(), at.take(16)),
                (1, &created.key.id.as_bytes()[..])
            );
            assert_eq!((at.number(), at.byte(), at.text()), (0, 1, "CI deploy"));
            assert_eq!((at.count(), at.text()), (1, "orders:read"));
            assert_eq!((at.byte(), at.text()), (0, "live"), "project, environment");
            assert_eq!(at.optional(Bytes::text), Some("acct_1"));
            assert_eq!(at.take(2), [0, 0], "expires_at, not_before");
            assert_eq!(
                (at.count(), at.take(6)),
                (1, &[0, 10, 0, 0, 0, 8][..]),
                "ip_list"
            );
            assert_eq!((at.byte(), at.0.len()), (0, 0), "within, end");
        }
        last = sequence;
    }

    let state = row("state");
    full_tag(2, b"state", &state);
    let mut at = Bytes(&state[18..]);
    assert_eq!(at.take(16), &identity[2..18], "identity");
    assert_eq!((at.number(), at.take(32)), (last, &hash[..]));
    assert_eq!((at.number(), at.take(32)), (0, &[0; 32][..]), "cut");
    let counts = [(); 5].map(|()| at.number());
    assert_eq!(
        counts,
        [1, 2, 0, 0, 0],
        "last_store_event, keys, projects, digests, tombstones"
    );
    assert_eq!(at.take(32), sum, "sum");
    assert_eq!(
        (at.signed(), at.take(4)),
        (START, &[0; 4][..]),
        "mark, policy"
    );
    assert_eq!(at.0, [0, 0], "schemes, rechain");
}

#[test]
fn a_file_without_a_pepper_is_as_the_page_says() {
    a_file_is_as_the_page_says(None);
}

#[test]
fn a_file_with_a_pepper_is_as_the_page_says() {
    a_file_is_as_the_page_says(Some([7; 32]));
}
