//! The process that watches, and writes down what it is told.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path as File;
use std::sync::Arc;
use std::time::Duration;

use irminsule::pack::PackReader;
use irminsule::{Env, Id, Path, Repo, Since, WatchEvent, WatchKind};

use crate::supervise::{ALIVE, DONE, say};
use crate::writer::NUMBER;

/// Longer than any wait that ends by itself.
const LONG: Duration = Duration::from_secs(60);

/// Writes down each commit with its number, from the last one on that is written down.
pub(crate) fn run(dir: &File, changes: u64) {
    let told = told(dir);
    let engine = PackReader::open(&crate::store(dir), crate::options()).unwrap();
    let repo = Repo::new(Arc::new(engine), Env::fixed(0));
    let since = told
        .last()
        .map_or(Since::Start, |(id, _)| Since::Commit(*id));
    let main = repo.branch("main").unwrap();
    let mut watch = main.watch(&Path::parse(NUMBER).unwrap(), since).unwrap();
    let mut number = told.len() as u64;
    drop_torn_line(dir);
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(dir.join("told"))
        .unwrap();
    while number < changes {
        let Some(event) = watch.next(LONG).unwrap() else {
            continue;
        };
        number = number_of(&event);
        let id = event.commit().unwrap().id();
        file.write_all(format!("{id} {number}\n").as_bytes())
            .unwrap();
        if number.is_multiple_of(10) {
            say(ALIVE);
        }
    }
    say(DONE);
}

fn number_of(event: &WatchEvent) -> u64 {
    assert_eq!(event.kind(), WatchKind::Commit);
    let changes = event.changes().unwrap();
    assert_eq!(changes.len(), 1, "only what is at the path");
    let new = match &changes[0].difference {
        irminsule::Difference::Added(new) | irminsule::Difference::Modified { new, .. } => new,
        removed @ irminsule::Difference::Removed(_) => panic!("{removed:?}"),
    };
    let bytes = new.bytes().unwrap();
    std::str::from_utf8(&bytes).unwrap().parse().unwrap()
}

/// Returns what was written down, but for a line that the process died in.
pub(crate) fn told(dir: &File) -> Vec<(Id, u64)> {
    let text = fs::read_to_string(dir.join("told")).unwrap_or_default();
    let lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let told = lines.map(|line| {
        let (id, number) = line.trim_end().split_once(' ').unwrap();
        (id.parse().unwrap(), number.parse().unwrap())
    });
    told.collect()
}

fn drop_torn_line(dir: &File) {
    let text = fs::read_to_string(dir.join("told")).unwrap_or_default();
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        let file = OpenOptions::new().write(true).open(dir.join("told"));
        file.unwrap().set_len(whole as u64).unwrap();
    }
}
