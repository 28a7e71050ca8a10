//! A real disk that is full: a small file system in memory, in a namespace of a child process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use irmin_core::{Durability, Id, Key, Kind, ObjectStore, RefEdit, RefStore, StoreError};
use irmin_pack::{Options, PackStore};

use crate::{assert_clean, put};

const DIR: &str = "IRMIN_PACK_FULL_DIR";
/// Mounts it where the variable says, and then is this program.
const SCRIPT: &str =
    r#"mount -t tmpfs -o size=1m tmpfs "$IRMIN_PACK_FULL_DIR" || exit 77; exec "$0" "$@""#;

#[test]
fn child() {
    if let Some(dir) = std::env::var_os(DIR) {
        fill_and_go_on(&PathBuf::from(dir));
    }
}

#[test]
fn a_full_disk_is_told_of_and_the_same_handle_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let run = Command::new("unshare")
        .args(["-rm", "sh", "-c", SCRIPT])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "full_disk::child", "--nocapture"])
        .env(DIR, dir.path())
        .output();
    let output = match run {
        Ok(output) if output.status.code() == Some(0) => return,
        Ok(output) => output,
        Err(error) => return skip(&error.to_string()),
    };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_refused = output.status.code() == Some(77) || text.contains("unshare failed");
    assert!(
        is_refused,
        "{text}\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
    skip(&text);
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip(why: &str) {
    eprintln!("skipped: no file system can be mounted here: {why}");
}

fn options() -> Options {
    Options {
        segment_bytes: 100_000,
        pending_bytes: 20_000,
        ..Options::default()
    }
}

fn body(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(300)
}

fn commit(store: &PackStore, number: u64) -> Result<Id, StoreError> {
    let node = store.put_many(&[object(&body(number), Kind::Node)])?;
    let bytes = [b"commit".as_slice(), &body(number)].concat();
    let commit = object(&bytes, Kind::Commit);
    store.put_many(&[irmin_core::Object {
        links: &node,
        ..commit
    }])?;
    let edit = RefEdit {
        name: "heads/main".to_owned(),
        expected: store.get_ref("heads/main")?,
        new: Some(commit.id),
    };
    store.compare_and_swap(&[edit], Durability::Sync)?;
    Ok(commit.id)
}

fn object(bytes: &[u8], kind: Kind) -> irmin_core::Object<'_> {
    irmin_core::Object {
        base: None,
        cut: irmin_core::Cut::NONE,
        id: Id::of(bytes),
        kind,
        bytes,
        links: &[],
        generation: u32::from(kind == Kind::Commit),
    }
}

/// Leaves so much room beside the store, in a file that takes the rest.
fn leave(ballast: &Path, bytes: usize) {
    let mut file = fs::File::create(ballast).unwrap();
    let mut size = 0_u64;
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {
        size += 4096;
    }
    file.set_len(size.saturating_sub(bytes as u64)).unwrap();
}

fn fill_and_go_on(mount: &Path) {
    let (dir, ballast) = (mount.join("store"), mount.join("ballast"));
    let mut store = PackStore::create(&dir, options()).unwrap();
    let (mut number, mut full) = (0, 0);
    for round in 0..12 {
        leave(&ballast, round * 9000);
        loop {
            let head = store.get_ref("heads/main").unwrap();
            match commit(&store, number) {
                Ok(_) => number += 1,
                Err(StoreError::Full { path, .. }) => {
                    assert!(path.starts_with(&dir), "{path:?}");
                    assert_eq!(store.get_ref("heads/main").unwrap(), head);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        full += 1;
        assert_clean(&store);
        if round % 3 == 2 {
            // What waited for room is not committed, and may be given up.
            let _ = store.close();
            store = PackStore::open(&dir, options()).unwrap();
        }
        fs::remove_file(&ballast).unwrap();
        commit(&store, number).unwrap();
        number += 1;
        put(&store, Kind::Blob, &body(number + 1_000_000), &[]);
    }
    for number in 0..number {
        let key = Key::from(Id::of(&body(number)));
        assert_eq!(store.get(&key).unwrap().unwrap().bytes, body(number));
    }
    assert!(full == 12 && store.stats().unwrap().segments > 2);
    store.close().unwrap();
    assert_clean(&PackStore::open(&dir, options()).unwrap());
}
