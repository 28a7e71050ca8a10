//! What an engine must do by itself: objects in batches, and names changed all or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use irmin_core::{
    CommitData, CommitInfo, Durability, Engine, Id, IdPrefix, Key, Kind, MemoryStore, Object,
    ObjectStore, RefEdit, RefOutcome, Signature, Time, Tree,
};

use crate::objects::object;
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "many keys are answered once each",
        many_keys_are_answered_once_each,
    ),
    (
        "locators and generations come back",
        locators_and_generations_come_back,
    ),
    ("commits are found by prefix", commits_are_found_by_prefix),
    (
        "names change all together or not at all",
        names_change_all_together,
    ),
    ("names are listed by prefix", names_are_listed_by_prefix),
    (
        "of many threads one wins each swap",
        of_many_threads_one_wins_each_swap,
    ),
    (
        "what was committed is there after opening again",
        what_was_committed_is_there_again,
    ),
];

/// Returns the encoding of a value: an engine may refuse what is no object.
fn value(number: u32) -> Vec<u8> {
    let text = format!("object {number} {}", "x".repeat(number as usize % 300));
    [&[1, Kind::Blob.code()], text.as_bytes()].concat()
}

fn many_keys_are_answered_once_each(open: Open<'_>) {
    let place = open();
    let engine = place.open();
    let values: Vec<_> = (0..500).map(value).collect();
    let objects: Vec<_> = values.iter().map(|bytes| object(bytes, &[])).collect();
    let keys = engine.put_many(&objects).unwrap();
    assert_eq!(engine.put_many(&objects).unwrap().len(), keys.len());
    // Backwards, with duplicates and strangers, by id and by locator.
    let mut asked: Vec<Key> = keys.iter().rev().copied().collect();
    asked.extend(keys.iter().step_by(7).map(|key| Key::from(key.id)));
    asked.extend((0..20).map(|n: u32| Key::from(Id::of(&n.to_le_bytes()))));
    let mut answers = vec![0; asked.len()];
    let answer = &mut |position: usize, found: Option<irmin_core::Stored>| {
        answers[position] += 1;
        let id = asked[position].id;
        let is_known = keys.iter().any(|key| key.id == id);
        assert_eq!(
            found.map(|stored| Id::of(&stored.bytes)),
            is_known.then_some(id)
        );
    };
    engine.get_many(&asked, answer).unwrap();
    assert!(answers.iter().all(|&count| count == 1));
    engine
        .get_many(&[], &mut |_, _| panic!("nothing was asked"))
        .unwrap();
    assert!(engine.put_many(&[]).unwrap().is_empty());
}

/// Stores the tree that has nothing in it: an engine may refuse what links to nowhere.
fn empty_tree(engine: &dyn Engine) -> Key {
    let memory = Arc::new(MemoryStore::new()) as Arc<dyn ObjectStore>;
    let tree = Tree::empty().persist(&memory).unwrap();
    let bytes = memory.get(&tree).unwrap().unwrap().bytes;
    let node = Object {
        kind: Kind::Node,
        ..object(&bytes, &[])
    };
    engine.put_many(&[node]).unwrap()[0]
}

/// Stores a line of commits, each pointing to the one before it.
fn line(engine: &dyn Engine, length: u32) -> Vec<Key> {
    let tree = empty_tree(engine);
    let mut keys: Vec<Key> = Vec::new();
    for generation in 1..=length {
        let author =
            Signature::new("Ada", "ada@example.org", Time::utc(generation.into())).unwrap();
        let commit = CommitData {
            tree,
            parents: keys.last().copied().into_iter().collect(),
            info: CommitInfo::new(author, "go on"),
        };
        let encoded = commit.encode().unwrap();
        keys.extend(engine.put_many(&[encoded.object(generation)]).unwrap());
    }
    keys
}

fn locators_and_generations_come_back(open: Open<'_>) {
    let place = open();
    let engine = place.open();
    let keys = line(engine.as_ref(), 50);
    save(engine.as_ref(), "heads/main", keys[49].id);
    let check = |engine: &dyn Engine| {
        for (number, key) in keys.iter().enumerate() {
            let stored = engine.get(&key.id.into()).unwrap().unwrap();
            assert_eq!(stored.generation as usize, number + 1);
            let data = CommitData::from_stored(&stored).unwrap();
            let parents: Vec<_> = data.parents.iter().map(|parent| parent.id).collect();
            let expected = number.checked_sub(1).map(|before| keys[before].id);
            assert_eq!(parents, expected.into_iter().collect::<Vec<_>>());
            for parent in data.parents {
                let found = engine.get(&parent).unwrap().unwrap();
                assert_eq!(Id::of(&found.bytes), parent.id, "the locator leads there");
            }
        }
    };
    check(engine.as_ref());
    drop(engine);
    check(place.open().as_ref());
}

fn commits_are_found_by_prefix(open: Open<'_>) {
    let place = open();
    let engine = place.open();
    let ids: BTreeSet<Id> = line(engine.as_ref(), 200)
        .iter()
        .map(|key| key.id)
        .collect();
    let values: Vec<_> = (0..200).map(value).collect();
    let objects: Vec<_> = values.iter().map(|bytes| object(bytes, &[])).collect();
    engine.put_many(&objects).unwrap();
    save(engine.as_ref(), "heads/main", *ids.first().unwrap());
    let check = |engine: &dyn Engine| {
        for (number, id) in ids.iter().enumerate() {
            let prefix: IdPrefix = id.to_string()[..4 + number % 9].parse().unwrap();
            let expected: Vec<_> = ids
                .iter()
                .filter(|id| prefix.matches(id))
                .copied()
                .collect();
            assert_eq!(engine.commits_with_prefix(&prefix, 999).unwrap(), expected);
            let first = &expected[..expected.len().min(1)];
            assert_eq!(engine.commits_with_prefix(&prefix, 1).unwrap(), first);
        }
        let stranger = Id::of(&value(0)).to_string().parse().unwrap();
        assert_eq!(
            engine.commits_with_prefix(&stranger, 9).unwrap(),
            [],
            "values are no commits"
        );
    };
    check(engine.as_ref());
    drop(engine);
    check(place.open().as_ref());
}

fn edit(name: &str, expected: Option<Id>, new: Option<Id>) -> RefEdit {
    let name = name.to_owned();
    RefEdit {
        name,
        expected,
        new,
    }
}

fn save(engine: &dyn Engine, name: &str, id: Id) {
    let edits = [edit(name, None, Some(id))];
    let outcome = engine.compare_and_swap(&edits, Durability::Sync).unwrap();
    assert_eq!(outcome, RefOutcome::Applied);
}

fn names_change_all_together(open: Open<'_>) {
    let place = open();
    let engine = place.open();
    let ids: Vec<_> = line(engine.as_ref(), 3).iter().map(|key| key.id).collect();
    let (a, b, c) = (ids[0], ids[1], ids[2]);
    let swap = |edits: &[RefEdit]| engine.compare_and_swap(edits, Durability::Sync).unwrap();
    let names = || engine.list_refs("").unwrap();
    swap(&[
        edit("heads/x", None, Some(a)),
        edit("heads/y", None, Some(b)),
    ]);
    let before = names();
    let lost = swap(&[
        edit("heads/x", Some(a), Some(c)),
        edit("heads/z", None, Some(c)),
        edit("heads/y", Some(a), None),
        edit("heads/x", Some(b), None),
    ]);
    let (name, current) = ("heads/y".to_owned(), Some(b));
    assert_eq!(lost, RefOutcome::Lost { name, current });
    assert_eq!(names(), before);
    let lost = swap(&[edit("heads/none", Some(a), Some(b))]);
    let (name, current) = ("heads/none".to_owned(), None);
    assert_eq!(lost, RefOutcome::Lost { name, current });
    let swapped = [
        edit("heads/x", Some(a), Some(b)),
        edit("heads/y", Some(b), None),
    ];
    assert_eq!(swap(&swapped), RefOutcome::Applied);
    assert_eq!(names(), [("heads/x".to_owned(), b)]);
    assert_eq!(swap(&[]), RefOutcome::Applied);
}

fn names_are_listed_by_prefix(open: Open<'_>) {
    let place = open();
    let engine = place.open();
    let id = line(engine.as_ref(), 1)[0].id;
    for name in [
        "heads/b",
        "heads/a",
        "heads/a/b",
        "headsx/a",
        "tags/a",
        "remotes/o/a",
    ] {
        save(engine.as_ref(), name, id);
    }
    let names = |prefix: &str| -> Vec<String> {
        let found = engine.list_refs(prefix).unwrap();
        found.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names("heads/"), ["heads/a", "heads/a/b", "heads/b"]);
    assert_eq!(names("heads/a"), ["heads/a", "heads/a/b"]);
    assert_eq!(names("z"), [""; 0]);
    assert_eq!(names("").len(), 6);
    let gone = [edit("heads/a", Some(id), None)];
    engine.compare_and_swap(&gone, Durability::Sync).unwrap();
    assert_eq!(names("heads/"), ["heads/a/b", "heads/b"]);
    assert_eq!(engine.get_ref("heads/a").unwrap(), None);
}

fn of_many_threads_one_wins_each_swap(open: Open<'_>) {
    let place = open();
    let engine = place.open();
    let keys = line(engine.as_ref(), 101);
    save(engine.as_ref(), "heads/main", keys[0].id);
    // Each step of the line can be taken once, by whichever thread comes first.
    let take = |engine: &Arc<dyn Engine>| {
        let steps = keys.windows(2).map(|pair| {
            let edits = [edit("heads/main", Some(pair[0].id), Some(pair[1].id))];
            loop {
                match engine.compare_and_swap(&edits, Durability::None).unwrap() {
                    RefOutcome::Applied => return 1,
                    RefOutcome::Lost { current, .. } if current == Some(pair[0].id) => {}
                    RefOutcome::Lost { .. } => return 0,
                }
            }
        });
        steps.sum::<usize>()
    };
    let wins: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| take(&engine))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(wins, 100);
    assert_eq!(engine.get_ref("heads/main").unwrap(), Some(keys[100].id));
}

fn what_was_committed_is_there_again(open: Open<'_>) {
    let place = open();
    let mut head = None;
    for round in 0..5_u32 {
        let engine = place.open();
        assert_eq!(engine.get_ref("heads/main").unwrap(), head);
        for number in 0..round * 100 {
            let id = Id::of(&value(number));
            assert!(engine.get(&id.into()).unwrap().is_some(), "object {number}");
        }
        let values: Vec<_> = (round * 100..(round + 1) * 100).map(value).collect();
        let objects: Vec<_> = values.iter().map(|bytes| object(bytes, &[])).collect();
        engine.put_many(&objects).unwrap();
        let key = line(engine.as_ref(), round + 1)[round as usize];
        let edits = [edit("heads/main", head, Some(key.id))];
        engine.compare_and_swap(&edits, Durability::Sync).unwrap();
        head = Some(key.id);
    }
}
