//! What works on many keys: creation in bulk, import, lists, backup, checks; and bytes on disk.

use std::fmt::Write as _;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use keyfob::{
    Expiry, Filter, ForeignFormat, ImportDefaults, NewKey, NewProject, Order, PageRequest, Revoke,
    ScopeSet, Selection, Store,
};
use keyfob_bench::floor::floor;
use keyfob_bench::keys::{BATCH, Tokens, fill, new_key, options, requirement};

use crate::report::{Report, Row, thousands, time};
use crate::sample::{Contender, in_turn};
use crate::verify::message;
use crate::{Outcome, Scale};

pub(crate) fn rows(report: &mut Report, folder: &Path, scale: &Scale) -> Outcome<()> {
    let folder = tempfile::tempdir_in(folder)?;
    report.section(&format!(
        "In bulk, and bytes on disk: stores of {} keys",
        thousands(scale.keys as f64)
    ));
    plain(report, folder.path(), scale)?;
    indexed(report, folder.path(), scale.keys)?;
    imported(report, folder.path(), scale.keys)
}

/// A time with its rate.
fn rate(what: &str, keys: usize, took: Duration) -> (Row, f64) {
    let rate = keys as f64 / took.as_secs_f64();
    let row =
        Row::new(what, time(took.as_nanos() as f64)).beside(format!("{} keys/s", thousands(rate)));
    (row, rate)
}

fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = f();
    (value, start.elapsed())
}

/// What `path` takes on disk: the length of the file, and the blocks under it.
fn on_disk(path: &Path) -> Outcome<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.len(), metadata.blocks() * 512))
}

fn table_figures(report: &mut Report, store: &Store, keys: u64, kind: &str) -> Outcome<()> {
    let sizes = store.table_sizes()?;
    let of = |name: &str| {
        sizes
            .iter()
            .find(|(table, ..)| *table == name)
            .map_or((0, 0), |(_, rows, bytes)| (*rows, *bytes))
    };
    let (record, event) = (
        of("keys").1 as f64 / keys as f64,
        of("events").1 as f64 / keys as f64,
    );
    report.add(
        Row::new(
            format!("bytes per key: record and event, {kind}"),
            format!("{:.0} B", record + event),
        )
        .beside(format!("record {record:.0}, event {event:.0}"))
        .at_most(record + event, 330.0, "B"),
    );
    for (table, filter) in [
        ("keys_by_project", "list by project"),
        ("keys_by_owner", "list by owner (7 bytes here)"),
        ("keys_by_expiry", "list by expiry"),
        ("digests", "imported keys"),
        ("usage", "last used and uses, per secret"),
    ] {
        let (rows, bytes) = of(table);
        if rows > 0 {
            let each = bytes as f64 / rows as f64;
            let row = Row::new(
                format!("bytes per row of `{table}`: {filter}"),
                format!("{each:.0} B"),
            );
            report.add(if table.starts_with("keys_by") {
                row.at_most(each, 60.0, "B")
            } else {
                row
            });
        }
    }
    Ok(())
}

/// Plain keys: what the figures per key are counted on.
fn plain(report: &mut Report, folder: &Path, scale: &Scale) -> Outcome<()> {
    let keys = scale.keys;
    let path = folder.join("plain");
    let store = options().create(&path)?;
    let mut tokens = Tokens::default();
    let (filled, took) = timed(|| fill(&store, keys, 10, &mut tokens));
    filled?;
    let (row, created) = rate("create in bulk, log included", keys, took);
    report.add(row.at_least(created, 100_000.0, "keys/s"));
    let (length, blocks) = on_disk(&path)?;
    report.add(
        Row::new(
            "file of plain keys: length / blocks",
            format!("{} MiB", length >> 20),
        )
        .beside(format!(
            "{} MiB; {:.0} B of blocks per key",
            blocks >> 20,
            blocks as f64 / keys as f64
        )),
    );
    table_figures(report, &store, keys as u64, "name and two scopes")?;

    for token in tokens.iter() {
        store.verify(token, &requirement())?;
    }
    let (flushed, took) = timed(|| store.flush());
    flushed?;
    report.add(
        Row::new(
            "flush the last-used times of the keys verified",
            time(took.as_nanos() as f64),
        )
        .beside(format!("{} keys", thousands(tokens.len() as f64))),
    );
    let (first, took) = timed(|| store.list(&Filter::default(), &PageRequest::default()));
    report.add(
        Row::new(
            "list: first page of 100, by creation",
            time(took.as_nanos() as f64),
        )
        .beside(format!("{} keys", first?.keys.len())),
    );
    let (all, took) = timed(|| store.keys(&Filter::default(), Order::Created).count());
    report.add(rate("list: every page", all, took).0);
    let mut page = PageRequest::default();
    page.order = Order::Name;
    let (named, took) = timed(|| store.list(&Filter::default(), &page));
    named?;
    report.add(Row::new(
        "list: first page of 100, by name (scans)",
        time(took.as_nanos() as f64),
    ));

    let (backup, took) =
        timed(|| store.backup(folder.join("backup"), &mut |_, _| ControlFlow::Continue(())));
    let megabytes = backup?.bytes >> 20;
    let (row, of_backup) = rate("backup, checked and durable", keys, took);
    report.add(row.beside(format!("{} keys/s; {megabytes} MiB", thousands(of_backup))));
    let (whole, took) = timed(|| store.check_integrity(&mut |_, _| ControlFlow::Continue(())));
    report.add(rate("check_integrity", keys, took).0);
    let whole = whole?;
    if !whole.is_whole() {
        return Err(format!("the store is damaged: {:?}", whole.damage).into());
    }
    store.close()?;
    let open_and_close = in_turn(
        20,
        &mut [Contender::new(1, |_| {
            let store = black_box(options().open(&path)).expect("it opened before");
            store.close().expect("closed");
        })],
    );
    report.add(Row::new("open and close", time(open_and_close[0].ns)).beside("median of 20"));
    let store = options().open(&path)?;
    let everything = Selection::Filter(Filter::default());
    let (outcome, took) = timed(|| store.revoke_many(&everything, &Revoke::default()));
    report.add(
        rate(
            "revoke all, in batches of 10,000",
            outcome?.changed as usize,
            took,
        )
        .0,
    );
    store.close()?;
    Ok(())
}

/// Keys with every index: project, owner, expiry.
fn indexed(report: &mut Report, folder: &Path, keys: usize) -> Outcome<()> {
    let store = options().create(folder.join("indexed"))?;
    let mut project = NewProject::new("shop");
    project.scopes = ScopeSet::parse(["*"])?;
    store.create_project(&project)?;
    let mut took = Duration::ZERO;
    for first in (0..keys).step_by(BATCH) {
        let batch: Vec<NewKey> = (first..keys.min(first + BATCH))
            .map(|number| {
                let mut new = new_key(number);
                new.project = Some("shop".to_owned());
                new.owner = Some(format!("acct{:03}", number % 1_000));
                new.expires = Expiry::In(86_400 + i64::try_from(number).unwrap_or(0));
                new
            })
            .collect();
        let (created, own) = timed(|| store.create_many(&batch));
        took += own;
        if let Some(error) = created.stopped {
            return Err(error.into());
        }
    }
    report.add(rate("create in bulk with project, owner and expiry", keys, took).0);
    table_figures(
        report,
        &store,
        keys as u64,
        "and a project, an owner and an expiry",
    )?;
    let mut filter = Filter::default();
    filter.owner = Some("acct007".to_owned());
    let (of_owner, took) = timed(|| store.list(&filter, &PageRequest::default()));
    report.add(
        Row::new(
            "list: first page of 100 of one owner",
            time(took.as_nanos() as f64),
        )
        .beside(format!("{} keys", of_owner?.keys.len())),
    );
    let mut filter = Filter::default();
    filter.expires_within = Some(86_400 + 1_000);
    let mut page = PageRequest::default();
    page.order = Order::Expires;
    let (expiring, took) = timed(|| store.list(&filter, &page));
    report.add(
        Row::new(
            "list: first page of 100 that expire soon",
            time(took.as_nanos() as f64),
        )
        .beside(format!("{} keys", expiring?.keys.len())),
    );
    store.close()?;
    Ok(())
}

/// Keys issued elsewhere, by the SHA-256 of their strings.
fn imported(report: &mut Report, folder: &Path, keys: usize) -> Outcome<()> {
    let store = options().create(folder.join("imported"))?;
    let mut took = Duration::ZERO;
    let mut refused = 0;
    for first in (0..keys).step_by(BATCH) {
        let lines: Vec<String> = (first..keys.min(first + BATCH))
            .map(|number| {
                floor(&message(number))
                    .iter()
                    .fold(String::new(), |mut hex, word| {
                        let _ = write!(hex, "{word:08x}");
                        hex
                    })
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (imported, own) =
            timed(|| store.import(ForeignFormat::Sha256Hex, &lines, &ImportDefaults::default()));
        took += own;
        let imported = imported?;
        if let Some(error) = imported.stopped {
            return Err(error.into());
        }
        refused += imported
            .results
            .iter()
            .filter(|result| result.is_err())
            .count();
    }
    let (row, imported) = rate("import by digest", keys, took);
    report.add(row.at_least(imported, 40_000.0, "keys/s"));
    if refused > 0 {
        return Err(format!("{refused} lines were refused").into());
    }
    table_figures(report, &store, keys as u64, "imported, name only")?;
    store.close()?;
    Ok(())
}
