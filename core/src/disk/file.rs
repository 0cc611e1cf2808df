//! The file under a store, before the engine sees it: what is at the path, who else can reach it,
//! what it claims to be, and how a new one is put in its place.
//!
//! What needs Linux or Unix alone is here and in [`backend`](super::backend).

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// How redb begins a file.
const MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];
/// Flags after the magic; this one says that the last writer did not close.
const FLAGS_OFFSET: usize = 9;
const RECOVERY_REQUIRED: u8 = 2;
/// Page size, region header pages, region pages, full regions, pages of the last region: u32 each.
const LAYOUT_OFFSET: usize = 12;
/// What is read of the header.
const HEADER_BYTES: usize = 64;

const GROUP_AND_OTHERS: u32 = 0o077;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

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

    /// Whether the file at the path is still this one.
    pub(crate) fn stands_at(self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|m| FileId(m.dev(), m.ino()) == self)
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

fn check_kind(path: &Path, metadata: &std::fs::Metadata) -> Result<(), StoreError> {
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

fn check_permissions(
    path: &Path,
    metadata: &std::fs::Metadata,
    tolerance: Tolerance,
) -> Result<(), StoreError> {
    if tolerance.insecure_permissions {
        return Ok(());
    }
    let beyond = metadata.mode() & GROUP_AND_OTHERS & !tolerance.mode;
    if beyond != 0 {
        let how = if beyond & 0o022 != 0 {
            "written by users other than its owner"
        } else {
            "read by users other than its owner"
        };
        return Err(StoreError::InsecurePermissions {
            path: path.into(),
            how,
        });
    }
    check_folder(&folder_of(path), tolerance)
}

fn check_folder(folder: &Path, tolerance: Tolerance) -> Result<(), StoreError> {
    if tolerance.insecure_permissions {
        return Ok(());
    }
    let metadata = std::fs::metadata(folder).map_err(|e| open_error(folder, e))?;
    if metadata.mode() & OTHERS_WRITE != 0 && metadata.mode() & STICKY == 0 {
        return Err(StoreError::InsecurePermissions {
            path: folder.into(),
            how: "written by everybody, so that the store in it can be replaced",
        });
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

fn check_file_system(path: &Path, file: &File, tolerance: Tolerance) -> Result<(), StoreError> {
    if tolerance.network_file_system {
        return Ok(());
    }
    let statfs = rustix::fs::fstatfs(file)
        .map_err(|e| StoreError::io("reading the kind of file system", e.into()))?;
    // The kernel's magic is 32 bits wide; the field's width and sign differ by platform.
    let magic = u32::try_from(i128::from(statfs.f_type) & 0xffff_ffff).unwrap_or(u32::MAX);
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

/// A new file that is finished beside its place and then linked into it, so that nobody ever sees
/// half a store; removed again unless it was.
#[derive(Debug)]
pub(crate) struct Unfinished {
    temporary: PathBuf,
    place: PathBuf,
}

impl Unfinished {
    /// Makes an empty file beside the place. Fails where something is at the place already.
    pub(crate) fn create(place: &Path, tolerance: Tolerance) -> Result<(Self, File), StoreError> {
        if place.is_symlink() && !place.exists() {
            return Err(StoreError::DanglingLink(place.into()));
        }
        if place.exists() {
            return Err(StoreError::StoreExists(place.into()));
        }
        let Some(name) = place.file_name() else {
            return Err(StoreError::NotAFile {
                path: place.into(),
                what: "a directory",
            });
        };
        let folder = folder_of(place);
        if !folder.is_dir() {
            return Err(StoreError::io(
                "making the file: its folder is not there",
                ErrorKind::NotFound.into(),
            ));
        }
        check_folder(&folder, tolerance)?;
        let mut random = [0; 8];
        crate::secret::fill_from_system(&mut random)?;
        let mut temporary_name = std::ffi::OsString::from(".");
        temporary_name.push(name);
        temporary_name.push(format!(".{}.keyfob-tmp", hex::encode(random)));
        let temporary = folder.join(temporary_name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(tolerance.mode)
            .open(&temporary)
            .map_err(|e| open_error(&folder, e))?;
        let unfinished = Unfinished {
            temporary,
            place: place.into(),
        };
        // The umask may have taken from the mode what a group is to have.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(tolerance.mode))
            .map_err(|e| StoreError::io("setting the file's mode", e))?;
        check_file_system(place, &file, tolerance)?;
        Ok((unfinished, file))
    }

    /// Where the file is until it is finished.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// The same file with another place to go to.
    pub(crate) fn aimed_at(mut self, place: &Path) -> Self {
        self.place = place.into();
        self
    }

    /// Puts the finished file in its place, durably. Fails where something is there already.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        let io = |e| StoreError::io("putting the new store in its place", e);
        File::open(&self.temporary)
            .and_then(|file| file.sync_all())
            .map_err(io)?;
        std::fs::hard_link(&self.temporary, &self.place).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => StoreError::StoreExists(self.place.clone()),
            _ => io(e),
        })?;
        std::fs::remove_file(&self.temporary).map_err(io)?;
        sync_folder(&folder_of(&self.place))
    }

    /// Puts the finished file in the place of the one that is there, durably.
    pub(crate) fn finish_over(self) -> Result<(), StoreError> {
        let io = |e| StoreError::io("putting the new store in its place", e);
        File::open(&self.temporary)
            .and_then(|file| file.sync_all())
            .map_err(io)?;
        std::fs::rename(&self.temporary, &self.place).map_err(io)?;
        sync_folder(&folder_of(&self.place))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already where it was finished.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(|e| StoreError::io("making the folder durable", e))
}
