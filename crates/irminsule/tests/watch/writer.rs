//! The process that writes: number after number.

use std::path::Path as File;
use std::sync::Arc;

use irminsule::pack::PackStore;
use irminsule::{Branch, Durability, Env, Path, Repo, TransactOptions};

use crate::supervise::{ALIVE, DONE, say};

/// The value that every commit changes.
pub(crate) const NUMBER: &str = "number";

/// Commits the numbers that are not committed yet, up to `changes`.
pub(crate) fn run(dir: &File, changes: u64) {
    let engine = PackStore::open(&crate::store(dir), crate::options()).unwrap();
    let repo = Repo::new(Arc::new(engine), Env::fixed(0));
    let main = repo.branch("main").unwrap();
    for number in committed(&main) + 1..=changes {
        commit(&main, number);
        if number.is_multiple_of(10) {
            say(ALIVE);
        }
    }
    say(DONE);
}

fn committed(main: &Branch) -> u64 {
    let bytes = main.get(&Path::parse(NUMBER).unwrap()).unwrap();
    bytes.map_or(0, |bytes| {
        std::str::from_utf8(&bytes).unwrap().parse().unwrap()
    })
}

fn commit(main: &Branch, number: u64) {
    let durability = if number.is_multiple_of(100) {
        Durability::Sync
    } else {
        Durability::None
    };
    let options = TransactOptions::new("next").durability(durability);
    let other = Path::parse(format!("others/{}", number % 1000)).unwrap();
    main.transact(&options, |view| {
        view.set(&Path::parse(NUMBER)?, number.to_string())?;
        view.set(&other, number.to_string())
    })
    .unwrap();
}
