//! Scan through the public API: every token is found once, in the right place, whatever stands
//! round it; what is said of it is true; and nothing makes the scan hang or follow a link out.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use keyfob::{
    Clock, Code, Created, Expiry, Finding, ForeignFormat, ImportDefaults, KeyState, NewKey,
    NewProject, Revoke, Rotate, Scanned, Store, StoreOptions, Timestamp,
};
use proptest::prelude::*;

const NOW: i64 = 1_800_000_000;

struct Home {
    store: Store,
    clock: Clock,
    folder: tempfile::TempDir,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_unix(NOW));
    let options = StoreOptions::new().prefix("acme").unwrap();
    let store = options.clock(clock.clone());
    let store = store.create(folder.path().join("keys.redb")).unwrap();
    Home {
        store,
        clock,
        folder,
    }
}

impl Home {
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn create(store: &Store, name: &str) -> (Created, String) {
    let mut created = store.create(&NewKey::new(name)).unwrap();
    let token = created.token.take().unwrap().expose().to_owned();
    (created, token)
}

fn scan(store: &Store, path: &Path) -> (Scanned, Vec<Finding>, Vec<PathBuf>) {
    let (mut found, mut skipped) = (Vec::new(), Vec::new());
    let scanned = store
        .scan(
            path,
            &mut |finding| found.push(finding),
            &mut |path, _| skipped.push(path.to_owned()),
            &mut |_, _| ControlFlow::Continue(()),
        )
        .unwrap();
    assert_eq!(scanned.findings, found.len() as u64);
    assert_eq!(
        scanned.working,
        found.iter().filter(|f| f.works).count() as u64
    );
    assert_eq!(scanned.skipped, skipped.len() as u64);
    (scanned, found, skipped)
}

/// Whether the one token of a text works, and whether its key is known.
fn works(store: &Store, text: &str) -> (bool, bool) {
    let found = store.scan_bytes(text).unwrap();
    assert_eq!(found.len(), 1);
    (found[0].works, found[0].key.is_some())
}

#[test]
fn a_token_is_found_with_its_place_and_its_key_and_without_its_text() {
    let home = home();
    let (created, token) = create(&home.store, "CI");
    let text = format!("first\n\u{e9}\nAuthorization: Bearer {token}\nlast");
    let path = home.write("a/.env", &text);
    let (scanned, found, _) = scan(&home.store, home.folder.path());
    assert_eq!((scanned.files, scanned.working), (1, 1));
    assert_eq!(scanned.bytes, text.len() as u64);
    let finding = &found[0];
    assert_eq!(finding.path, path);
    assert_eq!(finding.offset, text.find(&token).unwrap() as u64);
    assert_eq!(finding.line, 3);
    assert_eq!(finding.hint, created.key.hint);
    assert_eq!(finding.key_id, created.key.id);
    assert_eq!(finding.key.as_ref().unwrap().name, "CI");
    let secret = &token[token.len() - 49..];
    assert!(!format!("{finding:?}").contains(secret));
}

#[test]
fn tokens_across_the_borders_of_what_is_read_at_once_are_found_once_and_in_place() {
    const CHUNK: usize = 256 * 1024;
    let home = home();
    let (_, token) = create(&home.store, "CI");
    let border = CHUNK + 110; // of the first read; the next ones are a little shorter
    for shift in [0, 1, 54, token.len() - 1, token.len(), token.len() + 40] {
        let mut text = Vec::new();
        let mut places = Vec::new();
        for border in [border, 2 * CHUNK + 1, 3 * CHUNK] {
            let start = border - shift;
            while text.len() < start {
                text.push(if text.len() % 7 == 0 { b'\n' } else { b'a' });
            }
            places.push(text.len());
            text.extend_from_slice(token.as_bytes());
        }
        let path = home.write("big", &text);
        let (scanned, found, _) = scan(&home.store, &path);
        assert_eq!(scanned.bytes, text.len() as u64);
        let offsets: Vec<_> = found.iter().map(|f| f.offset).collect();
        assert_eq!(
            offsets,
            places.iter().map(|p| *p as u64).collect::<Vec<_>>()
        );
        for finding in &found {
            let before = &text[..usize::try_from(finding.offset).unwrap()];
            let line = before.split(|byte| *byte == b'\n').count() as u64;
            assert_eq!(finding.line, line, "shift {shift}");
            assert!(finding.works);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What is read in pieces is found as what is read at once.
    #[test]
    fn a_file_is_scanned_as_its_bytes_are(
        gaps in proptest::collection::vec((0_usize..150_000, any::<bool>()), 1..10),
    ) {
        let home = home();
        let (_, token) = create(&home.store, "CI");
        let mut text = Vec::new();
        for (gap, whole) in gaps {
            text.extend((0..gap).map(|at| if at % 61 == 0 { b'\n' } else { b"acme_"[at % 5] }));
            text.extend_from_slice(&token.as_bytes()[..token.len() - usize::from(!whole)]);
        }
        let path = home.write("file", &text);
        let (_, found, _) = scan(&home.store, &path);
        let in_file: Vec<_> = found.iter().map(|f| (f.offset, f.line, f.works)).collect();
        let in_bytes: Vec<_> = home.store.scan_bytes(&text).unwrap().iter()
            .map(|f| (f.range.start as u64, f.line, f.works)).collect();
        prop_assert_eq!(in_file, in_bytes);
    }
}

#[test]
fn what_works_is_what_a_verification_would_let_in_somewhere() {
    let Home {
        store,
        clock,
        folder: _folder,
    } = home();
    let (created, token) = create(&store, "a");
    let id = created.key.id;
    assert_eq!(works(&store, &token), (true, true));
    store.disable(id).unwrap();
    assert_eq!(works(&store, &token), (false, true));
    store.enable(id).unwrap();
    let rotated = store.rotate(id, &Rotate::with_grace(100)).unwrap();
    let newer = rotated.token.unwrap().expose().to_owned();
    assert_eq!(works(&store, &token), (true, true), "its grace runs");
    assert_eq!(works(&store, &newer), (true, true));
    clock.set(Timestamp::from_unix(NOW + 100));
    assert!(!works(&store, &token).0, "its grace is over");
    assert_eq!(works(&store, &newer), (true, true));
    store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(works(&store, &newer), (false, true));

    let mut new = NewKey::new("expires");
    new.expires = Expiry::In(10);
    new.environment = "test".parse().unwrap();
    new.ip_list = vec!["10.0.0.0/8".parse().unwrap()];
    let token = store.create(&new).unwrap().token.unwrap();
    assert_eq!(works(&store, token.expose()), (true, true), "somewhere");
    clock.set(Timestamp::from_unix(NOW + 110));
    assert_eq!(works(&store, token.expose()), (false, true));
    let mut later = NewKey::new("later");
    later.not_before = Some(Timestamp::from_unix(NOW + 200));
    let token = store.create(&later).unwrap().token.unwrap();
    let found = store.scan_bytes(token.expose()).unwrap().remove(0);
    assert!(!found.works);
    assert_eq!(found.key.unwrap().state, KeyState::NotYetValid);
}

#[test]
fn a_token_of_a_disabled_or_deleted_project_does_not_work() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    store.create_project(&NewProject::new("web")).unwrap();
    let mut new = NewKey::new("a");
    new.project = Some("web".into());
    let token = store.create(&new).unwrap().token.unwrap();
    assert_eq!(works(&store, token.expose()), (true, true));
    store.disable_project("web").unwrap();
    assert_eq!(works(&store, token.expose()), (false, true));
    store.enable_project("web").unwrap();
    store.delete_project("web").unwrap();
    assert_eq!(works(&store, token.expose()), (false, true));
}

#[test]
fn a_token_whose_secret_no_key_has_is_found_and_works_for_nothing() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let other = home();
    let (created, token) = create(&other.store, "of another store of the same prefix");
    let found = store.scan_bytes(&token).unwrap().remove(0);
    assert_eq!(found.key_id, created.key.id);
    assert_eq!(found.hint, created.key.hint);
    assert!(found.key.is_none() && !found.works);

    let (created, token) = create(&store, "replaced");
    store.rotate(created.key.id, &Rotate::default()).unwrap();
    assert_eq!(works(&store, &token), (false, false));
}

#[test]
fn what_is_no_token_or_was_imported_is_not_found() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let (_, token) = create(&store, "a");
    let foreign = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";
    let defaults = ImportDefaults::default();
    let imported = store.import(ForeignFormat::Raw, &[foreign], &defaults);
    assert!(imported.unwrap().results[0].is_ok());
    let cut = &token[..token.len() - 1];
    let upper = token.to_uppercase();
    let other_prefix = token.replace("acme", "acne");
    let spaced: String = token.chars().flat_map(|c| [c, '\0']).collect();
    for text in [
        foreign,
        cut,
        &upper,
        &other_prefix,
        &spaced,
        "",
        "acme_",
        "acme_live_1",
    ] {
        assert!(store.scan_bytes(text).unwrap().is_empty(), "{text:?}");
    }
}

#[test]
fn neither_a_fifo_nor_a_link_nor_the_store_s_own_file_is_read() {
    let home = home();
    let (_, token) = create(&home.store, "a");
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("leak"), &token).unwrap();
    let root = home.folder.path().join("root");
    std::fs::create_dir(&root).unwrap();
    symlink(outside.path(), root.join("folder")).unwrap();
    symlink(outside.path().join("leak"), root.join("file")).unwrap();
    symlink(&root, root.join("loop")).unwrap();
    std::fs::hard_link(home.store.path(), root.join("own")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(root.join("fifo"))
        .status()
        .unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let (scanned, found, skipped) = scan(&home.store, &root);
    assert_eq!((scanned.files, found.len(), skipped.len()), (0, 0, 0));

    // What is named itself is followed.
    let (scanned, ..) = scan(&home.store, &root.join("file"));
    assert_eq!(scanned.working, 1);
    let (scanned, ..) = scan(&home.store, &root.join("folder"));
    assert_eq!(scanned.working, 1);
}

#[test]
fn what_is_neither_a_file_nor_a_folder_is_the_caller_s_mistake() {
    let home = home();
    let root = home.folder.path();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    for path in ["none", "socket"] {
        let refused = home
            .store
            .scan(root.join(path), &mut |_| {}, &mut |_, _| {}, &mut |_, _| {
                ControlFlow::Continue(())
            })
            .unwrap_err();
        assert_eq!(refused.code(), Code::INVALID_ARGUMENT);
        assert!(refused.to_string().contains(path), "{refused}");
    }
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_read() {
    let home = home();
    let (_, token) = create(&home.store, "a");
    home.write("root/b", &token);
    let closed = home.write("root/a", "");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o0)).unwrap();
    let (scanned, found, skipped) = scan(&home.store, &home.folder.path().join("root"));
    assert_eq!(found.len(), 1);
    if std::fs::File::open(&closed).is_err() {
        assert_eq!((scanned.files, skipped), (1, vec![closed]));
    } else {
        assert_eq!(
            (scanned.files, skipped.len()),
            (2, 0),
            "to root nothing is closed"
        );
    }
}

#[test]
fn whoever_is_told_of_a_token_may_revoke_it_there() {
    let home = home();
    let (created, token) = create(&home.store, "a");
    home.write("root/a", &token);
    home.write("root/b", format!("{token}{token}"));
    let mut works = Vec::new();
    let scanned = home
        .store
        .scan(
            home.folder.path(),
            &mut |finding| {
                works.push(finding.works);
                home.store
                    .revoke(finding.key_id, &Revoke::default())
                    .unwrap();
            },
            &mut |_, _| {},
            &mut |_, _| ControlFlow::Continue(()),
        )
        .unwrap();
    assert_eq!(works, [true, false, false]);
    assert_eq!((scanned.findings, scanned.working), (3, 1));
    let state = home.store.get(created.key.id).unwrap().state;
    assert_eq!(state, KeyState::Revoked);
}

#[test]
fn a_file_that_grows_into_many_lines_and_nul_bytes_is_scanned_to_its_end() {
    let home = home();
    let (_, token) = create(&home.store, "a");
    let path = home.folder.path().join("sparse");
    let mut file = std::fs::File::create(&path).unwrap();
    file.set_len(3_000_000).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(3_000_000)).unwrap();
    write!(file, "\n\n{token}").unwrap();
    let (_, found, _) = scan(&home.store, &path);
    assert_eq!((found[0].offset, found[0].line), (3_000_002, 3));
}

#[test]
fn a_closed_store_says_so() {
    let home = home();
    home.store.close().unwrap();
    let closed = home.store.scan_bytes("").unwrap_err();
    assert_eq!(closed.code(), Code::CLOSED);
}

#[test]
fn a_scan_stops_where_it_is_told_to_and_has_told_what_it_found_until_then() {
    let home = home();
    let (_, token) = create(&home.store, "a");
    home.write("root/a", &token);
    home.write("root/b", &token);
    let (mut found, mut told) = (0, Vec::new());
    let stopped = home.store.scan(
        home.folder.path().join("root"),
        &mut |_| found += 1,
        &mut |_, _| {},
        &mut |done, all| {
            told.push((done, all));
            if told.len() < 3 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    assert_eq!(stopped.unwrap_err().code(), Code::INTERRUPTED);
    // A file is read until it gives nothing more.
    let one = token.len() as u64;
    assert_eq!((found, told), (1, vec![(one, 0), (one, 0), (2 * one, 0)]));
}
