//! Readers of a disk after a power cut: they see what the next writer will, and leave all as it is.

use std::sync::Arc;

use irmin_core::{Durability, Id, Kind, Object, ObjectStore, RefEdit, RefStore};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Options, PackReader, PackStore};

use crate::place::{Refs, dir, options};

fn write(store: &PackStore, random: &mut Random, commits: usize) -> Option<()> {
    for _ in 0..commits {
        let mut put = |kind, length: usize| {
            let bytes: Vec<u8> = (0..length)
                .map(|_| u8::try_from(random.below(256)).unwrap())
                .collect();
            let object = Object {
                base: None,
                cut: irmin_core::Cut::NONE,
                id: Id::of(&bytes),
                kind,
                bytes: &bytes,
                links: &[],
                generation: 1,
            };
            store.put_many(&[object]).ok().map(|_| object.id)
        };
        put(Kind::Blob, 300)?;
        let new = put(Kind::Commit, 60)?;
        let edit = RefEdit {
            name: format!("heads/{}", random.below(3)),
            expected: None,
            new: Some(new),
        };
        let expected = store.get_ref(&edit.name).ok()?;
        let edit = RefEdit { expected, ..edit };
        let durability = [Durability::Sync, Durability::None][random.below(2)];
        store.compare_and_swap(&[edit], durability).ok()?;
    }
    Some(())
}

fn refs(store: &dyn RefStore) -> Refs {
    store.list_refs("").unwrap().into_iter().collect()
}

fn files(disk: &CrashFs) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let paths = disk.paths().into_iter();
    paths
        .map(|path| (path.clone(), disk.bytes(&path)))
        .collect()
}

#[test]
fn a_reader_sees_after_a_power_cut_what_the_next_writer_recovers_and_changes_nothing() {
    let mut cut = 0;
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let disk = CrashFs::new();
        let chosen = options(&disk, &mut random);
        let store = PackStore::create(dir(), chosen.clone()).unwrap();
        disk.cut_power_at(5 + random.below(200) as u64);
        let _ = write(&store, &mut random, 60);
        let disk = disk.after_power_cut(seed);
        let chosen = Options {
            files: Arc::new(disk.clone()),
            ..chosen
        };
        let before = files(&disk);
        let reader = PackReader::open(dir(), chosen.clone()).unwrap();
        let seen = refs(&reader);
        assert_eq!(files(&disk), before, "seed {seed}");
        let store = PackStore::open(dir(), chosen).unwrap();
        cut += usize::from(store.stats().unwrap().bytes_cut > 0);
        assert_eq!(refs(&store), seen, "seed {seed}");
        assert_eq!(refs(&reader), seen, "seed {seed}");
        write(&store, &mut random, 20).unwrap();
        assert_eq!(refs(&reader), refs(&store), "seed {seed}");
        for id in refs(&reader).values() {
            assert!(reader.get(&(*id).into()).unwrap().is_some());
        }
    }
    assert!(cut > 10, "{cut}");
}
