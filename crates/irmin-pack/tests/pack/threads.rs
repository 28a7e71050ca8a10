//! Threads that share a handle.

use irmin_core::{Durability, Kind, ObjectStore, RefStore};
use irmin_pack::PackStore;

use crate::{assert_clean, bytes_of, put, set, small_segments};

#[test]
fn threads_commit_to_their_own_names_while_others_read() {
    const COMMITS: u32 = 40;
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), small_segments()).unwrap();
    let before = store.stats().unwrap().syncs;
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let store = &store;
            scope.spawn(move || {
                let name = format!("heads/{thread}");
                let mut links = Vec::new();
                for number in 0..COMMITS {
                    let bytes = [thread.to_le_bytes(), number.to_le_bytes()]
                        .concat()
                        .repeat(12);
                    let key = put(store, Kind::Commit, &bytes, &links);
                    set(store, &name, Some(key.id), Durability::Sync);
                    links = vec![key];
                    assert_eq!(bytes_of(store, &key).unwrap(), bytes);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    for (_, id) in store.list_refs("heads/").unwrap() {
                        // A name never leads to an object that is not there.
                        assert!(store.get(&id.into()).unwrap().is_some());
                    }
                }
            });
        }
    });
    let stats = store.stats().unwrap();
    assert_eq!(stats.commits.objects, u64::from(4 * COMMITS));
    let of_segments = (stats.segments - 1) * 4;
    assert!(stats.syncs - before <= u64::from(4 * COMMITS) + of_segments);
    assert_clean(&store);
    store.close().unwrap();
    let store = PackStore::open(dir.path(), small_segments()).unwrap();
    assert_eq!(store.list_refs("heads/").unwrap().len(), 4);
    assert_clean(&store);
}
