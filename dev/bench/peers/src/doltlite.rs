//! doltlite: SQLite over a prolly tree, one table of keys `directory/name`.
//!
//! Best for it: the statement and `dolt_commit` are one transaction, which needs one sync instead of
//! two; statements are prepared once. It writes its file at each commit, so what need not be durable
//! only leaves out the sync.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use doltlite::{Connection, Row, Statement, Value};
use irmin_bench::{Abilities, Peer, Reader, Result, Set, Store, serve};

const PUT: &str = "INSERT OR REPLACE INTO main (key, value) VALUES (?, ?)";
const COMMIT: &str = "SELECT dolt_commit('-A', '-m', 'bench')";

fn main() -> ExitCode {
    let abilities = Abilities {
        has_history: true,
        can_clone: true,
        ..Abilities::PLAIN
    };
    serve(&[Peer::new("doltlite", abilities, create, open)])
}

fn create(dir: &Path) -> Result<Box<dyn Store>> {
    fs::create_dir_all(dir)?;
    let store = Doltlite::open(dir)?;
    store.connection().execute_batch(
        "CREATE TABLE main (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
         SELECT dolt_commit('-A', '-m', 'make')",
    )?;
    Ok(Box::new(store))
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(Doltlite::open(dir)?))
}

fn file(dir: &Path) -> PathBuf {
    dir.join("doltlite")
}

struct Doltlite {
    dir: PathBuf,
    /// The one that writes.
    connection: Mutex<Connection>,
}

impl Doltlite {
    fn open(dir: &Path) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            connection: Mutex::new(Connection::open(file(dir))?),
        })
    }

    fn connection(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection that writes, on a branch.
    fn writer(&mut self, branch: &str, durable: bool) -> Result<&Connection> {
        let connection = self.connection.get_mut();
        let connection = connection.unwrap_or_else(PoisonError::into_inner);
        let synchronous = if durable { "FULL" } else { "OFF" };
        connection.execute_batch(&format!("PRAGMA synchronous = {synchronous}"))?;
        if ask(connection, "SELECT active_branch()", &[])? != branch {
            ask_number(connection, "SELECT dolt_checkout(?)", &[branch])?;
        }
        Ok(connection)
    }
}

/// Asks for one text.
fn ask(connection: &Connection, sql: &str, arguments: &[&str]) -> Result<String> {
    let row = first(connection, sql, arguments)?;
    let text = row.get(0).and_then(Value::as_str);
    Ok(text.ok_or(format!("no text from {sql}"))?.to_owned())
}

/// Runs a function that returns a status.
fn ask_number(connection: &Connection, sql: &str, arguments: &[&str]) -> Result<()> {
    match first(connection, sql, arguments)?
        .get(0)
        .and_then(Value::as_i64)
    {
        Some(0) => Ok(()),
        other => Err(format!("{sql}: status {other:?}").into()),
    }
}

fn first(connection: &Connection, sql: &str, arguments: &[&str]) -> Result<Row> {
    let arguments: Vec<_> = arguments.iter().map(|&text| Value::from(text)).collect();
    let row = connection.query_row(sql, &arguments)?;
    Ok(row.ok_or(format!("no row from {sql}"))?)
}

/// The statements of a commit.
struct Commit<'a> {
    begin: Statement<'a>,
    put: Statement<'a>,
    commit: Statement<'a>,
    end: Statement<'a>,
}

impl<'a> Commit<'a> {
    fn prepare(connection: &'a Connection) -> Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN")?,
            put: connection.prepare(PUT)?,
            commit: connection.prepare(COMMIT)?,
            end: connection.prepare("COMMIT")?,
        })
    }

    fn run(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        finish(&mut self.begin)?;
        for (key, value) in entries {
            self.put.bind(1, &Value::Text(key))?;
            self.put.bind(2, &Value::Blob(value.to_vec()))?;
            finish(&mut self.put)?;
        }
        finish(&mut self.commit)?;
        finish(&mut self.end)
    }
}

fn finish(statement: &mut Statement<'_>) -> Result<()> {
    while statement.step()? {}
    Ok(statement.reset()?)
}

impl Store for Doltlite {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        Commit::prepare(self.writer("main", true)?)?.run(entries)
    }

    fn commit_each(
        &mut self,
        branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        durable: bool,
    ) -> Result<()> {
        let mut commit = Commit::prepare(self.writer(branch, durable)?)?;
        for entry in entries {
            commit.run(&mut std::iter::once(entry))?;
        }
        Ok(())
    }

    fn commit_all(&mut self, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        Commit::prepare(self.writer(branch, false)?)?.run(entries)
    }

    fn sync(&mut self) -> Result<()> {
        // It has no command for this, and all is in one file.
        Ok(fs::File::open(file(&self.dir))?.sync_all()?)
    }

    fn reader(&self, at: &str) -> Result<Box<dyn Reader + '_>> {
        let connection = Connection::open(file(&self.dir))?;
        let is_remote = at.contains('/');
        let table = match is_remote {
            true => format!("dolt_at_main('{at}')"),
            false => "main".to_owned(),
        };
        if !is_remote && ask(&connection, "SELECT active_branch()", &[])? != at {
            first(&connection, "SELECT dolt_connect_branch(?)", &[at])?;
        }
        // One snapshot for all finds, instead of a lock for each.
        connection.execute_batch("BEGIN")?;
        // A statement borrows its connection. The few that there are live as long as the process.
        let connection: &'static Connection = Box::leak(Box::new(connection));
        let get = connection.prepare(&format!("SELECT value FROM {table} WHERE key = ?"))?;
        Ok(Box::new(Snapshot { get }))
    }

    fn fork(&mut self, from: &str, to: &str) -> Result<()> {
        let connection = self.connection();
        ask_number(&connection, "SELECT dolt_branch(?, ?)", &[to, from])
    }

    fn merge(&mut self, ours: &str, theirs: &str) -> Result<String> {
        let connection = self.writer(ours, false)?;
        ask(connection, "SELECT dolt_merge(?)", &[theirs])?;
        Ok(ours.to_owned())
    }

    fn merge_base(&self, left: &str, right: &str) -> Result<String> {
        let connection = self.connection();
        ask(&connection, "SELECT dolt_merge_base(?, ?)", &[left, right])
    }

    fn head(&self, branch: &str) -> Result<String> {
        ask(&self.connection(), "SELECT dolt_hashof(?)", &[branch])
    }

    fn diff(&self, old: &str, new: &str) -> Result<Vec<String>> {
        let connection = self.connection();
        let mut changes =
            connection.prepare("SELECT coalesce(to_key, from_key) FROM dolt_diff_main(?, ?)")?;
        changes.bind(1, &Value::from(old))?;
        changes.bind(2, &Value::from(new))?;
        let mut paths = Vec::new();
        while changes.step()? {
            let row = changes.row();
            paths.extend(row.get(0).and_then(Value::as_str).map(str::to_owned));
        }
        Ok(paths)
    }

    fn clone_to(&self, to: &Path) -> Result<Box<dyn Store>> {
        fs::create_dir_all(to)?;
        let clone = Self::open(to)?;
        let url = format!("file://{}", file(&self.dir).display());
        ask_number(&clone.connection(), "SELECT dolt_clone(?)", &[&url])?;
        Ok(Box::new(clone))
    }

    fn fetch(&mut self, _from: &Path) -> Result<String> {
        let connection = self.connection();
        ask_number(&connection, "SELECT dolt_fetch(?, ?)", &["origin", "main"])?;
        Ok("origin/main".to_owned())
    }
}

struct Snapshot {
    get: Statement<'static>,
}

impl Reader for Snapshot {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.get.bind(1, &Value::from(key))?;
        let found = self.get.step()?;
        if found {
            let row = self.get.row();
            look(row.get(0).and_then(Value::as_blob).unwrap_or_default());
        }
        self.get.reset()?;
        Ok(found)
    }
}
