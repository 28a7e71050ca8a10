//! What the engine promises to its user.

use std::fs;
use std::sync::Arc;

use irmin_core::{
    Base, Cut, Durability, Engine, Env, Id, Key, Kind, Object, ObjectStore, RefEdit, RefOutcome,
    RefStore, Repo, StoreError,
};
use irmin_pack::{Options, PackStore, salvage};

use crate::{assert_clean, bytes_of, put, set, small_segments};

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let error = PackStore::open(dir.path(), Options::default()).unwrap_err();
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");
    let StoreError::Locked { holder, path } = error else {
        panic!("{error}");
    };
    assert_eq!(holder, pid);
    assert_eq!(path, dir.path().join("lock"));
    drop(store);
    PackStore::open(dir.path(), Options::default()).unwrap();
}

#[test]
fn a_missing_store_an_existing_one_and_another_format_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let open = || PackStore::open(dir.path(), Options::default());
    assert!(matches!(open(), Err(StoreError::NotFound { .. })));
    assert!(matches!(
        PackStore::open(&dir.path().join("no/where"), Options::default()),
        Err(StoreError::NotFound { .. })
    ));
    drop(PackStore::open_or_create(dir.path(), Options::default()).unwrap());
    assert!(matches!(
        PackStore::create(dir.path(), Options::default()),
        Err(StoreError::AlreadyExists { .. })
    ));
    fs::write(
        dir.path().join("format"),
        "irminsule pack\nversion 3\nhash sha256\n",
    )
    .unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, StoreError::UnsupportedFormat { .. }));
    assert!(error.to_string().contains("version 3"), "{error}");
}

#[test]
fn a_directory_with_segments_but_no_format_is_not_made_a_new_store() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let key = put(&store, Kind::Commit, b"precious", &[]);
    set(&store, "heads/main", Some(key.id), Durability::Sync);
    store.close().unwrap();
    fs::remove_file(dir.path().join("format")).unwrap();
    let created = PackStore::open_or_create(dir.path(), Options::default());
    assert!(matches!(created, Err(StoreError::Corrupt { .. })));
}

#[test]
fn objects_come_back_from_memory_and_disk_by_id_and_by_locator_with_their_links() {
    let dir = tempfile::tempdir().unwrap();
    let mut keys: Vec<Key> = Vec::new();
    let body = |number: usize| {
        format!("object {number} ")
            .repeat(number % 30 + 1)
            .into_bytes()
    };
    for round in 0..3 {
        let store = PackStore::open_or_create(dir.path(), small_segments()).unwrap();
        for number in round * 100..(round + 1) * 100 {
            let links: Vec<Key> = keys.iter().rev().step_by(7).take(5).copied().collect();
            keys.push(put(&store, Kind::Node, &body(number), &links));
        }
        for (number, key) in keys.iter().enumerate() {
            for key in [*key, Key::from(key.id)] {
                let stored = store.get(&key).unwrap().unwrap();
                assert_eq!(stored.bytes, body(number));
                let links: Vec<_> = keys[..number].iter().rev().step_by(7).take(5).collect();
                let links: Vec<_> = links.iter().map(|key| key.locator).collect();
                assert_eq!(stored.links, links);
            }
        }
        let mut found = vec![None; keys.len() + 1];
        let mut asked = keys.clone();
        asked.reverse();
        asked.push(Key::from(Id::of(b"absent")));
        store
            .get_many(&asked, &mut |position, stored| {
                assert!(found[position].is_none(), "twice");
                found[position] = Some(stored.map(|stored| stored.bytes));
            })
            .unwrap();
        for (number, bytes) in found[..keys.len()].iter().rev().enumerate() {
            assert_eq!(bytes.clone().unwrap().unwrap(), body(number));
        }
        assert_eq!(found[keys.len()], Some(None));
        assert!(store.stats().unwrap().segments > 1);
        assert_clean(&store);
        store.close().unwrap();
    }
}

#[test]
fn a_link_without_a_locator_gets_one_when_its_object_is_near() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let child = put(&store, Kind::Blob, b"child", &[]);
    let links = [Key::from(child.id), Key::from(Id::of(b"nowhere"))];
    let parent = put(&store, Kind::Node, b"parent", &links);
    let stored = store.get(&parent).unwrap().unwrap();
    assert_eq!(stored.links, [child.locator, None]);
}

#[test]
fn an_object_that_is_stored_again_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let first = put(&store, Kind::Blob, b"again", &[]);
    assert_eq!(put(&store, Kind::Blob, b"again", &[]), first);
    for number in 0..100u8 {
        put(&store, Kind::Blob, &[number; 90], &[]);
    }
    assert!(store.stats().unwrap().segments > 1);
    assert_eq!(put(&store, Kind::Blob, b"again", &[]), first);
}

#[test]
fn an_object_larger_than_a_segment_gets_its_own_and_a_giant_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let large = vec![7; 100_000];
    let key = put(&store, Kind::Blob, &large, &[]);
    let after = put(&store, Kind::Blob, b"after", &[]);
    assert_eq!(bytes_of(&store, &key).unwrap(), large);
    assert_eq!(bytes_of(&store, &after).unwrap(), b"after");
    let giant = vec![7; 257 << 20];
    let object = Object {
        base: None,
        cut: Cut::NONE,
        id: after.id,
        kind: Kind::Blob,
        bytes: &giant,
        links: &[],
        generation: 0,
    };
    let refused = store.put_many(&[object]);
    assert!(matches!(refused, Err(StoreError::Limit { .. })));
    put(&store, Kind::Blob, b"and on", &[]);
    assert_clean(&store);
}

#[test]
fn names_change_all_together_or_not_at_all_and_survive() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let a = put(&store, Kind::Commit, b"a", &[]).id;
    set(&store, "heads/a", Some(a), Durability::Sync);
    set(&store, "heads/gone", Some(a), Durability::Sync);
    let b = put(&store, Kind::Commit, b"b", &[]).id;
    let edit = |name: &str, expected, new| RefEdit {
        name: name.to_owned(),
        expected,
        new,
    };
    let edits = [
        edit("heads/a", Some(a), Some(b)),
        edit("heads/b", Some(a), Some(b)),
    ];
    let lost = store.compare_and_swap(&edits, Durability::Sync).unwrap();
    let name = "heads/b".to_owned();
    assert_eq!(
        lost,
        RefOutcome::Lost {
            name,
            current: None
        }
    );
    assert_eq!(store.get_ref("heads/a").unwrap(), Some(a));
    let edits = [
        edit("heads/a", Some(a), Some(b)),
        edit("tags/t", None, Some(a)),
        edit("heads/gone", Some(a), None),
    ];
    let applied = store.compare_and_swap(&edits, Durability::Sync).unwrap();
    assert_eq!(applied, RefOutcome::Applied);
    for _ in 0..2 {
        drop(PackStore::open(dir.path(), Options::default()));
    }
    store.close().unwrap();
    let store = PackStore::open(dir.path(), Options::default()).unwrap();
    let all = vec![("heads/a".to_owned(), b), ("tags/t".to_owned(), a)];
    assert_eq!(store.list_refs("").unwrap(), all);
    assert_eq!(store.list_refs("heads/").unwrap(), all[..1]);
    assert_eq!(store.url(), format!("pack:{}", dir.path().display()));
}

#[test]
fn commits_are_found_by_prefix_in_all_segments() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let mut ids = Vec::new();
    for number in 0..300u32 {
        let bytes = number.to_le_bytes().repeat(10);
        put(&store, Kind::Blob, &[1; 8].map(|byte| byte ^ bytes[0]), &[]);
        ids.push(put(&store, Kind::Commit, &bytes, &[]).id);
    }
    ids.sort_unstable();
    assert!(store.stats().unwrap().segments > 2);
    for id in &ids {
        let prefix = id.to_string()[..4].parse().unwrap();
        let expected: Vec<Id> = ids
            .iter()
            .filter(|id| irmin_core::IdPrefix::matches(&prefix, id))
            .copied()
            .collect();
        assert_eq!(store.commits_with_prefix(&prefix, 10).unwrap(), expected);
    }
    let blob = Id::of(&[1; 8]).to_string().parse().unwrap();
    assert!(store.commits_with_prefix(&blob, 10).unwrap().is_empty());
}

#[test]
fn what_was_put_without_a_commit_is_kept_by_a_clean_close() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    let key = put(&store, Kind::Blob, b"pending", &[]);
    drop(store);
    let store = PackStore::open(dir.path(), Options::default()).unwrap();
    assert_eq!(bytes_of(&store, &key).unwrap(), b"pending");
}

#[test]
fn what_is_in_a_segment_without_a_name_is_salvaged_too() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let store = Arc::new(PackStore::create(&from, small_segments()).unwrap());
    let repo = Repo::new(Arc::clone(&store) as Arc<dyn Engine>, Env::fixed(0));
    let main = repo.branch("main").unwrap();
    let at = irmin_core::Path::parse("value").unwrap();
    while store.stats().unwrap().segments < 4 {
        let number = store.stats().unwrap().commits.objects;
        main.set(&at, number.to_le_bytes().repeat(90), "Go on")
            .unwrap();
    }
    let last = main.head_id().unwrap();
    drop((main, repo, store));
    // As a writer leaves it that is killed before it has given the segment its name.
    let segments = from.join("segments");
    let name = |end| segments.join(format!("00000004.seg{end}"));
    fs::rename(name(""), name(".tmp")).unwrap();
    let report = salvage(&from, Some(&to), &small_segments(), &mut |_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    let copy = PackStore::open(&to, small_segments()).unwrap();
    assert_eq!(copy.get_ref("heads/main").unwrap(), last);
    assert_clean(&copy);
}

#[test]
fn a_segment_without_a_name_stays_when_what_it_is_made_from_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let base = [7; 900];
    let key = put(&store, Kind::Node, &base, &[]);
    while store.stats().unwrap().segments < 3 {
        let number = store.stats().unwrap().nodes.objects;
        put(&store, Kind::Node, &number.to_le_bytes().repeat(90), &[]);
    }
    let bytes = [base.as_slice(), b"and more"].concat();
    let object = Object {
        base: Some(Base {
            locator: key.locator.unwrap(),
            bytes: &base,
        }),
        cut: Cut::NONE,
        id: Id::of(&bytes),
        kind: Kind::Node,
        bytes: &bytes,
        links: &[],
        generation: 0,
    };
    store.put_many(&[object]).unwrap();
    store.close().unwrap();
    let name = |number: u32, end| dir.path().join(format!("segments/{number:08}.seg{end}"));
    fs::rename(name(3, ""), name(3, ".tmp")).unwrap();
    let mut first = fs::read(name(1, "")).unwrap();
    first[500] ^= 1;
    fs::write(name(1, ""), first).unwrap();
    let error = PackStore::open(dir.path(), small_segments()).unwrap_err();
    assert!(error.to_string().contains("00000001.seg"), "{error}");
    assert!(name(3, ".tmp").exists());
}

#[test]
fn a_damaged_end_is_refused_when_what_was_begun_behind_it_was_durable() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(PackStore::create(dir.path(), small_segments()).unwrap());
    let repo = Repo::new(Arc::clone(&store) as Arc<dyn Engine>, Env::fixed(0));
    let main = repo.branch("main").unwrap();
    let at = irmin_core::Path::parse("value").unwrap();
    let mut after = 0;
    while after < 3 {
        let stats = store.stats().unwrap();
        after += u64::from(stats.segments == 3);
        let value = stats.commits.objects.to_le_bytes().repeat(90);
        main.set(&at, value, "Go on").unwrap();
    }
    let name = |number: u32, end| dir.path().join(format!("segments/{number:08}.seg{end}"));
    let copies: Vec<_> = [2, 3]
        .map(|number| fs::read(name(number, "")).unwrap())
        .into();
    drop((main, repo, store));
    // As a crash leaves both before the last one has its name, but for a byte of the end.
    let mut damaged = copies[0].clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(name(2, ""), &damaged).unwrap();
    let _ = fs::remove_file(dir.path().join("segments/00000002.idx"));
    let _ = fs::remove_file(dir.path().join("segments/00000003.idx"));
    fs::remove_file(name(3, "")).unwrap();
    fs::write(name(3, ".tmp"), &copies[1]).unwrap();
    let error = PackStore::open(dir.path(), small_segments()).unwrap_err();
    assert!(error.to_string().contains("00000002.seg"), "{error}");
    assert_eq!(fs::read(name(2, "")).unwrap(), damaged);
    assert_eq!(fs::read(name(3, ".tmp")).unwrap(), copies[1]);
}

#[test]
fn a_base_that_is_not_what_is_stored_there_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let stored = [7; 900];
    let key = put(&store, Kind::Node, &stored, &[]);
    let mut other = stored;
    other[450] = 8;
    let bytes = [other.as_slice(), b"and more"].concat();
    let object = Object {
        base: Some(Base {
            locator: key.locator.unwrap(),
            bytes: &other,
        }),
        cut: Cut::NONE,
        id: Id::of(&bytes),
        kind: Kind::Node,
        bytes: &bytes,
        links: &[],
        generation: 0,
    };
    let key = store.put_many(&[object]).unwrap()[0];
    assert_eq!(store.get(&key).unwrap().unwrap().bytes, bytes);
}
