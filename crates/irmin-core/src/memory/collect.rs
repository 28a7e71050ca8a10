//! Garbage collection in memory: everybody who writes waits for it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};

use super::{MemoryStore, SHARDS, Shard, Slot, read, slot_of, write};
use crate::collect::{Collect, CollectProgress, CollectReport};
use crate::store::{Cut, Kind, Locator, Object, RefEdit};
use crate::store_error::StoreError;
use crate::{Id, links_of};

/// What is remembered for collections.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// Held for reading by who writes, and for writing by a collection.
    pub(super) gate: RwLock<()>,
    /// What names were moved to since the last collection.
    named: Mutex<HashSet<Id>>,
    /// Whether something was removed ever: then not all that is linked to need be there.
    has_removed: AtomicBool,
}

/// A slot: its shard and its number there.
type At = (usize, usize);

impl MemoryStore {
    /// Tells whether an object is stored, and has the next collection keep it.
    pub(super) fn touch(&self, id: &Id) -> bool {
        let shard = read(self.shard(id).1);
        let slot = shard.index.get(id).and_then(|&slot| shard.slots.get(slot));
        let Some(Some(slot)) = slot else {
            return false;
        };
        slot.is_touched.store(true, Ordering::Relaxed);
        true
    }

    /// Refuses an object that links to what was removed.
    pub(super) fn check_links(&self, object: &Object<'_>) -> Result<(), StoreError> {
        if !self.collected.has_removed.load(Ordering::Relaxed) {
            return Ok(());
        }
        for (index, link) in object.links.iter().enumerate() {
            let is_stored = || read(self.shard(&link.id).1).index.contains_key(&link.id);
            if !object.cut.leaves_out(index) && !is_stored() {
                return Err(StoreError::Dangling { id: link.id });
            }
        }
        Ok(())
    }

    /// Remembers what names are moved to, and refuses to point one to what was removed.
    pub(super) fn note_edits(&self, edits: &[RefEdit]) -> Result<(), StoreError> {
        let has_removed = self.collected.has_removed.load(Ordering::Relaxed);
        let news = || edits.iter().filter_map(|edit| edit.new);
        for id in news().filter(|_| has_removed) {
            if !read(self.shard(&id).1).index.contains_key(&id) {
                return Err(StoreError::Dangling { id });
            }
        }
        self.named().extend(news());
        Ok(())
    }

    fn named(&self) -> std::sync::MutexGuard<'_, HashSet<Id>> {
        let named = self.collected.named.lock();
        named.unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`Engine::collect`](crate::Engine::collect). Who writes waits; `control` must not write
    /// to this store.
    pub(super) fn remove_garbage(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        let _gate = write(&self.collected.gate);
        let mut roots: HashSet<Id> = read(&self.refs).values().copied().collect();
        roots.extend(self.holds.list());
        roots.extend(collect.roots);
        let mut world = World::new(self, roots);
        // What is stored before a held commit is there may be what it needs.
        let is_awaited = self.holds.list().iter().any(|id| world.find(id).is_none());
        world.mark_recent(&self.named());
        if world.mark(collect, control).is_break() {
            return Ok(CollectReport {
                is_cancelled: true,
                ..CollectReport::default()
            });
        }
        let report = world.report();
        if !collect.dry_run {
            if !is_awaited {
                self.named().clear();
                world.forget_recent();
            }
            if report.objects_removed > 0 {
                self.collected.has_removed.store(true, Ordering::Relaxed);
            }
            let removed = world.sweep();
            let mut commits = write(&self.commits);
            commits.retain(|id| !removed.contains(id));
        }
        Ok(report)
    }
}

/// All shards, locked, and what is known of their slots.
struct World<'a> {
    shards: Vec<RwLockWriteGuard<'a, Shard>>,
    roots: HashSet<Id>,
    is_live: Vec<Vec<bool>>,
    frontier: Vec<At>,
    cuts: Vec<(At, Cut)>,
}

impl<'a> World<'a> {
    fn new(store: &'a MemoryStore, roots: HashSet<Id>) -> Self {
        let shards: Vec<_> = store.shards.iter().map(write).collect();
        let is_live = shards.iter().map(|shard| vec![false; shard.slots.len()]);
        let mut world = Self {
            is_live: is_live.collect(),
            shards,
            roots: HashSet::new(),
            frontier: Vec::new(),
            cuts: Vec::new(),
        };
        for id in &roots {
            world.reach(world.find(id));
        }
        world.roots = roots;
        world
    }

    fn find(&self, id: &Id) -> Option<At> {
        let shard = usize::from(id.as_bytes()[0]) % SHARDS;
        let slot = self.shards.get(shard)?.index.get(id)?;
        Some((shard, *slot))
    }

    fn slot(&self, (shard, slot): At) -> Option<&Slot> {
        self.shards.get(shard)?.slots.get(slot)?.as_ref()
    }

    /// Keeps an object, and remembers to follow its links.
    fn reach(&mut self, at: Option<At>) {
        let Some((shard, slot)) = at else { return };
        let live = self.is_live.get_mut(shard);
        if let Some(is_live) = live.and_then(|live| live.get_mut(slot))
            && !*is_live
        {
            *is_live = true;
            self.frontier.push((shard, slot));
        }
    }

    fn all(&self) -> impl Iterator<Item = (At, &Slot)> {
        let shards = self.shards.iter().enumerate();
        shards.flat_map(|(shard, slots)| {
            let slots = slots.slots.iter().enumerate();
            slots.filter_map(move |(number, slot)| Some(((shard, number), slot.as_ref()?)))
        })
    }

    /// Keeps what a commit on its way may need: what is new and no name ever led to, and what was
    /// found stored.
    fn mark_recent(&mut self, named: &HashSet<Id>) {
        let mut led_to: HashSet<At> = named.iter().filter_map(|id| self.find(id)).collect();
        let mut frontier: Vec<At> = led_to.iter().copied().collect();
        while let Some(at) = frontier.pop() {
            let Some(slot) = self.slot(at).filter(|slot| slot.is_new) else {
                continue;
            };
            for at in self.links(slot).into_iter().flatten() {
                if led_to.insert(at) {
                    frontier.push(at);
                }
            }
        }
        let is_recent = |(at, slot): &(At, &Slot)| {
            slot.is_touched.load(Ordering::Relaxed) || slot.is_new && !led_to.contains(at)
        };
        let recent: Vec<At> = self.all().filter(is_recent).map(|(at, _)| at).collect();
        recent.into_iter().for_each(|at| self.reach(Some(at)));
    }

    /// Returns where the objects are that one points to, in the order of its encoding. By their ids:
    /// one may have been removed and stored again since its place was noted.
    fn links(&self, slot: &Slot) -> Vec<Option<At>> {
        match links_of(&slot.bytes) {
            Ok(ids) => ids.iter().map(|id| self.find(id)).collect(),
            // What cannot be read as an object leads where it was said to.
            Err(_) => slot.links.iter().map(|link| link.map(at)).collect(),
        }
    }

    fn mark(
        &mut self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let bytes = |world: &Self| world.all().map(|(_, slot)| slot.bytes.len() as u64).sum();
        let mut progress = CollectProgress {
            bytes_done: 0,
            bytes_total: bytes(self),
        };
        let mut told = 0;
        control(progress)?;
        while let Some(at) = self.frontier.pop() {
            let Some(slot) = self.slot(at) else { continue };
            progress.bytes_done += slot.bytes.len() as u64;
            let mut cut = slot.cut;
            if slot.bytes.get(1) == Some(&Kind::Commit.code()) && !self.roots.contains(&slot.id) {
                cut = cut.or(collect.cut_of(&slot.id));
            }
            let links = self.links(slot);
            if cut != slot.cut {
                self.cuts.push((at, cut));
            }
            for (_, link) in (0..)
                .zip(links)
                .filter(|(index, _)| !cut.leaves_out(*index))
            {
                self.reach(link);
            }
            if progress.bytes_done - told >= BYTES_PER_CALL {
                told = progress.bytes_done;
                control(progress)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn is_live(&self, (shard, slot): At) -> bool {
        let live = self.is_live.get(shard).and_then(|live| live.get(slot));
        live.copied().unwrap_or_default()
    }

    fn report(&self) -> CollectReport {
        let mut report = CollectReport {
            commits_cut: self.cuts.len() as u64,
            ..CollectReport::default()
        };
        for (at, slot) in self.all() {
            let bytes = slot.bytes.len() as u64;
            report.bytes_before += bytes;
            if self.is_live(at) {
                report.objects_kept += 1;
                report.bytes_after += bytes;
            } else {
                report.objects_removed += 1;
            }
        }
        report
    }

    /// From now on what is there may go when no name leads to it.
    fn forget_recent(&mut self) {
        let slots = self.shards.iter_mut().flat_map(|shard| &mut shard.slots);
        for slot in slots.flatten() {
            slot.is_new = false;
            slot.is_touched = AtomicBool::new(false);
        }
    }

    /// Removes what is not alive, and returns the ids.
    fn sweep(&mut self) -> HashSet<Id> {
        for ((shard, slot), cut) in std::mem::take(&mut self.cuts) {
            let slots = self.shards.get_mut(shard).map(|shard| &mut shard.slots);
            if let Some(Some(slot)) = slots.and_then(|slots| slots.get_mut(slot)) {
                slot.cut = cut;
            }
        }
        let mut removed = HashSet::new();
        for (shard, live) in self.shards.iter_mut().zip(&self.is_live) {
            for (place, is_live) in shard.slots.iter_mut().zip(live) {
                if let Some(slot) = place.take_if(|_| !is_live) {
                    removed.insert(slot.id);
                }
            }
        }
        for id in &removed {
            let shard = usize::from(id.as_bytes()[0]) % SHARDS;
            if let Some(shard) = self.shards.get_mut(shard) {
                shard.index.remove(id);
            }
        }
        removed
    }
}

impl Slot {
    /// Notes that the object was stored again, perhaps with more beneath it than before.
    pub(super) fn find_again(&mut self, object: &Object<'_>) {
        self.is_touched = AtomicBool::new(true);
        if !self.cut.is_within(object.cut) {
            self.cut.contents &= object.cut.contents;
            self.cut.parents &= object.cut.parents;
            self.links = object.links.iter().map(|link| link.locator).collect();
        }
    }
}

fn at(locator: Locator) -> At {
    let shard = (locator.0.get() - 1) % SHARDS as u64;
    let shard = usize::try_from(shard).unwrap_or_default();
    (shard, slot_of(locator))
}

/// After how many bytes the caller is asked whether to go on.
const BYTES_PER_CALL: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Engine, ObjectStore, RefStore};
    use crate::{Durability, Key};

    fn put(store: &MemoryStore, kind: Kind, bytes: &[u8], links: &[Key]) -> Key {
        let object = Object {
            base: None,
            id: Id::of(bytes),
            kind,
            bytes,
            links,
            generation: 0,
            cut: Cut::NONE,
        };
        store.put_many(&[object]).unwrap()[0]
    }

    #[test]
    fn what_is_stored_again_is_kept_also_for_those_who_know_its_old_place() {
        let store = MemoryStore::new();
        let collect = |times| {
            for _ in 0..times {
                let all = Collect::everything_named();
                store
                    .collect(&all, &mut |_| ControlFlow::Continue(()))
                    .unwrap();
            }
        };
        let old = put(&store, Kind::Blob, &[1, 1, 7], &[]);
        collect(2);
        assert!(store.get(&old).unwrap().is_none());
        let new = put(&store, Kind::Blob, &[1, 1, 7], &[]);
        assert_ne!(new.locator, old.locator);
        let mut list = vec![1, 2, 1];
        list.extend_from_slice(old.id.as_bytes());
        list.push(1);
        let list = put(&store, Kind::Chunks, &list, &[old]);
        let edit = RefEdit {
            name: "heads/main".to_owned(),
            expected: None,
            new: Some(list.id),
        };
        store.compare_and_swap(&[edit], Durability::None).unwrap();
        collect(2);
        assert!(store.get(&new).unwrap().is_some());
    }
}
