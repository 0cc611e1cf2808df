//! Changes, durable when they return: one caller, then several, beside a bare commit of the same
//! bytes, SQLite, LMDB and Redis, all with the same number of keys.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use keyfob::{Revoke, Store};
use keyfob_bench::bare::{Bare, Combiner, lengths};
use keyfob_bench::keys::{Tokens, fill, new_key, options};

use crate::report::{Report, Row, thousands, time, times};
use crate::rivals::{self, Digest};
use crate::sample::{Contender, Timed, Work, compare, in_turn, rate};
use crate::{Outcome, Scale};

pub(crate) fn rows(report: &mut Report, folder: &Path, scale: &Scale) -> Outcome<()> {
    let folder = tempfile::tempdir_in(folder)?;
    let folder = folder.path();
    let store = options().create(folder.join("keys"))?;
    fill(&store, scale.keys, scale.keys, &mut Tokens::default())?;
    let (record, event) = lengths(&store, scale.keys as u64)?;
    let mut bare = Bare::open(folder, scale.keys as u64, record, event)?;
    let mut digests: Vec<Digest> = (0..scale.keys)
        .map(|at| rivals::digest(&at.to_string()))
        .collect();
    digests.sort_unstable();
    let found = rivals::all(folder, &digests);
    let mut ids = Vec::new();
    for _ in 0..=scale.commits {
        ids.push(store.create(&new_key(0))?.key.id);
    }

    report.section(&format!(
        "Changes, durable, one caller, {} keys; a bare commit is of rows of the same lengths in redb's same mode",
        thousands(scale.keys as f64)
    ));
    one_caller(
        report,
        "create",
        folder,
        scale,
        &mut bare,
        &found,
        &digests,
        &|_| store.create(&new_key(0)).map(drop),
    )?;
    one_caller(
        report,
        "revoke",
        folder,
        scale,
        &mut bare,
        &found,
        &digests,
        &|at| store.revoke(ids[at], &Revoke::default()).map(drop),
    )?;
    several_callers(report, &store, bare, scale)?;
    store.close()?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "all that are compared")]
fn one_caller(
    report: &mut Report,
    verb: &str,
    folder: &Path,
    scale: &Scale,
    bare: &mut Bare,
    found: &[rivals::Found],
    digests: &[Digest],
    own: &dyn Fn(usize) -> Result<(), keyfob::Error>,
) -> Outcome<()> {
    let failure: RefCell<Option<String>> = RefCell::new(None);
    let note = |error: String| {
        failure.borrow_mut().get_or_insert(error);
    };
    let creates = verb == "create";
    let mut raw = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(folder.join("raw"))?;
    raw.write_all(&vec![0; 1 << 16])?;
    raw.sync_all()?;
    let mut names = vec!["bare", "keyfob", "fdatasync"];
    let mut contenders = vec![
        Contender::new(1, |at| {
            let done = if creates {
                bare.create(1)
            } else {
                bare.update(at as u64)
            };
            done.unwrap_or_else(|error| note(error.to_string()));
        }),
        Contender::new(1, |at| {
            own(at).unwrap_or_else(|error| note(error.to_string()));
        }),
        Contender::new(1, |at| {
            let done = raw
                .write_all_at(&[at as u8; 256], 0)
                .and_then(|()| raw.sync_data());
            done.unwrap_or_else(|error| note(error.to_string()));
        }),
    ];
    for rival in found.iter().flatten() {
        let mut session = rival.session()?;
        let note = &note;
        names.push(rival.name());
        contenders.push(Contender::new(1, move |at| {
            let done = if creates {
                session.create(&rivals::digest(&format!("{at} new {verb}")))
            } else {
                session.revoke(&digests[at * 7_919 % digests.len()])
            };
            done.unwrap_or_else(|error| note(error.to_string()));
        }));
    }
    let timed = in_turn(scale.commits, &mut contenders);
    drop(contenders);
    if let Some(error) = failure.into_inner() {
        return Err(error.into());
    }
    let by = |name: &str| {
        names
            .iter()
            .position(|other| *other == name)
            .map(|at| timed[at])
    };
    let own: Timed = timed[1];
    let mut row = Row::new(format!("{verb} one key"), time(own.ns))
        .beside(format!("{} × a bare commit", times(own.ratio)))
        .at_most(own.ratio, 1.15, "× bare")
        .profile(if creates { "create" } else { "revoke" });
    if let Some(sqlite) = by("SQLite") {
        row = row
            .beside(format!(
                "{} × a bare commit, {} × SQLite",
                times(own.ratio),
                times(own.ns / sqlite.ns)
            ))
            .at_most(own.ns / sqlite.ns, 2.5, "× SQLite");
    }
    report.add(row);
    for (name, timed) in names.iter().zip(&timed) {
        let what = match *name {
            "keyfob" => continue,
            "bare" => format!("{verb}: a bare commit"),
            "fdatasync" => "a bare fdatasync of 256 bytes".to_owned(),
            rival => format!("{verb}: {rival}"),
        };
        report.add(
            Row::new(what, time(timed.ns))
                .beside(format!("keyfob takes {} ×", times(own.ns / timed.ns))),
        );
    }
    for (name, why) in found.iter().filter_map(|rival| rival.as_ref().err()) {
        report.add(Row::without(format!("{verb}: {name}"), why));
    }
    Ok(())
}

fn several_callers(report: &mut Report, store: &Store, bare: Bare, scale: &Scale) -> Outcome<()> {
    const CALLERS: [usize; 4] = [1, 2, 8, 32];
    let combiner = Combiner::start(bare)?;
    let bare = |_: usize| -> Work<'_> {
        let mut create = combiner.caller();
        Box::new(move || {
            create();
            1
        })
    };
    let own = |_: usize| -> Work<'_> {
        Box::new(|| {
            store.create(&new_key(0)).expect("a key");
            1
        })
    };
    let each = Duration::from_millis(10 * scale.milliseconds);
    let mut rates = vec![Vec::new(); 2 * CALLERS.len()];
    for _ in 0..3 {
        for (at, callers) in CALLERS.into_iter().enumerate() {
            rates[2 * at].push(rate(callers, each, &bare));
            rates[2 * at + 1].push(rate(callers, each, &own));
        }
    }
    combiner.stop()?;
    let alone = compare(&rates[1..2])[0].ns;
    report.section("Changes, durable, several callers at once; beside them one thread that commits the rows of all, bare");
    for (at, callers) in CALLERS.into_iter().enumerate() {
        let pair = compare(&rates[2 * at..2 * at + 2]);
        let (own, of_bare, of_one) = (pair[1].ns, pair[1].ratio, pair[1].ns / alone);
        let row = Row::new(
            format!("{callers} callers create"),
            format!("{} /s", thousands(own)),
        )
        .beside(format!(
            "{} × one caller's; bare {} /s, of which this is {} ×",
            times(of_one),
            thousands(pair[0].ns),
            times(of_bare)
        ));
        report.add(
            match callers {
                2 => row
                    .at_least(of_one, 1.5, "× one caller")
                    .at_least(of_bare, 0.7, "× bare"),
                32 => row
                    .at_least(of_one, 6.0, "× one caller")
                    .at_least(of_bare, 0.7, "× bare"),
                _ => row,
            }
            .profile("callers")
            .profile("combiner"),
        );
    }
    Ok(())
}
