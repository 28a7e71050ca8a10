//! Threads that store, name, hold and let go while others collect.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use irmin_core::{
    Collect, CommitData, CommitInfo, Cut, Durability, Engine, Id, Key, Kind, Object, ObjectStore,
    RefEdit, RefOutcome, RefStore, Signature, StoreError, Time, links_of,
};
use irmin_pack::{Options, PackStore};

use crate::assert_clean;

/// Numbers that look random and are the same each time.
struct Numbers(u32);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % limit
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let limit = u32::try_from(from.len().max(1)).unwrap();
        from.get(self.below(limit) as usize).copied()
    }
}

/// One who writes, to a name of its own.
struct Writer<'a> {
    store: &'a PackStore,
    name: String,
    head: Option<Id>,
    numbers: Numbers,
    /// What it stored or was told of, some of which may be gone.
    blobs: Vec<Key>,
    lists: Vec<Key>,
    commits: Vec<Key>,
}

impl Writer<'_> {
    fn link(&mut self, key: Key) -> Key {
        match self.numbers.below(2) {
            0 => key,
            _ => key.id.into(),
        }
    }

    fn put(&self, kind: Kind, bytes: &[u8], links: &[Key]) -> Option<Key> {
        let object = Object {
            base: None,
            id: Id::of(bytes),
            kind,
            bytes,
            links,
            generation: u32::from(kind == Kind::Commit) * 7,
            cut: Cut::NONE,
        };
        match self.store.put_many(&[object]) {
            Ok(keys) => Some(keys[0]),
            Err(StoreError::Dangling { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn blob(&mut self) {
        let mut bytes = vec![1, 1];
        bytes.resize(3 + self.numbers.below(300) as usize, 7);
        bytes[2] = u8::try_from(self.numbers.below(60)).unwrap();
        let key = self.put(Kind::Blob, &bytes, &[]);
        self.blobs.extend(key);
    }

    fn list(&mut self) {
        let mut links = Vec::new();
        for _ in 0..self.numbers.below(5) {
            let from = if self.numbers.below(3) == 0 {
                &self.lists
            } else {
                &self.blobs
            };
            let key = self.numbers_choose(from.clone());
            links.extend(key.map(|key| self.link(key)));
        }
        let mut bytes = vec![1, 2, u8::try_from(links.len()).unwrap()];
        for link in &links {
            bytes.extend_from_slice(link.id.as_bytes());
            bytes.push(9);
        }
        let key = self.put(Kind::Chunks, &bytes, &links);
        self.lists.extend(key);
    }

    fn numbers_choose(&mut self, from: Vec<Key>) -> Option<Key> {
        self.numbers.choose(&from)
    }

    fn commit(&mut self) {
        let Some(tree) = self.numbers_choose(self.lists.clone()) else {
            return;
        };
        let tree = self.link(tree);
        let mut parents: Vec<Key> = self.head.map(Key::from).into_iter().collect();
        if self.numbers.below(4) == 0 {
            let other = self.numbers_choose(self.commits.clone());
            parents.extend(other.map(|key| self.link(key)));
        }
        if self.numbers.below(8) == 0 {
            parents.clear();
        }
        parents.dedup_by_key(|key| key.id);
        let seconds = i64::from(self.numbers.below(50));
        let author = Signature::new("A", "a@b", Time::utc(seconds)).unwrap();
        let data = CommitData {
            tree,
            parents,
            info: CommitInfo::new(author, "go on"),
        };
        let encoded = data.encode().unwrap();
        let key = self.put(Kind::Commit, &encoded.bytes, &encoded.links);
        self.commits.extend(key);
    }

    fn name(&mut self, new: Option<Id>) {
        let edit = RefEdit {
            name: self.name.clone(),
            expected: self.head,
            new,
        };
        if new == self.head {
            return;
        }
        match self.store.compare_and_swap(&[edit], Durability::None) {
            Ok(outcome) => {
                assert_eq!(outcome, RefOutcome::Applied);
                self.head = new;
                self.check();
            }
            Err(StoreError::Dangling { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn check(&self) {
        if let Some(head) = self.head {
            assert_whole(self.store, &[head], &self.name);
        }
    }

    fn hold(&mut self) {
        let Some(key) = self.numbers_choose(self.commits.clone()) else {
            return;
        };
        let hold = self.store.hold(key.id).unwrap();
        let mut there = Vec::new();
        self.store.contains_many(&[key.id], &mut there).unwrap();
        if there == [true] {
            for _ in 0..self.numbers.below(20) {
                assert_whole(self.store, &[key.id], "a hold");
                std::thread::yield_now();
            }
        }
        drop(hold);
    }

    fn step(&mut self) {
        match self.numbers.below(20) {
            0..6 => self.blob(),
            6..11 => self.list(),
            11..14 => self.commit(),
            14..18 => {
                let new = match self.numbers.below(6) {
                    0 => None,
                    1 => self.numbers_choose(self.commits.clone()).map(|key| key.id),
                    _ => self.commits.last().map(|key| key.id),
                };
                if new.is_some() || self.numbers.below(2) == 0 {
                    self.name(new);
                }
            }
            18 => self.check(),
            _ => self.hold(),
        }
        for keys in [&mut self.blobs, &mut self.lists, &mut self.commits] {
            if keys.len() > 30 {
                keys.drain(..15);
            }
        }
    }
}

/// Goes through all that commits lead to, but for what is cut.
fn assert_whole(store: &PackStore, roots: &[Id], of: &str) {
    let get = |id: Id| store.get(&id.into()).unwrap();
    let mut seen: HashSet<Id> = roots.iter().copied().collect();
    let mut frontier: Vec<(Id, Option<(Id, usize)>)> = roots.iter().map(|id| (*id, None)).collect();
    while let Some((id, from)) = frontier.pop() {
        let Some(stored) = get(id) else {
            // A collection may have cut it off a moment ago.
            let is_cut = from.is_some_and(|(from, index)| {
                get(from).is_none_or(|from| from.cut.leaves_out(index))
            });
            assert!(is_cut, "{of} lacks {id} from {from:?}");
            continue;
        };
        if stored.bytes[1] == Kind::Blob.code() {
            continue;
        }
        for (index, link) in links_of(&stored.bytes).unwrap().into_iter().enumerate() {
            if !stored.cut.leaves_out(index) && seen.insert(link) {
                frontier.push((link, Some((id, index))));
            }
        }
    }
}

#[test]
fn whoever_writes_and_holds_while_others_collect_never_lacks_anything() {
    for seed in 0..SEEDS {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            segment_bytes: 3000,
            pending_bytes: 400,
            cache_bytes: 4000,
            ..Options::default()
        };
        let store = PackStore::create(dir.path(), options.clone()).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3)
                .map(|number| {
                    let mut writer = Writer {
                        store: &store,
                        name: format!("heads/{number}"),
                        head: None,
                        numbers: Numbers(seed * 100 + number),
                        blobs: Vec::new(),
                        lists: Vec::new(),
                        commits: Vec::new(),
                    };
                    scope.spawn(move || (0..STEPS).for_each(|_| writer.step()))
                })
                .collect();
            let collector = scope.spawn(|| {
                let mut numbers = Numbers(seed * 100 + 50);
                while !is_over.load(Ordering::Relaxed) {
                    let cuts = numbers.below(4);
                    let what = Collect {
                        cut: Some(&|id| Cut {
                            contents: cuts == 1 && id.as_bytes()[0] % 4 == 0,
                            parents: cuts == 2 && id.as_bytes()[0] % 4 == 0,
                        }),
                        ..Collect::everything_named()
                    };
                    let mut left = 1 + numbers.below(60);
                    let report = store.collect(&what, &mut |_| {
                        left -= u32::from(left > 0);
                        std::thread::yield_now();
                        match left {
                            1 => ControlFlow::Break(()),
                            _ => ControlFlow::Continue(()),
                        }
                    });
                    report.unwrap();
                }
            });
            for writer in writers {
                let done = writer.join();
                is_over.fetch_or(done.is_err(), Ordering::Relaxed);
                if let Err(panic) = done {
                    std::panic::resume_unwind(panic);
                }
            }
            is_over.store(true, Ordering::Relaxed);
            collector.join().unwrap();
        });
        assert_clean(&store);
        store.close().unwrap();
        let store = PackStore::open(dir.path(), options).unwrap();
        assert_clean(&store);
        for (name, id) in store.list_refs("").unwrap() {
            assert_whole(&store, &[id], &name);
        }
    }
}

const SEEDS: u32 = 2;
const STEPS: u32 = 800;
