//! The page with all that came out: `docs/benchmarks.md` and its pictures.

use std::path::Path;

use crate::machine::{load, machine, today};
use crate::report::{Report, thousands};
use crate::scale::Curves;
use crate::{Outcome, Scale, pictures};

pub(crate) fn write(
    folder: &Path,
    report: &Report,
    curves: &Curves,
    profiles: &str,
    scale: &Scale,
    measured_in: &Path,
) -> Outcome<()> {
    let latency = pictures::latency(&curves.latency, &scale.counts);
    std::fs::write(folder.join("latency.svg"), latency)?;
    std::fs::write(
        folder.join("threads.svg"),
        pictures::threads(&curves.threads),
    )?;
    let (targets, missed) = report.targets();
    let page = format!(
        "# Benchmarks\n\n\
         Written by `make bench` on {}, in one run; every figure as it came out, and {missed} of {targets} \
         targets were missed. The machine: {}; load when it ended: {}. Absolute times depend on it; ratios to the \
         floor F and bytes carry over.\n\n\
         {}\n\
         {}\n\
         {}",
        today(),
        machine(measured_in),
        load(),
        method(scale),
        report.table(),
        if profiles.is_empty() {
            String::new()
        } else {
            format!("{MISSES}\n## Where the time goes in what was missed\n\n{profiles}")
        }
    );
    let path = folder.join("benchmarks.md");
    std::fs::write(&path, page.trim_end().to_owned() + "\n")?;
    println!("written to {}", path.display());
    Ok(())
}

/// Why, as far as it is known; to be gone through when a figure changes.
const MISSES: &str = "\
## What is behind the targets that were missed

- **Random among many keys**: the row of the bare load says what this machine takes for one load from as much memory that has to wait for the one before. From 100,000 keys on that alone is more than the target, or nearly; a verification waits for about two (that the tags stay near and the cell does not is the design, not a figure).
- **Refusals of another shape or prefix** are counted, for every code and exactly: by an atomic addition, after a look at the header and the position, without which an imported key could be missed. How the time is divided between these was not measured beyond the profile below.
- **From the file, 10,000,000 keys**: redb reads several pages of 4 KiB with a system call each, through memory of the same kind; redb alone takes longer. One `statx` looks whether the file still stands at its path.
- **After another process's commit**: redb empties its page cache and reads the header, the state and the key's pages again. An event is believed only where its hash follows from the one before, so that 1,000 of them are 1,000 hashes and decodings. There is no profile of it: it needs a second process.
- **Create and revoke** take what a bare commit of the same rows takes; redb's shared mode flushes twice where SQLite's log does once.
- **32 callers** share commits; each makes its change on a thread of its own, and where the bare one hands all rows to one thread. That waking so many is what costs is a supposition; there is no profile of it.
- **Memory**: last-used marks of keys that were pushed out of memory wait for the next flush, which this process does not make; with the default interval they wait five seconds. That is a defect of ours and no limit of the machine: nothing else bounds them. Why a process grows by more for each key than the 121 bytes of the table was not looked into.
- **333 bytes for a key with project, owner and expiry**: the event says what was given.
";

fn method(scale: &Scale) -> String {
    format!(
        "![One verification against the number of keys, median](latency.svg)\n\n\
         ![Verifications a second against the number of threads](threads.svg)\n\n\
         ## How it is measured\n\n\
         - **The floor F** is SHA-256 of one block, padded by hand, with the crate that keyfob uses. No verification \
         that hashes the token can cost less. 1,000 calls make a sample.\n\
         - **In turn.** What is compared is sampled round after round a few milliseconds apart, {rounds} rounds \
         after one that is not counted ({commits} where a sample waits for the disk). A time is the median of its \
         samples, a ratio the median of the rounds' ratios. Rates are of whole runs.\n\
         - **Keys** have a name and two scopes, and one of the two is asked for. A token that is drawn at random is copied \
         to one place before the sample begins, as a request's token has just been read from the network.\n\
         - **In memory** means that every key of the store is kept by keyfob, which may take 256 bytes for each, and was verified once; **from the \
         file** that keyfob keeps none, with the pages of the file in the memory of the system. Nothing is measured \
         with pages that have to come from the disk. The rivals are warm in the same way.\n\
         - **The rivals do the same**: SHA-256 of the token, one lookup by it among the same keys, then revoked, expiry \
         and scope. redb is in the mode in which processes share a file; SQLite has a write-ahead log, prepared \
         statements, a connection for each thread and 1 GB of memory; LMDB has its defaults; Redis answers one `GET` over \
         loopback. What they do without: a log that cannot be edited unnoticed, projects, IP lists, refusals with a reason.\n\
         - **Changes** are durable when they return, everywhere: two `fdatasync` in keyfob and redb, which processes \
         share; SQLite with `synchronous = FULL`; LMDB with its defaults; Redis with `appendfsync always`. Each \
         adds or updates a key and appends an event, in a store of {keys} keys.\n\
         - **From C**, a program that `cc -O2` links with the installed `libkeyfob.so` verifies one token in a process of its \
         own, in turn with the same call from Rust, and counts every allocation.\n\
         - **From Python**, the packages are measured as their pages show them, in one process of `python3`, with the number \
         of keys that each row names.\n\
         - The checks of a verification for staleness and for a fork are a part of each figure and cannot be told apart \
         from outside; `scripts/check-syscalls` shows that they make no system call, `scripts/check-instructions` counts \
         their instructions with all others.\n",
        rounds = scale.rounds,
        commits = scale.commits,
        keys = thousands(scale.keys as f64),
    )
}
