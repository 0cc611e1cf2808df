//! The file under a store, before the engine sees it: what is at the path, who else can reach it,
//! what it claims to be, and how a new one is put in its place.
//!
//! What needs Linux or Unix alone is here and in [`backend`](super::backend).

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use crate::error::StoreError;
use crate::header::{MAGIC, Process};

/// Flags after the magic; this one says that the last writer did not close.
const FLAGS_OFFSET: usize = 9;
const RECOVERY_REQUIRED: u8 = 2;
/// Page size, region header pages, region pages, full regions, pages of the last region: u32 each.
const LAYOUT_OFFSET: usize = 12;
/// What is read of the header.
const HEADER_BYTES: usize = 64;

const GROUP_AND_OTHERS: u32 = 0o077;
const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;
/// Links that are followed from one to the next, as the kernel does.
const MOST_LINKS: usize = 40;

/// Device and inode: which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    pub(crate) fn of(file: &File) -> Result<Self, StoreError> {
        let metadata = file
            .metadata()
            .map_err(|e| StoreError::io("reading the file's id", e))?;
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    /// Which file stands at a path.
    pub(crate) fn at(path: &Path) -> Result<Self, StoreError> {
        let metadata = std::fs::metadata(path).map_err(|e| open_error(path, e))?;
        Ok(FileId(metadata.dev(), metadata.ino()))
    }

    /// Whether the file at the path is still this one; an error where that cannot be told.
    pub(crate) fn stands_at(self, path: &Path) -> io::Result<bool> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(FileId(metadata.dev(), metadata.ino()) == self),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }
}

/// Which permissions and file systems are put up with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tolerance {
    /// The mode of a new file, and the most that an existing one may have.
    pub(crate) mode: u32,
    pub(crate) insecure_permissions: bool,
    pub(crate) network_file_system: bool,
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn open_error(path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::NotFound if path.is_symlink() => StoreError::DanglingLink(path.into()),
        ErrorKind::NotFound => StoreError::NoStore(path.into()),
        ErrorKind::PermissionDenied => StoreError::PermissionDenied(path.into()),
        ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
        ErrorKind::IsADirectory => StoreError::NotAFile {
            path: path.into(),
            what: "a directory",
        },
        _ => StoreError::io("opening the store", error),
    }
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(StoreError::NotAFile {
        path: path.into(),
        what,
    })
}

/// Who runs this process.
struct User {
    id: u32,
    groups: Vec<u32>,
}

impl User {
    fn of_this_process() -> Result<Self, StoreError> {
        let mut groups: Vec<u32> = rustix::process::getgroups()
            .map_err(|e| StoreError::io("reading the groups of the process", e.into()))?
            .into_iter()
            .map(|group| group.as_raw())
            .collect();
        groups.push(rustix::process::getegid().as_raw());
        Ok(User {
            id: rustix::process::geteuid().as_raw(),
            groups,
        })
    }

    /// Whether it goes by what a file or folder of this owner holds: its own, root's, and where a
    /// group is admitted, what that group has.
    fn trusts(&self, owner: u32, group: u32, mode: u32) -> bool {
        let admitted = mode & GROUP_AND_OTHERS != 0;
        owner == self.id || owner == ROOT || (admitted && self.groups.contains(&group))
    }
}

fn insecure(path: &Path, how: &'static str) -> StoreError {
    StoreError::InsecurePermissions {
        path: path.into(),
        how,
    }
}

const FOREIGN: &str = "written by another user, who owns it";

fn check_permissions(
    path: &Path,
    metadata: &Metadata,
    tolerance: Tolerance,
) -> Result<(), StoreError> {
    if tolerance.insecure_permissions {
        return Ok(());
    }
    let beyond = metadata.mode() & GROUP_AND_OTHERS & !tolerance.mode;
    if beyond != 0 {
        return Err(insecure(
            path,
            if beyond & (GROUP_WRITE | OTHERS_WRITE) != 0 {
                "written by users other than its owner"
            } else {
                "read by users other than its owner"
            },
        ));
    }
    let user = User::of_this_process()?;
    if !user.trusts(metadata.uid(), metadata.gid(), tolerance.mode) {
        return Err(insecure(path, FOREIGN));
    }
    // Every folder on the way: who can write the one that a link is in sets the link elsewhere.
    let mut place = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        let folder = folder_of(&place);
        check_folder(&folder, &user, tolerance)?;
        match std::fs::read_link(&place) {
            Ok(next) => place = folder.join(next),
            Err(_) => break,
        }
    }
    Ok(())
}

/// Refuses a folder in which others can put another file in the place of the store. In a sticky
/// one, as `/tmp` is, they can do so only where the folder or the file is theirs.
fn check_folder(folder: &Path, user: &User, tolerance: Tolerance) -> Result<(), StoreError> {
    if tolerance.insecure_permissions {
        return Ok(());
    }
    let metadata = std::fs::metadata(folder).map_err(|e| open_error(folder, e))?;
    let beyond = metadata.mode() & (GROUP_WRITE | OTHERS_WRITE) & !tolerance.mode;
    if beyond != 0 && metadata.mode() & STICKY == 0 {
        return Err(insecure(
            folder,
            if beyond & OTHERS_WRITE != 0 {
                "written by everybody, so that the store in it can be replaced"
            } else {
                "written by a group, so that the store in it can be replaced"
            },
        ));
    }
    if !user.trusts(metadata.uid(), metadata.gid(), tolerance.mode) {
        return Err(insecure(folder, FOREIGN));
    }
    Ok(())
}

/// File systems that other machines serve, or that a program in user space does; from statfs(2).
const NETWORK_FILE_SYSTEMS: [u32; 13] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x0102_1997, // 9p
    0x6573_5546, // FUSE
    0x5346_414f, // AFS
    0x00c3_6400, // Ceph
    0x0bd0_0bd0, // Lustre
    0x0116_1970, // GFS2
    0x7461_636f, // OCFS2
    0x7375_7245, // Coda
    0x4750_4653, // GPFS
];

/// File systems on which a mapping was shown to show every write at once, from statfs(2).
const COHERENT_FILE_SYSTEMS: [u32; 4] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0x0102_1994, // tmpfs
];

/// Whether the header of a file may be mapped; elsewhere it is read.
pub(crate) fn maps_coherently(file: &File) -> bool {
    file_system(file).is_ok_and(|magic| COHERENT_FILE_SYSTEMS.contains(&magic))
}

/// The magic number of the file system that a file is on.
fn file_system(file: &File) -> io::Result<u32> {
    let statfs = rustix::fs::fstatfs(file)?;
    // The kernel's magic is 32 bits wide; the field's width and sign differ by platform.
    Ok(u32::try_from(i128::from(statfs.f_type) & 0xffff_ffff).unwrap_or(u32::MAX))
}

fn check_file_system(path: &Path, file: &File, tolerance: Tolerance) -> Result<(), StoreError> {
    if tolerance.network_file_system {
        return Ok(());
    }
    let magic =
        file_system(file).map_err(|e| StoreError::io("reading the kind of file system", e))?;
    if NETWORK_FILE_SYSTEMS.contains(&magic) {
        return Err(StoreError::NetworkFileSystem(path.into()));
    }
    Ok(())
}

/// The first bytes of an existing file, as far as keyfob looks at them.
#[derive(Debug)]
pub(crate) struct Header([u8; HEADER_BYTES]);

impl Header {
    fn read(path: &Path, file: &File) -> Result<Self, StoreError> {
        let io = |e| StoreError::io("reading the store's header", e);
        let length = file.metadata().map_err(io)?.len();
        if length == 0 {
            return Err(StoreError::EmptyFile(path.into()));
        }
        let mut header = [0; HEADER_BYTES];
        let known = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .min(HEADER_BYTES);
        file.read_exact_at(&mut header[..known], 0).map_err(io)?;
        let magic = MAGIC.len().min(known);
        if header[..magic] != MAGIC[..magic] {
            return Err(StoreError::NotAStore {
                path: path.into(),
                why: "it does not begin as one does",
            });
        }
        if known < HEADER_BYTES {
            return Err(StoreError::Truncated(path.into()));
        }
        Ok(Header(header))
    }

    /// Whether the last writer did not close the file, or one has it open now.
    pub(crate) fn recovery_required(&self) -> bool {
        self.0[FLAGS_OFFSET] & RECOVERY_REQUIRED != 0
    }

    /// The length that the header's own layout needs.
    fn length_needed(&self) -> u64 {
        let field = |index: usize| {
            let at = LAYOUT_OFFSET + index * 4;
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&self.0[at..at + 4]);
            u64::from(u32::from_le_bytes(bytes))
        };
        let [page, region_head, region_pages, full, trailing] = [0, 1, 2, 3, 4].map(field);
        let region = region_head.saturating_add(region_pages);
        let last = if trailing > 0 {
            region_head.saturating_add(trailing)
        } else {
            0
        };
        full.saturating_mul(region)
            .saturating_add(last)
            .saturating_add(1)
            .saturating_mul(page)
    }
}

/// An existing file, opened and looked at.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) id: FileId,
    pub(crate) header: Header,
}

/// Opens the file at a path, if it can be a store.
pub(crate) fn open(
    path: &Path,
    writable: bool,
    tolerance: Tolerance,
) -> Result<Opened, StoreError> {
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    let metadata = std::fs::metadata(path).map_err(|e| open_error(path, e))?;
    check_kind(path, &metadata)?;
    let file = OpenOptions::new()
        .read(true)
        .write(writable)
        .open(path)
        .map_err(|e| open_error(path, e))?;
    let metadata = file.metadata().map_err(|e| open_error(path, e))?;
    check_kind(path, &metadata)?;
    check_permissions(path, &metadata, tolerance)?;
    check_file_system(path, &file, tolerance)?;
    let header = Header::read(path, &file)?;
    // The header first and the length after: a file grows before its header says so.
    let length = file.metadata().map_err(|e| open_error(path, e))?.len();
    if length < header.length_needed() {
        return Err(StoreError::Truncated(path.into()));
    }
    Ok(Opened {
        id: FileId::of(&file)?,
        file,
        header,
    })
}

/// A new file that is finished out of sight and then put into its place, so that nobody ever sees
/// half a store.
///
/// Where the file system can, the file has no name until then, and the kernel removes it with the
/// process. Elsewhere it has one beside its place, and a process that is killed leaves it there.
#[derive(Debug)]
pub(crate) struct Unfinished {
    file: File,
    /// Its name until it is finished, where it has one.
    temporary: Option<PathBuf>,
    place: PathBuf,
    process: Process,
}

/// A name beside a place that nobody else takes.
fn name_beside(place: &Path) -> Result<PathBuf, StoreError> {
    let Some(name) = place.file_name() else {
        return Err(StoreError::NotAFile {
            path: place.into(),
            what: "a directory",
        });
    };
    let mut random = [0; 8];
    crate::secret::fill_from_system(&mut random)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.keyfob-tmp", hex::encode(random)));
    Ok(folder_of(place).join(hidden))
}

/// Where the kernel shows an open file that has no name, to give it one.
fn seen_by_the_kernel(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// A file without a name in the folder of its place; none where the file system has no such thing,
/// or where it could not be given a name later.
fn nameless(place: &Path) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let file = File::from(rustix::fs::open(folder_of(place), flags, mode).ok()?);
    seen_by_the_kernel(&file).exists().then_some(file)
}

fn named(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| open_error(&folder_of(path), e))
}

impl Unfinished {
    /// Makes an empty file for the place. Fails where something is at the place already.
    pub(crate) fn create(place: &Path, tolerance: Tolerance) -> Result<(Self, File), StoreError> {
        if place.is_symlink() && !place.exists() {
            return Err(StoreError::DanglingLink(place.into()));
        }
        if place.exists() {
            return Err(StoreError::StoreExists(place.into()));
        }
        let temporary = name_beside(place)?;
        let folder = folder_of(place);
        if !folder.is_dir() {
            return Err(StoreError::io(
                "making the file: its folder is not there",
                ErrorKind::NotFound.into(),
            ));
        }
        check_folder(&folder, &User::of_this_process()?, tolerance)?;
        let (file, temporary) = match nameless(place) {
            Some(file) => (file, None),
            None => (named(&temporary)?, Some(temporary)),
        };
        Self::of(file, temporary, place, tolerance)
    }

    fn of(
        file: File,
        temporary: Option<PathBuf>,
        place: &Path,
        tolerance: Tolerance,
    ) -> Result<(Self, File), StoreError> {
        let unfinished = Unfinished {
            file,
            temporary,
            place: place.into(),
            process: Process::current(),
        };
        // The umask may take from a mode what a group is to have.
        let mode = PermissionsExt::from_mode(tolerance.mode);
        let file = &unfinished.file;
        file.set_permissions(mode)
            .map_err(|e| StoreError::io("setting the file's mode", e))?;
        check_file_system(place, file, tolerance)?;
        let second = file
            .try_clone()
            .map_err(|e| StoreError::io("making the file", e))?;
        Ok((unfinished, second))
    }

    /// The same file with another place to go to.
    pub(crate) fn aimed_at(mut self, place: &Path) -> Self {
        self.place = place.into();
        self
    }

    /// Gives the finished file another name.
    fn link(&self, name: &Path) -> io::Result<()> {
        match &self.temporary {
            Some(temporary) => std::fs::hard_link(temporary, name),
            None => Ok(rustix::fs::linkat(
                CWD,
                seen_by_the_kernel(&self.file),
                CWD,
                name,
                AtFlags::SYMLINK_FOLLOW,
            )?),
        }
    }

    /// Puts the finished file in its place, durably. Fails where something is there already.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        let io = |e| StoreError::io("putting the new store in its place", e);
        self.file.sync_all().map_err(io)?;
        self.link(&self.place).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => StoreError::StoreExists(self.place.clone()),
            _ => io(e),
        })?;
        if let Some(temporary) = &self.temporary {
            std::fs::remove_file(temporary).map_err(io)?;
        }
        sync_folder(&folder_of(&self.place))
    }

    /// Puts the finished file in the place of the one that is there, durably.
    pub(crate) fn finish_over(mut self) -> Result<(), StoreError> {
        let io = |e| StoreError::io("putting the new store in its place", e);
        self.file.sync_all().map_err(io)?;
        if self.temporary.is_none() {
            // Only what has a name can take the place of another.
            let name = name_beside(&self.place)?;
            self.link(&name).map_err(io)?;
            self.temporary = Some(name);
        }
        if let Some(temporary) = &self.temporary {
            std::fs::rename(temporary, &self.place).map_err(io)?;
        }
        sync_folder(&folder_of(&self.place))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.process.is_current() {
            return; // a callback forked, and the parent goes on with it
        }
        if let Some(temporary) = &self.temporary {
            // Gone already where it was finished.
            let _ = std::fs::remove_file(temporary);
        }
    }
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|e| StoreError::io("making the folder durable", e))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    const OWN: Tolerance = Tolerance {
        mode: 0o600,
        insecure_permissions: false,
        network_file_system: false,
    };

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn content(path: &Path) -> String {
        let mut content = String::new();
        File::open(path)
            .unwrap()
            .read_to_string(&mut content)
            .unwrap();
        content
    }

    /// An unfinished file with a name beside its place, as on a file system that has no others.
    fn with_a_name(place: &Path) -> (Unfinished, File) {
        let temporary = name_beside(place).unwrap();
        let file = named(&temporary).unwrap();
        Unfinished::of(file, Some(temporary), place, OWN).unwrap()
    }

    #[test]
    fn an_unfinished_file_has_no_name_that_a_killed_process_would_leave_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (unfinished, _file) = Unfinished::create(&folder.path().join("k"), OWN).unwrap();
        assert_eq!(names(folder.path()), Vec::<String>::new());
        drop(unfinished);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_finished_file_is_in_its_place_alone_with_its_mode_and_takes_no_others() {
        for make in [
            (|place: &Path| Unfinished::create(place, OWN).unwrap()) as fn(&Path) -> _,
            with_a_name,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("k");
            let (first, mut file) = make(&place);
            let (second, _) = make(&place);
            file.write_all(b"first").unwrap();
            first.finish().unwrap();
            assert_eq!(content(&place), "first");
            let mode = std::fs::metadata(&place).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(matches!(second.finish(), Err(StoreError::StoreExists(_))));
            assert_eq!(names(folder.path()), ["k"]);

            let (over, mut file) = make(&folder.path().join("other"));
            file.write_all(b"second").unwrap();
            over.aimed_at(&place).finish_over().unwrap();
            assert_eq!(content(&place), "second");
            assert_eq!(names(folder.path()), ["k"]);
        }
    }

    #[test]
    fn the_users_own_and_roots_are_trusted_and_where_a_group_is_admitted_the_groups() {
        let user = User {
            id: 1_000,
            groups: vec![1_000, 50],
        };
        for (owner, group, mode, trusted) in [
            (1_000, 7, 0o600, true),
            (ROOT, 7, 0o600, true),
            (1_001, 1_000, 0o600, false),
            (1_001, 50, 0o600, false),
            (1_001, 50, 0o660, true),
            (1_001, 50, 0o640, true),
            (1_001, 7, 0o660, false),
        ] {
            let found = user.trusts(owner, group, mode);
            assert_eq!(found, trusted, "{owner} {group} {mode:o}");
        }
        let root = User {
            id: ROOT,
            groups: vec![ROOT],
        };
        assert!(!root.trusts(1_001, 1_001, 0o600), "root as well");
    }
}
