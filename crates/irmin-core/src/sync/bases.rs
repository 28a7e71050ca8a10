//! Trees that the target of a copy has, to tell what new ones share with them without asking.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bytes::Bytes;

use super::error::SyncError;
use super::object::{Checked, Role, Want, check_id};
use crate::store::Locator;
use crate::tree::{Outline, Target, chunk_list, outline};
use crate::{Id, Key, ObjectStore, Stored};

/// With how many trees one is compared: more would cost more reads than they save.
pub(super) const BASES_MAX: usize = 2;
/// How many objects are kept for what else is compared with them, at 1 to 2 KB.
const KEPT_MAX: usize = 4096;

/// Which side of a copy is at hand. Trees that both have are read there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Near {
    /// As when something is sent.
    Source,
    /// As when something is fetched.
    Target,
}

/// What the target has in one place in other trees, with all that it leads to: at most so many, without
/// memory of their own. The locators are those of the side that is at hand.
pub(super) type Olds = [Option<Key>; BASES_MAX];

/// An object to bring, and what is in its place in other trees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand {
    pub(super) want: Want,
    pub(super) olds: Olds,
}

/// Objects that the target has.
pub(super) struct Bases<'a> {
    near: Near,
    store: &'a dyn ObjectStore,
    /// `None` for what is not at hand.
    kept: HashMap<Id, Option<Base>>,
}

/// An object that the target has.
struct Base {
    bytes: Bytes,
    shape: Shape,
    /// What it points to, in the order of its encoding.
    links: Vec<Key>,
}

enum Shape {
    Node(Outline),
    /// Which link each chunk is.
    Chunks(HashMap<Id, usize>),
}

/// What an object that was read points to.
pub(super) struct Compared {
    /// All of it, with the places that are known in the target.
    pub(super) links: Vec<Key>,
    /// What may not be there.
    pub(super) errands: Vec<Errand>,
    /// What the target can store the object as a difference to.
    pub(super) base: Option<(Locator, Bytes)>,
}

impl<'a> Bases<'a> {
    pub(super) fn new(
        near: Near,
        source: &'a dyn ObjectStore,
        target: &'a dyn ObjectStore,
    ) -> Self {
        Self {
            near,
            store: match near {
                Near::Source => source,
                Near::Target => target,
            },
            kept: HashMap::new(),
        }
    }

    /// Reads what some objects are compared with, in one call.
    pub(super) fn load(&mut self, errands: &[Errand]) -> Result<(), SyncError> {
        if self.kept.len() > KEPT_MAX {
            self.kept.clear();
        }
        let (mut keys, mut roles) = (Vec::new(), Vec::new());
        for errand in errands {
            for key in errand.olds.iter().flatten() {
                if let Entry::Vacant(place) = self.kept.entry(key.id) {
                    place.insert(None);
                    keys.push(*key);
                    roles.push(errand.want.role);
                }
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        let mut found: Vec<Option<Stored>> = vec![None; keys.len()];
        self.store.get_many(&keys, &mut |position, stored| {
            if let Some(slot) = found.get_mut(position) {
                *slot = stored;
            }
        })?;
        for ((key, role), stored) in keys.iter().zip(roles).zip(found) {
            let base = stored.and_then(|stored| self.decode(key.id, role, &stored));
            self.kept.insert(key.id, base);
        }
        Ok(())
    }

    /// Decodes an object; `None` if it is none of this kind, or is not what it should be: then what is
    /// compared with it is asked for.
    fn decode(&self, id: Id, role: Role, stored: &Stored) -> Option<Base> {
        // A source may say anything; what the target says of itself is true.
        if self.near == Near::Source && check_id(id, &stored.bytes).is_err() {
            return None;
        }
        let (shape, links) = match role {
            Role::Root | Role::Dir | Role::Part { .. } => {
                let outline = outline(stored, None).ok()?;
                let ids = outline.targets.iter().map(Target::id);
                let locators = stored.links.iter().copied().chain(std::iter::repeat(None));
                let keys = ids.zip(locators).map(|(id, locator)| Key { id, locator });
                let links = keys.collect();
                (Shape::Node(outline), links)
            }
            Role::Chunks { .. } => {
                let chunks = chunk_list(stored).ok()?.into_iter();
                let links: Vec<Key> = chunks.map(|(key, _)| key).collect();
                let ids = links.iter().map(|key| key.id);
                (Shape::Chunks(ids.zip(0..).collect()), links)
            }
            Role::Blob { .. } | Role::Chunk { .. } => return None,
        };
        Some(Base {
            bytes: stored.bytes.clone(),
            shape,
            links,
        })
    }

    /// Parts what an object points to into what is there, because what is in its place in another tree
    /// points to it, too, and the rest.
    pub(super) fn compare(&self, errand: &Errand, checked: &Checked) -> Compared {
        let is_target = self.near == Near::Target;
        let mut compared = Compared {
            links: Vec::with_capacity(checked.links.len()),
            errands: Vec::new(),
            base: None,
        };
        let mut olds = [const { None }; BASES_MAX];
        for (key, old) in errand.olds.iter().flatten().zip(&mut olds) {
            let Some(base) = self.kept.get(&key.id).and_then(Option::as_ref) else {
                continue;
            };
            let locator = key.locator.filter(|_| is_target && compared.base.is_none());
            if let Some(locator) = locator {
                compared.base = Some((locator, base.bytes.clone()));
            }
            *old = Some((base, base.counterparts(checked)));
        }
        for (index, want) in checked.links.iter().enumerate() {
            let olds: Olds = std::array::from_fn(|at| {
                let (base, places) = olds[at].as_ref()?;
                let place = places.get(index).copied().flatten()?;
                base.links.get(place).copied()
            });
            let same = olds.iter().flatten().find(|old| old.id == want.id);
            let locator = same.and_then(|old| old.locator).filter(|_| is_target);
            compared.links.push(Key {
                id: want.id,
                locator,
            });
            if same.is_none() {
                compared.errands.push(Errand { want: *want, olds });
            }
        }
        compared
    }
}

impl Base {
    /// Returns which of its links is in the place of each link of an object.
    fn counterparts(&self, checked: &Checked) -> Vec<Option<usize>> {
        match (&self.shape, &checked.outline) {
            (Shape::Node(earlier), Some(outline)) => outline.counterparts(earlier),
            (Shape::Chunks(chunks), None) => {
                let links = checked.links.iter();
                links.map(|link| chunks.get(&link.id).copied()).collect()
            }
            _ => Vec::new(),
        }
    }
}
