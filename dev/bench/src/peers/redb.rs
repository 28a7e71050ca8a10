//! redb: one table, keys `directory/name`.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::backends::FileBackend;
use redb::{
    Database, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend, TableDefinition,
};

use super::{Abilities, Committer, Peer, Reader, Store};
use crate::Result;
use crate::data::Set;
use crate::large::LargeValue;
use crate::measure::Counters;

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("main");

pub(crate) const PEER: Peer = Peer::new(
    "redb",
    Abilities {
        has_committers: true,
        largest_value: 1 << 20,
        counts_syncs: true,
        ..Abilities::PLAIN
    },
    open,
    open,
);

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(Redb::open(dir)?))
}

struct Redb {
    database: Database,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes_written: AtomicU64,
    syncs: AtomicU64,
}

impl Redb {
    /// Opens or makes the database in a directory.
    fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("redb"))?;
        let counts = Arc::new(Counts::default());
        let backend = Counted {
            inner: FileBackend::new(file)?,
            counts: Arc::clone(&counts),
        };
        let database = Database::builder().create_with_backend(backend)?;
        Ok(Self { database, counts })
    }

    fn commit(&self, entries: &mut dyn Iterator<Item = Set>, durability: Durability) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability)?;
        let mut table = transaction.open_table(TABLE)?;
        for (key, value) in entries {
            table.insert(key.as_str(), value.as_slice())?;
        }
        drop(table);
        Ok(transaction.commit()?)
    }
}

impl Store for Redb {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        self.commit(entries, Durability::Immediate)
    }

    fn commit_each(
        &mut self,
        _branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        for entry in entries {
            self.commit(&mut std::iter::once(entry), durability(durable))?;
        }
        Ok(())
    }

    fn commit_all(&mut self, _branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        self.commit(entries, Durability::None)
    }

    fn sync(&mut self) -> Result<()> {
        self.commit(&mut std::iter::empty(), Durability::Immediate)
    }

    fn reader(&self, _at: &str) -> Result<Box<dyn Reader + '_>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        Ok(Box::new(Snapshot(table)))
    }

    fn counters(&self) -> Result<Counters> {
        Ok(Counters {
            bytes_written: Some(self.counts.bytes_written.load(Ordering::Relaxed)),
            syncs: Some(self.counts.syncs.load(Ordering::Relaxed)),
        })
    }

    fn committer(&self, _branch: &str, durable: bool) -> Result<Box<dyn Committer + '_>> {
        let durability = durability(durable);
        let redb = self;
        Ok(Box::new(Commits { redb, durability }))
    }

    fn put_blobs(&mut self, blobs: &mut dyn Iterator<Item = LargeValue>) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let mut table = transaction.open_table(TABLE)?;
        for mut value in blobs {
            let len = usize::try_from(value.len())?;
            let key = value.key().to_owned();
            let mut slot = table.insert_reserve(key.as_str(), len)?;
            value.read_exact(slot.as_mut())?;
        }
        drop(table);
        Ok(transaction.commit()?)
    }
}

const fn durability(durable: bool) -> Durability {
    match durable {
        true => Durability::Immediate,
        false => Durability::None,
    }
}

/// Threads take turns: redb has one write transaction at a time.
struct Commits<'a> {
    redb: &'a Redb,
    durability: Durability,
}

impl Committer for Commits<'_> {
    fn commit(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let mut transaction = self.redb.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        transaction.open_table(TABLE)?.insert(key, value)?;
        Ok(transaction.commit()?)
    }
}

struct Snapshot(ReadOnlyTable<&'static str, &'static [u8]>);

impl Reader for Snapshot {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let found = self.0.get(key)?;
        if let Some(guard) = &found {
            look(guard.value());
        }
        Ok(found.is_some())
    }
}

/// A file that counts what is done to it.
#[derive(Debug)]
struct Counted {
    inner: FileBackend,
    counts: Arc<Counts>,
}

impl StorageBackend for Counted {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.counts.syncs.fetch_add(1, Ordering::Relaxed);
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let bytes = data.len() as u64;
        self.counts
            .bytes_written
            .fetch_add(bytes, Ordering::Relaxed);
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}
