//! What tells within a few loads that something was committed, or that this process is a forked
//! child: the mapped header of the file, and a page that every fork wipes. And what follows from
//! a fork: values that every process has for itself, and descriptors that a child lets go.
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
//!
//! # Forks
//!
//! A child has a copy of the memory, with every lock as some thread of the parent held it, and
//! shares the open files. So what is found in the copy is read only where it never changes, or
//! where a single atomic word is all there is to it.

// Mapping memory is what this file is for; each block says why it is sound.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::DupFlags;
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
        let value = word.load(Ordering::Relaxed);
        // Memory that may only be read gives relaxed loads; the fence makes an acquire of one.
        fence(Ordering::Acquire);
        value
    }

    #[inline]
    fn observe(&self) -> Seen {
        let ids = || Ok::<_, Infallible>(ID_OFFSETS.map(|offset| self.word(offset)));
        // SAFETY: the offset lies within the page; as above.
        let state = unsafe { AtomicU8::from_ptr(self.page.as_ptr().add(STATE_OFFSET)) };
        let state = || {
            let value = state.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            Ok(value)
        };
        let Ok(seen) = look(ids, state);
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

/// Asks for large pages under a table whose places are read at random, so that finding the memory of
/// a place costs less than reading it. What the system makes of it is its own affair.
#[cfg(target_os = "linux")]
pub(crate) fn prefer_large_pages<T>(table: &[T]) {
    const LARGE: usize = 2 * 1024 * 1024;
    let range = table.as_ptr_range();
    let skipped = range.start.cast::<u8>().align_offset(LARGE);
    let len = size_of_val(table).saturating_sub(skipped) / LARGE * LARGE;
    if len > 0 {
        let start = range.start.cast::<u8>().wrapping_add(skipped).cast_mut();
        // SAFETY: the range lies within the table, and the advice changes nothing that it holds.
        let _ =
            unsafe { rustix::mm::madvise(start.cast(), len, rustix::mm::Advice::LinuxHugepage) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn prefer_large_pages<T>(_: &[T]) {}

/// Which process this is, as far as forks go: every fork of whatever kind begins another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// The word that a fork sets to zero in the child; none where the process id tells instead.
    word: Option<&'static AtomicU64>,
    generation: u64,
}

impl Process {
    /// The process that calls. In a child that nothing was called in yet, what it inherited is let
    /// go first.
    pub(crate) fn current() -> Self {
        let word = fork_word();
        let generation = match word {
            Some(word) => generation(word),
            None => {
                let id = u64::from(std::process::id());
                let_go_inherited(id);
                id
            }
        };
        Process { word, generation }
    }

    /// In a child that nothing was called in yet, lets go of what it inherited.
    pub(crate) fn begin() {
        Process::current();
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

/// The word that a fork sets to zero in the child. No `OnceLock`: a thread that was in the middle
/// of it would be waited for in the child, where it is not.
fn fork_word() -> Option<&'static AtomicU64> {
    /// Stands for a page that cannot be had.
    static NONE: AtomicU64 = AtomicU64::new(0);
    static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
    let mut found = WORD.load(Ordering::Acquire);
    if found.is_null() {
        let mapped = std::ptr::from_ref(map_fork_page().unwrap_or(&NONE)).cast_mut();
        // A page that another thread was faster than stays behind; that happens once.
        let published = WORD.compare_exchange(found, mapped, Ordering::AcqRel, Ordering::Acquire);
        found = published.map_or_else(|another| another, |_| mapped);
    }
    // SAFETY: points to a static, or to a page that is never unmapped.
    let word: &'static AtomicU64 = unsafe { &*found };
    (!std::ptr::eq(word, &raw const NONE)).then_some(word)
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
        Ok(_) => {
            let_go_inherited(next);
            next
        }
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

/// A value that every process has for itself. What was made before a fork is neither used in the
/// child nor dropped there: its locks may be held by threads that the child does not have.
pub(crate) struct ForkLocal<T> {
    made: AtomicPtr<Made<T>>,
}

struct Made<T> {
    by: Process,
    value: T,
}

impl<T: Send + Sync> ForkLocal<T> {
    pub(crate) const fn new() -> Self {
        ForkLocal {
            made: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    fn made(&self) -> Option<&Made<T>> {
        // SAFETY: null, or from a box that only `drop` frees, which needs `self` for itself; and
        // it is published whole.
        unsafe { self.made.load(Ordering::Acquire).as_ref() }
    }

    /// The value of this process; none where it has not made one yet.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        let made = self.made()?;
        made.by.is_current().then_some(&made.value)
    }

    /// The value of this process, made where there is none yet. Of several threads that make one
    /// the first has its way.
    pub(crate) fn get_or_try_make<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let inherited = match self.made() {
            Some(made) if made.by.is_current() => return Ok(&made.value),
            Some(made) => std::ptr::from_ref(made).cast_mut(),
            None => std::ptr::null_mut(),
        };
        let by = Process::current();
        let made = Box::into_raw(Box::new(Made { by, value: make()? }));
        let published =
            self.made
                .compare_exchange(inherited, made, Ordering::AcqRel, Ordering::Acquire);
        let made = match published {
            Ok(_) => made,
            Err(another) => {
                // SAFETY: made above, and nobody else knows of it.
                drop(unsafe { Box::from_raw(made) });
                another
            }
        };
        // SAFETY: published by a thread of this process, and freed by `drop` alone.
        Ok(unsafe { &(*made).value })
    }

    /// The same where nothing can go wrong.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        match self.get_or_try_make(|| Ok::<_, Infallible>(make())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }
}

impl<T> Drop for ForkLocal<T> {
    fn drop(&mut self) {
        // In a child this may be the first call.
        Process::begin();
        let made = *self.made.get_mut();
        // SAFETY: null, or from a box that nobody else frees.
        if unsafe { made.as_ref() }.is_some_and(|made| made.by.is_current()) {
            // SAFETY: as above, and no reference is left: `self` is dropped.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

/// A value that is set once and kept for ever. No `OnceLock`, which a fork can leave half done.
pub(crate) struct Kept<T> {
    value: AtomicPtr<T>,
}

impl<T: Send + Sync> Kept<T> {
    pub(crate) const fn new() -> Self {
        Kept {
            value: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: null, or from a box that is never freed, and published whole.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// Sets it, unless it is set already, and answers what it is.
    pub(crate) fn set(&self, value: T) -> &T {
        let ours = Box::into_raw(Box::new(value));
        let null = std::ptr::null_mut();
        let set = self
            .value
            .compare_exchange(null, ours, Ordering::AcqRel, Ordering::Acquire);
        let kept = match set {
            Ok(_) => ours,
            Err(another) => {
                // SAFETY: made above, and nobody else knows of it.
                drop(unsafe { Box::from_raw(ours) });
                another
            }
        };
        // SAFETY: published, and never freed.
        unsafe { &*kept }
    }
}

/// A value that many threads read and one sets now and then, without a lock that a fork could leave
/// held: a child reads the one that its parent set last.
pub(crate) struct Replaceable<T> {
    value: AtomicPtr<T>,
    /// How many are between loading the pointer and counting a reference.
    readers: AtomicUsize,
}

impl<T: Send + Sync> Replaceable<T> {
    pub(crate) const fn new() -> Self {
        Replaceable {
            value: AtomicPtr::new(std::ptr::null_mut()),
            readers: AtomicUsize::new(0),
        }
    }

    pub(crate) fn get(&self) -> Option<Arc<T>> {
        if self.value.load(Ordering::Relaxed).is_null() {
            return None;
        }
        self.readers.fetch_add(1, Ordering::SeqCst);
        let value = self.value.load(Ordering::SeqCst);
        let value = (!value.is_null()).then(|| {
            // SAFETY: from `Arc::into_raw`, and the count that `set` put there stays while this
            // reader is counted.
            unsafe { Arc::increment_strong_count(value) };
            // SAFETY: as above; this takes the count of the line before.
            unsafe { Arc::from_raw(value) }
        });
        self.readers.fetch_sub(1, Ordering::SeqCst);
        value
    }

    pub(crate) fn set(&self, value: Option<Arc<T>>) {
        /// Readers are there for some nanoseconds. One that was there when the process was forked
        /// is counted in the child for ever; then what was set before is left where it is.
        const TRIES: usize = 10_000;
        let next = value.map_or(std::ptr::null_mut(), |value| {
            Arc::into_raw(value).cast_mut()
        });
        let before = self.value.swap(next, Ordering::SeqCst);
        if before.is_null() {
            return;
        }
        for _ in 0..TRIES {
            if self.readers.load(Ordering::SeqCst) == 0 {
                // SAFETY: from `Arc::into_raw` by an earlier `set`. Whoever comes now loads another
                // pointer, and whoever loaded this one has counted a reference.
                drop(unsafe { Arc::from_raw(before) });
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl<T> Drop for Replaceable<T> {
    fn drop(&mut self) {
        let value = *self.value.get_mut();
        if !value.is_null() {
            // SAFETY: from `Arc::into_raw` by `set`; nobody reads it any more.
            drop(unsafe { Arc::from_raw(value) });
        }
    }
}

/// A descriptor whose open file may hold locks, for as long as this lives. A child shares the open
/// file, and would keep the locks of a parent that died: so there `/dev/null` is put over it, by a
/// handler that `fork` calls, and where none was called (a bare system call) by the first call into
/// the library.
///
/// Dropping it puts `/dev/null` over the descriptor as well, so that at no moment a child could be
/// given the open file unseen; whoever owns the descriptor then closes that.
#[derive(Debug)]
pub(crate) struct Watch {
    place: &'static Place,
    word: u64,
    descriptor: RawFd,
    process: Process,
}

/// A place in the list of those descriptors, which only ever grows: two words that a handler can
/// read at any moment.
#[derive(Debug)]
struct Place {
    /// The generation of the process (high half) and the descriptor plus one; zero is free.
    word: AtomicU64,
    next: AtomicPtr<Place>,
}

static PLACES: AtomicPtr<Place> = AtomicPtr::new(std::ptr::null_mut());

fn places() -> impl Iterator<Item = &'static Place> {
    let mut at = &PLACES;
    std::iter::from_fn(move || {
        // SAFETY: null, or from a box that is never freed, and published whole.
        let place: &'static Place = unsafe { at.load(Ordering::Acquire).as_ref() }?;
        at = &place.next;
        Some(place)
    })
}

impl Watch {
    pub(crate) fn new(descriptor: &impl AsRawFd) -> Self {
        watch_forks();
        let process = Process::current();
        let descriptor = descriptor.as_raw_fd();
        let number = u64::try_from(descriptor).unwrap_or(0) + 1;
        let word = process.generation << 32 | number;
        let take = |place: &&'static Place| {
            place
                .word
                .compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        };
        let place = places().find(take).unwrap_or_else(|| {
            let place: &'static Place = Box::leak(Box::new(Place {
                word: AtomicU64::new(word),
                next: AtomicPtr::new(std::ptr::null_mut()),
            }));
            let mut first = PLACES.load(Ordering::Acquire);
            loop {
                place.next.store(first, Ordering::Relaxed);
                let ours = std::ptr::from_ref(place).cast_mut();
                let put = PLACES.compare_exchange(first, ours, Ordering::AcqRel, Ordering::Acquire);
                match put {
                    Ok(_) => return place,
                    Err(another) => first = another,
                }
            }
        });
        Watch {
            place,
            word,
            descriptor,
            process,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.process.is_current() {
            // Where it cannot be, the owner closes the open file a moment later.
            let _ = put_nothing_over(self.descriptor);
            let free = self.word;
            let _ = self
                .place
                .word
                .compare_exchange(free, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// In a child: puts `/dev/null` over every descriptor that other generations watched. Only what a
/// signal handler may do.
fn let_go_inherited(generation: u64) {
    let mine = generation << 32 >> 32;
    for place in places() {
        let word = place.word.load(Ordering::Acquire);
        if word == 0 || word >> 32 == mine {
            continue;
        }
        let taken = place
            .word
            .compare_exchange(word, 0, Ordering::AcqRel, Ordering::Relaxed);
        let Ok(descriptor) = RawFd::try_from((word & 0xffff_ffff) - 1) else {
            continue;
        };
        if taken.is_ok() && put_nothing_over(descriptor).is_err() {
            // SAFETY: inherited, and whoever owns it is neither used nor dropped in a child. Where
            // the program closed it already, nothing happens.
            unsafe { rustix::io::close(descriptor) };
        }
    }
}

/// Puts `/dev/null` over a descriptor: the number stays in use, and the open file is let go.
fn put_nothing_over(descriptor: RawFd) -> io::Result<()> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let nothing = rustix::fs::open(c"/dev/null", flags, Mode::empty())?;
    // SAFETY: open, since whoever owns it has not closed it yet, and not closed here.
    let mut over = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(descriptor) });
    rustix::io::dup3(&nothing, &mut over, DupFlags::CLOEXEC)?;
    Ok(())
}

/// Forks of this process that began and that ended.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Has `fork` call what lets go of the parent's descriptors in the child.
fn watch_forks() {
    static WATCHING: AtomicBool = AtomicBool::new(false);
    extern "C" fn before() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
    }
    extern "C" fn after_in_parent() {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
    extern "C" fn after_in_child() {
        ENDED.store(BEGUN.load(Ordering::SeqCst), Ordering::SeqCst);
        let process = Process::current();
        let_go_inherited(process.generation);
    }
    // Of two threads both may say so: the handlers do no harm twice.
    if !WATCHING.load(Ordering::Acquire) {
        // SAFETY: the handlers are functions of this library, and call only what a signal handler
        // may.
        let watched = unsafe {
            libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child))
        };
        WATCHING.store(watched == 0, Ordering::Release);
    }
}

/// The forks that began by some moment.
pub(crate) struct Forks(u64);

impl Forks {
    /// The forks by now, when none is under way; one that takes a second is not waited for.
    pub(crate) fn by_now() -> Self {
        watch_forks();
        let mut tries = 0;
        loop {
            // In this order: what is equal was equal in between.
            let ended = ENDED.load(Ordering::SeqCst);
            let begun = BEGUN.load(Ordering::SeqCst);
            if begun == ended || tries == 1_000 {
                return Forks(begun);
            }
            std::thread::sleep(Duration::from_millis(1));
            tries += 1;
        }
    }

    /// Whether none began since. A descriptor that was opened and watched meanwhile is in no child
    /// unwatched.
    pub(crate) fn none_since(&self) -> bool {
        BEGUN.load(Ordering::SeqCst) == self.0
    }
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

    #[test]
    fn a_value_is_made_once_in_a_process_and_dropped_with_its_place() {
        let value = Arc::new(());
        let place = ForkLocal::new();
        assert!(place.get().is_none());
        let failed: Result<&Arc<()>, i32> = place.get_or_try_make(|| Err(1));
        assert_eq!(failed, Err(1));
        place.get_or_make(|| Arc::clone(&value));
        place.get_or_make(|| unreachable!("it is there"));
        assert_eq!(Arc::strong_count(&value), 2);
        drop(place);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn what_another_process_made_is_neither_used_nor_dropped() {
        let value = Arc::new(());
        let current = Process::current();
        let another = Process {
            generation: current.generation + 1,
            ..current
        };
        let made = Box::into_raw(Box::new(Made {
            by: another,
            value: Arc::clone(&value),
        }));
        let place = ForkLocal {
            made: AtomicPtr::new(made),
        };
        assert!(place.get().is_none());
        let own = Arc::new(());
        place.get_or_make(|| Arc::clone(&own));
        drop(place);
        assert_eq!(Arc::strong_count(&own), 1);
        assert_eq!(Arc::strong_count(&value), 2);
    }

    #[test]
    fn a_value_that_is_replaced_under_its_readers_is_dropped_once() {
        let place = Replaceable::new();
        let values: Vec<Arc<usize>> = (0..100).map(Arc::new).collect();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while place.get().is_none_or(|value| *value < 99) {
                        std::thread::yield_now();
                    }
                });
            }
            for value in &values {
                place.set(Some(Arc::clone(value)));
            }
        });
        assert_eq!(Arc::strong_count(&values[0]), 1);
        assert_eq!(Arc::strong_count(&values[99]), 2);
        place.set(None);
        assert!(place.get().is_none());
        assert_eq!(Arc::strong_count(&values[99]), 1);
    }

    #[test]
    fn a_descriptor_that_is_no_longer_watched_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "text").unwrap();
        let file = File::open(&path).unwrap();
        let watch = Watch::new(&file);
        let place = watch.place;
        assert_eq!(file.metadata().unwrap().len(), 4);
        drop(watch);
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert_eq!(place.word.load(Ordering::Relaxed) & 0xffff_ffff, 0);
    }
}
