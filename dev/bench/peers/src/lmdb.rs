//! LMDB: one database, keys `directory/name`.
//!
//! Best for it: sorted entries are appended; commits that need not be durable skip the sync; the
//! map is larger than any store here, so it never grows.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use heed::types::{Bytes, Str};
use heed::{Database, Env, EnvFlags, EnvOpenOptions, FlagSetMode, PutFlags, RoTxn, WithoutTls};
use irmin_bench::{Abilities, Peer, Reader, Result, Set, Store, serve};

/// The largest store, in bytes. Only addresses are taken for it.
const MAP_BYTES: usize = 16 << 30;

fn main() -> ExitCode {
    serve(&[Peer::new("lmdb", Abilities::PLAIN, open, open)])
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    fs::create_dir_all(dir)?;
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(MAP_BYTES);
    #[expect(
        unsafe_code,
        reason = "nobody else changes the file, and it is opened once"
    )]
    let env = unsafe { options.open(dir) }?;
    let mut transaction = env.write_txn()?;
    let database = env.create_database(&mut transaction, None)?;
    transaction.commit()?;
    Ok(Box::new(Lmdb { env, database }))
}

struct Lmdb {
    env: Env<WithoutTls>,
    database: Database<Str, Bytes>,
}

impl Lmdb {
    /// Chooses whether commits are durable from now on.
    fn set_durable(&self, durable: bool) -> Result<()> {
        let mode = match durable {
            true => FlagSetMode::Disable,
            false => FlagSetMode::Enable,
        };
        #[expect(unsafe_code, reason = "only one thread writes, and this is it")]
        unsafe {
            self.env.set_flags(EnvFlags::NO_SYNC, mode)?;
        }
        Ok(())
    }

    fn commit(&self, entries: &mut dyn Iterator<Item = Set>, flags: PutFlags) -> Result<()> {
        let mut transaction = self.env.write_txn()?;
        for (key, value) in entries {
            self.database
                .put_with_flags(&mut transaction, flags, &key, &value)?;
        }
        Ok(transaction.commit()?)
    }
}

impl Store for Lmdb {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        self.set_durable(true)?;
        self.commit(entries, PutFlags::APPEND)
    }

    fn commit_each(
        &mut self,
        _branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        self.set_durable(durable)?;
        for entry in entries {
            self.commit(&mut std::iter::once(entry), PutFlags::empty())?;
        }
        Ok(())
    }

    fn commit_all(&mut self, _branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        self.set_durable(false)?;
        self.commit(entries, PutFlags::empty())
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.env.force_sync()?)
    }

    fn reader(&self, _at: &str) -> Result<Box<dyn Reader + '_>> {
        Ok(Box::new(Snapshot {
            transaction: self.env.read_txn()?,
            database: self.database,
        }))
    }
}

struct Snapshot<'a> {
    transaction: RoTxn<'a, WithoutTls>,
    database: Database<Str, Bytes>,
}

impl Reader for Snapshot<'_> {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let found = self.database.get(&self.transaction, key)?;
        if let Some(value) = found {
            look(value);
        }
        Ok(found.is_some())
    }
}
