//! What is known of a node that was made or changed in memory.

use std::sync::OnceLock;

use bytes::Bytes;

use super::link::Place;
use crate::Id;
use crate::store::{Base, Locator, StoreId};

/// Kept beside such a node. A node that is as it was loaded has none: whoever points to it knows
/// its id and place, and the node keeps its encoding.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    id: OnceLock<Id>,
    /// Set once a store has the node: the first store to have it, and the encoding; `None` if
    /// those are the bytes that the node itself keeps.
    stored: OnceLock<(Place, Option<Bytes>)>,
    /// What the node was made from.
    was: Option<Stored>,
}

/// A stored object: its place and its encoding, which an engine may store the difference to.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    store: StoreId,
    locator: Locator,
    bytes: Bytes,
}

impl Origin {
    pub(super) fn id(&self) -> Option<Id> {
        self.id.get().copied()
    }

    pub(super) fn set_id(&self, id: Id) {
        // Two threads that hash the same node at once come to the same id.
        let _same = self.id.set(id);
    }

    pub(super) fn place(&self) -> Option<Place> {
        self.stored.get().map(|(place, _)| *place)
    }

    /// Returns the first store to have the node as it is, and the encoding that is kept here.
    pub(super) fn encoding(&self) -> Option<(StoreId, &Bytes)> {
        let (place, encoding) = self.stored.get()?;
        Some((place.store, encoding.as_ref()?))
    }

    /// Notes that the node was stored.
    pub(super) fn set_stored(&self, place: Place, encoding: Option<Bytes>) {
        // The first place is kept: it is as good as another.
        let _first = self.stored.set((place, encoding));
    }

    /// Returns the origin of a node that is about to be changed. `place` is where it is stored if
    /// it has no origin, `own` are the bytes that it keeps.
    pub(super) fn changed(
        origin: Option<Box<Self>>,
        place: Option<Place>,
        own: Option<&Bytes>,
    ) -> Box<Self> {
        let mut origin = origin.unwrap_or_else(|| {
            let origin = Self::default();
            let stored = place.map(|place| (place, None));
            stored.map(|stored| origin.stored.set(stored));
            Box::new(origin)
        });
        origin.id.take();
        if let Some((place, encoding)) = origin.stored.take() {
            origin.was = Stored::new(place, encoding.as_ref().or(own));
        }
        origin
    }

    /// Returns the origin of a node's next version; `own` are the bytes that the node keeps.
    pub(super) fn successor(&self, own: Option<&Bytes>) -> Box<Self> {
        let was = match self.stored.get() {
            Some((place, encoding)) => Stored::new(*place, encoding.as_ref().or(own)),
            None => self.was.clone(),
        };
        Box::new(Self {
            was,
            ..Self::default()
        })
    }

    /// Returns what the node was made from, if this store has it.
    pub(super) fn base_in(&self, target: StoreId) -> Option<Stored> {
        let was = self.was.as_ref();
        was.filter(|stored| stored.store == target).cloned()
    }
}

impl Stored {
    fn new(place: Place, bytes: Option<&Bytes>) -> Option<Self> {
        Some(Self {
            store: place.store,
            locator: place.locator?,
            bytes: bytes?.clone(),
        })
    }

    pub(super) fn as_base(&self) -> Base<'_> {
        Base {
            locator: self.locator,
            bytes: &self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use crate::store::ObjectStore;
    use crate::store_error::StoreError;
    use crate::{
        Env, Id, IdPrefix, Key, Kind, Locator, MemoryStore, Object, Path, StoreId, Stored, Tree,
    };

    /// A store that checks the bases that it is given and counts them.
    #[derive(Default)]
    struct Checking {
        memory: MemoryStore,
        ids: Mutex<HashMap<Locator, Id>>,
        /// Objects with and without a base.
        seen: Mutex<(usize, usize)>,
    }

    impl Checking {
        fn take_seen(&self) -> (usize, usize) {
            std::mem::take(&mut *self.seen.lock().unwrap())
        }

        fn check(&self, object: &Object<'_>) {
            let mut seen = self.seen.lock().unwrap();
            let Some(base) = object.base else {
                seen.1 += 1;
                return;
            };
            seen.0 += 1;
            let there = self.ids.lock().unwrap().get(&base.locator).copied();
            assert_eq!(there, Some(Id::of(base.bytes)));
            assert_eq!(base.bytes.get(1), object.bytes.get(1), "another kind");
        }
    }

    impl ObjectStore for Checking {
        fn store_id(&self) -> StoreId {
            self.memory.store_id()
        }

        fn get_many(
            &self,
            keys: &[Key],
            out: &mut dyn FnMut(usize, Option<Stored>),
        ) -> Result<(), StoreError> {
            self.memory.get_many(keys, out)
        }

        fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
            objects.iter().for_each(|object| self.check(object));
            let keys = self.memory.put_many(objects)?;
            let ids = keys.iter().map(|key| (key.locator.unwrap(), key.id));
            self.ids.lock().unwrap().extend(ids);
            Ok(keys)
        }

        fn commits_with_prefix(
            &self,
            prefix: &IdPrefix,
            limit: usize,
        ) -> Result<Vec<Id>, StoreError> {
            self.memory.commits_with_prefix(prefix, limit)
        }
    }

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    fn checking() -> (Arc<Checking>, Arc<dyn ObjectStore>) {
        let store = Arc::new(Checking::default());
        (Arc::clone(&store), store)
    }

    fn large(store: &Arc<dyn ObjectStore>) -> Tree {
        let mut tree = Tree::empty();
        for number in 0..1000 {
            tree.set(&path(&format!("dir/e{number:03}")), "old")
                .unwrap();
        }
        tree.persist(store).unwrap();
        tree
    }

    #[test]
    fn all_nodes_on_the_way_to_a_replaced_value_have_a_base() {
        let (checking, store) = checking();
        let mut tree = large(&store);
        assert_eq!(checking.take_seen().0, 0, "of new nodes");
        // The root's bucket, two inner nodes, one bucket; once more, when they were just stored;
        // and as loaded from the store.
        for value in ["new", "newer", "newest"] {
            if value == "newest" {
                tree = tree
                    .in_store(&store, tree.persist(&store).unwrap())
                    .unloaded();
            }
            tree.set(&path("dir/e123"), value).unwrap();
            tree.set(&path("dir/e124"), value).unwrap();
            tree.persist(&store).unwrap();
            assert_eq!(checking.take_seen(), (4, 0));
        }
    }

    #[test]
    fn a_node_of_another_store_is_no_base() {
        let (_, first) = checking();
        let (second, other) = checking();
        let mut tree = large(&first);
        tree.set(&path("dir/e123"), "new").unwrap();
        tree.persist(&other).unwrap();
        assert_eq!(second.take_seen().0, 0);
    }

    #[test]
    fn a_commit_is_based_on_its_first_parent() {
        /// Takes what `Checking` looks at from an engine's side.
        fn base(of: &Object<'_>) -> Option<Id> {
            of.base.map(|base| Id::of(base.bytes))
        }
        let repo = crate::Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
        let main = repo.branch("main").unwrap();
        let first = main.set(&path("a"), "1", "first").unwrap().unwrap();
        let loaded = repo.must_load(first.key()).unwrap();
        for parent in [first, loaded] {
            let object = Object {
                id: Id::NULL,
                kind: Kind::Commit,
                bytes: b"",
                links: &[],
                generation: 0,
                cut: crate::Cut::NONE,
                base: parent.as_base(),
            };
            assert_eq!(base(&object), Some(parent.id()));
            let base = object.base.unwrap();
            assert_eq!(Some(base.locator), parent.key().locator);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn every_base_is_what_the_store_has_at_its_place(
            edits in prop::collection::vec(("[a-c]/[ab0]{1,3}", prop::option::of(0_u8..3), 0_u8..9), 1..300),
        ) {
            let (_, store) = checking();
            let mut tree = Tree::empty();
            let mut kept = Vec::new();
            for (name, value, then) in edits {
                match value {
                    Some(value) => tree.set(&path(&name), vec![value; usize::from(value) * 70]).unwrap(),
                    None => tree.remove(&path(&name)).unwrap(),
                };
                match then {
                    0 => drop(tree.persist(&store).unwrap()),
                    1 => drop(tree.id().unwrap()),
                    2 => kept.push(tree.clone()),
                    3 => tree = kept.pop().unwrap_or(tree),
                    4 => {
                        let key = tree.persist(&store).unwrap();
                        tree = Tree::load(Arc::clone(&store), key);
                    }
                    _ => {}
                }
            }
            tree.persist(&store).unwrap();
        }
    }
}
