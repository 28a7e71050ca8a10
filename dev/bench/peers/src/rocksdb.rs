//! RocksDB: one column family, keys `directory/name`.
//!
//! Best for it: sorted entries become a table file that is taken in whole; the log stays in the
//! process's memory until it must be durable; blocks have a hash index, are not compressed and all fit
//! in the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use irmin_bench::{Abilities, Peer, Reader, Result, Set, Store, serve};
use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, DataBlockIndexType, IngestExternalFileOptions,
    Options, SstFileWriter, WriteBatch, WriteOptions,
};

/// Larger than any store here.
const CACHE_BYTES: usize = 512 << 20;

fn main() -> ExitCode {
    serve(&[Peer::new("rocksdb", Abilities::PLAIN, open, open)])
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    fs::create_dir_all(dir)?;
    let options = options()?;
    let database = DB::open(&options, dir)?;
    Ok(Box::new(Rocks {
        dir: dir.to_owned(),
        options,
        database,
    }))
}

fn options() -> Result<Options> {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES)?);
    blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    blocks.set_format_version(5);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::None);
    options.set_manual_wal_flush(true);
    Ok(options)
}

struct Rocks {
    dir: PathBuf,
    options: Options,
    database: DB,
}

impl Store for Rocks {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let file = self.dir.join("load");
        let mut table = SstFileWriter::create(&self.options);
        table.open(&file)?;
        for (key, value) in entries {
            table.put(key, value)?;
        }
        table.finish()?;
        drop(table);
        let mut ingestion = IngestExternalFileOptions::default();
        ingestion.set_move_files(true);
        let files = vec![file];
        Ok(self.database.ingest_external_file_opts(&ingestion, files)?)
    }

    fn commit_each(
        &mut self,
        _branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        let mut options = WriteOptions::default();
        options.set_sync(durable);
        for (key, value) in entries {
            self.database.put_opt(key, value, &options)?;
        }
        Ok(())
    }

    fn commit_all(&mut self, _branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (key, value) in entries {
            batch.put(key, value);
        }
        Ok(self.database.write(batch)?)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.database.flush_wal(true)?)
    }

    fn reader(&self, _at: &str) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(Snapshot(&self.database)))
    }
}

/// Nothing is written while it reads, so it need not pay for a snapshot.
struct Snapshot<'a>(&'a DB);

impl Reader for Snapshot<'_> {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let found = self.0.get_pinned(key)?;
        if let Some(value) = &found {
            look(value);
        }
        Ok(found.is_some())
    }
}
