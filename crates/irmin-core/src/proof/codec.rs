//! Proofs as bytes; see FORMAT.md.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::objects::Objects;
use super::{Proof, kind_of};
use crate::codec::{Reader, put_varint};
use crate::error::DecodeError;
use crate::links::links_of;
use crate::{Id, Kind, Path};

/// How every proof begins: a name and a version.
const MAGIC: &[u8; 9] = b"irmnprof\x01";

const WHAT: &str = "proof";

pub(super) fn encode(proof: &Proof) -> Bytes {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(proof.root.as_bytes());
    put_varint(&mut out, proof.paths.len() as u64);
    for path in &proof.paths {
        put_part(&mut out, &path_bytes(path));
    }
    put_varint(&mut out, proof.objects.len() as u64);
    for object in proof.objects.in_order() {
        put_part(&mut out, object);
    }
    let sum = Id::of(&out);
    out.extend_from_slice(sum.as_bytes());
    out.into()
}

fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    put_varint(out, part.len() as u64);
    out.extend_from_slice(part);
}

fn path_bytes(path: &Path) -> Vec<u8> {
    let steps: Vec<&[u8]> = path.steps().iter().map(AsRef::as_ref).collect();
    steps.join(&b'/')
}

pub(super) fn decode(bytes: &Bytes) -> Result<Proof, DecodeError> {
    let short = || DecodeError::new(WHAT, bytes.len(), "cut short");
    let end = bytes.len().checked_sub(Id::BYTES).ok_or_else(short)?;
    let (body, sum) = bytes.split_at(end);
    let mut reader = Reader::new(WHAT, body);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(DecodeError::new(WHAT, 0, "no proof of version 1"));
    }
    if Id::of(body).as_bytes() != sum {
        return Err(DecodeError::new(WHAT, end, "a wrong checksum"));
    }
    let root = reader.id()?;
    let paths = decode_paths(&mut reader)?;
    let objects = decode_objects(&mut reader, bytes)?;
    reader.end()?;
    let tree = check(root, &objects)?;
    Ok(Proof {
        root,
        tree,
        paths,
        objects: Arc::new(Objects::new(objects)),
    })
}

fn decode_paths(reader: &mut Reader<'_>) -> Result<BTreeSet<Path>, DecodeError> {
    let mut paths = BTreeSet::new();
    // Each takes at least a byte, so a wrong number comes to an end soon.
    for _ in 0..reader.varint()? {
        let text = part(reader)?;
        let path = Path::parse(text).map_err(|error| reader.error(error.reason))?;
        if path_bytes(&path) != text || paths.last().is_some_and(|last| *last >= path) {
            return Err(reader.error("paths in another form or order"));
        }
        paths.insert(path);
    }
    Ok(paths)
}

fn decode_objects(
    reader: &mut Reader<'_>,
    bytes: &Bytes,
) -> Result<BTreeMap<Id, Bytes>, DecodeError> {
    let mut objects = BTreeMap::new();
    for _ in 0..reader.varint()? {
        let object = bytes.slice_ref(part(reader)?);
        let id = Id::of(&object);
        if objects
            .last_key_value()
            .is_some_and(|(last, _)| *last >= id)
        {
            return Err(reader.error("objects in another order"));
        }
        objects.insert(id, object);
    }
    Ok(objects)
}

/// Reads a length and as many bytes.
fn part<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = reader.varint()?;
    let len = usize::try_from(len).map_err(|_| reader.error("cut short"))?;
    reader.take(len)
}

/// Checks that the root is there and leads to every object; returns the root of the tree.
fn check(root: Id, objects: &BTreeMap<Id, Bytes>) -> Result<Id, DecodeError> {
    let error = |reason| DecodeError::new(WHAT, MAGIC.len(), reason);
    let tree = match objects.get(&root).map(|object| (kind_of(object), object)) {
        Some((Some(Kind::Commit), object)) => {
            let links = links_of(object).map_err(|source| error(source.reason))?;
            links.first().copied().unwrap_or(root)
        }
        Some((Some(Kind::Node), _)) => root,
        Some(_) => return Err(error("a root that is no commit and no directory")),
        None => return Err(error("without its root")),
    };
    // What else a commit points to, its parents, is no part of a proof.
    let mut found = BTreeSet::from([root]);
    let mut pending = vec![tree];
    while let Some(id) = pending.pop() {
        let Some(object) = objects.get(&id) else {
            continue;
        };
        if id == root || found.insert(id) {
            if kind_of(object) == Some(Kind::Commit) {
                return Err(error("a commit where a directory belongs"));
            }
            pending.extend(links_of(object).map_err(|source| error(source.reason))?);
        }
    }
    if found.len() < objects.len() {
        return Err(error("objects that the root does not lead to"));
    }
    Ok(tree)
}
