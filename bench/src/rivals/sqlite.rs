//! SQLite: write-ahead log, statements prepared once, a connection for each thread.

use std::path::Path;

use crate::Outcome;
use crate::rivals::{Digest, Rival};

#[cfg(not(feature = "rivals"))]
pub(crate) fn open(_folder: &Path, _digests: &[Digest]) -> Outcome<Box<dyn Rival>> {
    Err("built without `--features rivals`".into())
}

#[cfg(feature = "rivals")]
pub(crate) fn open(folder: &Path, digests: &[Digest]) -> Outcome<Box<dyn Rival>> {
    Ok(Box::new(with::Sqlite::open(folder, digests)?))
}

#[cfg(feature = "rivals")]
mod with {
    use std::path::{Path, PathBuf};

    use rusqlite::{Connection, OptionalExtension, Statement, params};

    use crate::Outcome;
    use crate::rivals::{
        Digest, EVENT_BYTES, RECORD_BYTES, Rival, Session, digest as digest_of, judge,
    };

    pub(super) struct Sqlite(PathBuf);

    /// What the record holds beside the columns that are judged.
    const REST_BYTES: usize = RECORD_BYTES - 31;

    const INSERT: &str = "INSERT INTO keys VALUES (?1, 0, ?2, 'orders:read stock:read', ?3)";

    fn connect(path: &Path) -> Outcome<Connection> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             PRAGMA cache_size = -1000000; PRAGMA mmap_size = 8000000000;",
        )?;
        Ok(connection)
    }

    impl Sqlite {
        pub(super) fn open(folder: &Path, digests: &[Digest]) -> Outcome<Self> {
            let path = folder.join("rival.sqlite");
            let mut connection = connect(&path)?;
            connection.execute_batch(
                "CREATE TABLE keys (digest BLOB PRIMARY KEY, revoked INTEGER, expires INTEGER,
                                    scopes TEXT, rest BLOB) WITHOUT ROWID;
                 CREATE TABLE events (sequence INTEGER PRIMARY KEY, event BLOB);",
            )?;
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction.prepare(INSERT)?;
                for digest in digests {
                    insert.execute(params![digest, i64::MAX, [7u8; REST_BYTES]])?;
                }
            }
            transaction.commit()?;
            connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
            Ok(Sqlite(path))
        }
    }

    impl Rival for Sqlite {
        fn name(&self) -> &'static str {
            "SQLite"
        }

        fn session(&self) -> Outcome<Box<dyn Session + '_>> {
            // A statement borrows its connection, and both are kept as long as the process runs.
            let connection: &'static Connection = Box::leak(Box::new(connect(&self.0)?));
            Ok(Box::new(Prepared {
                select: connection
                    .prepare("SELECT revoked, expires, scopes FROM keys WHERE digest = ?1")?,
                begin: connection.prepare("BEGIN IMMEDIATE")?,
                insert: connection.prepare(INSERT)?,
                revoke: connection.prepare("UPDATE keys SET revoked = 1 WHERE digest = ?1")?,
                event: connection.prepare("INSERT INTO events (event) VALUES (?1)")?,
                commit: connection.prepare("COMMIT")?,
            }))
        }
    }

    struct Prepared {
        select: Statement<'static>,
        begin: Statement<'static>,
        insert: Statement<'static>,
        revoke: Statement<'static>,
        event: Statement<'static>,
        commit: Statement<'static>,
    }

    impl Prepared {
        fn commit(&mut self) -> Outcome<()> {
            self.event.execute([[7u8; EVENT_BYTES]])?;
            self.commit.execute([])?;
            Ok(())
        }
    }

    impl Session for Prepared {
        fn verify(&mut self, token: &str) -> Outcome<bool> {
            let digest = digest_of(token);
            let found = self.select.query_row([digest], |row| {
                let scopes = row.get_ref(2)?.as_bytes().unwrap_or_default();
                Ok(judge(row.get(0)?, row.get(1)?, scopes))
            });
            Ok(found.optional()?.unwrap_or(false))
        }

        fn create(&mut self, digest: &Digest) -> Outcome<()> {
            self.begin.execute([])?;
            self.insert
                .execute(params![digest, i64::MAX, [7u8; REST_BYTES]])?;
            self.commit()
        }

        fn revoke(&mut self, digest: &Digest) -> Outcome<()> {
            self.begin.execute([])?;
            self.revoke.execute([digest])?;
            self.commit()
        }
    }
}
