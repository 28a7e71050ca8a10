//! The program `git`: one process imports a stream of commits; others answer questions.

use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{Abilities, Peer, Reader, Store};
use crate::data::Set;
use crate::large::LargeValue;
use crate::measure::{Counters, bytes_passed_to_writes};
use crate::{Failure, Result};

pub(crate) const PEER: Peer = Peer::new(
    "git",
    Abilities {
        has_history: true,
        can_clone: true,
        // One process imports a stream of commits and syncs at its end.
        can_sync_commits: false,
        is_slow_in_large_directories: true,
        largest_value: u64::MAX,
        ..Abilities::PLAIN
    },
    create,
    open,
);

fn create(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(Git::create(dir)?))
}

fn open(dir: &Path) -> Result<Box<dyn Store>> {
    Ok(Box::new(Git::open(dir)))
}

struct Git {
    dir: PathBuf,
    /// Bytes of streams, which are no writes to files.
    streamed: u64,
}

impl Git {
    fn create(dir: &Path) -> Result<Self> {
        let git = Self::open(dir);
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(dir)
            .status()?;
        if !made.success() {
            return Err("git init failed".into());
        }
        Ok(git)
    }

    fn open(dir: &Path) -> Self {
        let dir = dir.to_owned();
        Self { dir, streamed: 0 }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.dir).args(args);
        command
    }

    /// Runs a command and returns what it prints.
    fn ask(&self, args: &[&str]) -> Result<String> {
        let output = self.command(args).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("git {} failed", args.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    fn has(&self, branch: &str) -> Result<bool> {
        let name = format!("refs/heads/{branch}");
        let found = self.command(&["show-ref", "--verify", "--quiet", &name]);
        Ok({ found }.status()?.success())
    }

    /// Imports commits of `per_commit` entries each.
    fn import(
        &mut self,
        branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        per_commit: usize,
    ) -> Result<()> {
        self.import_with(branch, |stream, continues| {
            for (index, (key, value)) in entries.enumerate() {
                if index % per_commit == 0 {
                    stream.begin_commit(branch, continues && index == 0)?;
                }
                stream.entry(&key, &value)?;
            }
            Ok(())
        })
    }

    /// Imports what a function writes, which is told whether the branch is there already.
    fn import_with(
        &mut self,
        branch: &str,
        write: impl FnOnce(&mut Stream, bool) -> Result<()>,
    ) -> Result<()> {
        let continues = self.has(branch)?;
        // Packs of few objects are to stay packs: that is faster than loose files.
        let mut child = self
            .command(&["-c", "fastimport.unpackLimit=0", "fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()?;
        let pipe = child.stdin.take().ok_or("no pipe to git fast-import")?;
        let mut stream = Stream {
            pipe: BufWriter::with_capacity(1 << 16, pipe),
            bytes: 0,
        };
        write(&mut stream, continues)?;
        stream.pipe.flush()?;
        self.streamed += stream.bytes;
        drop(stream);
        wait(child, "fast-import")
    }
}

/// A stream of commits on its way to `git fast-import`.
struct Stream {
    pipe: BufWriter<ChildStdin>,
    bytes: u64,
}

impl Stream {
    fn begin_commit(&mut self, branch: &str, from: bool) -> Result<()> {
        let from = match from {
            true => format!("from refs/heads/{branch}^0\n"),
            false => String::new(),
        };
        let text = format!(
            "commit refs/heads/{branch}\n\
             committer Bench <bench@localhost> 1700000000 +0000\ndata 5\nbench\n{from}"
        );
        self.write(text.as_bytes())
    }

    fn entry(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.write(format!("M 100644 inline {key}\ndata {}\n", value.len()).as_bytes())?;
        self.write(value)?;
        self.write(b"\n")
    }

    fn large_entry(&mut self, value: &mut LargeValue) -> Result<()> {
        let (key, len) = (value.key().to_owned(), value.len());
        self.write(format!("M 100644 inline {key}\ndata {len}\n").as_bytes())?;
        self.bytes += io::copy(value, &mut self.pipe)?;
        self.write(b"\n")
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        Ok(self.pipe.write_all(bytes)?)
    }
}

fn wait(mut child: Child, what: &str) -> Result<()> {
    let status = child.wait()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("git {what} ended with {status}").into()),
    }
}

impl Store for Git {
    fn load(&mut self, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        self.import("main", entries, usize::MAX)
    }

    fn commit_each(
        &mut self,
        branch: &str,
        entries: &mut dyn Iterator<Item = Set>,
        _durable: bool,
    ) -> Result<()> {
        self.import(branch, entries, 1)
    }

    fn commit_all(&mut self, branch: &str, entries: &mut dyn Iterator<Item = Set>) -> Result<()> {
        self.import(branch, entries, usize::MAX)
    }

    fn sync(&mut self) -> Result<()> {
        // Packs and refs were synced when the import ended.
        Ok(())
    }

    fn reader(&self, at: &str) -> Result<Box<dyn Reader + '_>> {
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let ask = child.stdin.take().ok_or("no pipe to git cat-file")?;
        let answer = child.stdout.take().ok_or("no pipe from git cat-file")?;
        Ok(Box::new(CatFile {
            child: Some(child),
            ask: Some(ask),
            answer: BufReader::new(answer),
            at: at.to_owned(),
            value: Vec::new(),
        }))
    }

    fn fork(&mut self, from: &str, to: &str) -> Result<()> {
        self.ask(&["branch", to, from]).map(drop)
    }

    fn merge(&mut self, ours: &str, theirs: &str) -> Result<String> {
        self.ask(&["merge-tree", "--write-tree", ours, theirs])
    }

    fn merge_base(&self, left: &str, right: &str) -> Result<String> {
        self.ask(&["merge-base", "--all", left, right])
    }

    fn head(&self, branch: &str) -> Result<String> {
        self.ask(&["rev-parse", branch])
    }

    fn diff(&self, old: &str, new: &str) -> Result<Vec<String>> {
        let paths = self.ask(&["diff-tree", "-r", "--name-only", old, new])?;
        Ok(paths.lines().map(str::to_owned).collect())
    }

    fn put_blobs(&mut self, blobs: &mut dyn Iterator<Item = LargeValue>) -> Result<()> {
        self.import_with("main", |stream, from| {
            stream.begin_commit("main", from)?;
            for mut value in blobs {
                stream.large_entry(&mut value)?;
            }
            Ok(())
        })
    }

    fn clone_to(&self, to: &Path) -> Result<Box<dyn Store>> {
        let mut clone = Command::new("git");
        // Not by linking files: objects go through the transport and are verified.
        clone.args(["clone", "--quiet", "--bare", "--no-local"]);
        wait(clone.args([&self.dir, to]).spawn()?, "clone")?;
        open(to)
    }

    fn fetch(&mut self, from: &Path) -> Result<String> {
        let at = "refs/remotes/origin/main";
        let from = from.to_str().ok_or("the directory's name is no text")?;
        // Two thousand objects are faster as a pack than as loose files: its default.
        self.ask(&["fetch", "--quiet", from, &format!("refs/heads/main:{at}")])?;
        Ok(at.to_owned())
    }

    fn counters(&self) -> Result<Counters> {
        let bytes = bytes_passed_to_writes()?.saturating_sub(self.streamed);
        Ok(Counters {
            bytes_written: Some(bytes),
            syncs: None,
        })
    }
}

/// A running `git cat-file --batch`.
struct CatFile {
    child: Option<Child>,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
    at: String,
    value: Vec<u8>,
}

impl CatFile {
    /// Asks for a value and returns its size; it is what comes next then, with a newline.
    fn ask(&mut self, key: &str) -> Result<Option<u64>> {
        let gone = || Failure::from("git cat-file is gone");
        let request = format!("{}:{key}\n", self.at);
        self.ask
            .as_mut()
            .ok_or_else(gone)?
            .write_all(request.as_bytes())?;
        let mut header = String::new();
        self.answer.read_line(&mut header)?;
        if header.ends_with(" missing\n") {
            return Ok(None);
        }
        let size = header.trim_end().rsplit(' ').next().unwrap_or_default();
        Ok(Some(size.parse()?))
    }
}

impl Reader for CatFile {
    fn find(&mut self, key: &str, look: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let Some(size) = self.ask(key)? else {
            return Ok(false);
        };
        self.value.resize(usize::try_from(size)? + 1, 0);
        self.answer.read_exact(&mut self.value)?;
        look(
            self.value
                .split_last()
                .map_or(&[][..], |(_newline, value)| value),
        );
        Ok(true)
    }

    fn copy_to(&mut self, key: &str, out: &mut dyn Write) -> Result<()> {
        let size = self.ask(key)?.ok_or(format!("'{key}' is not there"))?;
        io::copy(&mut (&mut self.answer).take(size), out)?;
        self.answer.read_exact(&mut [0])?;
        Ok(())
    }
}

impl Drop for CatFile {
    fn drop(&mut self) {
        drop(self.ask.take());
        // It ends with its input; how, does not matter any more.
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}
