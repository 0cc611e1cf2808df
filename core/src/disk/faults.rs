//! Faults that tests inject under the engine: a disk that fills up, and operations that fail.

use std::collections::HashSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const BLOCK: u64 = 4096;

/// A disk of so many blocks, and a fuse that burns down with every operation.
#[derive(Debug)]
pub(crate) struct Faults {
    /// Blocks that were written once; writing them again takes no space.
    blocks: Mutex<HashSet<u64>>,
    capacity: AtomicI64,
    /// Operations until one fails; negative means never.
    fuse: AtomicI64,
    sticky: AtomicBool,
    fired: AtomicI64,
    panics: AtomicBool,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            blocks: Mutex::default(),
            capacity: AtomicI64::new(i64::MAX),
            fuse: AtomicI64::new(-1),
            sticky: AtomicBool::new(false),
            fired: AtomicI64::new(0),
            panics: AtomicBool::new(false),
        }
    }
}

impl Faults {
    /// From now on the disk has this many blocks beyond those in use.
    pub(crate) fn limit_free_blocks(&self, free: i64) {
        let used = i64::try_from(self.blocks.lock().unwrap().len()).unwrap();
        self.capacity.store(used + free, Ordering::SeqCst);
    }

    pub(crate) fn no_limit(&self) {
        self.capacity.store(i64::MAX, Ordering::SeqCst);
    }

    /// The operation after this many more fails, and where sticky every one after it.
    pub(crate) fn fail_after(&self, operations: i64, sticky: bool) {
        self.sticky.store(sticky, Ordering::SeqCst);
        self.fuse.store(operations, Ordering::SeqCst);
    }

    pub(crate) fn never_fail(&self) {
        self.fuse.store(-1, Ordering::SeqCst);
    }

    /// The next operation panics, as the engine does on some damaged pages.
    pub(crate) fn panic_next(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    /// How many operations were made to fail.
    pub(crate) fn fired(&self) -> i64 {
        self.fired.load(Ordering::SeqCst)
    }

    fn burn(&self) -> io::Result<()> {
        assert!(!self.panics.swap(false, Ordering::SeqCst), "injected panic");
        let before = self.fuse.load(Ordering::SeqCst);
        if before < 0 {
            return Ok(());
        }
        if before == 0 {
            if !self.sticky.load(Ordering::SeqCst) {
                self.fuse.store(-1, Ordering::SeqCst);
            }
            self.fired.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::other("injected fault"));
        }
        self.fuse.store(before - 1, Ordering::SeqCst);
        Ok(())
    }

    pub(crate) fn before_read(&self) -> io::Result<()> {
        self.burn()
    }

    pub(crate) fn before_write(&self) -> io::Result<()> {
        self.burn()
    }

    pub(crate) fn take_blocks(&self, offset: u64, length: usize) -> io::Result<()> {
        let mut blocks = self.blocks.lock().unwrap();
        let last = (offset + length as u64).div_ceil(BLOCK);
        for block in offset / BLOCK..last {
            if !blocks.contains(&block) {
                let used = i64::try_from(blocks.len()).unwrap();
                if used >= self.capacity.load(Ordering::SeqCst) {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                blocks.insert(block);
            }
        }
        Ok(())
    }

    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        let used = i64::try_from(self.blocks.lock().unwrap().len()).unwrap();
        let free = self.capacity.load(Ordering::SeqCst).saturating_sub(used);
        free >= i64::try_from(bytes.div_ceil(BLOCK)).unwrap()
    }
}
