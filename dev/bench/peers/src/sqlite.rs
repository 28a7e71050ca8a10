//! SQLite: one table of keys `directory/name`, clustered by key, with a write-ahead log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use irmin_bench::{Abilities, Failure, Peer, Reader, Result, Set, Store, serve};
use rusqlite::{Connection, OptionalExtension as _, params};

const PUT: &str = "INSERT OR REPLACE INTO main (key, value) VALUES (?1, ?2)";
const GET: &str = "SELECT value FROM main WHERE key = ?1";

/// Enough for the store of W2: all reads but the first ones find their page in memory.
const CACHE_KIB: u64 = 256 << 10;
/// Larger than any store here: reads are of the page cache, without a copy.
const MAP_BYTES: u64 = 4 << 30;

fn main() -> ExitCode {
    serve(&[Peer::new("sqlite", Abilities::PLAIN, open, open)])
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    fs::create_dir_all(dir)?;
    let file = dir.join("sqlite");
    let connection = connect(&file)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS main (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
    )?;
    Ok(Box::new(Sqlite {
        file,
        connection: Mutex::new(connection),
    }))
}

fn connect(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA cache_size = -{CACHE_KIB};
         PRAGMA mmap_size = {MAP_BYTES};"
    ))?;
    Ok(connection)
}

struct Sqlite {
    file: PathBuf,
    /// The one that writes.
    connection: Mutex<Connection>,
}

impl Sqlite {
    fn writer(&mut self, durable: bool) -> Result<&Connection> {
        let poisoned = |_| Failure::from("a writer panicked");
        let connection = self.connection.get_mut().map_err(poisoned)?;
        // Full: the log is synced at each commit. Normal: only when it is copied to the file.
        let synchronous = if durable { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        Ok(connection)
    }
}

fn commit(connection: &Connection, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let mut put = connection.prepare_cached(PUT)?;
    for (key, value) in entries {
        put.execute(params![key, value.as_slice()])?;
    }
    drop(put);
    Ok(transaction.commit()?)
}

impl Store for Sqlite {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        commit(self.writer(false)?, entries)?;
        self.sync()
    }

    fn commit_each(
        &mut self,
        _branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        let connection = self.writer(durable)?;
        // A statement by itself is a transaction, and cheaper than one in BEGIN and COMMIT.
        let mut put = connection.prepare_cached(PUT)?;
        for (key, value) in entries {
            put.execute(params![key, value.as_slice()])?;
        }
        Ok(())
    }

    fn commit_all(&mut self, _branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        commit(self.writer(false)?, entries)
    }

    fn sync(&mut self) -> Result<()> {
        // Syncs the log and the file, and leaves the log empty.
        let connection = self.writer(true)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn reader(&self, _at: &str) -> Result<Box<dyn Reader + '_>> {
        let connection = connect(&self.file)?;
        // One snapshot for all finds, instead of a lock for each.
        connection.execute_batch("BEGIN")?;
        Ok(Box::new(Snapshot(connection)))
    }
}

struct Snapshot(Connection);

impl Reader for Snapshot {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let mut get = self.0.prepare_cached(GET)?;
        let found = get.query_row([key], |row| {
            look(row.get_ref(0)?.as_blob()?);
            Ok(())
        });
        Ok(found.optional()?.is_some())
    }
}
