//! The pack and the memory engine side by side.

use irmin_core::{
    Base, Durability, Engine, Id, Key, Kind, MemoryStore, Object, ObjectStore, RefEdit,
};
use irmin_pack::PackStore;
use proptest::prelude::*;

use crate::{assert_clean, small_segments};

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u16),
    /// Something made from an earlier one, by other bytes at some place.
    Change(u8, u16, Vec<u8>),
    Swap(u8, u8, bool),
    Reopen,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<u8>(), 0..700u16).prop_map(|(seed, length)| Step::Put(seed, length)),
        6 => (any::<u8>(), 0..700u16, prop::collection::vec(any::<u8>(), 0..60))
            .prop_map(|(base, at, bytes)| Step::Change(base, at, bytes)),
        3 => (0..3u8, any::<u8>(), any::<bool>()).prop_map(|(n, o, g)| Step::Swap(n, o, g)),
        1 => Just(Step::Reopen),
    ]
}

/// Does the same to an engine, whichever it is, and returns all that can be seen of it.
fn apply(engine: &dyn Engine, keys: &mut Vec<Key>, step: &Step) -> String {
    match step {
        Step::Put(seed, length) => {
            let bytes = vec![*seed; usize::from(*length)];
            let links: Vec<Key> = keys.iter().rev().take(3).copied().collect();
            let object = Object {
                base: None,
                cut: irmin_core::Cut::NONE,
                id: Id::of(&bytes),
                kind: if seed % 4 == 0 {
                    Kind::Commit
                } else {
                    Kind::Node
                },
                bytes: &bytes,
                links: &links,
                generation: if seed % 4 == 0 { u32::from(*seed) } else { 0 },
            };
            keys.extend(engine.put_many(&[object]).unwrap());
            String::new()
        }
        Step::Change(base, at, bytes) => {
            change(engine, keys, usize::from(*base), usize::from(*at), bytes);
            String::new()
        }
        Step::Swap(name, object, is_gone) => {
            let id = keys
                .get(usize::from(*object) % keys.len().max(1))
                .map(|key| key.id);
            let edit = RefEdit {
                name: format!("heads/{name}"),
                // Right half of the time.
                expected: engine
                    .get_ref(&format!("heads/{}", object % 2 * name))
                    .unwrap(),
                new: id.filter(|_| !is_gone),
            };
            format!(
                "{:?}",
                engine.compare_and_swap(&[edit], Durability::None).unwrap()
            )
        }
        Step::Reopen => String::new(),
    }
}

fn change(engine: &dyn Engine, keys: &mut Vec<Key>, base: usize, at: usize, bytes: &[u8]) {
    let Some(base) = keys.get(base % keys.len().max(1)).copied() else {
        return;
    };
    let stored = engine.get(&base).unwrap().unwrap();
    let mut changed = stored.bytes.to_vec();
    let at = at.min(changed.len());
    let end = (at + bytes.len() / 2).min(changed.len());
    changed.splice(at..end, bytes.iter().copied());
    // What an object points to is told by its bytes: one that is there does not point elsewhere.
    if keys.iter().any(|key| key.id == Id::of(&changed)) {
        return;
    }
    let links: Vec<Key> = keys.iter().rev().take(bytes.len() % 5).copied().collect();
    let object = Object {
        base: base.locator.map(|locator| Base {
            locator,
            bytes: &stored.bytes,
        }),
        cut: irmin_core::Cut::NONE,
        id: Id::of(&changed),
        kind: Kind::Node,
        bytes: &changed,
        links: &links,
        generation: 0,
    };
    keys.extend(engine.put_many(&[object]).unwrap());
}

fn look(engine: &dyn Engine, keys: &[Key]) -> Vec<String> {
    let mut seen = vec![format!("{:?}", engine.list_refs("").unwrap())];
    for key in keys {
        for key in [*key, Key::from(key.id)] {
            let stored = engine.get(&key).unwrap().unwrap();
            let links: Vec<bool> = stored.links.iter().map(Option::is_some).collect();
            seen.push(format!(
                "{:?} {links:?} {}",
                stored.bytes, stored.generation
            ));
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_pack_engine_answers_as_the_memory_engine_does(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut pack = PackStore::create(dir.path(), small_segments()).unwrap();
        let memory = MemoryStore::new();
        let (mut pack_keys, mut memory_keys) = (Vec::new(), Vec::new());
        for step in &steps {
            if let Step::Reopen = step {
                pack.close().unwrap();
                pack = PackStore::open(dir.path(), small_segments()).unwrap();
            }
            let expected = apply(&memory, &mut memory_keys, step);
            prop_assert_eq!(apply(&pack, &mut pack_keys, step), expected);
        }
        prop_assert_eq!(look(&pack, &pack_keys), look(&memory, &memory_keys));
        let prefix = "0".repeat(4).parse().unwrap();
        prop_assert_eq!(
            pack.commits_with_prefix(&prefix, 9).unwrap(),
            memory.commits_with_prefix(&prefix, 9).unwrap()
        );
        // Refs to what is no commit are this test's doing, and all that is wrong.
        if memory_keys.is_empty() {
            assert_clean(&pack);
        }
    }
}
