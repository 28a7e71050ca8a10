//! The engine that keeps everything in memory: for tests, caches and scratch repositories.

mod collect;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bytes::Bytes;

use self::collect::Collected;
use crate::collect::{Collect, CollectProgress, CollectReport};
use crate::signal::{Hold, Holds, Signal};
use crate::store::{
    Cut, Durability, Engine, Key, Kind, Locator, Object, ObjectStore, RefEdit, RefOutcome,
    RefStore, StoreId, Stored,
};
use crate::store_error::StoreError;
use crate::{Id, IdPrefix, StoreStats, VerifyProgress, VerifyReport};

/// Readers of different objects meet in the same lock once in so many times.
const SHARDS: usize = 16;

/// A repository's objects and names in memory. Nothing outlives the value.
///
/// Objects are spread over 16 locked tables by their id, so that threads seldom meet. A read with
/// a locator is an indexed access; a read by id hashes the id once; a write takes one allocation
/// for the bytes and one for the links. Nothing is ever synced, so all durabilities are equal.
///
/// ```
/// use irmin_core::{Cut, Durability, Id, Key, Kind, MemoryStore, Object, ObjectStore, RefEdit, RefStore};
///
/// let store = MemoryStore::new();
/// let bytes = b"an encoded object";
/// let object = Object { id: Id::of(bytes), kind: Kind::Blob, bytes, links: &[], generation: 0, cut: Cut::NONE, base: None };
/// let keys = store.put_many(&[object])?;
/// assert_eq!(store.get(&keys[0])?.map(|stored| stored.bytes.to_vec()), Some(bytes.to_vec()));
///
/// let edit = RefEdit { name: "heads/main".into(), expected: None, new: Some(object.id) };
/// store.compare_and_swap(&[edit], Durability::Sync)?;
/// assert_eq!(store.get_ref("heads/main")?, Some(object.id));
/// # Ok::<(), irmin_core::StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    id: StoreId,
    shards: [RwLock<Shard>; SHARDS],
    commits: RwLock<BTreeSet<Id>>,
    refs: RwLock<BTreeMap<String, Id>>,
    changes: Signal,
    holds: Holds,
    collected: Collected,
}

impl MemoryStore {
    /// Returns an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many objects are stored. Takes each shard's lock once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| read(shard).index.len())
            .sum()
    }

    /// Tells whether no object is stored. Takes each shard's lock once.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, id: &Id) -> (usize, &RwLock<Shard>) {
        let number = usize::from(id.as_bytes()[0]) % SHARDS;
        (number, &self.shards[number])
    }

    /// Returns where an object is, if it is stored.
    fn locate(&self, key: &Key) -> Option<Locator> {
        let find = || {
            let (number, shard) = self.shard(&key.id);
            locator(*read(shard).index.get(&key.id)?, number)
        };
        key.locator.or_else(find)
    }

    fn put(&self, object: &Object<'_>) -> Key {
        let (number, shard) = self.shard(&object.id);
        let links = object.links.iter().map(|link| self.locate(link)).collect();
        let (slot, is_new) = write(shard).insert(object, links);
        if is_new && object.kind == Kind::Commit {
            write(&self.commits).insert(object.id);
        }
        Key {
            id: object.id,
            locator: locator(slot, number),
        }
    }
}

impl ObjectStore for MemoryStore {
    fn store_id(&self) -> StoreId {
        self.id
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        for (position, key) in keys.iter().enumerate() {
            // The guard is gone before `out` runs: it may call this store again.
            let found = read(self.shard(&key.id).1).get(key);
            out(position, found);
        }
        Ok(())
    }

    fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        let _gate = read(&self.collected.gate);
        out.extend(ids.iter().map(|id| self.touch(id)));
        Ok(())
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let _gate = read(&self.collected.gate);
        let put = |object| {
            self.check_links(object)?;
            Ok(self.put(object))
        };
        objects.iter().map(put).collect()
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        let (first, last) = prefix.range();
        let commits = read(&self.commits);
        Ok(commits.range(first..=last).take(limit).copied().collect())
    }
}

impl RefStore for MemoryStore {
    fn get_ref(&self, name: &str) -> Result<Option<Id>, StoreError> {
        Ok(read(&self.refs).get(name).copied())
    }

    fn list_refs(&self, prefix: &str) -> Result<Vec<(String, Id)>, StoreError> {
        Ok(read(&self.refs)
            .range(prefix.to_owned()..)
            .take_while(|(name, _)| name.starts_with(prefix))
            .map(|(name, id)| (name.clone(), *id))
            .collect())
    }

    fn compare_and_swap(
        &self,
        edits: &[RefEdit],
        _durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        let _gate = read(&self.collected.gate);
        let mut refs = write(&self.refs);
        for edit in edits {
            let current = refs.get(&edit.name).copied();
            if current != edit.expected {
                return Ok(RefOutcome::Lost {
                    name: edit.name.clone(),
                    current,
                });
            }
        }
        self.note_edits(edits)?;
        for edit in edits {
            match edit.new {
                Some(id) => refs.insert(edit.name.clone(), id),
                None => refs.remove(&edit.name),
            };
        }
        drop(refs);
        self.changes.notify();
        Ok(RefOutcome::Applied)
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn changes(&self) -> u64 {
        self.changes.get()
    }

    fn wait_for_changes(&self, seen: u64, timeout: Duration) -> Result<u64, StoreError> {
        Ok(self.changes.wait(seen, timeout))
    }
}

impl Engine for MemoryStore {
    fn url(&self) -> String {
        "mem:".to_owned()
    }

    fn verify(&self, progress: &mut dyn FnMut(VerifyProgress)) -> Result<VerifyReport, StoreError> {
        let mut report = VerifyReport::default();
        for (number, shard) in self.shards.iter().enumerate() {
            for slot in read(shard).slots.iter().flatten() {
                check(slot, &mut report);
            }
            progress(VerifyProgress {
                bytes_done: number as u64 + 1,
                bytes_total: SHARDS as u64,
            });
        }
        let commits = read(&self.commits);
        report.commits = commits.len() as u64;
        for (name, id) in &*read(&self.refs) {
            report.refs += 1;
            if !commits.contains(id) {
                let expected = format!("commit {id}, which '{name}' points to");
                report
                    .problems
                    .push(damage(expected, "no such commit".into()));
            }
        }
        Ok(report)
    }

    fn stats(&self) -> Result<StoreStats, StoreError> {
        let mut stats = StoreStats::default();
        for shard in &self.shards {
            for slot in read(shard).slots.iter().flatten() {
                if let Some(kind) = slot.bytes.get(1).copied().and_then(Kind::from_code) {
                    stats.count(kind, slot.bytes.len() as u64);
                }
            }
        }
        stats.refs = read(&self.refs).len() as u64;
        Ok(stats)
    }

    fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        Ok(self.holds.hold(commit))
    }

    fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        self.remove_garbage(collect, control)
    }
}

/// Checks one object of the memory. Links have no meaning without their ids there.
fn check(slot: &Slot, report: &mut VerifyReport) {
    report.objects += 1;
    report.bytes += slot.bytes.len() as u64;
    let found = Id::of(&slot.bytes);
    if found != slot.id {
        let expected = format!("object {}", slot.id);
        report
            .problems
            .push(damage(expected, format!("bytes of {found}")));
    }
}

fn damage(expected: String, found: String) -> StoreError {
    StoreError::Corrupt {
        path: "mem:".into(),
        offset: 0,
        expected,
        found,
    }
}

/// The objects whose ids fall into one shard.
#[derive(Debug, Default)]
struct Shard {
    index: HashMap<Id, usize>,
    /// What was collected leaves an empty slot: places never change.
    slots: Vec<Option<Slot>>,
}

#[derive(Debug)]
struct Slot {
    id: Id,
    bytes: Bytes,
    links: Box<[Option<Locator>]>,
    generation: u32,
    cut: Cut,
    /// Whether it was stored since the last collection.
    is_new: bool,
    /// Whether it was found stored, or asked for, since the last collection.
    is_touched: AtomicBool,
}

impl Shard {
    /// Returns the slot of the object and whether it was added now.
    fn insert(&mut self, object: &Object<'_>, links: Box<[Option<Locator>]>) -> (usize, bool) {
        if let Some(&number) = self.index.get(&object.id) {
            if let Some(Some(slot)) = self.slots.get_mut(number) {
                slot.find_again(object);
            }
            return (number, false);
        }
        let slot = self.slots.len();
        self.index.insert(object.id, slot);
        self.slots.push(Some(Slot {
            id: object.id,
            bytes: Bytes::copy_from_slice(object.bytes),
            links,
            generation: object.generation,
            cut: object.cut,
            is_new: true,
            is_touched: AtomicBool::new(false),
        }));
        (slot, true)
    }

    fn get(&self, key: &Key) -> Option<Stored> {
        let slot = key
            .locator
            .and_then(|locator| self.slots.get(slot_of(locator))?.as_ref())
            // A locator of another engine misleads nobody.
            .filter(|slot| slot.id == key.id)
            .or_else(|| self.slots.get(*self.index.get(&key.id)?)?.as_ref())?;
        Some(Stored {
            region: None,
            bytes: slot.bytes.clone(),
            links: slot.links.to_vec(),
            generation: slot.generation,
            cut: slot.cut,
        })
    }
}

/// Slot 0 has locator 1 + the shard: never zero.
fn locator(slot: usize, shard: usize) -> Option<Locator> {
    let number = (slot * SHARDS + shard + 1) as u64;
    NonZeroU64::new(number).map(Locator)
}

fn slot_of(locator: Locator) -> usize {
    usize::try_from((locator.0.get() - 1) / SHARDS as u64).unwrap_or(usize::MAX)
}

// A thread that panicked under these locks left nothing half done: every change is one insertion.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object<'a>(bytes: &'a [u8], kind: Kind, links: &'a [Key]) -> Object<'a> {
        Object {
            base: None,
            id: Id::of(bytes),
            kind,
            bytes,
            links,
            generation: u32::from(kind == Kind::Commit),
            cut: Cut::NONE,
        }
    }

    fn edit(name: &str, expected: Option<Id>, new: Option<Id>) -> RefEdit {
        RefEdit {
            name: name.to_owned(),
            expected,
            new,
        }
    }

    #[test]
    fn objects_come_back_with_their_links_by_id_and_by_locator() {
        let store = MemoryStore::new();
        let leaves: Vec<Vec<u8>> = (0..100u8).map(|number| vec![number; 50]).collect();
        let leaves: Vec<_> = leaves.iter().map(|b| object(b, Kind::Blob, &[])).collect();
        let keys = store.put_many(&leaves).unwrap();
        let root = object(b"root", Kind::Commit, &keys);
        let root_key = store.put_many(&[root]).unwrap()[0];
        for key in [root_key, Key::from(root.id)] {
            let stored = store.get(&key).unwrap().unwrap();
            assert_eq!(stored.bytes.as_ref(), b"root");
            assert_eq!(stored.generation, 1);
            let links: Vec<_> = keys.iter().map(|key| key.locator).collect();
            assert_eq!(stored.links, links);
        }
        let mut seen = vec![0; keys.len()];
        store
            .get_many(&keys, &mut |position, stored| {
                assert_eq!(stored.unwrap().bytes.as_ref(), leaves[position].bytes);
                seen[position] += 1;
            })
            .unwrap();
        assert!(seen.iter().all(|&count| count == 1));
    }

    #[test]
    fn storing_again_keeps_one_copy_and_gives_the_same_key() {
        let store = MemoryStore::new();
        let first = store.put_many(&[object(b"x", Kind::Blob, &[])]).unwrap();
        let again = store.put_many(&[object(b"x", Kind::Blob, &[])]).unwrap();
        assert_eq!(first, again);
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn a_locator_of_another_object_does_not_mislead() {
        let store = MemoryStore::new();
        let bodies: Vec<Vec<u8>> = (0..64u8).map(|number| vec![number]).collect();
        let objects: Vec<_> = bodies.iter().map(|b| object(b, Kind::Blob, &[])).collect();
        let keys = store.put_many(&objects).unwrap();
        for other in &keys {
            let key = Key {
                id: keys[0].id,
                locator: other.locator,
            };
            assert_eq!(store.get(&key).unwrap().unwrap().bytes.as_ref(), [0]);
        }
        assert!(store.get(&Key::from(Id::of(b"absent"))).unwrap().is_none());
    }

    #[test]
    fn only_commits_are_found_by_prefix_in_order_up_to_the_limit() {
        let store = MemoryStore::new();
        let bodies: Vec<Vec<u8>> = (0..=255u8).map(|number| vec![number]).collect();
        for body in &bodies {
            store.put_many(&[object(body, Kind::Commit, &[])]).unwrap();
        }
        store.put_many(&[object(b"blob", Kind::Blob, &[])]).unwrap();
        let mut ids: Vec<Id> = bodies.iter().map(|body| Id::of(body)).collect();
        ids.sort_unstable();
        for id in &ids {
            let prefix: IdPrefix = id.to_string()[..4].parse().unwrap();
            let expected: Vec<Id> = ids
                .iter()
                .filter(|id| prefix.matches(id))
                .copied()
                .collect();
            assert_eq!(store.commits_with_prefix(&prefix, 10).unwrap(), expected);
            assert!(store.commits_with_prefix(&prefix, 0).unwrap().is_empty());
        }
        let prefix: IdPrefix = Id::of(b"blob").to_string().parse().unwrap();
        assert!(store.commits_with_prefix(&prefix, 10).unwrap().is_empty());
    }

    #[test]
    fn names_change_all_together_or_not_at_all() {
        let store = MemoryStore::new();
        let (a, b) = (Id::of(b"a"), Id::of(b"b"));
        let set = [
            edit("heads/a", None, Some(a)),
            edit("heads/b", None, Some(b)),
        ];
        let applied = store.compare_and_swap(&set, Durability::Sync).unwrap();
        assert_eq!(applied, RefOutcome::Applied);
        let lost = store.compare_and_swap(
            &[
                edit("heads/a", Some(a), Some(b)),
                edit("heads/b", Some(a), None),
            ],
            Durability::Sync,
        );
        let expected = RefOutcome::Lost {
            name: "heads/b".to_owned(),
            current: Some(b),
        };
        assert_eq!(lost.unwrap(), expected);
        assert_eq!(store.get_ref("heads/a").unwrap(), Some(a));
        let all = vec![("heads/a".to_owned(), a), ("heads/b".to_owned(), b)];
        assert_eq!(store.list_refs("heads/").unwrap(), all);
        assert_eq!(store.list_refs("heads/b").unwrap(), all[1..]);
        let removed = store.compare_and_swap(&[edit("heads/a", Some(a), None)], Durability::None);
        assert_eq!(removed.unwrap(), RefOutcome::Applied);
        assert_eq!(store.get_ref("heads/a").unwrap(), None);
    }
}
