//! The report: what a store of many keys costs, in time and bytes, in one run on one machine.
//!
//! `make bench` runs it and writes `docs/benchmarks.md`. The first argument is the number of keys
//! (1,000,000 unless it is given), the second the page to write. Every figure is printed as it
//! came out; what has a target stands beside it.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "figures are printed to three digits"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use keyfob::{
    Expiry, Filter, ForeignFormat, ImportDefaults, NewKey, NewProject, Order, PageRequest,
    Requirement, Revoke, ScopeSet, Selection, Store, StoreOptions,
};
use keyfob_bench::floor::floor;
use keyfob_bench::keys::new_key;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// One line of the table.
struct Row {
    what: String,
    figure: String,
    beside: String,
}

struct Report {
    rows: Vec<Row>,
    floor: f64,
}

impl Report {
    fn add(
        &mut self,
        what: impl Into<String>,
        figure: impl Into<String>,
        beside: impl Into<String>,
    ) {
        let row = Row {
            what: what.into(),
            figure: figure.into(),
            beside: beside.into(),
        };
        println!("{:<58} {:>16}  {}", row.what, row.figure, row.beside);
        self.rows.push(row);
    }

    fn rate(&mut self, what: &str, keys: usize, took: Duration, target: &str) {
        let rate = keys as f64 / took.as_secs_f64();
        self.add(
            what,
            format!("{:.1} s", took.as_secs_f64()),
            format!("{} keys/s{target}", thousands(rate)),
        );
    }

    fn times_floor(&mut self, what: &str, nanoseconds: f64, target: &str) {
        self.add(
            what,
            format!("{nanoseconds:.0} ns"),
            format!("{:.1} x F{target}", nanoseconds / self.floor),
        );
    }
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The median of so many samples of so many calls each, in nanoseconds a call.
fn median(samples: usize, calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let mut times: Vec<f64> = (0..samples)
        .map(|sample| {
            let start = Instant::now();
            for at in 0..calls {
                call(sample * calls + at);
            }
            start.elapsed().as_nanos() as f64 / calls as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn options() -> Outcome<StoreOptions> {
    Ok(StoreOptions::new().prefix("acme")?.actor("bench")?)
}

/// What `path` takes on disk: the length of the file, and the blocks under it.
fn on_disk(path: &Path) -> Outcome<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.len(), metadata.blocks() * 512))
}

fn table_figures(report: &mut Report, store: &Store, keys: u64, kind: &str) -> Outcome<()> {
    let sizes = store.table_sizes()?;
    let bytes_of = |name: &str| {
        sizes
            .iter()
            .find(|(table, ..)| *table == name)
            .map_or((0, 0), |(_, rows, bytes)| (*rows, *bytes))
    };
    let (_, records) = bytes_of("keys");
    let (_, events) = bytes_of("events");
    report.add(
        format!("bytes per key: record and event, {kind}"),
        format!("{:.0} B", (records + events) as f64 / keys as f64),
        format!(
            "record {:.0}, event {:.0}; target <= 330",
            records as f64 / keys as f64,
            events as f64 / keys as f64
        ),
    );
    for (table, filter) in [
        ("keys_by_project", "list by project"),
        ("keys_by_owner", "list by owner (7 bytes here)"),
        ("keys_by_expiry", "list by expiry"),
        ("digests", "imported keys"),
        ("usage", "last used and uses, per secret"),
    ] {
        let (rows, bytes) = bytes_of(table);
        if rows > 0 {
            report.add(
                format!("bytes per row of `{table}`: {filter}"),
                format!("{:.0} B", bytes as f64 / rows as f64),
                if table.starts_with("keys_by") {
                    "target <= 60"
                } else {
                    ""
                },
            );
        }
    }
    Ok(())
}

/// Plain keys: what the figures per key are counted on.
fn plain(report: &mut Report, folder: &Path, keys: usize) -> Outcome<()> {
    let path = folder.join("plain");
    let store = options()?.create(&path)?;
    let mut tokens = Vec::new();
    let mut took = Duration::ZERO;
    for first in (0..keys).step_by(10_000) {
        let batch: Vec<NewKey> = (first..keys.min(first + 10_000)).map(new_key).collect();
        let start = Instant::now();
        let created = store.create_many(&batch);
        took += start.elapsed();
        if let Some(error) = created.stopped {
            return Err(error.into());
        }
        let token = created
            .done
            .into_iter()
            .step_by(10)
            .filter_map(|made| made.token);
        tokens.extend(token.map(|token| token.expose().to_owned()));
    }
    report.rate(
        "create in bulk, log included",
        keys,
        took,
        "; target >= 100,000",
    );
    let (length, blocks) = on_disk(&path)?;
    report.add(
        "file of plain keys: length / blocks",
        format!("{} MiB", length >> 20),
        format!(
            "{} MiB; {:.0} B of blocks per key",
            blocks >> 20,
            blocks as f64 / keys as f64
        ),
    );
    table_figures(report, &store, keys as u64, "name and two scopes")?;

    let requirement = Requirement::new().scopes(["orders:read"])?;
    let mut failed = 0u64;
    let mut verify = |token: &str| {
        failed += u64::from(black_box(store.verify(token, &requirement)).is_err());
    };
    let one = median(100, 1_000, |_| verify(&tokens[0]));
    report.times_floor("verify, in memory, one key", one, "; target <= 1.25 x F");
    for (few, target) in [(1_000, "1.5"), (100_000, "2.75")] {
        let some = &tokens[..few.min(tokens.len())];
        for token in some {
            verify(token);
        }
        let mut random = 88_172_645_463_325_252u64;
        let time = median(100, 1_000, |_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            verify(&some[random as usize % some.len()]);
        });
        let what = format!("verify, in memory, random among {}", thousands(few as f64));
        report.times_floor(&what, time, &format!("; target <= {target} x F"));
    }
    let rate = |threads: usize| {
        const EACH: u32 = 500_000;
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        let _ = black_box(store.verify(black_box(&tokens[0]), &requirement));
                    }
                });
            }
        });
        f64::from(EACH) * threads as f64 / start.elapsed().as_secs_f64()
    };
    let (alone, both) = (rate(1), rate(2));
    report.add(
        "verify, in memory, two threads, the same key",
        format!("{} /s", thousands(both)),
        format!("{:.2} x one thread's; target >= 1.9", both / alone),
    );
    if failed > 0 {
        return Err(format!("{failed} verifications failed").into());
    }
    let wrong_shape = median(100, 1_000, |_| {
        black_box(store.verify(black_box("acme_live_1"), &requirement)).ok();
    });
    report.times_floor("refused: wrong shape", wrong_shape, "");
    let mut mistyped = tokens[0].clone().into_bytes();
    let last = mistyped.len() - 1;
    mistyped[last] = if mistyped[last] == b'0' { b'1' } else { b'0' };
    let checksum = median(100, 1_000, |_| {
        black_box(store.verify(black_box(&mistyped), &requirement)).ok();
    });
    report.times_floor(
        "refused: bad checksum",
        checksum,
        "; no disk, target <= 1 x F",
    );

    let start = Instant::now();
    store.flush()?;
    report.add(
        "flush the last-used times of the keys verified",
        format!("{:.0} ms", start.elapsed().as_secs_f64() * 1e3),
        "",
    );
    let start = Instant::now();
    let first = store.list(&Filter::default(), &PageRequest::default())?;
    report.add(
        "list: first page of 100, by creation",
        format!("{:.1} ms", start.elapsed().as_secs_f64() * 1e3),
        format!("{} keys", first.keys.len()),
    );
    let start = Instant::now();
    let all = store.keys(&Filter::default(), Order::Created).count();
    report.rate("list: every page", all, start.elapsed(), "");
    let mut page = PageRequest::default();
    page.order = Order::Name;
    let start = Instant::now();
    store.list(&Filter::default(), &page)?;
    report.add(
        "list: first page of 100, by name (scans)",
        format!("{:.1} s", start.elapsed().as_secs_f64()),
        "",
    );

    let start = Instant::now();
    let backup = store.backup(folder.join("backup"), &mut |_, _| ControlFlow::Continue(()))?;
    report.rate(
        "backup, checked and durable",
        keys,
        start.elapsed(),
        &format!("; {} MiB", backup.bytes >> 20),
    );
    let start = Instant::now();
    let whole = store.check_integrity(&mut |_, _| ControlFlow::Continue(()))?;
    report.rate("check_integrity", keys, start.elapsed(), "");
    if !whole.is_whole() {
        return Err(format!("the store is damaged: {:?}", whole.damage).into());
    }
    let one_by_one = median(30, 1, |_| {
        black_box(store.create(&new_key(0))).ok();
    });
    report.add(
        "create one key, durable",
        format!("{:.0} us", one_by_one / 1e3),
        "median of 30",
    );
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(store.create(&new_key(0))?.key.id);
    }
    let revoke = median(30, 1, |at| {
        black_box(store.revoke(ids[at], &Revoke::default())).ok();
    });
    report.add(
        "revoke one key, durable",
        format!("{:.0} us", revoke / 1e3),
        "median of 30",
    );
    store.close()?;
    let open = median(20, 1, |_| {
        let opened = options().and_then(|options| Ok(options.open(&path)?));
        if let Ok(store) = black_box(opened) {
            store.close().ok();
        }
    });
    report.add(
        "open and close",
        format!("{:.2} ms", open / 1e6),
        "median of 20; target of the open <= 1 ms",
    );
    let store = options()?.open(&path)?;
    let start = Instant::now();
    let everything = Selection::Filter(Filter::default());
    let outcome = store.revoke_many(&everything, &Revoke::default())?;
    report.rate(
        "revoke all, in batches of 10,000",
        outcome.changed as usize,
        start.elapsed(),
        "",
    );
    store.close()?;
    Ok(())
}

/// Keys with every index: project, owner, expiry.
fn indexed(report: &mut Report, folder: &Path, keys: usize) -> Outcome<()> {
    let store = options()?.create(folder.join("indexed"))?;
    let mut project = NewProject::new("shop");
    project.scopes = ScopeSet::parse(["*"])?;
    store.create_project(&project)?;
    let mut took = Duration::ZERO;
    for first in (0..keys).step_by(10_000) {
        let batch: Vec<NewKey> = (first..keys.min(first + 10_000))
            .map(|number| {
                let mut new = new_key(number);
                new.project = Some("shop".to_owned());
                new.owner = Some(format!("acct{:03}", number % 1_000));
                new.expires = Expiry::In(86_400 + i64::try_from(number).unwrap_or(0));
                new
            })
            .collect();
        let start = Instant::now();
        let created = store.create_many(&batch);
        took += start.elapsed();
        if let Some(error) = created.stopped {
            return Err(error.into());
        }
    }
    report.rate(
        "create in bulk with project, owner and expiry",
        keys,
        took,
        "",
    );
    table_figures(
        report,
        &store,
        keys as u64,
        "and a project, an owner and an expiry",
    )?;
    let mut filter = Filter::default();
    filter.owner = Some("acct007".to_owned());
    let start = Instant::now();
    let of_owner = store.list(&filter, &PageRequest::default())?;
    report.add(
        "list: first page of 100 of one owner",
        format!("{:.1} ms", start.elapsed().as_secs_f64() * 1e3),
        format!("{} keys", of_owner.keys.len()),
    );
    let mut filter = Filter::default();
    filter.expires_within = Some(86_400 + 1_000);
    let mut page = PageRequest::default();
    page.order = Order::Expires;
    let start = Instant::now();
    let expiring = store.list(&filter, &page)?;
    report.add(
        "list: first page of 100 that expire soon",
        format!("{:.1} ms", start.elapsed().as_secs_f64() * 1e3),
        format!("{} keys", expiring.keys.len()),
    );
    store.close()?;
    Ok(())
}

/// Keys issued elsewhere, by the SHA-256 of their strings.
fn imported(report: &mut Report, folder: &Path, keys: usize) -> Outcome<()> {
    let store = options()?.create(folder.join("imported"))?;
    let mut took = Duration::ZERO;
    let mut refused = 0;
    for first in (0..keys).step_by(10_000) {
        let lines: Vec<String> = (first..keys.min(first + 10_000))
            .map(|number| {
                let mut message = [0; 55];
                message[..8].copy_from_slice(&(number as u64).to_le_bytes());
                floor(&message).iter().fold(String::new(), |mut hex, word| {
                    let _ = write!(hex, "{word:08x}");
                    hex
                })
            })
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let start = Instant::now();
        let imported =
            store.import(ForeignFormat::Sha256Hex, &lines, &ImportDefaults::default())?;
        took += start.elapsed();
        if let Some(error) = imported.stopped {
            return Err(error.into());
        }
        refused += imported
            .results
            .iter()
            .filter(|result| result.is_err())
            .count();
    }
    report.rate("import by digest", keys, took, "; target >= 40,000");
    if refused > 0 {
        return Err(format!("{refused} lines were refused").into());
    }
    table_figures(report, &store, keys as u64, "imported, name only")?;
    store.close()?;
    Ok(())
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split(':').nth(1))
            .unwrap_or("unknown")
            .trim()
            .to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{cores} cores of {}, {} of memory, a shared virtual machine",
        field(&read("/proc/cpuinfo"), "model name"),
        field(&read("/proc/meminfo"), "MemTotal")
    )
}

fn page(report: &Report, keys: usize) -> String {
    let mut out = format!(
        "# Benchmarks\n\n\
         Written by `make bench`, in one run of one process; every figure as it came out. The machine: {}. \
         Absolute times depend on it; ratios to the floor F (SHA-256 of one block of 55 bytes, measured in the \
         same run) and bytes carry over.\n\n\
         The method: stores of {} keys in a temporary folder, release build. Rates are of whole runs, the others \
         medians of samples, as the last column says. The memory for keys that were \
         verified is the 16 MiB of the default, some 148,000 keys; the \
         100,000 whose tokens are tried are all among them.\n\n\
         | what | figure | beside it |\n|---|---:|---|\n",
        machine(),
        thousands(keys as f64)
    );
    for row in &report.rows {
        let _ = writeln!(out, "| {} | {} | {} |", row.what, row.figure, row.beside);
    }
    out
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let keys = match arguments.next() {
        Some(keys) => keys.parse()?,
        None => 1_000_000,
    };
    let mut message = [7; 55];
    let floor = median(200, 10_000, |at| {
        message[0] = u8::try_from(at % 256).unwrap_or(0);
        black_box(floor(black_box(&message)));
    });
    let mut report = Report {
        rows: Vec::new(),
        floor,
    };
    report.add(
        "floor F: SHA-256 of one block",
        format!("{floor:.0} ns"),
        "1 x F",
    );
    let folder = tempfile::tempdir()?;
    plain(&mut report, folder.path(), keys)?;
    indexed(&mut report, folder.path(), keys)?;
    imported(&mut report, folder.path(), keys)?;
    if let Some(to) = arguments.next() {
        std::fs::write(&to, page(&report, keys))?;
        println!("written to {to}");
    }
    Ok(())
}
