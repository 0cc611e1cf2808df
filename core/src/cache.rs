//! Keys in memory: a bounded table of records under one position.
//!
//! A table of our own, because every library that was measured writes a word that the threads share
//! on each read, and is slower with two threads than with one; a read of this one writes nothing.
//! It is set-associative: an id belongs to one set of sixteen cells, or to a second one where the
//! first is full, and a byte of its hash stands for it in the set's tags. The tags lie together,
//! apart from the cells, so that they stay near the processor however many keys there are. A cell
//! is fifteen words under a sequence lock: whoever reads it twice the same way has read all of it.
//! Only the holder of the mutex writes cells.
//!
//! A cell holds the text of the token outside its secret as it was read once, so that a token that
//! is met again is compared, and neither decoded nor summed.
//!
//! The cache as a whole has one *position*: what the header of the file showed ([`Seen`]), and the
//! sequence of the log, that it is up to date with. A cell is only ever believed under a position
//! that equals what the header shows now. The cache knows nothing of the file or of policy: it
//! stores what it is given and drops what it is told.

use crate::class::Owner;
use crate::digest::{Digest, Presented};
use crate::header::{Seen, prefer_large_pages};
use crate::id::{IdText, KeyId, ProjectId};
use crate::mutant::{self, Mutant};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, fence, zeroed};

/// Cells of a set; their tags are two words. The model check has fewer interleavings of fewer words.
const WAYS: usize = if cfg!(keyfob_loom) { 8 } else { 16 };
/// Sets that a key may be in.
const CHOICES: usize = if cfg!(keyfob_loom) { 1 } else { 2 };
/// Words of a set's tags, a byte each.
const TAG_WORDS: usize = WAYS / 8;
/// Words of a cell.
const WORDS: usize = 15;
/// A cache of so many bytes is had in large pages. A smaller one is not, since a few keys in it would
/// take a large page each.
const LARGE_CACHE: usize = 32 * 1024 * 1024;
/// A key that was used twice is kept before others until it was not used for so many seconds.
const PROVEN_SECONDS: u32 = 600;
/// Counters of changes of projects. The first is that of keys without one, and never moves; two
/// projects that share a counter only cause reads of the file.
const PROJECTS: usize = if cfg!(keyfob_loom) { 2 } else { 4 * 1024 };

/// What a cell holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key_id: KeyId,
    pub(crate) generation: u32,
    pub(crate) digest: Digest,
    /// The last six characters of the token.
    pub(crate) checksum: [u8; 6],
    pub(crate) revoked: bool,
    pub(crate) disabled: bool,
    /// Whether it is the secret before the last rotation.
    pub(crate) previous: bool,
    /// `i64::MAX` where it never expires.
    pub(crate) expires_at: i64,
    pub(crate) class: u32,
    /// The project whose changes make the entry void.
    pub(crate) project: Option<ProjectId>,
    pub(crate) owner: Owner,
}

/// There is no cell to put anything into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Full;

/// A use that a cell counted and gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Used {
    pub(crate) key_id: KeyId,
    pub(crate) generation: u32,
    pub(crate) at: i64,
    pub(crate) uses: u64,
}

mod word {
    //! Which word of a cell holds what.
    pub(super) const LOCK: usize = 0; // sequence lock (low 32), class (high 32)
    pub(super) const ID: usize = 1; // to 3: the characters from 0, 8 and 14 on
    pub(super) const CHECKSUM: usize = 4; // 48 bits, then flags
    pub(super) const DIGEST: usize = 5; // to 8
    pub(super) const EXPIRES: usize = 9;
    pub(super) const GENERATION: usize = 10; // generation (low), change of the project (high)
    pub(super) const OWNER: usize = 11; // to 13
    pub(super) const MARK: usize = 14;
}

mod flag {
    //! Some of the sixteen bits above the checksum; the upper twelve number the project's counter.
    pub(super) const REVOKED: u16 = 1;
    pub(super) const DISABLED: u16 = 2;
    pub(super) const PREVIOUS: u16 = 4;
    pub(super) const PROJECT_SHIFT: u32 = 4;
}

/// When a cell was last used, how often, and of which filling of the cell that is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    at: u32,
    /// The low bits of the sequence lock: a mark for a cell that was filled anew is not taken.
    filling: u16,
    /// Used since it was filled.
    proven: bool,
    uses: u16,
}

impl Mark {
    const MOST_USES: u16 = u16::MAX >> 1;
    const PROVEN: u64 = 1 << 15;

    fn to_word(self) -> u64 {
        u64::from(self.at) << 32
            | u64::from(self.filling) << 16
            | u64::from(self.proven) << 15
            | u64::from(self.uses.min(Self::MOST_USES))
    }

    fn from_word(word: u64) -> Self {
        let uses = short(word);
        Mark {
            at: high(word),
            filling: short(word >> 16),
            proven: uses > Self::MOST_USES,
            uses: uses & Self::MOST_USES,
        }
    }
}

/// The low half of a word.
fn low(word: u64) -> u32 {
    u32::try_from(word & 0xffff_ffff).unwrap_or(0)
}

/// The high half of a word.
fn high(word: u64) -> u32 {
    low(word >> 32)
}

/// The lowest sixteen bits of a word.
fn short(word: u64) -> u16 {
    u16::try_from(word & 0xffff).unwrap_or(0)
}

/// The low 48 bits of a word hold a checksum.
#[inline]
fn checksum_word(checksum: [u8; 6]) -> u64 {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&checksum);
    u64::from_be_bytes(bytes)
}

const CHECKSUM_BITS: u64 = (1 << 48) - 1;

type Cell = [AtomicU64; WORDS];

/// The tags of a set, a byte for each cell; zero where it is empty.
type Tags = [AtomicU64; TAG_WORDS];

/// A key in the cache takes so many bytes: its cell and its tag.
const BYTES_PER_KEY: usize = size_of::<Cell>() + 1;

/// For the model check, whose words are larger than words.
#[cfg(keyfob_loom)]
pub(crate) const SET_BYTES: usize = BYTES_PER_KEY * WAYS;

/// A set of the table: which one, its tags and its cells.
#[derive(Clone, Copy)]
struct Set<'a> {
    tags: &'a Tags,
    cells: &'a [Cell; WAYS],
}

/// What was found of a token: the cell of its key and its secret, as far as the text tells.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    cache: &'a Cache,
    cell: &'a Cell,
    lock: u64,
    version: u64,
    checksum: u64,
    mark: i64,
}

/// What a cell says, once it is known to have been read whole and to stand for the position.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    cell: &'a Cell,
    flags: u16,
    pub(crate) generation: u32,
    /// `i64::MAX` where it never expires.
    pub(crate) expires_at: i64,
    pub(crate) owner: Owner,
    /// The store's mark at the position.
    pub(crate) mark: i64,
    used: u64,
}

/// What the cache is up to date with; written by the holder of the mutex, under a sequence lock of
/// its own.
///
/// On a line of its own: who changes what lies beside it does not take it from those who read.
#[repr(align(64))]
struct Position {
    version: AtomicU64,
    ids: [AtomicU64; 2],
    state: AtomicU64,
    /// The store's mark, as of this position.
    mark: AtomicU64,
    /// Whether the store holds imported keys, as of this position.
    imported: AtomicU64,
}

/// The sequence of the log that the cells stand for, and the hash of its event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Through {
    pub(crate) sequence: u64,
    pub(crate) hash: [u8; 32],
}

/// The cache of one open store.
pub(crate) struct Cache {
    position: Position,
    tags: Box<[Tags]>,
    cells: Box<[Cell]>,
    projects: Box<[[AtomicU64; 1]]>,
    /// Whether any cell was marked since the marks were collected.
    marked: AtomicU64,
    through: Mutex<Option<Through>>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

/// The right to change the cache: the one mutex, held.
pub(crate) struct Changing<'a> {
    cache: &'a Cache,
    through: MutexGuard<'a, Option<Through>>,
}

/// Which sets a key may be in, and its tag there, by the last characters of its id as text: they
/// are random, and known without reading the id.
#[inline]
fn places(tail: u64, sets: usize) -> ([usize; CHOICES], u8) {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let hash = tail.wrapping_mul(ODD);
    let hash = (hash ^ hash >> 32).wrapping_mul(ODD);
    let set = |hash: u64| {
        let set = (u128::from(hash) * sets as u128) >> 64;
        usize::try_from(set).unwrap_or(0)
    };
    let [tag, ..] = hash.to_le_bytes();
    let both = [set(hash), set(hash.rotate_left(32))];
    (std::array::from_fn(|at| both[at]), tag.max(1))
}

/// A bit for each byte of the word that equals the tag, at the byte's highest place. May have one
/// too many above a true one; the id decides.
#[inline]
fn equal_bytes(word: u64, tag: u8) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let differs = word ^ (ONES * u64::from(tag));
    differs.wrapping_sub(ONES) & !differs & HIGHS
}

impl Cache {
    /// A cache of at most so many bytes; none holds nothing.
    pub(crate) fn new(bytes: usize) -> Self {
        let sets = bytes / (BYTES_PER_KEY * WAYS);
        // Zeroed by the system, which gives the memory page by page as it is used.
        let cells = zeroed(sets * WAYS);
        if bytes >= LARGE_CACHE {
            prefer_large_pages(&cells);
        }
        Cache {
            position: Position {
                version: AtomicU64::new(0),
                ids: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
                state: AtomicU64::new(u64::MAX),
                mark: AtomicU64::new(0),
                imported: AtomicU64::new(1),
            },
            tags: zeroed(sets),
            cells,
            projects: zeroed(PROJECTS),
            marked: AtomicU64::new(0),
            through: Mutex::new(None),
        }
    }

    #[inline]
    fn set(&self, at: usize) -> Option<Set<'_>> {
        Some(Set {
            tags: self.tags.get(at)?,
            cells: self.cells.as_chunks().0.get(at)?,
        })
    }

    fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let all = self.tags.iter().zip(self.cells.as_chunks().0);
        all.flat_map(|(tags, cells)| Set { tags, cells }.places())
    }

    /// The version of the position, if the cache is up to date with what the header shows.
    #[inline]
    fn version_at(&self, seen: Seen) -> Option<u64> {
        let position = &self.position;
        let version = position.version.load(Ordering::Acquire);
        let is_there = position.ids[0].load(Ordering::Relaxed) == seen.ids[0]
            && position.ids[1].load(Ordering::Relaxed) == seen.ids[1]
            && position.state.load(Ordering::Relaxed) == u64::from(seen.state);
        let is_there = is_there || mutant::is(Mutant::HeaderSkipped);
        (is_there && version & 1 == 0).then_some(version)
    }

    /// Whether it is known that the store holds no imported key, so that a string of another shape
    /// than a token's is none of its own. Any thread; takes no lock.
    #[inline]
    pub(crate) fn has_no_imported(&self, seen: Seen) -> bool {
        let Some(version) = self.version_at(seen) else {
            return false;
        };
        let imported = self.position.imported.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        imported == 0 && self.position.version.load(Ordering::Relaxed) == version
    }

    /// The cell of a token by its id and checksum, if the cache is up to date with what the header
    /// shows. Any thread; takes no lock. The secret, what precedes the id, and whether the cell
    /// was read whole are for the caller to ask.
    #[inline]
    pub(crate) fn find(
        &self,
        seen: Seen,
        IdText(id): IdText,
        checksum: [u8; 6],
    ) -> Option<Found<'_>> {
        let version = self.version_at(seen)?;
        let mark = self.position.mark.load(Ordering::Relaxed).cast_signed();
        let checksum = checksum_word(checksum);
        let (sets, tag) = places(id[2], self.tags.len());
        for set in sets {
            let set = self.set(set)?;
            for (tags, cells) in set.tags.iter().zip(set.cells.as_chunks::<8>().0) {
                let mut ways = equal_bytes(tags.load(Ordering::Relaxed), tag);
                while ways != 0 {
                    let way = usize::try_from(ways.trailing_zeros() / 8).unwrap_or(0);
                    ways &= ways - 1;
                    let cell = cells.get(way)?;
                    let lock = cell[word::LOCK].load(Ordering::Acquire);
                    let with_flags = cell[word::CHECKSUM].load(Ordering::Relaxed);
                    let [first, second, last] = load_id(cell);
                    // In one sum: comparing arrays would go through memory.
                    let differs = first ^ id[0]
                        | second ^ id[1]
                        | last ^ id[2]
                        | (with_flags ^ checksum) & CHECKSUM_BITS;
                    if differs == 0 {
                        return Some(Found {
                            cache: self,
                            cell,
                            lock,
                            version,
                            checksum: with_flags,
                            mark,
                        });
                    }
                }
            }
        }
        None
    }

    /// Marks a cell as used: at most one store a second for each key, and none where the cell was
    /// filled anew meanwhile.
    #[allow(clippy::inline_always)] // a look at what was loaded with the cell
    #[inline(always)]
    pub(crate) fn mark(&self, held: &Held<'_>, at: u32) {
        if held.used & Mark::PROVEN == 0 || high(held.used) < at {
            self.mark_anew(held.cell, held.used, at);
        }
    }

    #[inline(never)]
    fn mark_anew(&self, cell: &Cell, used: u64, at: u32) {
        let mark = Mark::from_word(used);
        let next = Mark {
            at: mark.at.max(at),
            proven: true,
            uses: mark.uses.saturating_add(1),
            ..mark
        };
        // A race with another thread in the same second loses one of two equal marks.
        let _ = cell[word::MARK].compare_exchange(
            used,
            next.to_word(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if self.marked.load(Ordering::Relaxed) == 0 {
            self.marked.store(1, Ordering::Relaxed);
        }
    }

    /// The right to change the cache. Held while it catches up with the file, by whoever found that
    /// it was behind; who finds it up to date does not need it.
    pub(crate) fn changing(&self) -> Changing<'_> {
        Changing {
            cache: self,
            through: self.through.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// The number of the counter of a project's changes.
fn project_counter(project: Option<ProjectId>) -> u16 {
    const MOST: u16 = if cfg!(keyfob_loom) { 1 } else { 4 * 1024 - 1 };
    const _: () = assert!(MOST as usize + 1 == PROJECTS && MOST >> (16 - flag::PROJECT_SHIFT) == 0);
    project.map_or(0, |project| {
        let [.., a, b] = *project.as_bytes();
        1 + u16::from_be_bytes([a, b]) % MOST
    })
}

impl Changing<'_> {
    /// Through which event the cells are up to date; none before the first position, and after all
    /// was dropped without one.
    pub(crate) fn through(&self) -> Option<Through> {
        *self.through
    }

    /// The sets that a key may be in, and its tag.
    fn sets_of(&self, id: IdText) -> (impl Iterator<Item = Set<'_>> + Clone, u8) {
        let (sets, tag) = places(id.0[2], self.cache.tags.len());
        let sets = sets.into_iter().filter_map(|set| self.cache.set(set));
        (sets, tag)
    }

    /// The cells in use of a key.
    fn cells_of(&self, id: IdText) -> impl Iterator<Item = Place<'_>> {
        let (sets, tag) = self.sets_of(id);
        sets.flat_map(move |set| set.places().filter(move |place| place.tag() == tag))
            .filter(move |place| load_id(place.cell) == id.0)
    }

    /// Puts an entry in, in place of what its sets can spare best, and counts a use of it where it
    /// was used. What the cell that makes room counted is answered, if there was one; nothing is put
    /// into a cache without cells, and then `Err` is answered.
    pub(crate) fn insert(
        &mut self,
        entry: &Entry,
        at: u32,
        used: bool,
    ) -> Result<Option<Used>, Full> {
        let uses = u16::from(used);
        let id = IdText::from(entry.key_id);
        let own = self
            .cells_of(id)
            .find(|place| generation_of(place.cell) == entry.generation);
        let (sets, tag) = self.sets_of(id);
        let empty = || sets.clone().flat_map(Set::places).find(|p| p.tag() == 0);
        let place = own
            .or_else(empty)
            .or_else(|| spare(sets.clone().flat_map(Set::places), at))
            .ok_or(Full)?;
        let made_room = place.collect();
        place.set_tag(0);
        let counter = project_counter(entry.project);
        let [change] = self.cache.projects.get(usize::from(counter)).ok_or(Full)?;
        let words = entry.words(id.0, counter, low(change.load(Ordering::Relaxed)));
        write_cell(place.cell, words, at, uses);
        place.set_tag(tag);
        self.cache.marked.store(1, Ordering::Relaxed);
        Ok(made_room)
    }

    /// Drops every cell of a key.
    pub(crate) fn drop_key(&mut self, key_id: KeyId, used: &mut Vec<Used>) {
        for place in self.cells_of(key_id.into()) {
            used.extend(place.empty());
        }
    }

    /// Makes void every cell of a project.
    pub(crate) fn drop_project(&mut self, project: ProjectId) {
        let counter = usize::from(project_counter(Some(project)));
        if let Some([change]) = self.cache.projects.get(counter) {
            change.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, used: &mut Vec<Used>) {
        *self.through = None;
        used.extend(self.cache.places().filter_map(|place| place.empty()));
    }

    /// Says what the cells are up to date with from now on. Whatever was dropped is seen to be
    /// dropped by whoever sees this.
    pub(crate) fn publish(&mut self, seen: Seen, through: Through, mark: i64, imported: bool) {
        let position = &self.cache.position;
        let version = position.version.load(Ordering::Relaxed);
        if !mutant::is(Mutant::PositionUnlocked) {
            position
                .version
                .store(version.wrapping_add(1), Ordering::Relaxed);
        }
        fence(Ordering::Release);
        for (word, id) in position.ids.iter().zip(seen.ids) {
            word.store(id, Ordering::Relaxed);
        }
        position
            .state
            .store(u64::from(seen.state), Ordering::Relaxed);
        position.mark.store(mark.cast_unsigned(), Ordering::Relaxed);
        position
            .imported
            .store(u64::from(imported), Ordering::Relaxed);
        position
            .version
            .store(version.wrapping_add(2), Ordering::Release);
        *self.through = Some(through);
    }

    /// What the cells of one key counted since it was taken.
    pub(crate) fn counted_of(&self, key_id: KeyId) -> impl Iterator<Item = Used> {
        self.cells_of(key_id.into())
            .filter_map(|place| place.counted().map(|(used, _)| used))
    }

    /// Takes what the cells counted since the last time, from a set on, until it is so much or a
    /// few more. The second answer is from which set on there may be more.
    pub(crate) fn collect(&mut self, from: usize, most: usize) -> (Vec<Used>, Option<usize>) {
        let mut used = Vec::new();
        if from == 0 && self.cache.marked.swap(0, Ordering::Relaxed) == 0 {
            return (used, None);
        }
        for at in from.. {
            let Some(set) = self.cache.set(at) else { break };
            if used.len() >= most {
                // For whoever begins anew, if nobody goes on here.
                self.cache.marked.store(1, Ordering::Relaxed);
                return (used, Some(at));
            }
            used.extend(set.places().filter_map(|place| place.collect()));
        }
        (used, None)
    }
}

impl<'a> Set<'a> {
    fn places(self) -> impl Iterator<Item = Place<'a>> {
        let cells = self.cells.iter().enumerate();
        cells.map(move |(way, cell)| Place {
            tags: self.tags,
            way,
            cell,
        })
    }
}

/// A cell, and where its tag stands. What it does is for the holder of the mutex.
#[derive(Clone, Copy)]
struct Place<'a> {
    tags: &'a Tags,
    way: usize,
    cell: &'a Cell,
}

impl Place<'_> {
    fn tag(&self) -> u8 {
        let word = self.tags[self.way / 8].load(Ordering::Relaxed);
        word.to_le_bytes()[self.way % 8]
    }

    fn set_tag(&self, tag: u8) {
        let word = &self.tags[self.way / 8];
        let mut tags = word.load(Ordering::Relaxed).to_le_bytes();
        tags[self.way % 8] = tag;
        word.store(u64::from_le_bytes(tags), Ordering::Relaxed);
    }

    /// Empties the cell, and answers what it counted.
    fn empty(&self) -> Option<Used> {
        if self.tag() == 0 {
            return None;
        }
        let used = self.collect();
        self.set_tag(0);
        write_cell(self.cell, [0; WORDS], 0, 0);
        used
    }

    /// Takes what the cell counted. It stays what it is meanwhile, since the mutex is held; a mark
    /// that is set meanwhile is taken the next time.
    fn collect(&self) -> Option<Used> {
        loop {
            let (used, was) = self.counted()?;
            let mark = Mark::from_word(was);
            let none = Mark { uses: 0, ..mark }.to_word();
            let taken = self.cell[word::MARK].compare_exchange(
                was,
                none,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                return Some(used);
            }
        }
    }

    /// What the cell counted, and the word of its mark.
    fn counted(&self) -> Option<(Used, u64)> {
        if self.tag() == 0 {
            return None;
        }
        let word = self.cell[word::MARK].load(Ordering::Relaxed);
        let mark = Mark::from_word(word);
        let used = Used {
            key_id: IdText(load_id(self.cell)).id(),
            generation: generation_of(self.cell),
            at: i64::from(mark.at),
            uses: u64::from(mark.uses),
        };
        (mark.uses > 0).then_some((used, word))
    }
}

#[inline]
fn load_id(cell: &Cell) -> [u64; 3] {
    let load = |at: usize| cell[at].load(Ordering::Relaxed);
    [load(word::ID), load(word::ID + 1), load(word::ID + 2)]
}

fn generation_of(cell: &Cell) -> u32 {
    low(cell[word::GENERATION].load(Ordering::Relaxed))
}

/// The cell that can be spared best of those in use: one that was used once, or the one that was
/// not used for longest. So keys that are used once drive out each other, and not those that are
/// used again and again.
fn spare<'a>(places: impl Iterator<Item = Place<'a>>, at: u32) -> Option<Place<'a>> {
    places.min_by_key(|place| {
        let mark = Mark::from_word(place.cell[word::MARK].load(Ordering::Relaxed));
        let kept = mark.proven && at.saturating_sub(mark.at) < PROVEN_SECONDS;
        (kept, mark.at)
    })
}

impl Entry {
    fn words(&self, id: [u64; 3], project_counter: u16, project_change: u32) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        words[word::LOCK] = u64::from(self.class) << 32;
        words[word::ID..word::CHECKSUM].copy_from_slice(&id);
        words[word::DIGEST..word::EXPIRES].copy_from_slice(&self.digest.words());
        let flags = [
            (self.revoked, flag::REVOKED),
            (self.disabled, flag::DISABLED),
            (self.previous, flag::PREVIOUS),
        ];
        let flags = flags
            .into_iter()
            .filter(|(set, _)| *set)
            .fold(project_counter << flag::PROJECT_SHIFT, |all, (_, flag)| {
                all | flag
            });
        words[word::CHECKSUM] = checksum_word(self.checksum) | u64::from(flags) << 48;
        words[word::EXPIRES] = self.expires_at.cast_unsigned();
        words[word::GENERATION] = u64::from(self.generation) | u64::from(project_change) << 32;
        words[word::OWNER..word::MARK].copy_from_slice(&self.owner.0);
        words
    }
}

/// Writes a cell under its sequence lock; only the holder of the mutex calls it.
fn write_cell(cell: &Cell, mut words: [u64; WORDS], at: u32, uses: u16) {
    let lock = low(cell[word::LOCK].load(Ordering::Relaxed));
    let writing = u64::from(lock.wrapping_add(1));
    let written = u64::from(lock.wrapping_add(2)) | words[word::LOCK] & !0xffff_ffff;
    cell[word::LOCK].store(writing, Ordering::Relaxed);
    fence(Ordering::Release);
    words[word::MARK] = Mark {
        at,
        filling: short(written),
        proven: false,
        uses,
    }
    .to_word();
    for (word, value) in cell.iter().zip(words).skip(1) {
        word.store(value, Ordering::Relaxed);
    }
    cell[word::LOCK].store(written, Ordering::Release);
}

impl<'a> Found<'a> {
    /// The class that the cell names.
    #[inline]
    pub(crate) fn class(&self) -> u32 {
        high(self.lock)
    }

    /// Whether the secret is the one that the cell was filled with, in a time that does not tell
    /// where it differs.
    #[inline]
    pub(crate) fn is_secret(&self, presented: Presented) -> bool {
        let load = |at: usize| self.cell[word::DIGEST + at].load(Ordering::Relaxed);
        presented.is([load(0), load(1), load(2), load(3)])
    }

    /// What the cell says, if all that was looked at of it so far belongs together and stands for
    /// the position: nothing moved meanwhile, and its project did not change since it was filled.
    /// To be asked last.
    #[allow(clippy::inline_always)] // what it loads stays in registers
    #[inline(always)]
    pub(crate) fn hold(self) -> Option<Held<'a>> {
        let cell = self.cell;
        let load = |at: usize| cell[at].load(Ordering::Relaxed);
        let generation = load(word::GENERATION);
        let held = Held {
            cell,
            flags: short(self.checksum >> 48),
            generation: low(generation),
            expires_at: load(word::EXPIRES).cast_signed(),
            owner: Owner([
                load(word::OWNER),
                load(word::OWNER + 1),
                load(word::OWNER + 2),
            ]),
            mark: self.mark,
            used: load(word::MARK),
        };
        let counter = usize::from(held.flags >> flag::PROJECT_SHIFT);
        let [change] = self.cache.projects.get(counter)?;
        let change = change.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let is_whole = self.lock & 1 == 0 && load(word::LOCK) == self.lock
            || mutant::is(Mutant::SecondLookSkipped);
        let stands = self.cache.position.version.load(Ordering::Relaxed) == self.version
            || mutant::is(Mutant::HoldSkipped);
        (is_whole && stands && low(change) == high(generation)).then_some(held)
    }
}

impl Held<'_> {
    #[inline]
    fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    #[inline]
    pub(crate) fn is_revoked(&self) -> bool {
        self.has(flag::REVOKED)
    }

    #[inline]
    pub(crate) fn is_disabled(&self) -> bool {
        self.has(flag::DISABLED)
    }

    #[inline]
    pub(crate) fn is_previous(&self) -> bool {
        self.has(flag::PREVIOUS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Random at its end, as ids are.
    fn id(number: u64) -> KeyId {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&crate::digest::sha256(&[&number.to_be_bytes()])[..16]);
        KeyId::from_bytes(bytes)
    }

    fn entry(number: u64) -> Entry {
        Entry {
            key_id: id(number),
            generation: 1,
            digest: Digest::of_secret(&[b'a'; 43]),
            checksum: *b"abcdef",
            revoked: false,
            disabled: false,
            previous: false,
            expires_at: i64::MAX,
            class: 7,
            project: None,
            owner: Owner::default(),
        }
    }

    const HERE: Seen = Seen {
        ids: [4, 5],
        state: 1,
    };
    const THROUGH: Through = Through {
        sequence: 3,
        hash: [9; 32],
    };

    /// Both sets of a key are one where there is one.
    fn cache(sets: usize) -> Cache {
        let cache = Cache::new(sets * WAYS * BYTES_PER_KEY);
        cache.changing().publish(HERE, THROUGH, 50, false);
        cache
    }

    const CHECKSUM: [u8; 6] = *b"abcdef";

    fn cell(cache: &Cache, seen: Seen, key_id: KeyId) -> Option<Held<'_>> {
        cell_of(cache, seen, key_id, CHECKSUM)
    }

    fn cell_of(cache: &Cache, seen: Seen, key_id: KeyId, checksum: [u8; 6]) -> Option<Held<'_>> {
        cache.find(seen, key_id.into(), checksum)?.hold()
    }

    fn collected(cache: &Cache) -> Vec<Used> {
        cache.changing().collect(0, usize::MAX).0
    }

    fn is_there(cache: &Cache, number: u64) -> bool {
        cell(cache, HERE, id(number)).is_some()
    }

    #[test]
    fn a_key_in_the_cache_takes_at_most_128_bytes() {
        assert_eq!(BYTES_PER_KEY, 121);
        // As many keys as fit at 128 bytes each: few are driven out by another of the same set.
        let keys = 100_000;
        let cache = cache(keys * 128 / (WAYS * BYTES_PER_KEY));
        for number in 0..keys as u64 {
            cache.changing().insert(&entry(number), 100, true).unwrap();
        }
        let kept = (0..keys as u64).filter(|n| is_there(&cache, *n)).count();
        assert!(kept > keys * 96 / 100, "{kept} of {keys}");
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            generation: u32, checksum: [u8; 6], bits: [bool; 3], expires_at: i64, class: u32,
            owner: [u64; 3], secret: [u8; 32], project: Option<[u8; 16]>,
        ) {
            let mut characters = [b'x'; 43];
            characters[..32].copy_from_slice(&secret);
            let [revoked, disabled, previous] = bits;
            let entry = Entry {
                key_id: id(1), generation, digest: Digest::of_secret(&characters), checksum,
                revoked, disabled, previous, expires_at, class,
                project: project.map(ProjectId::from_bytes), owner: Owner(owner),
            };
            let cache = cache(2);
            cache.changing().insert(&entry, 100, true).unwrap();
            let found = cache.find(HERE, id(1).into(), checksum).unwrap();
            prop_assert!(found.is_secret(Presented::of_secret(&characters)));
            characters[42] ^= 1;
            prop_assert!(!found.is_secret(Presented::of_secret(&characters)));
            prop_assert_eq!(found.class(), class);
            let held = found.hold().unwrap();
            prop_assert_eq!(held.mark, 50);
            let mut other = checksum;
            other[5] ^= 1;
            prop_assert!(cache.find(HERE, id(1).into(), other).is_none());
            prop_assert_eq!(held.generation, generation);
            prop_assert_eq!(held.expires_at, expires_at);
            prop_assert_eq!(held.owner, Owner(owner));
            let got = [held.is_revoked(), held.is_disabled(), held.is_previous()];
            prop_assert_eq!(got, bits);
        }

        #[test]
        fn a_mark_reads_back(at: u32, filling: u16, proven: bool, uses in 0..=Mark::MOST_USES) {
            let mark = Mark { at, filling, proven, uses };
            prop_assert_eq!(Mark::from_word(mark.to_word()), mark);
        }

        #[test]
        fn every_byte_that_equals_the_tag_is_a_candidate(word: [u8; 8], tag: u8) {
            let found = equal_bytes(u64::from_le_bytes(word), tag);
            for (at, byte) in word.iter().enumerate() {
                if *byte == tag {
                    prop_assert!(found >> (at * 8 + 7) & 1 == 1);
                }
            }
        }
    }

    #[test]
    fn a_cell_is_believed_only_where_the_header_shows_the_position() {
        let cache = cache(2);
        cache.changing().insert(&entry(1), 100, true).unwrap();
        assert!(is_there(&cache, 1));
        for other in [
            Seen {
                ids: [4, 6],
                ..HERE
            },
            Seen {
                ids: [3, 5],
                ..HERE
            },
            Seen { state: 9, ..HERE },
        ] {
            assert!(cell(&cache, other, id(1)).is_none(), "{other:?}");
        }
        // The same header again after another one is up to date again.
        let next = Seen {
            ids: [6, 5],
            state: 0,
        };
        cache.changing().publish(next, THROUGH, 60, false);
        assert!(!is_there(&cache, 1));
        assert_eq!(cell(&cache, next, id(1)).unwrap().mark, 60);
    }

    #[test]
    fn a_new_cache_believes_nothing() {
        let cache = Cache::new(1 << 20);
        assert!(cache.changing().through().is_none());
        cache.changing().insert(&entry(1), 100, true).unwrap();
        assert!(cell(&cache, Seen::default(), id(1)).is_none());
        assert!(!is_there(&cache, 1));
    }

    #[test]
    fn a_cache_of_no_bytes_holds_nothing() {
        let cache = Cache::new(0);
        cache.changing().publish(HERE, THROUGH, 0, false);
        assert_eq!(cache.changing().insert(&entry(1), 100, true), Err(Full));
        assert!(!is_there(&cache, 1));
    }

    #[test]
    fn both_secrets_of_a_key_are_dropped_together_and_no_other() {
        let cache = cache(1);
        let old = entry(1);
        let mut new = old;
        (new.generation, new.checksum) = (2, *b"ghijkl");
        for one in [old, new, entry(2)] {
            cache.changing().insert(&one, 100, true).unwrap();
        }
        let generations =
            [old, new].map(|one| Some(cell_of(&cache, HERE, id(1), one.checksum)?.generation));
        assert_eq!(generations, [Some(1), Some(2)]);
        cache.changing().drop_key(id(1), &mut Vec::new());
        for one in [old, new] {
            assert!(cell_of(&cache, HERE, id(1), one.checksum).is_none());
        }
        assert!(is_there(&cache, 2));
    }

    #[test]
    fn a_change_of_a_project_makes_its_keys_void_and_a_filling_after_it_is_good() {
        let cache = cache(1);
        let (one, two) = (
            ProjectId::from_bytes([1; 16]),
            ProjectId::from_bytes([2; 16]),
        );
        let of = |number, project| Entry {
            project: Some(project),
            ..entry(number)
        };
        for one in [of(1, one), of(2, two), entry(3)] {
            cache.changing().insert(&one, 100, true).unwrap();
        }
        cache.changing().drop_project(one);
        assert_eq!([1, 2, 3].map(|n| is_there(&cache, n)), [false, true, true]);
        cache.changing().insert(&of(1, one), 100, true).unwrap();
        assert!(is_there(&cache, 1));
    }

    #[test]
    fn keys_that_are_used_once_do_not_drive_out_those_that_are_used_again() {
        let cache = cache(4);
        let hot = 0..30;
        for number in hot.clone() {
            cache.changing().insert(&entry(number), 100, true).unwrap();
        }
        for number in hot.clone() {
            if let Some(held) = cell(&cache, HERE, id(number)) {
                cache.mark(&held, 101);
            }
        }
        let before = hot.clone().filter(|n| is_there(&cache, *n)).count();
        for number in 1_000..11_000 {
            cache.changing().insert(&entry(number), 102, true).unwrap();
        }
        let after = hot.clone().filter(|n| is_there(&cache, *n)).count();
        assert_eq!(before, after);
        // Not used for longer, they make room.
        for number in 20_000..30_000 {
            cache
                .changing()
                .insert(&entry(number), 102 + PROVEN_SECONDS, true)
                .unwrap();
        }
        assert_eq!(hot.clone().filter(|n| is_there(&cache, *n)).count(), 0);
    }

    #[test]
    fn every_use_is_collected_once_also_from_a_cell_that_made_room() {
        let cache = cache(1);
        cache.changing().insert(&entry(1), 100, true).unwrap();
        let held = || cell(&cache, HERE, id(1)).unwrap();
        cache.mark(&held(), 101);
        cache.mark(&held(), 101);
        cache.mark(&held(), 105);
        let used = |at, uses| Used {
            key_id: id(1),
            generation: 1,
            at,
            uses,
        };
        // Once a second at most, the filling included.
        assert_eq!(collected(&cache), [used(105, 3)]);
        assert_eq!(collected(&cache), []);
        cache.mark(&held(), 106);
        let mut made_room = Vec::new();
        for number in 2..100 {
            made_room.extend(cache.changing().insert(&entry(number), 800, true).unwrap());
        }
        assert!(made_room.contains(&used(106, 1)));
        let mut dropped = Vec::new();
        cache.changing().clear(&mut dropped);
        assert_eq!(dropped.len() + made_room.len(), 99);
    }

    #[test]
    fn what_is_collected_in_parts_is_collected_once_and_asking_takes_nothing() {
        let cache = cache(64);
        for number in 0..500 {
            cache.changing().insert(&entry(number), 100, true).unwrap();
        }
        let counted = |number| -> u64 {
            let changing = cache.changing();
            changing.counted_of(id(number)).map(|used| used.uses).sum()
        };
        assert_eq!((counted(7), counted(7)), (1, 1));
        let (mut all, mut from) = (Vec::new(), Some(0));
        while let Some(at) = from {
            let (part, next) = cache.changing().collect(at, 50);
            assert!(part.len() < 50 + WAYS, "{}", part.len());
            all.extend(part.into_iter().map(|used| used.key_id));
            from = next;
        }
        assert_eq!(all.len(), 500);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 500);
        assert_eq!(counted(7), 0);
        // Where nobody goes on, the next time begins anew.
        for number in 0..500 {
            cache.mark(&cell(&cache, HERE, id(number)).unwrap(), 101);
        }
        let (part, rest) = cache.changing().collect(0, 50);
        assert!(rest.is_some());
        assert_eq!(part.len() + collected(&cache).len(), 500);
    }

    #[test]
    fn whether_there_are_imported_keys_is_known_only_at_the_position() {
        let cache = cache(1);
        assert!(cache.has_no_imported(HERE));
        assert!(!cache.has_no_imported(Seen { state: 9, ..HERE }));
        cache.changing().publish(HERE, THROUGH, 50, true);
        assert!(!cache.has_no_imported(HERE));
        assert!(!Cache::new(1 << 20).has_no_imported(Seen::NOTHING));
    }

    #[test]
    fn a_key_whose_first_set_is_full_is_kept_in_its_second() {
        let cache = cache(64);
        let first_is_zero = |number: &u64| {
            let (sets, _) = places(IdText::from(id(*number)).0[2], 64);
            sets[0] == 0 && sets[1..].iter().all(|second| *second != 0)
        };
        let keys: Vec<u64> = (0..).filter(first_is_zero).take(3 * WAYS).collect();
        for number in &keys {
            cache.changing().insert(&entry(*number), 100, true).unwrap();
        }
        assert!(keys.iter().all(|number| is_there(&cache, *number)));
        for number in &keys {
            cache.changing().drop_key(id(*number), &mut Vec::new());
        }
        assert!(!keys.iter().any(|number| is_there(&cache, *number)));
    }

    #[test]
    fn a_mark_for_a_cell_that_was_filled_anew_is_not_taken() {
        let cache = cache(1);
        cache.changing().insert(&entry(1), 100, true).unwrap();
        let held = cell(&cache, HERE, id(1)).unwrap();
        cache.changing().drop_key(id(1), &mut Vec::new());
        cache.changing().insert(&entry(2), 100, true).unwrap();
        collected(&cache);
        cache.mark(&held, 200);
        assert_eq!(collected(&cache), []);
    }
}
