//! Nodes that decode and yet are wrong: no operation may panic on them or go on for ever.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use proptest::prelude::*;

use super::*;
use crate::codec::put_varint;
use crate::rules::RuleTypes;
use crate::{IdPrefix, MemoryStore, Object, StoreError, StoreId, Stored, merge_trees};

/// A store that believes whatever it is told.
#[derive(Default)]
struct Forge {
    id: StoreId,
    objects: Mutex<HashMap<Id, bytes::Bytes>>,
}

impl Forge {
    fn add(&self, bytes: Vec<u8>) -> Id {
        let id = Id::of(&bytes);
        self.put(id, bytes);
        id
    }

    fn put(&self, id: Id, bytes: Vec<u8>) {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert(id, bytes.into());
    }

    fn ids(&self) -> Vec<Id> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<_> = objects.keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

impl ObjectStore for Forge {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        for (index, key) in keys.iter().enumerate() {
            let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = objects.get(&key.id).cloned();
            drop(objects);
            let links = Vec::new();
            out(
                index,
                bytes.map(|bytes| Stored {
                    region: None,
                    cut: crate::Cut::NONE,
                    bytes,
                    links,
                    generation: 0,
                }),
            );
        }
        Ok(())
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        for object in objects {
            self.put(object.id, object.bytes.to_vec());
        }
        Ok(objects.iter().map(|object| object.id.into()).collect())
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}

/// Choices, from the numbers that a test was given.
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn name(&mut self) -> Vec<u8> {
        const NAMES: [&[u8]; 14] = [
            b"", b"a", b"b", b"ab", b"aa", b"q", b"qa", b".", b"\x11", b"\x16", b"\x61a", b"\x71",
            b"..", b"bb",
        ];
        match self.below(4) {
            0 => vec![b'a'; 200 + self.below(56)],
            1 => [NAMES[self.below(14)], NAMES[self.below(14)]].concat(),
            _ => NAMES[self.below(14)].to_vec(),
        }
    }
}

/// Encodes a bucket of these names from the number of entries on.
fn bucket(store: &Forge, choices: &mut Choices, names: &[Vec<u8>], depth: usize) -> Vec<u8> {
    let mut rows = vec![u8::try_from(names.len()).unwrap()];
    let mut values = Vec::new();
    for name in names {
        let (tag, value) = match choices.below(8) {
            0 => {
                let mut value = Id::of(b"absent").as_bytes().to_vec();
                put_varint(&mut value, 129 + choices.below(1000) as u64);
                ([0x10, 0x20][choices.below(2)], value)
            }
            1 | 2 if depth > 0 => (0x30, node(store, choices, depth - 1).0.as_bytes().to_vec()),
            _ => (0, vec![7; choices.below(3)]),
        };
        rows.extend([
            u8::try_from(name.len()).unwrap(),
            tag,
            u8::try_from(value.len()).unwrap(),
        ]);
        values.extend(value);
    }
    [rows, names.concat(), values].concat()
}

/// Forges a node: its id, and how many entries it says it has.
fn node(store: &Forge, choices: &mut Choices, depth: usize) -> (Id, u64) {
    if depth == 0 || choices.below(3) == 0 {
        let count = [0, 1, 5, 31, 32][choices.below(5)];
        let mut names: BTreeSet<_> = (0..count).map(|_| choices.name()).collect();
        if choices.below(2) == 0 {
            // One byte first, the same half byte or not.
            names.extend((0..count).map(|at| vec![0x61 + u8::try_from(at % 14).unwrap(), b'x']));
        }
        let names: Vec<_> = names.into_iter().take(count).collect();
        let body = bucket(store, choices, &names, depth.min(1));
        return (
            store.add([vec![1, 3, 0], body].concat()),
            names.len() as u64,
        );
    }
    let prefix: Vec<u8> = match choices.below(6) {
        0 => vec![6; 500],
        1 => vec![6, 1],
        2 => vec![6],
        3 => vec![6, 1, 6],
        _ => Vec::new(),
    };
    let terminal = choices.below(2);
    let bitmap = [0x0042_u16, 0x0046, 0x00c0, 0xffff, 0x0006][choices.below(5)];
    let mut bytes = vec![1, 3, 1];
    put_varint(&mut bytes, prefix.len() as u64);
    for pair in prefix.chunks(2) {
        bytes.push((pair[0] << 4) | pair.get(1).copied().unwrap_or(0));
    }
    bytes.extend(bucket(
        store,
        choices,
        &vec![Vec::new(); terminal],
        depth.min(1),
    ));
    bytes.extend(bitmap.to_le_bytes());
    let children: Vec<_> = (0..bitmap.count_ones())
        .map(|_| node(store, choices, depth - 1))
        .collect();
    let mut total = terminal as u64;
    for (_, len) in &children {
        let said = match choices.below(4) {
            0 => [1, 2, 16, 31, 33, 1 << 40, u64::MAX / 20, u64::MAX - 40][choices.below(8)],
            _ => (*len).max(1),
        };
        total = total.saturating_add(said);
        put_varint(&mut bytes, said);
    }
    for (id, _) in &children {
        bytes.extend(id.as_bytes());
    }
    (store.add(bytes), total)
}

/// Some paths that lead into forged nodes, and some beside them.
fn paths() -> Vec<Path> {
    let mut names: Vec<_> = [
        "a", "b", "ab", "aa", "q", "f", "aaa", "aab", "bb", "abb", "\u{11}", "\u{16}", "ffff", "qa",
    ]
    .map(str::to_owned)
    .to_vec();
    names.extend((0..14).map(|at| format!("{}x", char::from(0x61 + at))));
    names.extend([200, 250, 254, 255].map(|len| "a".repeat(len)));
    let below: Vec<_> = names
        .iter()
        .take(3)
        .map(|name| format!("a/{name}"))
        .collect();
    names.extend(below);
    names.iter().map(|name| path(name)).collect()
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Does everything that can be done with a tree; answers do not matter.
fn use_in_every_way(tree: &Tree, other: &Tree) {
    for at in paths() {
        let _any = tree.get_bytes(&at);
        let _any = tree.kind(&at);
        let _any = tree.list(Some(&at.steps()[0]), 3);
    }
    for index in [0, 1, 5, 31, 32, 33, 100, 1 << 40, u64::MAX - 1, u64::MAX] {
        let _any = tree.nth(index);
    }
    let _any = tree.len();
    let mut found: Vec<Path> = Vec::new();
    for order in [Order::Before, Order::After] {
        let options = WalkOptions {
            order,
            ..WalkOptions::default()
        };
        let walk = tree.walk(options).take(3_000).map_while(Result::ok);
        found.extend(walk.map(|(path, _)| path));
    }
    let _any = tree.entries().map(|entries| entries.take(3_000).count());
    let empty = Tree::empty();
    for (left, right) in [(tree, other), (other, tree), (tree, &empty), (&empty, tree)] {
        let _any = left.diff(right);
    }
    for [base, ours, theirs] in [
        [tree, other, &empty],
        [&empty, tree, other],
        [other, &empty, tree],
    ] {
        let _any = merge_trees(base, ours, theirs, &RuleTypes::default());
    }
    edit(tree, &found);
    let _any = tree.stats();
}

fn edit(tree: &Tree, found: &[Path]) {
    let mut grown = tree.clone();
    for at in paths() {
        let _any = grown.set(&at, "new");
    }
    let mut shrunk = tree.clone();
    for at in found.iter().chain(&paths()) {
        let _any = shrunk.remove(at);
    }
    for tree in [tree, &grown, &shrunk] {
        let _any = tree.id();
        let own = tree.store().cloned();
        for store in own.into_iter().chain([Arc::new(MemoryStore::new()) as _]) {
            if let Ok(key) = tree.persist(&store) {
                let _any = Tree::load(store, key)
                    .walk(WalkOptions::default())
                    .take(99)
                    .count();
            }
        }
    }
}

fn honest() -> Tree {
    let mut tree = Tree::empty();
    for at in paths() {
        let _replaces = tree.set(&at, "honest");
    }
    for number in 0..60 {
        tree.set(&path(&format!("a{number}")), vec![1; number * 4])
            .unwrap();
        tree.set(&path(&format!("d/{number}")), "1").unwrap();
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn forged_nodes_are_refused_or_read_but_nothing_panics(seed: u64, depth in 0_usize..4) {
        let store = Arc::new(Forge::default());
        let (id, _) = node(&store, &mut Choices(seed), depth);
        let tree = Tree::load(store, id.into());
        use_in_every_way(&tree, &honest());
    }

    #[test]
    fn a_node_with_changed_bytes_is_refused_or_read_but_nothing_panics(
        object: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let store = Arc::new(Forge::default());
        let tree = honest();
        let key = tree.persist(&(Arc::clone(&store) as Arc<dyn ObjectStore>)).unwrap();
        let ids = store.ids();
        let id = ids[object.index(ids.len())];
        let mut bytes = store.get(&id.into()).unwrap().unwrap().bytes.to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        store.put(id, bytes);
        use_in_every_way(&Tree::load(store, key), &tree);
    }
}

/// A directory that lies in itself cannot be: ids are hashes. A damaged store may say so, though.
#[test]
fn walks_and_diffs_of_directories_without_end_say_so() {
    let store = Arc::new(Forge::default());
    let id = Id::of(b"endless");
    let mut bytes = vec![1, 3, 0, 1, 1, 0x30, 32, b'a'];
    bytes.extend(id.as_bytes());
    store.put(id, bytes);
    let tree = Tree::load(store, id.into());
    for order in [Order::Before, Order::After] {
        let options = WalkOptions {
            order,
            ..WalkOptions::default()
        };
        assert!(tree.walk(options).any(|found| found.is_err()));
    }
    assert!(tree.diff(&Tree::empty()).is_err());
}

#[test]
fn a_tree_deeper_than_a_path_is_never_left_out_in_silence() {
    let half = path(&"a/".repeat(3000));
    let mut lower = Tree::empty();
    lower.set(&half, "bottom").unwrap();
    let mut tree = Tree::empty();
    tree.set(&half, lower).unwrap();
    let walk = tree.walk(WalkOptions::default());
    assert!(matches!(walk.last(), Some(Err(Error::Path(_)))));
    assert!(tree.diff(&Tree::empty()).is_err());
}

#[test]
fn a_value_of_another_size_than_its_directory_says_is_damage() {
    let store = Arc::new(Forge::default());
    let blob = store.add([&[1, 1][..], &[7; 500]].concat());
    let mut bytes = vec![1, 3, 0, 1, 1, 0x10, 34, b'a'];
    bytes.extend(blob.as_bytes());
    put_varint(&mut bytes, 501);
    let id = store.add(bytes);
    let tree = Tree::load(store, id.into());
    let found = tree.get_bytes(&path("a"));
    assert!(matches!(found, Err(Error::Decode { .. })), "{found:?}");
}
