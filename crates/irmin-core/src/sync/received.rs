//! One object from a stranger, checked before it is stored.

use bytes::Bytes;

use super::SyncError;
use super::object::{Role, Want, want};
use crate::codec::Reader;
use crate::error::DecodeError;
use crate::store::{Cut, Key, Kind, ObjectStore, Stored};
use crate::tree::{chunk_list, outline};
use crate::{CommitData, Id};

/// What is known of an object that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The hash of its bytes.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// What it points to, in the order of its encoding.
    pub links: Vec<Id>,
    /// One more than the largest generation of its parents that are there, for a commit; else 0.
    pub generation: u32,
    /// The commit itself, if it is one.
    pub commit: Option<CommitData>,
}

/// Checks an object from a stranger: that its encoding is the one that there is for what it says, that
/// all that it points to is in `store`, and that this is what the object says of it: kinds, sizes,
/// numbers of entries, names. What is in the store is trusted to have been checked so. Beneath a commit
/// that is `cut`, what is left out may be missing.
///
/// Hashes the bytes, and reads what it points to.
///
/// ```
/// use irmin_core::sync::check_received;
/// use irmin_core::{Cut, MemoryStore};
/// let store = MemoryStore::new();
/// assert!(check_received(&b"no object".to_vec().into(), Cut::NONE, &store).is_err());
/// ```
///
/// # Errors
/// [`SyncError`] that names the object and what is wrong; [`SyncError::Store`] when the store fails.
pub fn check_received(
    bytes: &Bytes,
    cut: Cut,
    store: &dyn ObjectStore,
) -> Result<Received, SyncError> {
    let id = Id::of(bytes);
    let stored = Stored {
        bytes: bytes.clone(),
        links: Vec::new(),
        generation: 0,
        cut: Cut::NONE,
        region: None,
    };
    let (what, code) = ("an object", bytes.get(1).copied());
    let decode = |source| SyncError::Decode { id, what, source };
    let kind = code.and_then(Kind::from_code);
    match kind.ok_or_else(|| decode(DecodeError::new("object", 1, "an unknown kind")))? {
        Kind::Commit => commit(id, bytes, cut, store),
        Kind::Blob => {
            let mut reader = Reader::new("value", bytes);
            reader.header(Kind::Blob).map_err(decode)?;
            tree_object(id, Kind::Blob, Vec::new(), store)
        }
        Kind::Chunks => {
            let chunks = chunk_list(&stored).map_err(decode)?;
            let links = chunks.iter().map(|&(key, size)| Want {
                id: key.id,
                locator: None,
                role: Role::Chunk { size },
            });
            tree_object(id, Kind::Chunks, links.collect(), store)
        }
        Kind::Node => {
            // Whether its names are good is known when it is known where it hangs.
            let outline = outline(&stored, None).map_err(decode)?;
            let links = outline.targets.iter().map(|target| want(target, None));
            tree_object(id, Kind::Node, links.collect(), store)
        }
    }
}

fn tree_object(
    id: Id,
    kind: Kind,
    links: Vec<Want>,
    store: &dyn ObjectStore,
) -> Result<Received, SyncError> {
    let received = Received {
        id,
        kind,
        links: links.iter().map(|link| link.id).collect(),
        generation: 0,
        commit: None,
    };
    check_links(links, store)?;
    Ok(received)
}

fn commit(id: Id, bytes: &Bytes, cut: Cut, store: &dyn ObjectStore) -> Result<Received, SyncError> {
    let what = "a commit";
    let decode = |id| move |source| SyncError::Decode { id, what, source };
    let data = CommitData::decode(bytes).map_err(decode(id))?;
    if !cut.contents {
        let root = Want {
            id: data.tree.id,
            locator: None,
            role: Role::Root,
        };
        check_links(vec![root], store)?;
    }
    let mut highest = 0;
    for (parent, stored) in data.parents.iter().zip(read(store, &data.parents)?) {
        match stored {
            None if cut.parents => {}
            None => {
                return Err(SyncError::Missing {
                    id: parent.id,
                    what,
                });
            }
            Some(stored) => {
                CommitData::decode(&stored.bytes).map_err(decode(parent.id))?;
                highest = highest.max(stored.generation);
            }
        }
    }
    let beyond = SyncError::Rule {
        id,
        what,
        reason: "its generation is beyond all bounds",
    };
    let parents = data.parents.iter().map(|parent| parent.id);
    Ok(Received {
        id,
        kind: Kind::Commit,
        links: std::iter::once(data.tree.id).chain(parents).collect(),
        generation: highest.checked_add(1).ok_or(beyond)?,
        commit: Some(data),
    })
}

/// Checks what an object points to. Parts of a directory whose names may still become `.` or `..` are
/// followed as far as that goes.
fn check_links(mut pending: Vec<Want>, store: &dyn ObjectStore) -> Result<(), SyncError> {
    while !pending.is_empty() {
        let keys: Vec<Key> = pending.iter().map(Want::key).collect();
        let mut next = Vec::new();
        for (link, stored) in pending.iter().zip(read(store, &keys)?) {
            let (id, what) = (link.id, link.role.name());
            let stored = stored.ok_or(SyncError::Missing { id, what })?;
            let (below, _) = link.links(&stored)?;
            let is_open = |role| matches!(role, Role::Part { dots: Some(_), .. });
            next.extend(below.into_iter().filter(|below| is_open(below.role)));
        }
        pending = next;
    }
    Ok(())
}

fn read(store: &dyn ObjectStore, keys: &[Key]) -> Result<Vec<Option<Stored>>, SyncError> {
    let mut found: Vec<Option<Stored>> = vec![None; keys.len()];
    if !keys.is_empty() {
        store.get_many(keys, &mut |position, stored| {
            if let Some(slot) = found.get_mut(position) {
                *slot = stored;
            }
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        CommitInfo, MemoryStore, Object, Path, Signature, StoreError, StoreId, Time, Tree,
    };

    /// Keeps what is stored, in order.
    struct Tap(MemoryStore, std::sync::Mutex<Vec<Bytes>>);

    impl ObjectStore for Tap {
        fn store_id(&self) -> StoreId {
            self.0.store_id()
        }

        fn get_many(
            &self,
            keys: &[Key],
            out: &mut dyn FnMut(usize, Option<Stored>),
        ) -> Result<(), StoreError> {
            self.0.get_many(keys, out)
        }

        fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
            let bytes = objects
                .iter()
                .map(|object| Bytes::copy_from_slice(object.bytes));
            self.1.lock().unwrap().extend(bytes);
            self.0.put_many(objects)
        }

        fn commits_with_prefix(
            &self,
            prefix: &crate::IdPrefix,
            limit: usize,
        ) -> Result<Vec<Id>, StoreError> {
            self.0.commits_with_prefix(prefix, limit)
        }
    }

    /// Returns the objects of a tree of all kinds, each after those that it points to, and a commit.
    fn objects() -> Vec<Bytes> {
        let mut tree = Tree::empty();
        for number in 0..300_u32 {
            let path = format!("d{}/n{number}", number % 3);
            let value = vec![7; 3 * number as usize];
            tree.set(&Path::parse(&path).unwrap(), value).unwrap();
        }
        let large: Vec<u8> = (0..800_000_u32).flat_map(u32::to_le_bytes).collect();
        tree.set(&Path::parse("d1/large").unwrap(), large).unwrap();
        let tap = Arc::new(Tap(MemoryStore::new(), std::sync::Mutex::default()));
        let store = Arc::clone(&tap) as Arc<dyn ObjectStore>;
        let root = tree.persist(&store).unwrap();
        let author = Signature::new("Ada", "", Time::utc(0)).unwrap();
        let commit = CommitData {
            tree: root,
            parents: Vec::new(),
            info: CommitInfo::new(author, "Begin"),
        };
        let mut objects = tap.1.lock().unwrap().clone();
        objects.push(commit.encode().unwrap().bytes);
        objects
    }

    fn put(store: &MemoryStore, bytes: &Bytes) -> Result<Received, SyncError> {
        let received = check_received(bytes, Cut::NONE, store)?;
        let links: Vec<Key> = received.links.iter().copied().map(Key::from).collect();
        store.put_many(&[Object {
            id: received.id,
            kind: received.kind,
            bytes,
            links: &links,
            generation: received.generation,
            cut: Cut::NONE,
            base: None,
        }])?;
        Ok(received)
    }

    #[test]
    fn what_the_library_stores_is_taken_in_its_order() {
        let store = MemoryStore::new();
        let objects = objects();
        for bytes in &objects {
            let received = put(&store, bytes).unwrap();
            assert_eq!(received.id, Id::of(bytes));
        }
        assert!(objects.len() > 50);
    }

    #[test]
    fn an_object_is_refused_while_anything_that_it_points_to_is_missing() {
        let objects = objects();
        let whole = MemoryStore::new();
        for (left_out, bytes) in objects.iter().enumerate() {
            put(&whole, bytes).unwrap();
            let store = MemoryStore::new();
            let before = objects.iter().take(left_out + 1).enumerate();
            let others = before.filter(|(at, _)| *at != left_out);
            others.for_each(|(_, bytes)| drop(put(&store, bytes)));
            let id = Id::of(bytes);
            for later in objects.iter().skip(left_out + 1) {
                let links = crate::links_of(later).unwrap();
                if links.contains(&id) {
                    assert!(check_received(later, Cut::NONE, &store).is_err());
                }
            }
            if left_out > 40 {
                break;
            }
        }
    }

    #[test]
    fn an_object_with_a_changed_byte_says_something_else_that_holds_or_is_refused() {
        let store = MemoryStore::new();
        let objects = objects();
        objects
            .iter()
            .for_each(|bytes| drop(put(&store, bytes).unwrap()));
        for bytes in objects.iter().filter(|bytes| bytes[1] != Kind::Blob.code()) {
            for at in (0..bytes.len()).step_by(7) {
                let mut forged = bytes.to_vec();
                forged[at] ^= 1 << (at % 8);
                let forged = Bytes::from(forged);
                if let Ok(received) = check_received(&forged, Cut::NONE, &store) {
                    assert_ne!(received.id, Id::of(bytes));
                    let mut found = Vec::new();
                    store.contains_many(&received.links, &mut found).unwrap();
                    assert!(found.into_iter().all(|found| found));
                }
            }
        }
    }
}
