//! A file that is damaged, or no store at all: what is said, and how `check` ends.

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{Run, Sandbox};

const PAGE: usize = 4_096;

fn write(sandbox: &Sandbox, bytes: &[u8]) {
    let path = sandbox.path("damaged.redb");
    std::fs::write(&path, bytes).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn on_damaged(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.run(args.iter().chain(&["--store", "damaged.redb"]))
}

#[test]
fn no_panic_of_the_engine_is_shown_on_a_damaged_store() {
    let sandbox = Sandbox::new();
    for name in ["a", "b", "c"] {
        sandbox.create([name]);
    }
    let whole = std::fs::read(sandbox.path("keys.redb")).unwrap();
    let used = |page: &usize| whole[page * PAGE..][..PAGE].iter().any(|byte| *byte != 0);
    let mut engine_failed = false;
    for page in (1..whole.len() / PAGE).filter(used) {
        for damage in [&[0xff; PAGE][..], &[0; PAGE], &[0x55; 8]] {
            let mut bytes = whole.clone();
            bytes[page * PAGE..][..damage.len()].copy_from_slice(damage);
            write(&sandbox, &bytes);
            // Whether it panics here depends on the page; that it never shows is held by `Run`.
            let listed = on_damaged(&sandbox, &["list"]);
            assert!(!listed.err.contains("backtrace"), "{}", listed.err);
            let checked = on_damaged(&sandbox, &["check"]);
            assert!(
                [0, 1].contains(&checked.status),
                "page {page}: {}{}",
                checked.out,
                checked.err
            );
            engine_failed |= checked.out.contains("the storage engine failed");
            if checked.status == 1 {
                let told = format!("{}{}", checked.out, checked.err);
                assert!(!told.contains("keyfob check"), "{told}");
                assert!(
                    told.contains("keyfob --store damaged.redb restore BACKUP"),
                    "{told}"
                );
            }
        }
    }
    assert!(engine_failed, "no page made the engine panic");
}

#[test]
fn a_check_says_no_of_every_file_that_is_no_whole_store_and_3_where_it_cannot_look() {
    let sandbox = Sandbox::new();
    let whole = std::fs::read(sandbox.path("keys.redb")).unwrap();
    for (what, bytes) in [
        ("empty", vec![]),
        ("zeroed", vec![0; whole.len()]),
        ("something else", b"# a text\n".repeat(2_000)),
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("cut in its header", whole[..100].to_vec()),
    ] {
        write(&sandbox, &bytes);
        let run = on_damaged(&sandbox, &["check", "--json"]);
        assert_eq!(run.status, 1, "{what}: {}{}", run.out, run.err);
        let document = &run.documents()[0];
        assert_eq!(document["whole"], false, "{what}");
        assert!(document["keys"].is_null(), "{what}");
        let people = on_damaged(&sandbox, &["check"]);
        assert!(
            people.out.starts_with("damaged: "),
            "{what}: {}",
            people.out
        );
        assert!(
            people.err.contains("restore BACKUP"),
            "{what}: {}",
            people.err
        );
        assert_eq!(on_damaged(&sandbox, &["list"]).status, 3, "{what}");
    }
    sandbox.ok(["pepper", "generate", "p"]);
    sandbox.ok(["pepper", "set", "p"]);
    for args in [
        &["check", "--store", "nothing.redb"][..],
        &["check", "--store", "."],
        &["check"],
    ] {
        assert_eq!(sandbox.run(args).status, 3, "{args:?}");
    }
}

#[test]
fn another_history_is_no_damage_and_has_its_own_advice() {
    let sandbox = Sandbox::new();
    sandbox.create(["a"]);
    let zeros = "00".repeat(32);
    let rewritten = sandbox.run(["check", "--expect", &format!("2:{zeros}")]);
    assert_eq!(rewritten.status, 1);
    assert!(
        rewritten.out.contains("another event at 2") && !rewritten.err.contains("restore"),
        "{}{}",
        rewritten.out,
        rewritten.err
    );
    let older = sandbox.run(["check", "--expect", &format!("9:{zeros}")]);
    assert_eq!(older.status, 1);
    assert!(older.out.contains("ends at 2, before 9"), "{}", older.out);
    sandbox.create(["b"]);
    sandbox.ok(["prune", "--log-through", "2", "--yes"]);
    let pruned = sandbox.run(["check", "--expect", &format!("1:{zeros}")]);
    assert_eq!(pruned.status, 2);
    assert!(pruned.err.contains("begins at 3"), "{}", pruned.err);
}

#[test]
fn a_store_below_the_least_sequence_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.create(["a"]);
    sandbox.ok(["list", "--least-sequence", "2"]);
    let run = sandbox.run(["list", "--least-sequence", "3", "--json"]);
    assert_eq!((run.status, run.error().0), (3, 412));
}
