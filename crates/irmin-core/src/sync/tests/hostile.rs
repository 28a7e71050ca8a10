//! Sources that lie: nothing is visible afterwards, and the error says what was wrong.

use super::*;
use crate::codec::put_varint;
use crate::store::{Cut, Durability, RefEdit};
use crate::sync::{FetchOptions, SyncError};
use crate::{CommitData, Error, Id, Key, Kind, Object, ObjectStore, RefStore};

/// Stores bytes under an id that they need not have.
fn put_as(store: &MemoryStore, id: Id, bytes: &[u8], generation: u32, cut: Cut) -> Key {
    let kind = bytes.get(1).copied().and_then(Kind::from_code);
    let object = Object {
        base: None,
        id,
        kind: kind.unwrap_or(Kind::Blob),
        bytes,
        links: &[],
        generation,
        cut,
    };
    store.put_many(&[object]).unwrap()[0]
}

fn put(store: &MemoryStore, bytes: &[u8]) -> Key {
    put_as(store, Id::of(bytes), bytes, 0, Cut::NONE)
}

/// Encodes a directory with one entry.
fn bucket(tag: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    let len = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    [&[1, 3, 0, 1, len(name), tag, len(value)], name, value].concat()
}

fn with_size(id: Id, size: u64) -> Vec<u8> {
    let mut value = id.as_bytes().to_vec();
    put_varint(&mut value, size);
    value
}

fn commit(store: &MemoryStore, tree: Key, parents: Vec<Key>, generation: u32, cut: Cut) -> Id {
    let info = repo().info("Forged").unwrap();
    let data = CommitData {
        tree,
        parents,
        info,
    };
    let encoded = data.encode().unwrap();
    put_as(store, encoded.id, &encoded.bytes, generation, cut).id
}

fn name(store: &MemoryStore, name: &str, id: Id) {
    let edit = RefEdit {
        name: name.to_owned(),
        expected: None,
        new: Some(id),
    };
    store.compare_and_swap(&[edit], Durability::Sync).unwrap();
}

/// Fetches from a store whose only branch has this tree, or none.
fn fetch_from(store: MemoryStore) -> String {
    let here = repo();
    let options = FetchOptions::default();
    let error = here
        .fetch(&store, "origin", &options, &mut go_on())
        .unwrap_err();
    assert_eq!(engine(&here).list_refs("").unwrap(), [], "{error}");
    assert!(!matches!(error, Error::Sync(SyncError::Cancelled)));
    error.to_string()
}

fn fetch_tree(store: MemoryStore, tree: Key) -> String {
    let id = commit(&store, tree, Vec::new(), 1, Cut::NONE);
    name(&store, "heads/main", id);
    fetch_from(store)
}

#[track_caller]
fn assert_says(error: &str, id: Id, what: &str) {
    assert!(
        error.contains(&id.to_string()) && error.contains(what),
        "{error}"
    );
}

#[test]
fn bytes_of_another_id_are_refused() {
    let store = MemoryStore::new();
    let id = Id::of(b"expected");
    put_as(&store, id, &bucket(0, b"a", b"1"), 0, Cut::NONE);
    let error = fetch_tree(store, id.into());
    assert_says(&error, id, "gave bytes with the id");
}

#[test]
fn a_missing_object_is_named() {
    let store = MemoryStore::new();
    let id = Id::of(b"missing");
    let root = put(&store, &bucket(0x10, b"a", &with_size(id, 200)));
    assert_says(&fetch_tree(store, root), id, "lacks");
}

#[test]
fn a_commit_that_is_missing_or_none_is_named() {
    let store = MemoryStore::new();
    let id = Id::of(b"missing");
    name(&store, "heads/main", id);
    assert_says(&fetch_from(store), id, "lacks");

    let store = MemoryStore::new();
    let blob = put(&store, b"\x01\x01value").id;
    name(&store, "heads/main", blob);
    assert_says(&fetch_from(store), blob, "is not a commit");

    let store = MemoryStore::new();
    let tree = put(&store, &[1, 3, 0, 0]);
    let id = commit(&store, tree, vec![tree], 2, Cut::NONE);
    name(&store, "heads/main", id);
    assert_says(&fetch_from(store), tree.id, "is not a commit");
}

#[test]
fn a_name_that_leads_to_a_value_that_is_here_is_refused() {
    let (here, store) = (repo(), MemoryStore::new());
    let head = set(&here, "main", "a", vec![5; 300]);
    let blob = head.tree().get_blob(&path("a")).unwrap().unwrap().id();
    name(&store, "heads/main", blob);
    let fetched = here.fetch(&store, "origin", &FetchOptions::default(), &mut go_on());
    assert_says(&fetched.unwrap_err().to_string(), blob, "is not a commit");
    assert_eq!(engine(&here).list_refs("remotes/").unwrap(), []);
}

#[test]
fn objects_of_another_kind_than_expected_are_refused() {
    let store = MemoryStore::new();
    let blob = put(&store, b"\x01\x01value");
    assert_says(
        &fetch_tree(store, blob),
        blob.id,
        "is not the tree of a commit",
    );

    let store = MemoryStore::new();
    let dir = bucket(0, b"a", &[7; 100]);
    let node = put(&store, &dir);
    let size = dir.len() as u64 - 2;
    let root = put(
        &store,
        &bucket(0x10, b"a", &with_size(node.id, size.max(129))),
    );
    assert_says(&fetch_tree(store, root), node.id, "is not a value");

    let store = MemoryStore::new();
    let blob = put(&store, b"\x01\x01value");
    let root = put(&store, &bucket(0x30, b"a", blob.id.as_bytes()));
    assert_says(&fetch_tree(store, root), blob.id, "is not a directory");

    let store = MemoryStore::new();
    let blob = put(&store, b"\x01\x01value");
    let root = put(&store, &bucket(0x20, b"a", &with_size(blob.id, 2 << 20)));
    assert_says(&fetch_tree(store, root), blob.id, "is not a list of chunks");
}

#[test]
fn names_that_no_entry_may_have_are_refused() {
    for name in [&b"."[..], b"..", b""] {
        let store = MemoryStore::new();
        let root = put(&store, &bucket(0, name, b"1"));
        assert_says(
            &fetch_tree(store, root),
            root.id,
            "a name is empty, '.' or '..'",
        );
    }
    let store = MemoryStore::new();
    let root = put(&store, &bucket(0, b"a/b", b"1"));
    assert_says(&fetch_tree(store, root), root.id, "'/' or NUL in a name");
}

#[test]
fn names_that_no_entry_may_have_are_refused_in_parts_of_a_directory() {
    // Children for the half bytes 2 and 6; below 2, what is left of a name begins with '.' itself.
    for (bad, found) in [
        (&b"."[..], true),
        (b"..", true),
        (b"...", false),
        (b".a", false),
    ] {
        let store = MemoryStore::new();
        let left = put(&store, &bucket(0, bad, b"1"));
        let mut right = vec![1, 3, 0, 32];
        (0..32).for_each(|_| right.extend([2, 0, 0]));
        (0..32).for_each(|at| right.extend([b'a', b'a' + at]));
        let right = put(&store, &right);
        let bitmap = (1_u16 << 2 | 1 << 6).to_le_bytes();
        let ids = [left.id, right.id].map(|id| *id.as_bytes()).concat();
        let root = [&[1, 3, 1, 0, 0], &bitmap[..], &[1, 32], &ids].concat();
        let root = put(&store, &root);
        let id = commit(&store, root, Vec::new(), 1, Cut::NONE);
        name(&store, "heads/main", id);
        let fetched = repo().fetch(&store, "origin", &FetchOptions::default(), &mut go_on());
        assert_eq!(fetched.is_err(), found, "{bad:?}: {fetched:?}");
        if let Err(error) = fetched {
            assert_says(&error.to_string(), left.id, "a name is empty, '.' or '..'");
        }
    }
}

#[test]
fn an_empty_directory_inside_another_is_refused() {
    let store = MemoryStore::new();
    let empty = put(&store, &[1, 3, 0, 0]);
    let root = put(&store, &bucket(0x30, b"a", empty.id.as_bytes()));
    assert_says(&fetch_tree(store, root), empty.id, "cannot be empty");
}

#[test]
fn a_part_with_another_number_of_entries_is_refused() {
    let store = MemoryStore::new();
    let part = put(&store, &bucket(0, b"ab", b"1"));
    let bitmap = (1_u16 << 2 | 1 << 6).to_le_bytes();
    let ids = [part.id, part.id].map(|id| *id.as_bytes()).concat();
    let root = put(
        &store,
        &[&[1, 3, 1, 0, 0], &bitmap[..], &[40, 40], &ids].concat(),
    );
    assert_says(
        &fetch_tree(store, root),
        part.id,
        "another number of entries",
    );
}

#[test]
fn values_of_another_size_than_said_are_refused() {
    let store = MemoryStore::new();
    let blob = put(&store, &[&[1, 1][..], &[7; 200]].concat());
    let root = put(&store, &bucket(0x10, b"a", &with_size(blob.id, 201)));
    assert_says(&fetch_tree(store, root), blob.id, "another size");

    let store = MemoryStore::new();
    let chunk = put(&store, &[&[1, 1][..], &[7; 200]].concat());
    let list = [&[1, 2, 1][..], &with_size(chunk.id, 200)].concat();
    let list = put(&store, &list);
    let root = put(&store, &bucket(0x20, b"a", &with_size(list.id, 2 << 20)));
    assert_says(&fetch_tree(store, root), list.id, "do not make up the size");
}

#[test]
fn a_generation_that_leaves_no_room_is_refused() {
    let store = MemoryStore::new();
    let tree = put(&store, &[1, 3, 0, 0]);
    let cut = Cut {
        contents: false,
        parents: true,
    };
    let far: Key = Id::of(b"far").into();
    let old = commit(&store, tree, vec![far], u32::MAX, cut);
    let new = commit(&store, tree, vec![old.into()], 1, Cut::NONE);
    name(&store, "heads/main", new);
    assert_says(&fetch_from(store), new, "beyond all bounds");

    let store = MemoryStore::new();
    let tree = put(&store, &[1, 3, 0, 0]);
    let id = commit(&store, tree, vec![far], 1, cut);
    name(&store, "heads/main", id);
    assert_says(&fetch_from(store), id, "has no generation");
}

#[test]
fn a_generation_that_the_source_made_up_is_computed_anew() {
    let (here, store) = (repo(), MemoryStore::new());
    let tree = put(&store, &[1, 3, 0, 0]);
    let first = commit(&store, tree, Vec::new(), 77, Cut::NONE);
    name(
        &store,
        "heads/main",
        commit(&store, tree, vec![first.into()], 5, Cut::NONE),
    );
    here.fetch(&store, "origin", &FetchOptions::default(), &mut go_on())
        .unwrap();
    assert_clean(&here);
}

#[test]
fn a_name_that_breaks_the_rules_is_refused() {
    let store = MemoryStore::new();
    let tree = put(&store, &[1, 3, 0, 0]);
    let id = commit(&store, tree, Vec::new(), 1, Cut::NONE);
    name(&store, "heads/../../x", id);
    assert!(fetch_from(store).contains("heads/../../x"));
}

#[test]
fn a_changed_byte_of_any_object_shows_nothing() {
    let honest = repo();
    for number in 0..50_usize {
        set(&honest, "main", &format!("d/{number}"), vec![1; number * 8]);
    }
    let head = honest
        .branch("main")
        .unwrap()
        .must_have_head()
        .unwrap()
        .id();
    let bytes = |id: Id| engine(&honest).get(&id.into()).unwrap().unwrap().bytes;
    let (mut ids, mut pending) = (std::collections::BTreeSet::new(), vec![head]);
    while let Some(id) = pending.pop() {
        if ids.insert(id) {
            pending.extend(crate::links_of(&bytes(id)).unwrap());
        }
    }
    for (round, &bad) in ids.iter().enumerate().step_by(3) {
        let store = MemoryStore::new();
        for &id in &ids {
            let mut bytes = bytes(id).to_vec();
            if id == bad {
                let at = round % bytes.len();
                bytes[at] ^= 1 << (round % 8);
            }
            put_as(&store, id, &bytes, 1, Cut::NONE);
        }
        name(&store, "heads/main", head);
        assert!(fetch_from(store).contains(&bad.to_string()));
    }
}
