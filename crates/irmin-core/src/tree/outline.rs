//! What a stored object of a tree points to, for those who carry objects from store to store.

use super::chunks::CHUNK_BYTES_MAX;
use super::link::Places;
use super::node::{Node, Ref, Seen};
use super::rows::BucketRef;
use crate::codec::Reader;
use crate::error::DecodeError;
use crate::{Id, Key, Kind, Stored};

/// The half bytes of `..`, the longest name that no entry may have.
const DOTS: [u8; 4] = [2, 14, 2, 14];

/// How much of [`DOTS`] the half bytes above a node are; `None` when they are anything else.
pub(crate) type Dots = Option<usize>;

/// A node of a directory, as seen from outside.
#[derive(Debug)]
pub(crate) struct Outline {
    node: Node,
    /// How many entries the part of the directory has, as the node says.
    pub(crate) len: u64,
    /// What it points to, in the order of its encoding.
    pub(crate) targets: Vec<Target>,
    /// An entry is called `.`, `..` or nothing at all.
    pub(crate) has_forbidden_name: bool,
}

/// What a node points to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// The root of a directory.
    Dir(Id),
    /// A part of the same directory.
    Part { id: Id, len: u64, dots: Dots },
    /// A value in one piece.
    Blob { id: Id, size: u64 },
    /// The list of a value's chunks.
    Chunks { id: Id, size: u64 },
}

impl Target {
    pub(crate) const fn id(&self) -> Id {
        match *self {
            Self::Dir(id)
            | Self::Part { id, .. }
            | Self::Blob { id, .. }
            | Self::Chunks { id, .. } => id,
        }
    }
}

/// Decodes a node, strictly. `dots` tells what the names are so far: `Some(0)` at the root of a
/// directory.
///
/// # Errors
/// [`DecodeError`] with the offset.
pub(crate) fn outline(stored: &Stored, dots: Dots) -> Result<Outline, DecodeError> {
    let node = Node::parse(stored.bytes.clone(), None, Places::unknown())?;
    let mut targets = Vec::with_capacity(node.refs());
    node.for_each_ref(&mut |target| targets.extend(as_target(&target)));
    let has_forbidden_name = match node.see() {
        Seen::Bucket(bucket) => dots.is_some_and(|dots| has_forbidden_name(bucket, dots)),
        Seen::Inner(inner) => {
            let below = follow(dots, inner.prefix);
            let first = targets.len().saturating_sub(inner.children_len());
            for (target, child) in targets.iter_mut().skip(first).zip(inner.children()) {
                if let Target::Dir(id) = *target {
                    let (len, dots) = (child.len, follow(below, &[child.branch]));
                    *target = Target::Part { id, len, dots };
                }
            }
            // No name at all, `.` or `..` end here.
            inner.terminal().len() > 0 && below.is_some_and(|dots| dots % 2 == 0)
        }
    };
    Ok(Outline {
        len: node.len(),
        targets,
        has_forbidden_name,
        node,
    })
}

impl Outline {
    /// Returns for each target which target of another node is in its place: behind the same half byte,
    /// or under the same name. `None` where there is none, or the other one is of another shape.
    pub(crate) fn counterparts(&self, other: &Self) -> Vec<Option<usize>> {
        let mut found = Vec::with_capacity(self.targets.len());
        match (self.node.see(), other.node.see()) {
            (Seen::Bucket(new), Seen::Bucket(old)) => in_bucket(new, old, &mut found),
            (Seen::Inner(new), Seen::Inner(old)) if new.prefix == old.prefix => {
                in_bucket(new.terminal(), old.terminal(), &mut found);
                let first = old.terminal().subs().len();
                let mut olds = old.branches().zip(first..).peekable();
                for branch in new.branches() {
                    while olds.next_if(|(old, _)| *old < branch).is_some() {}
                    let same = olds.peek().filter(|(old, _)| *old == branch);
                    found.push(same.map(|(_, index)| *index));
                }
            }
            _ => {}
        }
        found.resize(self.targets.len(), None);
        found
    }
}

fn in_bucket(new: BucketRef<'_>, old: BucketRef<'_>, found: &mut Vec<Option<usize>>) {
    let subs = new.slots().filter(|slot| slot.sub().is_some());
    found.extend(subs.map(|slot| old.find_sub(slot.suffix)));
}

fn as_target(target: &Ref<'_>) -> Option<Target> {
    match target {
        Ref::Node(link) => link.known_id().map(Target::Dir),
        Ref::Blob(cell) if cell.chunked => Some(Target::Chunks {
            id: cell.id,
            size: cell.size,
        }),
        Ref::Blob(cell) => Some(Target::Blob {
            id: cell.id,
            size: cell.size,
        }),
    }
}

/// Goes on with more half bytes of a name.
fn follow(dots: Dots, nibbles: &[u8]) -> Dots {
    let from = dots?;
    let to = from + nibbles.len();
    (DOTS.get(from..to)? == nibbles).then_some(to)
}

fn has_forbidden_name(bucket: BucketRef<'_>, dots: usize) -> bool {
    // What is left of a name begins with the byte that holds the half byte at this place.
    let dots_before = dots / 2;
    bucket.slots().any(|slot| {
        let is_dots = slot.suffix.iter().all(|&byte| byte == b'.');
        is_dots && dots_before + slot.suffix.len() <= 2
    })
}

/// Decodes the list of a large value's chunks, strictly: their ids and lengths in bytes.
///
/// # Errors
/// [`DecodeError`] with the offset.
pub(crate) fn chunk_list(stored: &Stored) -> Result<Vec<(Key, u64)>, DecodeError> {
    let mut reader = Reader::new("chunk list", &stored.bytes);
    reader.header(Kind::Chunks)?;
    let count = reader.varint()?;
    let mut chunks = Vec::new();
    for _ in 0..count {
        let id = reader.id()?;
        let len = reader.varint()?;
        if len == 0 || len > CHUNK_BYTES_MAX as u64 {
            return Err(reader.error("a chunk of a length that none has"));
        }
        let locator = stored.links.get(chunks.len()).copied().flatten();
        chunks.push((Key { id, locator }, len));
    }
    reader.end()?;
    Ok(chunks)
}
