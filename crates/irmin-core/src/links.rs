//! What an encoded object points to, told by its bytes alone.

use bytes::Bytes;

use crate::codec::Reader;
use crate::error::DecodeError;
use crate::tree::node_links;
use crate::{CommitData, Id, Kind};

/// Returns the ids of the objects that an encoded object points to, in the order of its encoding,
/// which is that of [`Object::links`](crate::Object::links): of a commit the tree, then the parents;
/// of a node the large values and directories of its entries, then its children; of a chunk list
/// the chunks; of a blob none. Copies the bytes once; linear in their number.
///
/// ```
/// use irmin_core::{CommitData, CommitInfo, Id, Signature, Time, links_of};
/// let author = Signature::new("Ada", "ada@example.org", Time::utc(0))?;
/// let commit = CommitData {
///     tree: Id::of(b"tree").into(),
///     parents: vec![Id::of(b"parent").into()],
///     info: CommitInfo::new(author, "Begin"),
/// };
/// let links = links_of(&commit.encode()?.bytes)?;
/// assert_eq!(links, [Id::of(b"tree"), Id::of(b"parent")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DecodeError`] with the offset when `bytes` are no object of format version 1.
pub fn links_of(bytes: &[u8]) -> Result<Vec<Id>, DecodeError> {
    match bytes.get(1).copied().and_then(Kind::from_code) {
        Some(Kind::Blob) => {
            Reader::new("blob", bytes).header(Kind::Blob)?;
            Ok(Vec::new())
        }
        Some(Kind::Chunks) => chunks(bytes),
        Some(Kind::Node) => node_links(&Bytes::copy_from_slice(bytes)),
        Some(Kind::Commit) => {
            let commit = CommitData::decode(&Bytes::copy_from_slice(bytes))?;
            let parents = commit.parents.iter().map(|parent| parent.id);
            Ok(std::iter::once(commit.tree.id).chain(parents).collect())
        }
        None => Err(DecodeError::new("object", 1, "an unknown kind")),
    }
}

fn chunks(bytes: &[u8]) -> Result<Vec<Id>, DecodeError> {
    let mut reader = Reader::new("chunk list", bytes);
    reader.header(Kind::Chunks)?;
    let count = reader.varint()?;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(reader.id()?);
        reader.varint()?;
    }
    reader.end()?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Key, MemoryStore, Object, ObjectStore, Path, StoreError, StoreId, Stored, Tree};

    /// Compares what is told by the bytes of each object with what whoever stores it says.
    struct Judge(MemoryStore);

    impl ObjectStore for Judge {
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
            for object in objects {
                let said: Vec<Id> = object.links.iter().map(|link| link.id).collect();
                assert_eq!(links_of(object.bytes).unwrap(), said, "{:?}", object.kind);
            }
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

    #[test]
    fn the_links_of_every_kind_are_those_that_it_is_stored_with() {
        let mut tree = Tree::empty();
        for number in 0..200_u32 {
            let value = vec![7; 10 * number as usize];
            let path = format!("d{}/n{number}", number % 40);
            tree.set(&Path::parse(&path).unwrap(), value).unwrap();
        }
        let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        tree.set(&Path::parse("d1/large").unwrap(), large).unwrap();
        tree.set(&Path::parse("d1/large2").unwrap(), vec![1; 2 << 20])
            .unwrap();
        let judge = Arc::new(Judge(MemoryStore::new()));
        let store = Arc::clone(&judge) as Arc<dyn ObjectStore>;
        tree.persist(&store).unwrap();
        assert!(judge.0.len() > 100);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bytes in [
            &b""[..],
            b"\x01",
            b"\x01\x09",
            b"\x02\x01",
            b"\x01\x02\x05",
            b"\x01\x03",
        ] {
            assert!(links_of(bytes).is_err(), "{bytes:?}");
        }
    }
}
