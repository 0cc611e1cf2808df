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
- **Refusals of another shape or prefix** are counted, for every code and exactly: by an atomic addition, whose cost alone is a row of the table, after a look at the header and the position, without which an imported key could be missed. Another prefix is noticed only after the id was looked for in memory: a look at it before that would be paid by every verification.
- **From the file, 10,000,000 keys**: redb reads several pages of 4 KiB with a system call each, through memory of the same kind; redb alone takes longer. The profile is of a store whose pages redb keeps, where keyfob makes no system call: what is left is keyfob's own.
- **After another process's commit**: redb empties its page cache, so that the header, the state, the events and the key's pages are read again, with a system call each; the row of redb alone says what beginning a read and reading the events takes without anything of keyfob. An event is believed only where its hash follows from the one before, so that 1,000 of them are 1,000 rows that are read and hashed: each of the two alone takes longer than the target. The rest is a look at the path, and for each event the chain's other bytes, its subject and the cells of its key.
- **Create and revoke** take what a bare commit of the same rows takes; redb's shared mode flushes twice where SQLite's log does once.
- **32 callers** share commits; each makes its change on a thread of its own and wakes the next, where the bare one hands all rows to one thread. The profiles of both are below: in both the kernel, which wakes threads and writes, takes most of the time; what keyfob's callers have beyond the bare one's is a second waking for each change, the tables that each opens in redb, and the row of the state that each reads and seals.
- **Opening 10,000,000 keys that were closed cleanly** took between 0.68 and 1.05 ms in runs of one day on this machine, and the opening after a kill 0.99 and 1.57 with it. Its system calls are below.
- **From C**: the guard against panics, the state of the handle, and the looks at each pointer and size are some 110 instructions above Rust's own call, as callgrind counts them; to tell of the key takes some 120 more, most of them for copying its id, environment, project and owner.
- **Memory of a process that verified many keys**: the row says where it lies. Uses that wait take some 2 MiB at most. The pages that the engine keeps lie in one cache for all threads, but each in the heap of the thread that read it, and the C library keeps for each thread what its heap once took. The thread that flushes reads the records of all keys that it writes uses of, so that its heap grows to the size of the page cache once more. With one heap for all threads (`MALLOC_ARENA_MAX=1`) a process that verified 1,000,000 of 2,000,000 keys took 41.1 MiB instead of 54.1.
- **333 bytes for a key with project, owner and expiry**: its two rows have 314, record 166 and event 148, of which the project takes 16 in each, the owner 8 and the expiry 5; the event says what was given. The other 19 are the engine's: where rows begin, the way to their pages, and what is left free in pages of 4 KiB that hold whole rows. So a few bytes fewer need not show: with records that are 4 bytes shorter the table took the same 174.
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
         - **From Python**, keyfob is the wheel of this checkout, built for release; the packages beside it are measured as their pages show them, \
         in one process of `python3`, with the number of keys that each row names. Requests a second are of one worker of uvicorn, asked by \
         `wrk` over 16 connections for two seconds in turn with the others; each app is the same FastAPI route with another check.\n\
         - The checks of a verification for staleness and for a fork are a part of each figure and cannot be told apart \
         from outside; `scripts/check-syscalls` shows that they make no system call, `scripts/check-instructions` counts \
         their instructions with all others.\n",
        rounds = scale.rounds,
        commits = scale.commits,
        keys = thousands(scale.keys as f64),
    )
}
