//! What the names of a damaged store can point to.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use irmin_core::{CommitData, Entry, Id, Key, Kind, StoreError, Tree};

use super::objects::Objects;
use super::walk::{LOST, RefEvent};
use super::{Missing, SalvagedName};

/// The names as the log tells of them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) now: BTreeMap<String, Id>,
    /// What each pointed to before, the last one at the end.
    before: BTreeMap<String, Vec<Id>>,
    /// Whether changes were lost since all names were last told.
    pub(super) are_lost: bool,
}

impl Names {
    pub(super) fn apply(&mut self, event: RefEvent) {
        match event {
            RefEvent::Lost => self.are_lost = true,
            RefEvent::All(changes) => {
                let all = changes
                    .into_iter()
                    .filter_map(|change| Some((change.name, change.target?)));
                self.now = all.collect();
                for (name, id) in &self.now {
                    note(&mut self.before, name, *id);
                }
                self.are_lost = false;
            }
            RefEvent::Changes(changes) => {
                for change in changes {
                    match change.target {
                        Some(id) => {
                            note(&mut self.before, &change.name, id);
                            self.now.insert(change.name, id);
                        }
                        None => {
                            self.now.remove(&change.name);
                        }
                    }
                }
            }
        }
    }

    /// Decides what each name points to in the new store.
    pub(super) fn settle(&self, objects: &Arc<Objects>) -> Result<Vec<SalvagedName>, StoreError> {
        let mut names = Vec::new();
        for (name, id) in &self.now {
            let now = match is_whole_commit(objects, id) {
                true => Some(*id),
                false => self.newest(name, *id, objects, is_whole_commit)?,
            };
            let missing = match now == Some(*id) {
                true => Vec::new(),
                false => missing(objects, *id)?,
            };
            names.push(SalvagedName {
                name: name.clone(),
                was: Some(*id).filter(|id| *id != LOST),
                now,
                missing,
            });
        }
        if self.are_lost
            || names
                .iter()
                .any(|name| name.now != name.was || name.was.is_none())
        {
            self.add_tips(objects, &mut names)?;
        }
        Ok(names)
    }

    /// Returns the newest good one among what the name pointed to, now or before, and its ancestors.
    pub(super) fn newest(
        &self,
        name: &str,
        id: Id,
        objects: &Objects,
        is_good: fn(&Objects, &Id) -> bool,
    ) -> Result<Option<Id>, StoreError> {
        let before = self.before.get(name).map(Vec::as_slice).unwrap_or_default();
        for id in std::iter::once(&id).chain(before.iter().rev()) {
            let ancestor = newest_good(objects, *id, is_good)?;
            if ancestor.is_some() {
                return Ok(ancestor);
            }
        }
        Ok(None)
    }

    /// Names the whole commits that no name leads to: some of them had a name that was lost.
    fn add_tips(&self, objects: &Objects, names: &mut Vec<SalvagedName>) -> Result<(), StoreError> {
        let mut led_to = HashSet::new();
        let mut frontier: Vec<Id> = names.iter().filter_map(|name| name.now).collect();
        while let Some(id) = frontier.pop() {
            if led_to.insert(id) {
                frontier.extend(parents(objects, &id)?);
            }
        }
        let mut number = 0;
        for id in objects.whole_order.iter().rev() {
            if !is_whole_commit(objects, id) || led_to.contains(id) {
                continue;
            }
            number += 1;
            names.push(SalvagedName {
                name: format!("heads/salvaged/{number}"),
                was: None,
                now: Some(*id),
                missing: Vec::new(),
            });
            // Children come after their parents, so this is one that no other leads to.
            let mut frontier = vec![*id];
            while let Some(id) = frontier.pop() {
                if led_to.insert(id) {
                    frontier.extend(parents(objects, &id)?);
                }
            }
        }
        Ok(())
    }
}

fn note(before: &mut BTreeMap<String, Vec<Id>>, name: &str, id: Id) {
    let ids = before.entry(name.to_owned()).or_default();
    if ids.last() != Some(&id) {
        ids.push(id);
    }
}

fn is_whole_commit(objects: &Objects, id: &Id) -> bool {
    let kind = objects.found.get(id).map(|found| found.kind);
    kind == Some(Kind::Commit) && objects.whole.contains(id)
}

fn parents(objects: &Objects, id: &Id) -> Result<Vec<Id>, StoreError> {
    let Some(found) = objects.found.get(id).filter(|found| !found.cut.parents) else {
        return Ok(Vec::new());
    };
    let commit = CommitData::decode(&objects.read(id, found)?);
    let parents = commit.map(|commit| commit.parents).unwrap_or_default();
    Ok(parents.iter().map(|parent| parent.id).collect())
}

fn newest_good(
    objects: &Objects,
    id: Id,
    is_good: fn(&Objects, &Id) -> bool,
) -> Result<Option<Id>, StoreError> {
    let mut frontier = vec![id];
    let mut seen = HashSet::new();
    let mut newest: Option<(u32, Id)> = None;
    while let Some(id) = frontier.pop() {
        if !seen.insert(id) {
            continue;
        }
        if is_good(objects, &id) {
            // Whatever is before it is older.
            let generation = objects.found.get(&id).map_or(0, |found| found.generation);
            if newest.is_none_or(|(other, _)| generation > other) {
                newest = Some((generation, id));
            }
            continue;
        }
        frontier.extend(parents(objects, &id)?);
    }
    Ok(newest.map(|(_, id)| id))
}

/// Returns what a commit lacks, by path.
pub(super) fn missing(objects: &Arc<Objects>, id: Id) -> Result<Vec<Missing>, StoreError> {
    let mut lacking = Vec::new();
    if id == LOST {
        return Ok(lacking);
    }
    let Some(found) = objects.found.get(&id) else {
        lacking.push(Missing::new("", id));
        return Ok(lacking);
    };
    let Ok(commit) = CommitData::decode(&objects.read(&id, found)?) else {
        lacking.push(Missing::new("", id));
        return Ok(lacking);
    };
    for parent in commit.parents.iter().filter(|_| !found.cut.parents) {
        if !objects.found.contains_key(&parent.id) {
            lacking.push(Missing::new("", parent.id));
        }
    }
    if !found.cut.contents {
        missing_below(objects, commit.tree.id, &mut lacking);
    }
    Ok(lacking)
}

fn missing_below(objects: &Arc<Objects>, root: Id, lacking: &mut Vec<Missing>) {
    let mut frontier = vec![(String::new(), root)];
    let mut seen = HashSet::new();
    while let Some((path, id)) = frontier.pop() {
        if objects.whole.contains(&id) || !seen.insert(id) {
            continue;
        }
        if lacking.len() >= MISSING_MAX {
            return;
        }
        let store: Arc<dyn irmin_core::ObjectStore> = Arc::<Objects>::clone(objects);
        let tree = Tree::load(store, Key::from(id));
        let Ok(entries) = tree.list(None, usize::MAX) else {
            // The directory itself, or a node of a large one.
            lacking.push(Missing::new(&path, id));
            continue;
        };
        for (step, entry) in entries {
            let path = format!("{path}/{}", String::from_utf8_lossy(step.as_bytes()));
            let path = path.trim_start_matches('/').to_owned();
            let Ok(id) = entry.id() else {
                continue;
            };
            match entry {
                Entry::Tree(_) => frontier.push((path, id)),
                Entry::Blob(blob) if is_outside(&blob) && !objects.whole.contains(&id) => {
                    lacking.push(Missing::new(&path, id));
                }
                Entry::Blob(_) => {}
            }
        }
    }
}

/// Whether a value is an object of its own.
pub(super) fn is_outside(blob: &irmin_core::Blob) -> bool {
    blob.size() > irmin_core::INLINE_BYTES_MAX as u64
}

/// How many are listed of each name.
const MISSING_MAX: usize = 1000;
