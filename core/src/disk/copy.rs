//! Copying every row of a snapshot into a new file, byte for byte.

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition};

use crate::disk::schema::{
    DIGESTS, EVENTS, KEYS, KEYS_BY_EXPIRY, KEYS_BY_OWNER, KEYS_BY_PROJECT, META, PROJECT_NAMES,
    PROJECTS, REQUESTS, REQUESTS_BY_TIME, TOMBSTONES, USAGE,
};
use crate::disk::{New, storage_error, table_error};
use crate::error::StoreError;

/// Rows in one transaction of the copy.
const BATCH: usize = 20_000;

macro_rules! every_table {
    ($each:ident) => {
        $each!(META);
        $each!(KEYS);
        $each!(PROJECTS);
        $each!(PROJECT_NAMES);
        $each!(KEYS_BY_PROJECT);
        $each!(KEYS_BY_OWNER);
        $each!(KEYS_BY_EXPIRY);
        $each!(DIGESTS);
        $each!(TOMBSTONES);
        $each!(EVENTS);
        $each!(REQUESTS);
        $each!(REQUESTS_BY_TIME);
        $each!(USAGE);
    };
}

fn copy_table<K: redb::Key + 'static, V: redb::Value + 'static, E: From<StoreError>>(
    from: &ReadTransaction,
    to: &New<'_>,
    definition: TableDefinition<'_, K, V>,
    done: &mut dyn FnMut(u64) -> Result<(), E>,
) -> Result<(), E> {
    let source = from.open_table(definition).map_err(table_error)?;
    let mut rows = source.iter().map_err(storage_error)?;
    loop {
        let copied = to.write(|transaction| {
            let mut target = transaction.open_table(definition).map_err(table_error)?;
            let mut copied = 0;
            for row in rows.by_ref().take(BATCH) {
                let (key, value) = row.map_err(storage_error)?;
                target
                    .insert(key.value(), value.value())
                    .map_err(storage_error)?;
                copied += 1;
            }
            Ok::<_, StoreError>(copied)
        })?;
        done(copied as u64)?;
        if copied < BATCH {
            return Ok(());
        }
    }
}

/// Copies every table. `progress` is told how many rows are done, of how many, between two batches;
/// an error of its own ends the copy.
pub(crate) fn copy<E: From<StoreError>>(
    from: &ReadTransaction,
    to: &New<'_>,
    progress: &mut dyn FnMut(u64, u64) -> Result<(), E>,
) -> Result<(), E> {
    let mut all = 0;
    macro_rules! count {
        ($table:ident) => {
            let table = from.open_table($table).map_err(table_error)?;
            all += table.len().map_err(storage_error)?;
        };
    }
    every_table!(count);
    let mut done = 0;
    let mut tell = |rows: u64| -> Result<(), E> {
        done += rows;
        progress(done, all)
    };
    tell(0)?;
    macro_rules! copy {
        ($table:ident) => {
            copy_table(from, to, $table, &mut tell)?;
        };
    }
    every_table!(copy);
    Ok(())
}
