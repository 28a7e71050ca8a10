//! Random objects, names, holds, cuts and collections, beside a naive model.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use irmin_core::{
    Base, Collect, CollectReport, CommitData, CommitInfo, Cut, Durability, Engine, Hold, Id, Key,
    Kind, Object, ObjectStore, RefEdit, RefStore, Signature, StoreError, Time,
};
use irmin_pack::{Options, PackStore};
use proptest::prelude::*;

use crate::{assert_clean, set};

#[derive(Clone, Debug)]
enum Step {
    Blob(u8, u16),
    List(Vec<u16>),
    /// A list made from another one, be that gone: with a link put in, changed or taken out.
    Change(u16, u8, u16),
    Commit(u8, u16, Vec<u16>),
    Name(u8, u16),
    Forget(u8),
    Hold(u16),
    Release,
    /// What is cut, and at which call of `control` it is cancelled.
    Collect(u8, Option<u8>),
    /// A step at each call of `control`.
    Busy(u8, Vec<Self>),
    /// Twice, which leaves nothing that is not reachable.
    Purge(u8),
    Reopen,
}

fn any_change() -> impl Strategy<Value = Step> {
    let links = || prop::collection::vec(any::<u16>(), 0..4);
    prop_oneof![
        6 => (0..40u8, 0..900u16).prop_map(|(seed, length)| Step::Blob(seed, length / 90 * 90)),
        6 => prop::collection::vec(any::<u16>(), 0..14).prop_map(Step::List),
        8 => (any::<u16>(), any::<u8>(), any::<u16>()).prop_map(|(l, h, k)| Step::Change(l, h, k)),
        6 => (any::<u8>(), any::<u16>(), links()).prop_map(|(s, t, p)| Step::Commit(s, t, p)),
        6 => (0..5u8, any::<u16>()).prop_map(|(name, commit)| Step::Name(name, commit)),
        2 => (0..5u8).prop_map(Step::Forget),
        1 => any::<u16>().prop_map(Step::Hold),
        1 => Just(Step::Release),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let changes = || prop::collection::vec(any_change(), 0..30);
    prop_oneof![
        25 => any_change(),
        2 => (0..4u8, changes()).prop_map(|(cuts, changes)| Step::Busy(cuts, changes)),
        2 => (0..4u8, prop::option::of(0..20u8)).prop_map(|(c, n)| Step::Collect(c, n)),
        2 => (0..4u8).prop_map(Step::Purge),
        1 => Just(Step::Reopen),
    ]
}

struct Thing {
    kind: Kind,
    bytes: Vec<u8>,
    links: Vec<Id>,
    key: Key,
    cut: Cut,
    is_stored: bool,
}

/// What a store shall hold, in the simplest words.
#[derive(Default)]
struct Model {
    things: BTreeMap<Id, Thing>,
    order: Vec<Id>,
    names: BTreeMap<String, Id>,
    held: Vec<(Id, Hold)>,
    is_busy: bool,
    put_now: BTreeSet<Id>,
}

impl Model {
    fn stored(&self, kind: Option<Kind>) -> Vec<Id> {
        let is_wanted = |id: &&Id| {
            let thing = &self.things[*id];
            thing.is_stored && kind.is_none_or(|kind| thing.kind == kind)
        };
        self.order.iter().filter(is_wanted).copied().collect()
    }

    fn choose(&self, seed: u16, kind: Option<Kind>) -> Option<Id> {
        let stored = self.stored(kind);
        stored.get(usize::from(seed) % stored.len().max(1)).copied()
    }

    fn put(
        &mut self,
        store: &PackStore,
        kind: Kind,
        (bytes, base): (Vec<u8>, Option<Id>),
        links: Vec<Id>,
    ) {
        let id = Id::of(&bytes);
        let old = self.things.get(&id).filter(|thing| thing.is_stored);
        if old.is_some_and(|thing| !thing.cut.is_none()) {
            return;
        }
        // Every other link is made without the place of its target.
        let keys: Vec<Key> = (0..)
            .zip(&links)
            .map(|(index, link)| match (index + bytes.len()) % 2 {
                0 => self.things[link].key,
                _ => Key::from(*link),
            })
            .collect();
        let base = base.and_then(|id| {
            let thing = &self.things[&id];
            let locator = thing.key.locator?;
            let bytes = &thing.bytes;
            Some(Base { locator, bytes })
        });
        let object = Object {
            base,
            id,
            kind,
            bytes: &bytes,
            links: &keys,
            generation: u32::from(kind == Kind::Commit) * 7,
            cut: Cut::NONE,
        };
        let key = match store.put_many(&[object]) {
            Ok(keys) => keys[0],
            // Only while a collection runs is what is there perhaps on its way out.
            Err(StoreError::Dangling { .. }) if self.is_busy => return,
            Err(error) => panic!("{error}"),
        };
        self.put_now.insert(id);
        let cut = Cut::NONE;
        let is_stored = true;
        let thing = Thing {
            kind,
            bytes,
            links,
            key,
            cut,
            is_stored,
        };
        if self.things.insert(id, thing).is_none() {
            self.order.push(id);
        }
    }

    fn roots(&self) -> BTreeSet<Id> {
        let held = self.held.iter().map(|(id, _)| *id);
        self.names.values().copied().chain(held).collect()
    }

    /// Returns all that must be there after a collection, and what is cut then.
    fn reachable(&self, cuts: u8) -> (BTreeSet<Id>, BTreeMap<Id, Cut>) {
        let roots = self.roots();
        let mut cut = BTreeMap::new();
        let mut seen = roots.clone();
        let mut frontier: Vec<Id> = roots.iter().copied().collect();
        while let Some(id) = frontier.pop() {
            let thing = &self.things[&id];
            let mut own = thing.cut;
            if thing.kind == Kind::Commit && !roots.contains(&id) {
                let asked = asked(&id, cuts);
                own.contents |= asked.contents;
                own.parents |= asked.parents;
            }
            cut.insert(id, own);
            for (index, link) in thing.links.iter().enumerate() {
                let is_cut = thing.kind == Kind::Commit
                    && (if index == 0 {
                        own.contents
                    } else {
                        own.parents
                    });
                if !is_cut && seen.insert(*link) {
                    frontier.push(*link);
                }
            }
        }
        (seen, cut)
    }

    /// Looks at everything there ever was.
    fn look(&mut self, store: &PackStore) {
        let ids: Vec<Id> = self.order.clone();
        for id in &ids {
            let thing = self.things.get_mut(id).unwrap();
            let by_id = store.get(&Key::from(*id)).unwrap();
            let by_place = store.get(&thing.key).unwrap();
            assert_eq!(by_id.is_some(), by_place.is_some());
            if let Some(stored) = by_id {
                assert!(thing.is_stored, "what is gone does not come back");
                assert_eq!(stored.bytes, thing.bytes);
                assert_eq!(by_place.unwrap().bytes, thing.bytes);
                let kept = thing.cut;
                assert!(!kept.contents || stored.cut.contents);
                assert!(!kept.parents || stored.cut.parents);
                thing.cut = stored.cut;
            } else {
                thing.is_stored = false;
            }
        }
        for id in self.stored(None) {
            let thing = &self.things[&id];
            for (index, link) in thing.links.iter().enumerate() {
                let is_cut = if index == 0 {
                    thing.cut.contents
                } else {
                    thing.cut.parents
                };
                assert!(is_cut || self.things[link].is_stored, "all is whole");
            }
        }
        assert_clean(store);
        let names: BTreeMap<_, _> = store.list_refs("").unwrap().into_iter().collect();
        assert_eq!(names, self.names);
    }

    fn collect(&mut self, store: &PackStore, cuts: u8, cancel_at: Option<u8>) {
        let (reachable, cut) = self.reachable(cuts);
        let dry = collect(store, cuts, true, None);
        self.look(store);
        let report = collect(store, cuts, false, cancel_at);
        if !report.is_cancelled {
            assert_eq!(report, dry, "a dry run tells what a run does");
        }
        self.look(store);
        for id in &reachable {
            assert!(self.things[id].is_stored, "what is reachable stays");
            if !report.is_cancelled {
                assert_eq!(self.things[id].cut, cut[id]);
            }
        }
    }

    /// Changes much while a collection runs.
    fn collect_busily(&mut self, store: &PackStore, cuts: u8, changes: &[Step]) {
        let what = Collect {
            roots: &[],
            cut: Some(&|id| asked(id, cuts)),
            dry_run: false,
        };
        let mut changes = changes.iter();
        self.is_busy = true;
        self.put_now.clear();
        let report = store.collect(&what, &mut |_| {
            if let Some(change) = changes.next() {
                self.step(store, change);
            }
            ControlFlow::Continue(())
        });
        self.is_busy = false;
        report.unwrap();
        self.look(store);
        for id in self.put_now.iter().chain(&self.roots()) {
            assert!(self.things[id].is_stored, "what was taken stays");
        }
    }

    fn purge(&mut self, store: &PackStore, cuts: u8) {
        self.collect(store, cuts, None);
        let (reachable, _) = self.reachable(cuts);
        self.collect(store, cuts, None);
        let stored: BTreeSet<Id> = self.stored(None).into_iter().collect();
        assert_eq!(stored, reachable, "what is not reachable is gone");
        let report = collect(store, cuts, false, None);
        assert_eq!((report.objects_removed, report.commits_cut), (0, 0));
    }

    fn change(&mut self, store: &PackStore, base: u16, how: u8, link: u16) {
        let lists = self.things.iter();
        let lists = lists.filter(|(_, thing)| thing.kind == Kind::Chunks);
        let lists: Vec<Id> = lists.map(|(id, _)| *id).collect();
        let Some(base) = lists.get(usize::from(base) % lists.len().max(1)) else {
            return;
        };
        let mut links = self.things[base].links.clone();
        let at = usize::from(how / 3) % (links.len() + 1);
        let taken = at..(at + usize::from(!how.is_multiple_of(3))).min(links.len());
        links.splice(taken, self.choose(link, None).filter(|_| how % 3 != 1));
        if links.iter().all(|link| self.things[link].is_stored) {
            self.put(store, Kind::Chunks, (list(&links), Some(*base)), links);
        }
    }

    fn step(&mut self, store: &PackStore, step: &Step) {
        match step {
            Step::Blob(seed, length) => {
                let mut bytes = vec![1, 1];
                bytes.resize(2 + usize::from(*length), *seed);
                self.put(store, Kind::Blob, (bytes, None), Vec::new());
            }
            Step::List(links) => {
                let links: Vec<Id> = links.iter().filter_map(|s| self.choose(*s, None)).collect();
                self.put(store, Kind::Chunks, (list(&links), None), links);
            }
            Step::Change(base, how, link) => self.change(store, *base, *how, *link),
            Step::Commit(seed, tree, parents) => {
                let Some(tree) = self.choose(*tree, None) else {
                    return;
                };
                let parents = parents.iter();
                let parents = parents.filter_map(|p| self.choose(*p, Some(Kind::Commit)));
                let author = Signature::new("A", "a@b", Time::utc(i64::from(*seed))).unwrap();
                let data = CommitData {
                    tree: tree.into(),
                    parents: parents.map(Key::from).collect(),
                    info: CommitInfo::new(author, "go on ".repeat(30)),
                };
                let encoded = data.encode().unwrap();
                let links: Vec<Id> = encoded.links.iter().map(|link| link.id).collect();
                let base = links.get(1).copied();
                self.put(store, Kind::Commit, (encoded.bytes.to_vec(), base), links);
            }
            Step::Name(name, commit) => {
                if let Some(id) = self.choose(*commit, Some(Kind::Commit)) {
                    let name = format!("heads/{name}");
                    let edit = RefEdit {
                        name: name.clone(),
                        expected: self.names.get(&name).copied(),
                        new: Some(id),
                    };
                    match store.compare_and_swap(&[edit], Durability::None) {
                        Ok(_) => self.names.insert(name, id),
                        Err(StoreError::Dangling { .. }) if self.is_busy => None,
                        Err(error) => panic!("{error}"),
                    };
                }
            }
            Step::Forget(name) => {
                let name = format!("heads/{name}");
                if self.names.remove(&name).is_some() {
                    set(store, &name, None, Durability::None);
                }
            }
            Step::Hold(commit) => {
                if let Some(id) = self.choose(*commit, Some(Kind::Commit)) {
                    let hold = store.hold(id).unwrap();
                    // What is on its way out may be gone already.
                    if !self.is_busy || contains(store, &id) {
                        self.held.push((id, hold));
                    }
                }
            }
            Step::Release => drop(self.held.pop()),
            Step::Collect(cuts, cancel_at) => self.collect(store, *cuts, *cancel_at),
            Step::Busy(cuts, changes) => self.collect_busily(store, *cuts, changes),
            Step::Purge(cuts) => self.purge(store, *cuts),
            Step::Reopen => self.held.clear(),
        }
    }
}

fn list(links: &[Id]) -> Vec<u8> {
    let mut bytes = vec![1, 2, u8::try_from(links.len()).unwrap()];
    for link in links {
        bytes.extend_from_slice(link.as_bytes());
        bytes.push(9);
    }
    bytes
}

/// Which commits are cut, by their ids.
fn asked(id: &Id, cuts: u8) -> Cut {
    let byte = id.as_bytes()[0];
    Cut {
        contents: cuts & 1 == 1 && byte.is_multiple_of(3),
        parents: cuts & 2 == 2 && byte.is_multiple_of(5),
    }
}

fn contains(store: &PackStore, id: &Id) -> bool {
    let mut there = Vec::new();
    store.contains_many(&[*id], &mut there).unwrap();
    there == [true]
}

fn collect(store: &PackStore, cuts: u8, dry_run: bool, cancel_at: Option<u8>) -> CollectReport {
    let what = Collect {
        roots: &[],
        cut: Some(&|id| asked(id, cuts)),
        dry_run,
    };
    let mut calls = 0;
    let report = store.collect(&what, &mut |progress| {
        assert!(progress.bytes_done <= progress.bytes_total);
        calls += 1;
        match cancel_at == Some(calls) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    report.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_collection_keeps_what_is_reachable_and_nothing_else(
        steps in prop::collection::vec(any_step(), 1..80),
        segment_bytes in 1500..6000u32,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes,
            pending_bytes: 400,
            cache_bytes: 4000,
            ..Options::default()
        };
        let mut store = PackStore::create(dir.path(), options.clone()).unwrap();
        let mut model = Model::default();
        for step in &steps {
            model.step(&store, step);
            if let Step::Reopen = step {
                store.close().unwrap();
                store = PackStore::open(dir.path(), options.clone()).unwrap();
                model.look(&store);
            }
        }
        model.purge(&store, 3);
        store.close().unwrap();
        let store = PackStore::open(dir.path(), options).unwrap();
        model.held.clear();
        model.look(&store);
    }
}

#[test]
fn two_collections_at_once_are_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let store = PackStore::create(dir.path(), Options::default()).unwrap();
    crate::put(&store, Kind::Blob, &[1, 1, 5], &[]);
    let mut refused = None;
    let what = Collect::everything_named();
    let report = store.collect(&what, &mut |_| {
        let again = store.collect(&what, &mut |_| ControlFlow::Continue(()));
        refused = again.err();
        ControlFlow::Continue(())
    });
    report.unwrap();
    let refused = refused.unwrap();
    assert!(
        matches!(refused, StoreError::Collecting { .. }),
        "{refused}"
    );
}
