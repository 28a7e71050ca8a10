//! Real writers are killed in the middle of their work, again and again, with readers attached.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use irmin_core::{Durability, Id, Key, Kind, ObjectStore, RefEdit, RefStore};
use irmin_pack::{Options, PackReader, PackStore};

use crate::{assert_clean, put, set};

const DIR: &str = "IRMIN_PACK_READER_KILL_DIR";
const ROUNDS: u64 = 25;
const READERS: usize = 3;
const BRANCHES: usize = 5;

fn options() -> Options {
    Options {
        segment_bytes: 20_000,
        pending_bytes: 700,
        checkpoint_bytes: 3000,
        ..Options::default()
    }
}

fn node(number: u64) -> Vec<u8> {
    let times = 20 + usize::try_from(number % 90).unwrap();
    number.to_le_bytes().repeat(times)
}

fn commit(number: u64) -> Vec<u8> {
    format!("commit {number}").into_bytes()
}

fn names() -> Vec<String> {
    (0..BRANCHES).map(|name| format!("heads/{name}")).collect()
}

/// Moves all branches to number after number and says so, until it is killed.
fn write_forever(dir: &Path) {
    let store = PackStore::open(dir, options()).unwrap();
    let mut head = store.get_ref("heads/0").unwrap();
    let mut number = head.map_or(0, |head| number_of(&store, head));
    loop {
        number += 1;
        let node = put(&store, Kind::Node, &node(number), &[]);
        let id = put(&store, Kind::Commit, &commit(number), &[node]).id;
        let edit = |name| RefEdit {
            name,
            expected: head,
            new: Some(id),
        };
        let edits: Vec<RefEdit> = names().into_iter().map(edit).collect();
        let durability = match number % 50 {
            0 => Durability::Sync,
            _ => Durability::None,
        };
        store.compare_and_swap(&edits, durability).unwrap();
        head = Some(id);
        let mut out = std::io::stdout();
        writeln!(out, "committed {number}").unwrap();
        out.flush().unwrap();
    }
}

fn number_of(store: &dyn ObjectStore, id: Id) -> u64 {
    let stored = store.get(&Key::from(id)).unwrap().unwrap();
    let text = String::from_utf8(stored.bytes.to_vec()).unwrap();
    text.strip_prefix("commit ").unwrap().parse().unwrap()
}

#[test]
fn child() {
    if let Some(dir) = std::env::var_os(DIR) {
        write_forever(&PathBuf::from(dir));
    }
}

/// Follows the log until it ends; returns the last number and how often it was woken.
fn read_all(dir: &Path) -> (u64, u64) {
    let reader = PackReader::open(dir, options()).unwrap();
    let (mut last, mut woken) = (0, 0);
    let mut seen = reader.changes();
    loop {
        // All at one moment, with the sign that there is no more to come.
        let (tags, refs): (Vec<_>, Vec<_>) = reader
            .list_refs("")
            .unwrap()
            .into_iter()
            .partition(|(name, _)| name == "tags/end");
        if let Some((_, head)) = refs.first() {
            assert_eq!(refs.len(), BRANCHES);
            assert!(refs.iter().all(|(_, id)| id == head), "{refs:?}");
            let head = number_of(&reader, *head);
            assert!(head >= last, "{head} after {last}");
            for number in last + 1..=head {
                for bytes in [node(number), commit(number)] {
                    let stored = reader.get(&Key::from(Id::of(&bytes))).unwrap();
                    assert_eq!(stored.unwrap().bytes, bytes);
                }
            }
            last = head;
        }
        if !tags.is_empty() {
            return (last, woken);
        }
        let changes = reader
            .wait_for_changes(seen, Duration::from_secs(600))
            .unwrap();
        assert_ne!(changes, seen);
        seen = changes;
        woken += 1;
    }
}

#[test]
fn readers_see_all_commits_whole_and_once_while_writers_are_killed() {
    let dir = tempfile::tempdir().unwrap();
    drop(PackStore::create(dir.path(), options()).unwrap());
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| scope.spawn(|| read_all(dir.path())))
            .collect();
        for round in 0..ROUNDS {
            kill_after(dir.path(), 1 + round * 7919 % 300);
        }
        let store = PackStore::open(dir.path(), options()).unwrap();
        let head = store.get_ref("heads/0").unwrap().unwrap();
        set(&store, "tags/end", Some(head), Durability::Sync);
        let committed = number_of(&store, head);
        for reader in readers {
            let (last, woken) = reader.join().unwrap();
            assert_eq!(last, committed);
            assert!(woken > 0);
        }
        assert_clean(&store);
    });
}

/// Runs a writer until it has told of so many commits.
fn kill_after(dir: &Path, commits: u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reader_kill::child", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines
        .map(Result::unwrap)
        .filter(|line| line.starts_with("committed "));
    let wanted = usize::try_from(commits).unwrap();
    assert_eq!(told.take(wanted).count(), wanted);
    child.kill().unwrap();
    child.wait().unwrap();
}
