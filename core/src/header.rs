//! What tells within a few loads that something was committed, or that this process is a forked
//! child: the mapped header of the file, and a page that every fork wipes.
//!
//! The one home of `unsafe`. Linux is what is built here; elsewhere both fall back to what any
//! system has, slower and as right.
//!
//! # The header
//!
//! The engine writes its header, the first bytes of the file, three times in a commit, and
//! `begin_read` serves the commit that the header names. So whoever sees the same header as before
//! a read began knows that nothing was committed since, in whatever process. Both transaction ids
//! are loaded, then the state byte, then both ids again: the ids never go back, so that where they
//! are the same twice the three stood there together, and no header stands there twice. In any
//! order that loads each word once, a header read across two commits can equal that of a commit
//! that was not seen. `docs/ARCHITECTURE.md` has the steps.

// Mapping memory is what this file is for; each block says why it is sound.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags};

use crate::mutant::{self, Mutant};

/// Where the engine's header holds the state byte and the ids of the two transactions.
/// `core/tests/header.rs` fails where a version of the engine moves them.
pub(crate) const STATE_OFFSET: usize = 9;
pub(crate) const ID_OFFSETS: [usize; 2] = [168, 296];

/// What a file of the engine begins with.
pub(crate) const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";

/// The version of the format in which the words stand there, and where each of the two transactions
/// says that it is of that version.
const VERSION: u8 = 3;
const VERSION_OFFSETS: [usize; 2] = [64, 192];

/// Whether a header is of the one format whose words are known here.
pub(crate) fn is_known(header: &[u8]) -> bool {
    let is_version = |offset: usize| header.get(offset) == Some(&VERSION);
    header.starts_with(&MAGIC) && VERSION_OFFSETS.into_iter().all(is_version)
}

/// What is mapped: the header's page.
const PAGE: usize = 4096;

/// What the header said at some moment. Two that are equal mean that nothing was committed
/// between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) ids: [u64; 2],
    pub(crate) state: u8,
}

/// Where commits are noticed.
#[derive(Debug)]
pub(crate) enum Signal {
    /// The mapped header, on file systems where a mapping is known to show what was written.
    Mapped(Mapping),
    /// The header, read anew each time.
    Read(File),
    /// Not at all: the header is none whose words are known, and nothing is ever up to date.
    Unknown,
    /// Commits of this process, which has the file for itself; raised after each.
    Counted(AtomicU64),
}

impl Seen {
    /// What is seen where the header cannot be read: nothing that anybody was ever up to date with.
    pub(crate) const NOTHING: Seen = Seen {
        ids: [u64::MAX; 2],
        state: u8::MAX,
    };
}

impl Signal {
    /// Looks at the header of a file through a descriptor of its own, mapped where it may be.
    pub(crate) fn of(own: File, map: bool) -> io::Result<Self> {
        let mut header = [0; VERSION_OFFSETS[1] + 1];
        own.read_exact_at(&mut header, 0)?;
        if !is_known(&header) {
            return Ok(Signal::Unknown);
        }
        if map {
            Mapping::new(&own).map(Signal::Mapped)
        } else {
            Ok(Signal::Read(own))
        }
    }

    pub(crate) fn counted() -> Self {
        Signal::Counted(AtomicU64::new(0))
    }

    /// What stands there now.
    #[inline]
    pub(crate) fn observe(&self) -> Seen {
        match self {
            Signal::Mapped(mapping) => mapping.observe(),
            Signal::Read(file) => read_header(file).unwrap_or(Seen::NOTHING),
            Signal::Unknown => Seen::NOTHING,
            Signal::Counted(commits) => Seen {
                ids: [commits.load(Ordering::Acquire), 0],
                state: 0,
            },
        }
    }

    /// Notes a commit of this process, also one that failed. Where the header tells, there is
    /// nothing to note.
    pub(crate) fn committed(&self) {
        if let Signal::Counted(commits) = self {
            commits.fetch_add(1, Ordering::Release);
        }
    }
}

/// Looks at the words in the one order that is right: the ids, the state byte, the ids again. What
/// changed meanwhile is nothing that was seen.
#[inline]
pub(crate) fn look<E>(
    ids: impl Fn() -> Result<[u64; 2], E>,
    state: impl Fn() -> Result<u8, E>,
) -> Result<Seen, E> {
    let early = if mutant::is(Mutant::StateFirst) {
        Some(state()?)
    } else {
        None
    };
    mutant::widen(Mutant::StateFirst);
    let ids_seen = ids()?;
    mutant::widen(Mutant::IdsOnce);
    let seen = Seen {
        ids: ids_seen,
        state: early.map_or_else(state, Ok)?,
    };
    let once = mutant::is(Mutant::IdsOnce) || early.is_some();
    let stood_still = once || ids()? == seen.ids;
    Ok(if stood_still { seen } else { Seen::NOTHING })
}

/// Three reads: the ids lie close enough together for one.
fn read_header(file: &File) -> io::Result<Seen> {
    const FIRST: usize = ID_OFFSETS[0];
    const SECOND: usize = ID_OFFSETS[1] - FIRST;
    let ids = || {
        let mut bytes = [0; SECOND + 8];
        file.read_exact_at(&mut bytes, FIRST as u64)?;
        let word = |at: usize| {
            let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
            word.map_or(u64::MAX, |word| u64::from_ne_bytes(*word))
        };
        Ok([word(0), word(SECOND)])
    };
    let state = || {
        let mut state = [0];
        file.read_exact_at(&mut state, STATE_OFFSET as u64)?;
        Ok(state[0])
    };
    look(ids, state)
}

/// The first page of the file, mapped for reading.
///
/// Truncating the file under a running process ends the process with SIGBUS, as with every mapped
/// database; no verb of the store does it.
#[derive(Debug)]
pub(crate) struct Mapping {
    page: NonNull<u8>,
}

// SAFETY: the page is only read, by atomic loads, and stays mapped for as long as this lives.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the header of a file, from a descriptor of its own, which may be closed afterwards.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() < PAGE as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: a new mapping at a place that the kernel chooses; nothing that exists is touched.
        let page = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                PAGE,
                ProtFlags::READ,
                MapFlags::SHARED,
                file,
                0,
            )
        }?;
        match NonNull::new(page.cast()) {
            Some(page) => Ok(Mapping { page }),
            None => Err(io::ErrorKind::Other.into()),
        }
    }

    #[inline]
    fn word(&self, offset: usize) -> u64 {
        // SAFETY: offset + 8 lies within the page and is a multiple of 8, as asserted below; the
        // page is mapped as long as `self` is, and other processes write it only through the file.
        let word = unsafe { AtomicU64::from_ptr(self.page.as_ptr().add(offset).cast()) };
        word.load(Ordering::Acquire)
    }

    #[inline]
    fn observe(&self) -> Seen {
        let ids = || Ok::<_, Infallible>(ID_OFFSETS.map(|offset| self.word(offset)));
        // SAFETY: the offset lies within the page; as above.
        let state = unsafe { AtomicU8::from_ptr(self.page.as_ptr().add(STATE_OFFSET)) };
        let Ok(seen) = look(ids, || Ok(state.load(Ordering::Acquire)));
        seen
    }
}

const _: () = assert!(ID_OFFSETS[0].is_multiple_of(8) && ID_OFFSETS[1].is_multiple_of(8));
const _: () =
    assert!(ID_OFFSETS[0] + 8 <= PAGE && ID_OFFSETS[1] + 8 <= PAGE && STATE_OFFSET < PAGE);

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and nobody holds a reference into it.
        let _ = unsafe { rustix::mm::munmap(self.page.as_ptr().cast(), PAGE) };
    }
}

/// Which process this is, as far as forks go: every fork of whatever kind begins another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// The word that a fork sets to zero in the child; none where the process id tells instead.
    word: Option<&'static AtomicU64>,
    generation: u64,
}

impl Process {
    /// The process that calls.
    pub(crate) fn current() -> Self {
        static WORD: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
        let word = *WORD.get_or_init(map_fork_page);
        Process {
            word,
            generation: word.map_or_else(|| u64::from(std::process::id()), generation),
        }
    }

    /// Whether the caller still is that process, and no child of it.
    #[inline]
    pub(crate) fn is_current(self) -> bool {
        self.generation
            == match self.word {
                Some(word) => word.load(Ordering::Relaxed),
                None => u64::from(std::process::id()),
            }
    }
}

/// The generation of this process; a child, in which the word is zero, is given the next one.
fn generation(word: &AtomicU64) -> u64 {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    let found = word.load(Ordering::Relaxed);
    if found != 0 {
        return found;
    }
    let next = GIVEN.fetch_add(1, Ordering::Relaxed) + 1;
    match word.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => next,
        Err(another) => another,
    }
}

/// A page that the kernel hands to a child empty (`MADV_WIPEONFORK`, Linux 4.14); none where it
/// does not, and the process id tells instead.
#[cfg(target_os = "linux")]
fn map_fork_page() -> Option<&'static AtomicU64> {
    // SAFETY: a new anonymous mapping at a place that the kernel chooses.
    let page = unsafe {
        rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            PAGE,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE,
        )
    }
    .ok()?;
    // SAFETY: the page was mapped above, whole.
    let wiped = unsafe { rustix::mm::madvise(page, PAGE, rustix::mm::Advice::LinuxWipeOnFork) };
    if wiped.is_err() {
        // SAFETY: mapped above with this length; nobody knows of it.
        let _ = unsafe { rustix::mm::munmap(page, PAGE) };
        return None;
    }
    // SAFETY: aligned to a page, zeroed, never unmapped, and only ever used as this atomic.
    Some(unsafe { AtomicU64::from_ptr(page.cast()) })
}

#[cfg(not(target_os = "linux"))]
fn map_fork_page() -> Option<&'static AtomicU64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_and_a_read_show_the_same_header_and_every_change_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![0; PAGE]).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let signals = [
            Signal::Mapped(Mapping::new(&file).unwrap()),
            Signal::Read(File::open(&path).unwrap()),
        ];
        let before = signals.each_ref().map(|signal| signal.observe());
        assert_eq!(before[0], before[1]);
        for (place, byte) in [
            (ID_OFFSETS[0] + 3, 7),
            (ID_OFFSETS[1], 9),
            (STATE_OFFSET, 8),
        ] {
            let was = signals.each_ref().map(|signal| signal.observe());
            file.write_all_at(&[byte], place as u64).unwrap();
            let is = signals.each_ref().map(|signal| signal.observe());
            assert_eq!(is[0], is[1]);
            assert_ne!(was, is, "byte {place}");
        }
        // What lies elsewhere in the header says nothing of a commit.
        let was = signals[0].observe();
        file.write_all_at(&[1], 60).unwrap();
        assert_eq!(signals[0].observe(), was);
    }

    /// What stands in the header after each of the engine's writes, and which commit `begin_read`
    /// serves then. A commit writes its id into the slot that is not in use, then makes that the
    /// one in use with the unflushed bit, then takes the bit away.
    fn writes(commits: u64) -> Vec<(Seen, u64)> {
        const UNFLUSHED: u8 = 8;
        let mut seen = Seen {
            ids: [1, 0],
            state: 0,
        };
        let mut all = vec![(seen, 1)];
        for commit in 2..=commits {
            let slot = u8::from(commit % 2 == 0);
            seen.ids[usize::from(slot)] = commit;
            all.push((seen, commit - 1));
            seen.state = slot | UNFLUSHED;
            all.push((seen, commit - 1));
            seen.state = slot;
            all.push((seen, commit));
        }
        all
    }

    /// Everything that a look can come to that begins after a given write, with the write that was
    /// the last when it ended: any number of writes may fall between two loads of a word.
    fn looks(writes: &[(Seen, u64)], begin: usize) -> Vec<(Seen, usize)> {
        let last = writes.len() - 1;
        let mut schedule = [begin; 5];
        let mut all = Vec::new();
        loop {
            let (load, end) = (std::cell::Cell::new(0), schedule[4]);
            let next = || {
                let at = schedule[load.get()];
                load.set(load.get() + 1);
                writes[at].0
            };
            let ids = || Ok::<_, Infallible>([next().ids[0], next().ids[1]]);
            let Ok(seen) = look(ids, || Ok(next().state));
            all.push((seen, end));
            // The next of the schedules whose loads come one after the other.
            let Some(at) = schedule.iter().rposition(|write| *write < last) else {
                return all;
            };
            let write = schedule[at] + 1;
            schedule[at..].fill(write);
        }
    }

    /// The story: the words were loaded once each, the state byte last. A position was taken after
    /// the first write of a commit and served the one before; that commit ended, a look loaded the
    /// ids, the next commit began and ended, and the state byte was that of the position again.
    #[test]
    fn no_look_after_a_commit_equals_one_whose_snapshot_may_be_of_before() {
        let writes = writes(6);
        let positions: Vec<(Seen, u64)> = looks(&writes, 0)
            .into_iter()
            .filter(|(seen, _)| *seen != Seen::NOTHING)
            .map(|(seen, end)| (seen, writes[end].1))
            .collect();
        let mut equal = 0u64;
        for (begin, (_, commit)) in writes.iter().enumerate() {
            for (seen, _) in looks(&writes, begin) {
                for (position, served) in &positions {
                    if seen == *position {
                        equal += 1;
                        assert!(served >= commit, "{seen:?} after {commit}, as of {served}");
                    }
                }
            }
        }
        assert!(equal > 1_000, "hardly any two were equal: {equal}");
    }

    #[test]
    fn a_header_of_another_format_is_not_relied_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut page = vec![0; PAGE];
        page[..MAGIC.len()].copy_from_slice(&MAGIC);
        for offset in VERSION_OFFSETS {
            page[offset] = VERSION;
        }
        let signal = |page: &[u8], map| {
            std::fs::write(&path, page).unwrap();
            Signal::of(File::open(&path).unwrap(), map).unwrap()
        };
        assert!(matches!(signal(&page, true), Signal::Mapped(_)));
        assert!(matches!(signal(&page, false), Signal::Read(_)));
        let known = [0, 8, VERSION_OFFSETS[0], VERSION_OFFSETS[1]];
        for at in known {
            let mut other = page.clone();
            other[at] ^= 1;
            for map in [true, false] {
                let signal = signal(&other, map);
                assert!(matches!(signal, Signal::Unknown), "byte {at}");
                assert_eq!(signal.observe(), Seen::NOTHING);
            }
        }
    }

    #[test]
    fn a_file_without_a_whole_header_is_not_mapped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [0; 100]).unwrap();
        assert!(Mapping::new(&File::open(&path).unwrap()).is_err());
    }

    #[test]
    fn a_counter_changes_with_every_commit() {
        let signal = Signal::counted();
        let before = signal.observe();
        signal.committed();
        assert_ne!(signal.observe(), before);
    }

    #[test]
    fn a_process_is_itself_as_often_as_it_asks() {
        let process = Process::current();
        assert!(process.is_current());
        assert!(Process::current().is_current());
        let another = Process {
            generation: process.generation + 1,
            ..process
        };
        assert!(!another.is_current());
    }
}
