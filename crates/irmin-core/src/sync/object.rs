//! Objects of trees from a stranger: what they must be, and what they point to.

use bytes::Bytes;

use super::error::SyncError;
use crate::codec::Reader;
use crate::tree::{Dots, Outline, Target, chunk_list, outline};
use crate::{Id, Key, Kind, Locator, Stored};

/// Version and kind, before a value's bytes.
const HEADER_BYTES: u64 = 2;
/// What a node counts for when a round of reads is put together.
const NODE_BYTES: u64 = 1 << 10;

/// An object to bring, with what is known of it from where it hangs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub(super) id: Id,
    /// Where the source keeps it.
    pub(super) locator: Option<Locator>,
    pub(super) role: Role,
}

/// An object that is what it must be.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) bytes: Bytes,
    /// What it points to.
    pub(super) links: Vec<Want>,
    /// Of a node.
    pub(super) outline: Option<Outline>,
}

/// What an object of a tree must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// The root of a commit's tree.
    Root,
    /// The root of a directory inside a tree.
    Dir,
    /// A part of a directory, with so many entries.
    Part { len: u64, dots: Dots },
    /// A value of so many bytes.
    Blob { size: u64 },
    /// The list of the chunks of a value of so many bytes.
    Chunks { size: u64 },
    /// A chunk of so many bytes.
    Chunk { size: u64 },
}

impl Role {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Root | Self::Dir | Self::Part { .. } => Kind::Node,
            Self::Blob { .. } | Self::Chunk { .. } => Kind::Blob,
            Self::Chunks { .. } => Kind::Chunks,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Root => "the tree of a commit",
            Self::Dir => "a directory",
            Self::Part { .. } => "a part of a directory",
            Self::Blob { .. } => "a value",
            Self::Chunks { .. } => "a list of chunks",
            Self::Chunk { .. } => "a chunk of a value",
        }
    }

    /// Tells whether it points to further objects.
    pub(super) const fn has_links(self) -> bool {
        !matches!(self, Self::Blob { .. } | Self::Chunk { .. })
    }

    /// Returns about how many bytes it has.
    pub(super) const fn bytes(self) -> u64 {
        match self {
            Self::Blob { size } | Self::Chunk { size } => size,
            Self::Root | Self::Dir | Self::Part { .. } | Self::Chunks { .. } => NODE_BYTES,
        }
    }
}

impl Want {
    pub(super) const fn key(&self) -> Key {
        Key {
            id: self.id,
            locator: self.locator,
        }
    }

    /// Checks what came for it.
    pub(super) fn check(&self, stored: Option<Stored>) -> Result<Checked, SyncError> {
        let (id, what) = (self.id, self.role.name());
        let stored = stored.ok_or(SyncError::Missing { id, what })?;
        check_id(id, &stored.bytes)?;
        let (links, outline) = self.links(&stored)?;
        Ok(Checked {
            bytes: stored.bytes,
            links,
            outline,
        })
    }

    /// Checks that an object with the right id is what it must be, and returns what it points to.
    pub(super) fn links(&self, stored: &Stored) -> Result<(Vec<Self>, Option<Outline>), SyncError> {
        let (id, what) = (self.id, self.role.name());
        let (mut links, mut outline) = (Vec::new(), None);
        match self.role {
            Role::Root | Role::Dir => (links, outline) = self.node(stored, Some(0))?,
            Role::Part { dots, .. } => (links, outline) = self.node(stored, dots)?,
            Role::Chunks { size } => links = self.chunks(stored, size)?,
            Role::Blob { size } | Role::Chunk { size } => {
                let mut reader = Reader::new("value", &stored.bytes);
                reader
                    .header(Kind::Blob)
                    .map_err(|source| SyncError::Decode { id, what, source })?;
                if stored.bytes.len() as u64 != size.saturating_add(HEADER_BYTES) {
                    return Err(self.breaks("it has another size than what points to it says"));
                }
            }
        }
        Ok((links, outline))
    }

    fn node(&self, stored: &Stored, dots: Dots) -> Result<(Vec<Self>, Option<Outline>), SyncError> {
        let (id, what) = (self.id, self.role.name());
        let outline =
            outline(stored, dots).map_err(|source| SyncError::Decode { id, what, source })?;
        if outline.has_forbidden_name {
            return Err(self.breaks("a name is empty, '.' or '..'"));
        }
        match self.role {
            Role::Dir if outline.len == 0 => {
                return Err(self.breaks("a directory inside another cannot be empty"));
            }
            Role::Part { len, .. } if outline.len != len => {
                return Err(self.breaks("it has another number of entries than its parent says"));
            }
            _ => {}
        }
        let locators = stored.links.iter().copied().chain(std::iter::repeat(None));
        let wants = outline.targets.iter().zip(locators);
        let wants = wants.map(|(target, place)| want(target, place)).collect();
        Ok((wants, Some(outline)))
    }

    fn chunks(&self, stored: &Stored, size: u64) -> Result<Vec<Self>, SyncError> {
        let (id, what) = (self.id, self.role.name());
        let chunks = chunk_list(stored).map_err(|source| SyncError::Decode { id, what, source })?;
        // The length of each is bounded, and so is their number by the bytes of the list.
        if chunks.iter().map(|(_, len)| len).sum::<u64>() != size {
            return Err(self.breaks("its chunks do not make up the size of the value"));
        }
        let chunk = |&(key, size): &(Key, u64)| Self {
            id: key.id,
            locator: key.locator,
            role: Role::Chunk { size },
        };
        Ok(chunks.iter().map(chunk).collect())
    }

    const fn breaks(&self, reason: &'static str) -> SyncError {
        SyncError::Rule {
            id: self.id,
            what: self.role.name(),
            reason,
        }
    }
}

/// Checks that bytes have the id that they were asked for by.
pub(super) fn check_id(id: Id, bytes: &[u8]) -> Result<(), SyncError> {
    let found = Id::of(bytes);
    if found == id {
        Ok(())
    } else {
        Err(SyncError::WrongId { id, found })
    }
}

pub(super) const fn want(target: &Target, locator: Option<Locator>) -> Want {
    let role = match *target {
        Target::Dir(_) => Role::Dir,
        Target::Part { len, dots, .. } => Role::Part { len, dots },
        Target::Blob { size, .. } => Role::Blob { size },
        Target::Chunks { size, .. } => Role::Chunks { size },
    };
    Want {
        id: target.id(),
        locator,
        role,
    }
}
