//! A real process is killed in the middle of its work, again and again.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use irmin_core::{Durability, Id, Key, Kind, ObjectStore, RefStore};
use irmin_pack::{Options, PackStore};

use crate::{assert_clean, put, set};

const DIR: &str = "IRMIN_PACK_KILL_DIR";
const ROUNDS: u64 = 100;

fn options() -> Options {
    Options {
        segment_bytes: 20_000,
        pending_bytes: 700,
        checkpoint_bytes: 3000,
        ..Options::default()
    }
}

fn node(number: u64) -> Vec<u8> {
    number
        .to_le_bytes()
        .repeat(20 + usize::try_from(number % 30).unwrap())
}

fn commit(number: u64) -> Vec<u8> {
    format!("commit {number}").into_bytes()
}

/// Commits number after number and says so, until it is killed.
fn write_forever(dir: &Path) {
    let store = PackStore::open_or_create(dir, options()).unwrap();
    let mut number = committed(&store);
    loop {
        number += 1;
        let node = put(&store, Kind::Node, &node(number), &[]);
        let commit = put(&store, Kind::Commit, &commit(number), &[node]);
        let durability = if number.is_multiple_of(3) {
            Durability::None
        } else {
            Durability::Sync
        };
        set(&store, "heads/main", Some(commit.id), durability);
        let mut out = std::io::stdout();
        writeln!(out, "committed {number}").unwrap();
        out.flush().unwrap();
    }
}

/// Returns the number of the newest commit, after looking at all of them.
fn committed(store: &PackStore) -> u64 {
    let Some(head) = store.get_ref("heads/main").unwrap() else {
        return 0;
    };
    let stored = store.get(&Key::from(head)).unwrap().unwrap();
    let text = String::from_utf8(stored.bytes.to_vec()).unwrap();
    text.strip_prefix("commit ").unwrap().parse().unwrap()
}

#[test]
fn child() {
    if let Some(dir) = std::env::var_os(DIR) {
        write_forever(&PathBuf::from(dir));
    }
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 1 + round * 7919 % 13;
        while left > 0 {
            let line = lines.next().unwrap().unwrap();
            if let Some(number) = line.strip_prefix("committed ") {
                last = number.parse().unwrap();
                left -= 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died and was not read yet.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("committed ") {
                last = number.parse().unwrap_or(last);
            }
        }
        let store = PackStore::open(dir.path(), options()).unwrap();
        let committed = committed(&store);
        assert!(
            committed == last || committed == last + 1,
            "{last} {committed}"
        );
        if round % 10 == 9 {
            check_all(&store, committed);
        }
    }
}

fn check_all(store: &PackStore, committed: u64) {
    for number in 1..=committed {
        for bytes in [node(number), commit(number)] {
            let stored = store.get(&Key::from(Id::of(&bytes))).unwrap();
            assert_eq!(stored.unwrap().bytes, bytes);
        }
    }
    assert_clean(store);
}
