//! What the engine says when it fails, in the words of the store; a panic of it is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::DatabaseError;

use crate::error::{Error, StoreError, VerifyError};

/// Translates what the engine says. The one place where its errors are named.
pub(crate) fn storage_error(error: redb::StorageError) -> StoreError {
    match error {
        redb::StorageError::Corrupted(what) => StoreError::Corrupted(what),
        redb::StorageError::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => StoreError::Busy,
        redb::StorageError::Io(e) => StoreError::io("reading or writing the store", e),
        redb::StorageError::DatabaseClosed => StoreError::Closed,
        redb::StorageError::PreviousIo => StoreError::Io {
            what: "reading or writing the store",
            source: std::io::Error::other("an earlier operation failed"),
        },
        other => StoreError::Internal(other.to_string()),
    }
}

pub(crate) fn table_error(error: redb::TableError) -> StoreError {
    match error {
        redb::TableError::Storage(e) => storage_error(e),
        redb::TableError::TableDoesNotExist(name) => {
            StoreError::Corrupted(format!("table {name} is missing"))
        }
        other => StoreError::Corrupted(other.to_string()),
    }
}

pub(super) fn transaction_error(error: redb::TransactionError) -> StoreError {
    match error {
        redb::TransactionError::Storage(e) => storage_error(e),
        redb::TransactionError::WouldBlock => StoreError::Busy,
        other => StoreError::Internal(other.to_string()),
    }
}

pub(super) fn database_error(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::Locked
        }
        DatabaseError::RepairAborted => StoreError::NeedsRecovery,
        DatabaseError::UpgradeRequired(_) => StoreError::NotAStore {
            path: path.into(),
            why: "its file format is older than any keyfob store's",
        },
        DatabaseError::TransactionInProgress => StoreError::Busy,
        DatabaseError::Storage(redb::StorageError::Corrupted(what))
            if what.contains("truncated") || what.contains("length does not correspond") =>
        {
            StoreError::Truncated(path.into())
        }
        DatabaseError::Storage(e) => storage_error(e),
        other => StoreError::Internal(other.to_string()),
    }
}

/// What a panic said, as far as it can be told.
fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    format!(
        "the storage engine failed on it ({})",
        text.as_deref().unwrap_or("no message")
    )
}

pub(super) fn guarded<T, E: From<StoreError>>(
    f: impl FnOnce() -> Result<T, E>,
) -> Result<T, Guarded<E>> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Guarded::Failed(error)),
        Err(payload) => Err(Guarded::Panicked(panic_text(&*payload))),
    }
}

pub(super) enum Guarded<E> {
    Failed(E),
    Panicked(String),
}

impl<E: From<StoreError>> Guarded<E> {
    pub(super) fn map<F>(self, f: impl FnOnce(E) -> F) -> Guarded<F> {
        match self {
            Guarded::Failed(error) => Guarded::Failed(f(error)),
            Guarded::Panicked(text) => Guarded::Panicked(text),
        }
    }

    pub(super) fn into_error(self) -> E {
        match self {
            Guarded::Failed(error) => error,
            Guarded::Panicked(text) => StoreError::Corrupted(text).into(),
        }
    }
}

/// An error that may hold one of the store's.
pub(crate) trait AsStoreError {
    fn as_store_error(&self) -> Option<&StoreError>;
}

impl AsStoreError for StoreError {
    fn as_store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl AsStoreError for Error {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Error::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl AsStoreError for VerifyError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            VerifyError::Store(error) => Some(error),
            VerifyError::Denied(_) => None,
        }
    }
}
