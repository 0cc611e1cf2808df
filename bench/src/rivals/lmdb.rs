//! LMDB, with its defaults: every commit is synchronised, readers read the map.

use std::path::Path;

use crate::Outcome;
use crate::rivals::{Digest, Rival};

#[cfg(not(feature = "rivals"))]
pub(crate) fn open(_folder: &Path, _digests: &[Digest]) -> Outcome<Box<dyn Rival>> {
    Err("built without `--features rivals`".into())
}

#[cfg(feature = "rivals")]
pub(crate) fn open(folder: &Path, digests: &[Digest]) -> Outcome<Box<dyn Rival>> {
    Ok(Box::new(with::Lmdb::open(folder, digests)?))
}

#[cfg(feature = "rivals")]
mod with {
    use std::path::Path;

    use heed::byteorder::BigEndian;
    use heed::types::{Bytes, U64};
    use heed::{Database, Env, EnvOpenOptions, PutFlags};

    use crate::Outcome;
    use crate::rivals::{
        Digest, EVENT_BYTES, Rival, Session, digest as digest_of, judge_record, record,
    };

    pub(super) struct Lmdb {
        env: Env,
        keys: Database<Bytes, Bytes>,
        events: Database<U64<BigEndian>, Bytes>,
    }

    impl Lmdb {
        #[allow(unsafe_code, reason = "heed has no other way to open")]
        pub(super) fn open(folder: &Path, digests: &[Digest]) -> Outcome<Self> {
            let folder = folder.join("rival.lmdb");
            std::fs::create_dir(&folder)?;
            let mut options = EnvOpenOptions::new();
            options.map_size(32 << 30).max_dbs(2);
            // SAFETY: the folder is new and this process's own; nobody else changes the map.
            let env = unsafe { options.open(&folder)? };
            let mut transaction = env.write_txn()?;
            let keys: Database<Bytes, Bytes> =
                env.create_database(&mut transaction, Some("keys"))?;
            let events = env.create_database(&mut transaction, Some("events"))?;
            let record = record(false);
            for digest in digests {
                keys.put_with_flags(&mut transaction, PutFlags::APPEND, digest, &record)?;
            }
            transaction.commit()?;
            Ok(Lmdb { env, keys, events })
        }

        fn put(&self, digest: &Digest, revoked: bool) -> Outcome<()> {
            let mut transaction = self.env.write_txn()?;
            self.keys.put(&mut transaction, digest, &record(revoked))?;
            let next = self.events.len(&transaction)?;
            self.events
                .put(&mut transaction, &next, &[7; EVENT_BYTES])?;
            Ok(transaction.commit()?)
        }
    }

    impl Rival for Lmdb {
        fn name(&self) -> &'static str {
            "LMDB"
        }

        fn session(&self) -> Outcome<Box<dyn Session + '_>> {
            Ok(Box::new(self))
        }
    }

    impl Session for &Lmdb {
        fn verify(&mut self, token: &str) -> Outcome<bool> {
            let digest = digest_of(token);
            let transaction = self.env.read_txn()?;
            let found = self.keys.get(&transaction, &digest)?;
            Ok(found.is_some_and(judge_record))
        }

        fn create(&mut self, digest: &Digest) -> Outcome<()> {
            self.put(digest, false)
        }

        fn revoke(&mut self, digest: &Digest) -> Outcome<()> {
            self.put(digest, true)
        }
    }
}
