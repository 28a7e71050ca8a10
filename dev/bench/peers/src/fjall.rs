//! fjall: one keyspace, keys `directory/name`.
//!
//! Best for it: sorted entries are ingested as tables, past the journal; the journal is only passed
//! on where it must be durable; nothing is compressed, and all fits in the cache.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use fjall::config::{CompressionPolicy, HashRatioPolicy};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use irmin_bench::{Abilities, Peer, Reader, Result, Set, Store, serve};

/// Larger than any store here.
const CACHE_BYTES: u64 = 512 << 20;
/// Slots of a block's hash index for each of its entries.
const HASH_RATIO: f32 = 1.33;

fn main() -> ExitCode {
    serve(&[Peer::new("fjall", Abilities::PLAIN, open, open)])
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    fs::create_dir_all(dir)?;
    let database = Database::builder(dir.join("fjall"))
        .cache_size(CACHE_BYTES)
        .manual_journal_persist(true)
        .open()?;
    let main = database.keyspace("main", || {
        KeyspaceCreateOptions::default()
            .data_block_compression_policy(CompressionPolicy::disabled())
            .data_block_hash_ratio_policy(HashRatioPolicy::all(HASH_RATIO))
            .expect_point_read_hits(true)
            .manual_journal_persist(true)
    })?;
    Ok(Box::new(Fjall { database, main }))
}

struct Fjall {
    database: Database,
    main: Keyspace,
}

impl Store for Fjall {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let mut ingestion = self.main.start_ingestion()?;
        for (key, value) in entries {
            ingestion.write(key.as_str(), value.as_slice())?;
        }
        Ok(ingestion.finish()?)
    }

    fn commit_each(
        &mut self,
        _branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        for (key, value) in entries {
            self.main.insert(key.as_str(), value.as_slice())?;
            if durable {
                self.database.persist(PersistMode::SyncData)?;
            }
        }
        Ok(())
    }

    fn commit_all(&mut self, _branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let mut batch = self.database.batch();
        for (key, value) in entries {
            batch.insert(&self.main, key.as_str(), value.as_slice());
        }
        Ok(batch.commit()?)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn reader(&self, _at: &str) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(Snapshot(&self.main)))
    }
}

/// Nothing is written while it reads, so it need not pay for a snapshot.
struct Snapshot<'a>(&'a Keyspace);

impl Reader for Snapshot<'_> {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let found = self.0.get(key)?;
        if let Some(value) = &found {
            look(value);
        }
        Ok(found.is_some())
    }
}
