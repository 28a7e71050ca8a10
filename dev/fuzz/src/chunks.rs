//! The list of the chunks of a large value.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use irmin_core::{Id, Key, MemoryStore, ObjectStore, Path, Stored, Tree};

use crate::budget::Budget;

/// Large enough to be cut in chunks.
const VALUE_BYTES: usize = 1 << 20;

/// A stored tree with one large value, and the id of the list of its chunks.
struct Fixture {
    store: Arc<dyn ObjectStore>,
    root: Key,
    path: Path,
    list: Id,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let path = Path::parse("large").expect("it is a path");
    let mut tree = Tree::empty();
    let value = vec![7; VALUE_BYTES];
    tree.set(&path, value).expect("nothing is read");
    let blob = tree.get_blob(&path).expect("nothing is read");
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    Fixture {
        root: tree.persist(&store).expect("memory does not fail"),
        list: blob.expect("it was just set").id(),
        store,
        path,
    }
});

/// The input is the list; the chunks that it names are the input as well.
pub(crate) fn run(bytes: &[u8]) {
    let list = Bytes::copy_from_slice(bytes);
    let find = move |id: &Id| {
        let real = FIXTURE.store.get(&(*id).into()).ok().flatten();
        let is_node = real.is_some() && *id != FIXTURE.list;
        let fake = || Stored {
            region: None,
            cut: irmin_core::Cut::NONE,
            bytes: list.clone(),
            links: Vec::new(),
            generation: 0,
        };
        if is_node { real } else { Some(fake()) }
    };
    let store: Arc<dyn ObjectStore> = Arc::new(Budget::new(find));
    let tree = Tree::load(store, FIXTURE.root);
    let blob = tree.get_blob(&FIXTURE.path).expect("the node is good");
    let blob = blob.expect("the node has the value");
    let _damaged = blob.bytes();
}
