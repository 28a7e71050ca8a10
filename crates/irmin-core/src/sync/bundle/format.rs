//! The pieces of a bundle that its writer and its reader share.

use crate::codec::put_varint;
use crate::store::Cut;
use crate::{Id, Kind, RefName};

/// The version of the bundles that are written, and the only one that is read.
pub const BUNDLE_VERSION: u32 = 1;

pub(super) const MAGIC: [u8; 8] = *b"irmbundl";
/// Stands where the next object's kind would.
pub(super) const END: u8 = 0;
/// How many bytes of an object's id stand before it, to tell where damage is.
pub(super) const CHECK_BYTES: usize = 4;
/// The largest object: as much as the engines take.
pub(super) const OBJECT_BYTES_MAX: u64 = 256 << 20;

/// Returns all that stands before the objects.
pub(super) fn header(refs: &[(RefName, Id)], prerequisites: &[Id]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(BUNDLE_VERSION.to_le_bytes());
    put_varint(&mut out, refs.len() as u64);
    for (name, id) in refs {
        put_varint(&mut out, name.as_str().len() as u64);
        out.extend(name.as_str().as_bytes());
        out.extend(id.as_bytes());
    }
    put_varint(&mut out, prerequisites.len() as u64);
    prerequisites
        .iter()
        .for_each(|id| out.extend(id.as_bytes()));
    out
}

/// Returns what stands before the bytes of an object.
pub(super) fn object_head(id: &Id, kind: Kind, generation: u32, cut: Cut, len: usize) -> Vec<u8> {
    let mut out = vec![kind.code()];
    if kind == Kind::Commit {
        put_varint(&mut out, cut.with_generation(generation));
    }
    put_varint(&mut out, len as u64);
    out.extend(id.as_bytes().iter().take(CHECK_BYTES));
    out
}
