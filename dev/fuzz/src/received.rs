//! Objects that a stranger sends, one after the other, as a server takes them.

use std::sync::Arc;

use bytes::Bytes;
use irmin_core::sync::check_received;
use irmin_core::{Cut, Engine, Key, MemoryStore, Object, ObjectStore, Path, Tree};

/// The input is objects, each after its length in two bytes. What is taken of them leaves the store
/// whole, and a directory that is taken can be read.
pub(crate) fn run(bytes: &[u8]) {
    let store = Arc::new(MemoryStore::new());
    let mut rest = bytes;
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let end = usize::from(u16::from_le_bytes(*len)).min(after.len());
        let (object, after) = after.split_at(end);
        take(&store, &Bytes::copy_from_slice(object));
        rest = after;
    }
    let found = store.verify(&mut |_| ()).expect("it is in memory");
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

fn take(store: &Arc<MemoryStore>, bytes: &Bytes) {
    let Ok(received) = check_received(bytes, Cut::NONE, store.as_ref()) else {
        return;
    };
    let links: Vec<Key> = received.links.iter().copied().map(Key::from).collect();
    let object = Object {
        id: received.id,
        kind: received.kind,
        bytes,
        links: &links,
        generation: received.generation,
        cut: Cut::NONE,
        base: None,
    };
    store.put_many(&[object]).expect("it is in memory");
    if let Some(commit) = received.commit {
        let tree = Tree::load(Arc::clone(store) as Arc<dyn ObjectStore>, commit.tree);
        tree.get(&Path::root()).expect("it was checked");
        assert!(tree.len().is_ok(), "it was checked");
    }
}
