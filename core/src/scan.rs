//! Scan: finds tokens of the store where they do not belong, in files and in any bytes, and says
//! which key each is of and whether it works. The text of a token goes no further than this file.

use std::fs::File;
use std::io::{self, Read};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use walkdir::WalkDir;
use zeroize::Zeroizing;

use crate::decision::effective_state;
use crate::disk::read::Reader;
use crate::error::{Error, Misuse, shown};
use crate::id::KeyId;
use crate::key::{KeyState, MatchedSecret};
use crate::key_info::KeyInfo;
use crate::limits::TOKEN_BYTES;
use crate::progress::{Tell, tell};
use crate::store::Store;
use crate::token::{Environment, find_in, hint, parse};

/// What is read of a file at once. Larger reads were no faster.
const CHUNK: usize = 256 * 1024;

/// A token that was found in bytes. Its text is not in it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FoundToken {
    /// Where it stands.
    pub range: Range<usize>,
    /// On which line, from 1.
    pub line: u64,
    /// What may be shown of it: `acme_live_…x7Kq2B`.
    pub hint: String,
    /// The key that it says it is of.
    pub key_id: KeyId,
    /// That key, where the token's secret is one of its own; none where no key of this store has
    /// it: any more, or ever.
    pub key: Option<KeyInfo>,
    /// Whether the token is good now, whatever environment, project, address or scope a
    /// verification may ask for. One that is not may become so: of a key that is disabled, or not
    /// valid yet.
    pub works: bool,
}

/// A token that was found in a file. Its text is not in it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Where it begins, in bytes from the file's beginning.
    pub offset: u64,
    /// On which line, from 1.
    pub line: u64,
    /// What may be shown of it: `acme_live_…x7Kq2B`.
    pub hint: String,
    /// The key that it says it is of.
    pub key_id: KeyId,
    /// That key, where the token's secret is one of its own; none where no key of this store has
    /// it: any more, or ever.
    pub key: Option<KeyInfo>,
    /// Whether the token is good now, whatever environment, project, address or scope a
    /// verification may ask for. One that is not may become so: of a key that is disabled, or not
    /// valid yet.
    pub works: bool,
}

/// What a scan went through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Scanned {
    /// Files that were read to their end.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Tokens that were found; one that stands in two places counts twice.
    pub findings: u64,
    /// How many of them work.
    pub working: u64,
    /// Files and folders that could not be read.
    pub skipped: u64,
}

impl Store {
    /// Finds the tokens of this store in a file, or in all files of a folder and the folders in
    /// it. `found` is called for each token as it is found, and may use the store; `skipped` for
    /// each file or folder that cannot be read. `progress` is told how many bytes were read, of 0,
    /// since nobody knows how many there are, and may break off.
    ///
    /// A token is found by its prefix, shape and checksum, wherever it stands in whatever bytes;
    /// not in what is compressed, encrypted or in UTF-16. Strings that were imported have no shape
    /// of this store, and are not found. In a folder, symbolic links are not followed, and what is
    /// no regular file, and the store's own file, are left out. Nothing is left out because of its
    /// name, or because a `.gitignore` says so: `.env` is where tokens are.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where neither a file nor a folder is at the path; INTERRUPTED where
    /// `progress` said so; what the store says. What was found until then has been told.
    ///
    /// ```
    /// # use keyfob::{NewKey, StoreOptions};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = StoreOptions::new().prefix("acme")?.create(folder.path().join("k"))?;
    /// let created = store.create(&NewKey::new("CI"))?;
    /// let token = created.token.expect("shown once, here");
    /// std::fs::write(folder.path().join(".env"), format!("A=1\nTOKEN={}\n", token.expose())).unwrap();
    ///
    /// let mut lines = Vec::new();
    /// let found = &mut |found: keyfob::Finding| lines.push(found.line);
    /// let go_on = &mut |_, _| std::ops::ControlFlow::Continue(());
    /// let scanned = store.scan(folder.path(), found, &mut |_, _| {}, go_on)?;
    /// assert_eq!((scanned.working, lines), (1, vec![2]));
    /// # Ok::<(), keyfob::Error>(())
    /// ```
    pub fn scan(
        &self,
        path: impl AsRef<Path>,
        found: &mut dyn FnMut(Finding),
        skipped: &mut dyn FnMut(&Path, &io::Error),
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Scanned, Error> {
        self.inner()?;
        let path = path.as_ref();
        let refuse = |why: String| Misuse::argument("path", format!("{}: {why}", shown(path)));
        let kind = std::fs::metadata(path).map_err(|e| refuse(e.to_string()))?;
        let mut scan = Scan {
            store: self,
            scanned: Scanned::default(),
            buffer: Zeroizing::new(vec![0; TOKEN_BYTES + CHUNK]),
            found,
            progress,
        };
        if kind.is_file() {
            let read = scan.file(path, OFlags::empty())?;
            scan.tell(path, read, skipped);
            return Ok(scan.scanned);
        }
        if !kind.is_dir() {
            return Err(refuse("neither a file nor a folder".into()).into());
        }
        for entry in WalkDir::new(path).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    if !self.inner()?.disk.stands_at(entry.path()) {
                        let read = scan.file(entry.path(), OFlags::NOFOLLOW)?;
                        scan.tell(entry.path(), read, skipped);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let at = error.path().unwrap_or(path).to_owned();
                    scan.tell(&at, Err(error.into()), skipped);
                }
            }
        }
        Ok(scan.scanned)
    }

    /// Finds the tokens of this store in bytes, in the order in which they begin: as
    /// [`Store::scan`] does in a file.
    ///
    /// # Errors
    /// What the store says.
    pub fn scan_bytes(&self, bytes: impl AsRef<[u8]>) -> Result<Vec<FoundToken>, Error> {
        self.inner()?;
        let bytes = bytes.as_ref();
        let ranges: Vec<_> = find_in(bytes, self.prefix()).collect();
        let mut lines = Lines::default();
        let mut all = Vec::with_capacity(ranges.len());
        for (range, known) in self.look_up(bytes, &ranges)? {
            let Known {
                hint,
                key_id,
                key,
                works,
            } = known;
            all.push(FoundToken {
                line: lines.at(bytes, range.start),
                range,
                hint,
                key_id,
                key,
                works,
            });
        }
        Ok(all)
    }

    /// What is known of the tokens at these places, in one snapshot.
    fn look_up(
        &self,
        bytes: &[u8],
        ranges: &[Range<usize>],
    ) -> Result<Vec<(Range<usize>, Known)>, Error> {
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        self.read(|reader| {
            let mut all = Vec::with_capacity(ranges.len());
            for range in ranges {
                let text = bytes.get(range.clone()).unwrap_or_default();
                if let Some(known) = self.known(reader, text)? {
                    all.push((range.clone(), known));
                }
            }
            Ok(all)
        })
    }

    fn known(&self, reader: &Reader<'_>, text: &[u8]) -> Result<Option<Known>, Error> {
        let Ok(token) = parse(text, self.prefix()) else {
            return Ok(None);
        };
        let environment = Environment::parse(token.environment)?;
        let key_id = token.key_id;
        let mut known = Known {
            hint: hint(self.prefix(), &environment, key_id),
            key_id,
            key: None,
            works: false,
        };
        if let Some(found) = self.locate(reader, text)?.unwrap_or_default().pop() {
            let now = self.inner()?.now(&reader.state()?);
            let project = reader.project_of_key(&found.record)?;
            let good = match found.matched {
                MatchedSecret::Current => true,
                MatchedSecret::Previous => found.record.running_grace(now).is_some(),
            };
            let state = effective_state(&found.record, project.as_ref(), now);
            known.works = good && state == KeyState::Active;
            known.key = self.info_in(reader, key_id)?;
        }
        Ok(Some(known))
    }
}

/// What the store knows of a token that was found.
struct Known {
    hint: String,
    key_id: KeyId,
    key: Option<KeyInfo>,
    works: bool,
}

/// Counts lines up to places that only go forward.
#[derive(Default)]
struct Lines {
    before: u64,
    counted: usize,
}

impl Lines {
    /// The line of a place, from 1.
    fn at(&mut self, bytes: &[u8], place: usize) -> u64 {
        let passed = bytes.get(self.counted..place).unwrap_or_default();
        self.before += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.counted = place;
        self.before + 1
    }

    /// Forgets the first bytes, which are not looked at again.
    fn drop_front(&mut self, bytes: &[u8], count: usize) {
        self.at(bytes, count);
        self.counted = 0;
    }
}

/// A scan under way.
struct Scan<'a> {
    store: &'a Store,
    scanned: Scanned,
    buffer: Zeroizing<Vec<u8>>,
    found: &'a mut dyn FnMut(Finding),
    progress: &'a mut Tell<'a>,
}

impl Scan<'_> {
    fn tell(
        &mut self,
        path: &Path,
        read: io::Result<()>,
        skipped: &mut dyn FnMut(&Path, &io::Error),
    ) {
        match read {
            Ok(()) => self.scanned.files += 1,
            Err(error) => {
                self.scanned.skipped += 1;
                skipped(path, &error);
            }
        }
    }

    /// Reads one file. The outer error is the store's, the inner one the file's.
    fn file(&mut self, path: &Path, flags: OFlags) -> Result<io::Result<()>, Error> {
        // Without waiting: a FIFO may have taken the file's place since it was looked at.
        let flags = flags | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mut file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(error) => return Ok(Err(error.into())),
        };
        match file.metadata() {
            Ok(kind) if kind.is_file() => {}
            Ok(_) => return Ok(Err(io::Error::other("no longer a regular file"))),
            Err(error) => return Ok(Err(error)),
        }
        self.stream(path, &mut file)
    }

    fn stream(&mut self, path: &Path, input: &mut impl Read) -> Result<io::Result<()>, Error> {
        let mut lines = Lines::default();
        // What of the file stands before the buffer, and how much of the buffer is filled.
        let (mut before, mut filled) = (0_u64, 0_usize);
        loop {
            let count = match input.read(self.buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Err(error)),
            };
            filled += count;
            self.scanned.bytes += count as u64;
            tell(self.progress, self.scanned.bytes, 0)?;
            let bytes = self.buffer.get(..filled).unwrap_or_default();
            // A token that begins later may go on in what was not read yet: it is looked for with
            // the next chunk, to which these bytes are kept.
            let until = match count {
                0 => filled,
                _ => filled.saturating_sub(TOKEN_BYTES - 1),
            };
            let ranges: Vec<_> = find_in(bytes, self.store.prefix())
                .take_while(|range| range.start < until)
                .collect();
            let known = self.store.look_up(bytes, &ranges)?;
            let mut findings = Vec::with_capacity(known.len());
            for (range, known) in known {
                let Known {
                    hint,
                    key_id,
                    key,
                    works,
                } = known;
                findings.push(Finding {
                    path: path.to_owned(),
                    offset: before + range.start as u64,
                    line: lines.at(bytes, range.start),
                    hint,
                    key_id,
                    key,
                    works,
                });
            }
            lines.drop_front(bytes, until);
            for finding in findings {
                self.scanned.findings += 1;
                self.scanned.working += u64::from(finding.works);
                (self.found)(finding);
            }
            if count == 0 {
                return Ok(Ok(()));
            }
            self.buffer.copy_within(until..filled, 0);
            before += until as u64;
            filled -= until;
        }
    }
}
