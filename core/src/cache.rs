//! Keys in memory: a bounded table of records under one position.
//!
//! A table of our own, because every library that was measured writes a word that the threads share
//! on each read, and is slower with two threads than with one; a read of this one writes nothing.
//! It is set-associative: an id belongs to one set of sixteen cells, and a byte of its hash stands
//! for it in the set's tags. A cell is fourteen words under a sequence lock: whoever reads it twice
//! the same way has read all of it. Only the holder of the mutex writes cells.
//!
//! The cache as a whole has one *position*: what the header of the file showed ([`Seen`]), and the
//! sequence of the log, that it is up to date with. A cell is only ever believed under a position
//! that equals what the header shows now. The cache knows nothing of the file or of policy: it
//! stores what it is given and drops what it is told.

use crate::class::OWNER_BYTES;
use crate::digest::Digest;
use crate::header::Seen;
use crate::id::{KeyId, ProjectId};
use crate::mutant::{self, Mutant};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, fence, zeroed};

/// Cells of a set; their tags are two words.
const WAYS: usize = 16;
/// Words of a set's tags, a byte each.
const TAG_WORDS: usize = WAYS / 8;
/// Words of a cell.
const WORDS: usize = 14;
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
    /// Padded with zeros, of which no owner holds any.
    pub(crate) owner: [u8; OWNER_BYTES],
}

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
    pub(super) const ID: usize = 1; // and 2
    pub(super) const DIGEST: usize = 3; // to 6
    pub(super) const CHECKSUM: usize = 7; // 48 bits, then flags
    pub(super) const EXPIRES: usize = 8;
    pub(super) const GENERATION: usize = 9; // generation (low), change of the project (high)
    pub(super) const OWNER: usize = 10; // to 12
    pub(super) const MARK: usize = 13;
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
fn checksum_word(checksum: [u8; 6]) -> u64 {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&checksum);
    u64::from_be_bytes(bytes)
}

type Cell = [AtomicU64; WORDS];

/// A set: the words of its tags, then its cells. Plain words, so that the memory of a table can be
/// had zeroed from the system, which gives it page by page as it is used.
type Set = [AtomicU64; TAG_WORDS + WAYS * WORDS];

/// For the model check, whose words are larger than words.
#[cfg(keyfob_loom)]
pub(crate) const SET_BYTES: usize = size_of::<Set>();

#[inline]
fn cells(set: &Set) -> &[Cell] {
    set.get(TAG_WORDS..).unwrap_or_default().as_chunks().0
}

/// What was found of an id: the words of its cell, consistent among themselves.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    words: [u64; WORDS],
    set: usize,
    way: usize,
}

/// Which cell was read, and what its mark was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    set: usize,
    way: usize,
    mark: u64,
}

/// What the cache is up to date with; written by the holder of the mutex, under a sequence lock of
/// its own.
struct Position {
    version: AtomicU64,
    ids: [AtomicU64; 2],
    state: AtomicU64,
    /// The store's mark, as of this position.
    mark: AtomicU64,
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
    sets: Box<[Set]>,
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

#[inline]
fn id_words(id: &KeyId) -> [u64; 2] {
    bytemuck::must_cast(*id.as_bytes())
}

/// Which set a key belongs to, and its tag there, by the last characters of its id as text: they
/// are random, and known without reading the id.
#[inline]
fn place(id: &[u8; KeyId::TEXT_LEN], sets: usize) -> (usize, u8) {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let tail = id.last_chunk().map_or(0, |tail| u64::from_le_bytes(*tail));
    let hash = tail.wrapping_mul(ODD);
    let hash = (hash ^ hash >> 32).wrapping_mul(ODD);
    let set = (u128::from(hash) * sets as u128) >> 64;
    let [.., tag] = hash.to_be_bytes();
    (usize::try_from(set).unwrap_or(0), tag.max(1))
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
        let sets = bytes / size_of::<Set>();
        Cache {
            position: Position {
                version: AtomicU64::new(0),
                ids: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
                state: AtomicU64::new(u64::MAX),
                mark: AtomicU64::new(0),
            },
            sets: zeroed(sets),
            projects: zeroed(PROJECTS),
            marked: AtomicU64::new(0),
            through: Mutex::new(None),
        }
    }

    /// The cells that may be of a key id, if the cache is up to date with what the header shows.
    /// Any thread; takes no lock.
    #[inline]
    pub(crate) fn find(&self, seen: Seen, id: &[u8; KeyId::TEXT_LEN]) -> Option<Candidates<'_>> {
        let position = &self.position;
        let version = position.version.load(Ordering::Acquire);
        let is_there = position.ids[0].load(Ordering::Relaxed) == seen.ids[0]
            && position.ids[1].load(Ordering::Relaxed) == seen.ids[1]
            && position.state.load(Ordering::Relaxed) == u64::from(seen.state);
        let is_there = is_there || mutant::is(Mutant::HeaderSkipped);
        if !is_there || version & 1 != 0 {
            return None;
        }
        let (at, tag) = place(id, self.sets.len());
        let set = self.sets.get(at)?;
        Some(Candidates {
            cache: self,
            version,
            mark: position.mark.load(Ordering::Relaxed).cast_signed(),
            set,
            at,
            ways: [0, 1].map(|half| equal_bytes(set[half].load(Ordering::Relaxed), tag)),
        })
    }

    /// Marks a cell as used: at most one store a second for each key, and none where the cell was
    /// filled anew meanwhile.
    #[inline]
    pub(crate) fn mark(&self, place: Place, at: u32) {
        let mark = Mark::from_word(place.mark);
        if mark.proven && mark.at >= at {
            return;
        }
        let Some(cell) = self
            .sets
            .get(place.set)
            .and_then(|set| cells(set).get(place.way))
        else {
            return;
        };
        let next = Mark {
            at: mark.at.max(at),
            proven: true,
            uses: mark.uses.saturating_add(1),
            ..mark
        };
        // A race with another thread in the same second loses one of two equal marks.
        let _ = cell[word::MARK].compare_exchange(
            place.mark,
            next.to_word(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if self.marked.load(Ordering::Relaxed) == 0 {
            self.marked.store(1, Ordering::Relaxed);
        }
    }

    /// The right to change the cache. Held for moments, never while a file is waited for.
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

    /// Puts an entry in, in place of what the set can spare best, and counts a use of it where it
    /// was used. What the cell that makes room counted is answered.
    pub(crate) fn insert(&mut self, entry: &Entry, at: u32, used: bool) -> Option<Used> {
        let uses = u16::from(used);
        let id = id_words(&entry.key_id);
        let (set, tag) = place(&entry.key_id.to_text(), self.cache.sets.len());
        let set = self.cache.sets.get(set)?;
        let way = way_of(set, id, entry.generation).unwrap_or_else(|| spare(set, at));
        let cell = cells(set).get(way)?;
        let made_room = collect(cell, tag_of(set, way) != 0);
        set_tag(set, way, 0);
        let counter = project_counter(entry.project);
        let [change] = self.cache.projects.get(usize::from(counter))?;
        let words = entry.words(counter, low(change.load(Ordering::Relaxed)));
        write_cell(cell, words, at, uses);
        set_tag(set, way, tag);
        self.cache.marked.store(1, Ordering::Relaxed);
        made_room
    }

    /// Drops every cell of a key.
    pub(crate) fn drop_key(&mut self, key_id: KeyId, used: &mut Vec<Used>) {
        let id = id_words(&key_id);
        let (set, _) = place(&key_id.to_text(), self.cache.sets.len());
        let Some(set) = self.cache.sets.get(set) else {
            return;
        };
        for (way, cell) in cells(set).iter().enumerate() {
            if tag_of(set, way) != 0 && id_of(cell) == id {
                used.extend(collect(cell, true));
                set_tag(set, way, 0);
                write_cell(cell, [0; WORDS], 0, 0);
            }
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
        for set in &self.cache.sets {
            for (way, cell) in cells(set).iter().enumerate() {
                if tag_of(set, way) != 0 {
                    used.extend(collect(cell, true));
                    set_tag(set, way, 0);
                    write_cell(cell, [0; WORDS], 0, 0);
                }
            }
        }
    }

    /// Says what the cells are up to date with from now on. Whatever was dropped is seen to be
    /// dropped by whoever sees this.
    pub(crate) fn publish(&mut self, seen: Seen, through: Through, mark: i64) {
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
            .version
            .store(version.wrapping_add(2), Ordering::Release);
        *self.through = Some(through);
    }

    /// Takes what the cells of one key counted.
    pub(crate) fn collect_of(&mut self, key_id: KeyId) -> Vec<Used> {
        let id = id_words(&key_id);
        let (set, _) = place(&key_id.to_text(), self.cache.sets.len());
        let cells = self.cache.sets.get(set).map_or(&[][..], cells);
        let own = cells.iter().filter(|cell| id_of(cell) == id);
        own.filter_map(|cell| collect(cell, true)).collect()
    }

    /// Takes what the cells counted since the last time.
    pub(crate) fn collect(&mut self) -> Vec<Used> {
        let mut used = Vec::new();
        if self.cache.marked.swap(0, Ordering::Relaxed) == 0 {
            return used;
        }
        for set in &self.cache.sets {
            for (way, cell) in cells(set).iter().enumerate() {
                used.extend(collect(cell, tag_of(set, way) != 0));
            }
        }
        used
    }
}

fn id_of(cell: &Cell) -> [u64; 2] {
    [word::ID, word::ID + 1].map(|at| cell[at].load(Ordering::Relaxed))
}

/// Takes what a cell counted. Only the holder of the mutex calls it, so that the cell stays what
/// it is; a mark that is set meanwhile is taken the next time.
fn collect(cell: &Cell, in_use: bool) -> Option<Used> {
    if !in_use {
        return None;
    }
    loop {
        let was = cell[word::MARK].load(Ordering::Relaxed);
        let mark = Mark::from_word(was);
        if mark.uses == 0 {
            return None;
        }
        let none = Mark { uses: 0, ..mark }.to_word();
        let taken =
            cell[word::MARK].compare_exchange(was, none, Ordering::Relaxed, Ordering::Relaxed);
        if taken.is_err() {
            continue;
        }
        return Some(Used {
            key_id: KeyId::from_bytes(bytemuck::must_cast(id_of(cell))),
            generation: low(cell[word::GENERATION].load(Ordering::Relaxed)),
            at: i64::from(mark.at),
            uses: u64::from(mark.uses),
        });
    }
}

fn tag_of(set: &Set, way: usize) -> u8 {
    let word = set[way / 8].load(Ordering::Relaxed).to_le_bytes();
    word[way % 8]
}

fn set_tag(set: &Set, way: usize, tag: u8) {
    let word = &set[way / 8];
    let mut tags = word.load(Ordering::Relaxed).to_le_bytes();
    tags[way % 8] = tag;
    word.store(u64::from_le_bytes(tags), Ordering::Relaxed);
}

fn way_of(set: &Set, id: [u64; 2], generation: u32) -> Option<usize> {
    cells(set).iter().enumerate().position(|(way, cell)| {
        tag_of(set, way) != 0
            && id_of(cell) == id
            && low(cell[word::GENERATION].load(Ordering::Relaxed)) == generation
    })
}

/// The cell that can be spared best: an empty one, one that was used once, the one that was not
/// used for longest. So keys that are used once drive out each other, and not those that are used
/// again and again.
fn spare(set: &Set, at: u32) -> usize {
    let rank = |(way, cell): &(usize, &Cell)| {
        let mark = Mark::from_word(cell[word::MARK].load(Ordering::Relaxed));
        let kept = mark.proven && at.saturating_sub(mark.at) < PROVEN_SECONDS;
        (tag_of(set, *way) != 0, kept, mark.at)
    };
    let spared = cells(set).iter().enumerate().min_by_key(rank);
    spared.map_or(0, |(way, _)| way)
}

impl Entry {
    fn words(&self, project_counter: u16, project_change: u32) -> [u64; WORDS] {
        let mut words = [0; WORDS];
        words[word::LOCK] = u64::from(self.class) << 32;
        let id = id_words(&self.key_id);
        words[word::ID..word::DIGEST].copy_from_slice(&id);
        let digest = self.digest.bytes().as_chunks::<8>().0;
        for (word, bytes) in words[word::DIGEST..].iter_mut().zip(digest) {
            *word = u64::from_ne_bytes(*bytes);
        }
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
        for (word, bytes) in words[word::OWNER..]
            .iter_mut()
            .zip(self.owner.as_chunks::<8>().0)
        {
            *word = u64::from_ne_bytes(*bytes);
        }
        words
    }
}

/// The cells of a set whose tags are those of a key id, one after the other.
pub(crate) struct Candidates<'a> {
    cache: &'a Cache,
    version: u64,
    mark: i64,
    set: &'a Set,
    at: usize,
    ways: [u64; 2],
}

impl Candidates<'_> {
    /// The store's mark at the position.
    pub(crate) fn mark(&self) -> i64 {
        self.mark
    }

    /// The next cell, read whole. Whether it is of the key, and of the secret, is for the caller to
    /// see.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Found> {
        loop {
            let half = usize::from(self.ways[0] == 0);
            let ways = self.ways.get_mut(half)?;
            if *ways == 0 {
                return None;
            }
            let way = half * 8 + usize::try_from(ways.trailing_zeros() / 8).unwrap_or(0);
            *ways &= *ways - 1;
            if let Some(words) = cells(self.set).get(way).and_then(read_cell) {
                return Some(Found {
                    words,
                    set: self.at,
                    way,
                });
            }
        }
    }

    /// Whether a cell that was found stands for the position: nothing moved meanwhile, and its
    /// project did not change since it was filled. To be asked last.
    #[inline]
    pub(crate) fn hold(&self, found: &Found) -> bool {
        let counter = self.cache.projects.get(found.project_counter());
        let change = counter.map(|[change]| low(change.load(Ordering::Relaxed)));
        fence(Ordering::Acquire);
        change == Some(high(found.words[word::GENERATION]))
            && (mutant::is(Mutant::HoldSkipped)
                || self.cache.position.version.load(Ordering::Relaxed) == self.version)
    }
}

/// The words of a cell, unless it was being written.
#[inline]
fn read_cell(cell: &Cell) -> Option<[u64; WORDS]> {
    let lock = cell[word::LOCK].load(Ordering::Acquire);
    let mut words = [0; WORDS];
    for (copy, word) in words.iter_mut().zip(cell) {
        *copy = word.load(Ordering::Relaxed);
    }
    words[word::LOCK] = lock;
    fence(Ordering::Acquire);
    let same = lock & 1 == 0 && cell[word::LOCK].load(Ordering::Relaxed) == lock;
    (same || mutant::is(Mutant::SecondLookSkipped)).then_some(words)
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

impl Found {
    fn flags(&self) -> u16 {
        let [a, b, ..] = self.words[word::CHECKSUM].to_be_bytes();
        u16::from_be_bytes([a, b])
    }

    /// Where it was found, to be marked.
    pub(crate) fn place(&self) -> Place {
        Place {
            set: self.set,
            way: self.way,
            mark: self.words[word::MARK],
        }
    }

    fn project_counter(&self) -> usize {
        usize::from(self.flags() >> flag::PROJECT_SHIFT)
    }

    fn has(&self, flag: u16) -> bool {
        self.flags() & flag != 0
    }

    /// Whether it is of this key.
    #[inline]
    pub(crate) fn is_of(&self, key_id: KeyId) -> bool {
        [self.words[word::ID], self.words[word::ID + 1]] == id_words(&key_id)
    }

    #[inline]
    pub(crate) fn digest(&self) -> Digest {
        let mut bytes = [0; 32];
        let words = &self.words[word::DIGEST..word::DIGEST + 4];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_ne_bytes();
        }
        Digest::from_bytes(bytes)
    }

    /// Whether the token ends in the checksum of the one that the entry was made from.
    pub(crate) fn is_checksum(&self, checksum: [u8; 6]) -> bool {
        self.words[word::CHECKSUM] << 16 >> 16 == checksum_word(checksum)
    }

    pub(crate) fn generation(&self) -> u32 {
        low(self.words[word::GENERATION])
    }

    pub(crate) fn class(&self) -> u32 {
        high(self.words[word::LOCK])
    }

    pub(crate) fn expires_at(&self) -> i64 {
        self.words[word::EXPIRES].cast_signed()
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.has(flag::REVOKED)
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.has(flag::DISABLED)
    }

    pub(crate) fn is_previous(&self) -> bool {
        self.has(flag::PREVIOUS)
    }

    /// The bytes of the owner; its length is that before the first zero, which no owner holds.
    pub(crate) fn owner(&self) -> [u8; OWNER_BYTES] {
        let mut bytes = [0; OWNER_BYTES];
        let words = &self.words[word::OWNER..word::OWNER + 3];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_ne_bytes();
        }
        bytes
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
            owner: [0; OWNER_BYTES],
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

    fn cache(sets: usize) -> Cache {
        let cache = Cache::new(sets * size_of::<Set>());
        cache.changing().publish(HERE, THROUGH, 50);
        cache
    }

    /// Every cell of a key at a position, and the store's mark there.
    fn cells(cache: &Cache, seen: Seen, key_id: KeyId) -> Vec<(Found, i64)> {
        let Some(mut candidates) = cache.find(seen, &key_id.to_text()) else {
            return Vec::new();
        };
        let mut cells = Vec::new();
        while let Some(found) = candidates.next() {
            if found.is_of(key_id) && candidates.hold(&found) {
                cells.push((found, candidates.mark()));
            }
        }
        cells
    }

    fn cell(cache: &Cache, seen: Seen, key_id: KeyId) -> Option<(Found, i64)> {
        cells(cache, seen, key_id).into_iter().next()
    }

    fn is_there(cache: &Cache, number: u64) -> bool {
        cell(cache, HERE, id(number)).is_some()
    }

    #[test]
    fn a_key_in_the_cache_takes_at_most_128_bytes() {
        assert_eq!(size_of::<Set>() / WAYS, 113);
        // As many keys as fit at 128 bytes each: few are driven out by another of the same set.
        let keys = 100_000;
        let cache = cache(keys * 128 / size_of::<Set>());
        for number in 0..keys as u64 {
            cache.changing().insert(&entry(number), 100, true);
        }
        let kept = (0..keys as u64).filter(|n| is_there(&cache, *n)).count();
        assert!(kept > keys * 93 / 100, "{kept} of {keys}");
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            generation: u32, checksum: [u8; 6], bits: [bool; 3], expires_at: i64, class: u32,
            owner: [u8; OWNER_BYTES], secret: [u8; 32], project: Option<[u8; 16]>,
        ) {
            let mut characters = [b'x'; 43];
            characters[..32].copy_from_slice(&secret);
            let [revoked, disabled, previous] = bits;
            let entry = Entry {
                key_id: id(1), generation, digest: Digest::of_secret(&characters), checksum,
                revoked, disabled, previous, expires_at, class,
                project: project.map(ProjectId::from_bytes), owner,
            };
            let cache = cache(2);
            cache.changing().insert(&entry, 100, true);
            let (found, mark) = cell(&cache, HERE, id(1)).unwrap();
            prop_assert_eq!(mark, 50);
            prop_assert!(found.digest().ct_eq(&entry.digest));
            prop_assert!(found.is_checksum(checksum));
            let mut other = checksum;
            other[5] ^= 1;
            prop_assert!(!found.is_checksum(other));
            prop_assert_eq!(found.generation(), generation);
            prop_assert_eq!(found.class(), class);
            prop_assert_eq!(found.expires_at(), expires_at);
            prop_assert_eq!(found.owner(), owner);
            let got = [found.is_revoked(), found.is_disabled(), found.is_previous()];
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
        cache.changing().insert(&entry(1), 100, true);
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
        cache.changing().publish(next, THROUGH, 60);
        assert!(!is_there(&cache, 1));
        assert_eq!(cell(&cache, next, id(1)).unwrap().1, 60);
    }

    #[test]
    fn a_new_cache_believes_nothing() {
        let cache = Cache::new(1 << 20);
        assert!(cache.changing().through().is_none());
        cache.changing().insert(&entry(1), 100, true);
        assert!(cell(&cache, Seen::default(), id(1)).is_none());
        assert!(!is_there(&cache, 1));
    }

    #[test]
    fn a_cache_of_no_bytes_holds_nothing() {
        let cache = Cache::new(0);
        cache.changing().publish(HERE, THROUGH, 0);
        assert_eq!(cache.changing().insert(&entry(1), 100, true), None);
        assert!(!is_there(&cache, 1));
    }

    #[test]
    fn both_secrets_of_a_key_are_dropped_together_and_no_other() {
        let cache = cache(1);
        let old = entry(1);
        let mut new = old;
        new.generation = 2;
        for one in [old, new, entry(2)] {
            cache.changing().insert(&one, 100, true);
        }
        let both = cells(&cache, HERE, id(1));
        let generations: Vec<u32> = both.iter().map(|(found, _)| found.generation()).collect();
        assert_eq!(generations, [1, 2]);
        cache.changing().drop_key(id(1), &mut Vec::new());
        assert!(!is_there(&cache, 1));
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
            cache.changing().insert(&one, 100, true);
        }
        cache.changing().drop_project(one);
        assert_eq!([1, 2, 3].map(|n| is_there(&cache, n)), [false, true, true]);
        cache.changing().insert(&of(1, one), 100, true);
        assert!(is_there(&cache, 1));
    }

    #[test]
    fn keys_that_are_used_once_do_not_drive_out_those_that_are_used_again() {
        let cache = cache(4);
        let hot = 0..30;
        for number in hot.clone() {
            cache.changing().insert(&entry(number), 100, true);
        }
        for number in hot.clone() {
            if let Some((found, _)) = cell(&cache, HERE, id(number)) {
                cache.mark(found.place(), 101);
            }
        }
        let before = hot.clone().filter(|n| is_there(&cache, *n)).count();
        for number in 1_000..11_000 {
            cache.changing().insert(&entry(number), 102, true);
        }
        let after = hot.clone().filter(|n| is_there(&cache, *n)).count();
        assert_eq!(before, after);
        // Not used for longer, they make room.
        for number in 20_000..30_000 {
            cache
                .changing()
                .insert(&entry(number), 102 + PROVEN_SECONDS, true);
        }
        assert_eq!(hot.clone().filter(|n| is_there(&cache, *n)).count(), 0);
    }

    #[test]
    fn every_use_is_collected_once_also_from_a_cell_that_made_room() {
        let cache = cache(1);
        cache.changing().insert(&entry(1), 100, true);
        let found = || cell(&cache, HERE, id(1)).unwrap().0;
        cache.mark(found().place(), 101);
        cache.mark(found().place(), 101);
        cache.mark(found().place(), 105);
        let used = |at, uses| Used {
            key_id: id(1),
            generation: 1,
            at,
            uses,
        };
        // Once a second at most, the filling included.
        assert_eq!(cache.changing().collect(), [used(105, 3)]);
        assert_eq!(cache.changing().collect(), []);
        cache.mark(found().place(), 106);
        let mut made_room = Vec::new();
        for number in 2..100 {
            made_room.extend(cache.changing().insert(&entry(number), 800, true));
        }
        assert!(made_room.contains(&used(106, 1)));
        let mut dropped = Vec::new();
        cache.changing().clear(&mut dropped);
        assert_eq!(dropped.len() + made_room.len(), 99);
    }

    #[test]
    fn a_mark_for_a_cell_that_was_filled_anew_is_not_taken() {
        let cache = cache(1);
        cache.changing().insert(&entry(1), 100, true);
        let (found, _) = cell(&cache, HERE, id(1)).unwrap();
        cache.changing().drop_key(id(1), &mut Vec::new());
        cache.changing().insert(&entry(2), 100, true);
        cache.changing().collect();
        cache.mark(found.place(), 200);
        assert_eq!(cache.changing().collect(), []);
    }
}
