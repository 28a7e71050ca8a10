//! What the client tells, in the words of the library.

use bytes::Bytes;
use irmin_core::{CommitInfo, ConflictKind, Cut, Id, Mode, Path, Signature, Step, Time};
use irmin_proto::v1;

use crate::wire;

/// What a path leads to on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteEntry {
    /// A value.
    Blob {
        /// Its mode.
        mode: Mode,
        /// Its bytes are so many.
        size: u64,
        /// The id of the object that holds it.
        id: Id,
        /// Its bytes, if they were asked for and are not too many.
        data: Option<Bytes>,
    },
    /// A directory.
    Directory {
        /// Its id.
        id: Id,
        /// How many direct children it has.
        entries: u64,
    },
}

impl RemoteEntry {
    /// Returns the bytes of a value, if they came.
    #[must_use]
    pub const fn data(&self) -> Option<&Bytes> {
        match self {
            Self::Blob { data, .. } => data.as_ref(),
            Self::Directory { .. } => None,
        }
    }

    /// Returns the id.
    #[must_use]
    pub const fn id(&self) -> Id {
        match self {
            Self::Blob { id, .. } | Self::Directory { id, .. } => *id,
        }
    }

    pub(crate) fn read(entry: v1::Entry) -> Result<Self, String> {
        match entry.is.ok_or("an entry that is nothing")? {
            v1::entry::Is::Blob(blob) => Self::read_blob(blob),
            v1::entry::Is::Directory(directory) => Ok(Self::Directory {
                id: wire::must_have_id(directory.id.as_ref())?,
                entries: directory.entries,
            }),
        }
    }

    pub(crate) fn read_blob(blob: v1::Blob) -> Result<Self, String> {
        Ok(Self::Blob {
            mode: wire::mode(blob.mode()),
            size: blob.size,
            id: wire::must_have_id(blob.id.as_ref())?,
            data: blob.data,
        })
    }

    pub(crate) fn maybe(entry: Option<v1::Entry>) -> Result<Option<Self>, String> {
        entry.map(Self::read).transpose()
    }
}

/// A commit on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCommit {
    /// Its id.
    pub id: Id,
    /// The id of what the caller may see of its tree; `None` where its contents are cut.
    pub tree: Option<Id>,
    /// Its parents, in order.
    pub parents: Vec<Id>,
    /// Who made it, when and why.
    pub info: CommitInfo,
    /// How many commits the longest line down to a root has, this one included.
    pub generation: u32,
    /// What is left out beneath it.
    pub cut: Cut,
}

impl RemoteCommit {
    pub(crate) fn read(commit: v1::Commit) -> Result<Self, String> {
        let parents: Result<_, _> = commit.parents.iter().map(wire::id).collect();
        let headers = commit.headers.into_iter();
        Ok(Self {
            id: wire::must_have_id(commit.id.as_ref())?,
            tree: wire::maybe_id(commit.tree.as_ref())?,
            parents: parents?,
            info: CommitInfo {
                author: signature(commit.author)?,
                committer: signature(commit.committer)?,
                message: commit.message,
                extra: headers.map(|header| (header.key, header.value)).collect(),
            },
            generation: commit.generation,
            cut: wire::cut(commit.cut),
        })
    }

    pub(crate) fn maybe(commit: Option<v1::Commit>) -> Result<Option<Self>, String> {
        commit.map(Self::read).transpose()
    }
}

fn signature(signature: Option<v1::Signature>) -> Result<Signature, String> {
    let signature = signature.ok_or("a commit without a signature")?;
    let time = signature.time.unwrap_or_default();
    let zone = i16::try_from(time.zone_minutes).map_err(|error| error.to_string())?;
    let time = Time::new(time.seconds, zone).map_err(|error| error.to_string())?;
    Signature::new(signature.name, signature.email, time).map_err(|error| error.to_string())
}

/// What was found at some paths of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The commit that the revision meant; `None` for a branch without one.
    pub commit: Option<RemoteCommit>,
    /// What is at each path, in order.
    pub found: Vec<Option<RemoteEntry>>,
}

/// A part of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The commit that the revision meant; `None` for a branch without one.
    pub commit: Option<RemoteCommit>,
    /// Whether there is a directory.
    pub exists: bool,
    /// How many entries it has in all.
    pub total: u64,
    /// The entries, in order.
    pub entries: Vec<(Step, RemoteEntry)>,
    /// Whether more follow behind the last one.
    pub more: bool,
}

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// The commits, newest first.
    pub commits: Vec<RemoteCommit>,
    /// What to ask for to go on; `None`: this was the last page.
    pub next: Option<String>,
}

/// A value that differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteChange {
    /// Where.
    pub path: Path,
    /// What was there; `None`: it was added.
    pub before: Option<RemoteEntry>,
    /// What is there; `None`: it was removed.
    pub after: Option<RemoteEntry>,
}

impl RemoteChange {
    pub(crate) fn read(change: v1::Change) -> Result<Self, String> {
        Ok(Self {
            path: wire::path(&change.path)?,
            before: change.before.map(RemoteEntry::read_blob).transpose()?,
            after: change.after.map(RemoteEntry::read_blob).transpose()?,
        })
    }

    pub(crate) fn read_all(changes: Vec<v1::Change>) -> Result<Vec<Self>, String> {
        changes.into_iter().map(Self::read).collect()
    }
}

/// A place where both sides of a merge changed, and no rule knows what is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteConflict {
    /// Where.
    pub path: Path,
    /// How the sides disagree.
    pub kind: ConflictKind,
    /// What the common ancestor had.
    pub base: Option<RemoteEntry>,
    /// What our side has.
    pub ours: Option<RemoteEntry>,
    /// What their side has.
    pub theirs: Option<RemoteEntry>,
    /// What the merge rule said.
    pub reason: Option<String>,
}

/// The conflicts of a merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteConflicts {
    /// All of them, unless there are more than the server tells.
    pub conflicts: Vec<RemoteConflict>,
    /// Whether there are more.
    pub more: bool,
    /// The commit that was ours, to be expected when they are settled.
    pub ours: Option<Id>,
    /// The commit that was theirs.
    pub theirs: Option<Id>,
}

impl RemoteConflicts {
    pub(crate) fn read(conflicts: v1::Conflicts) -> Result<Self, String> {
        let read: Result<_, _> = conflicts.conflicts.into_iter().map(conflict).collect();
        Ok(Self {
            conflicts: read?,
            more: conflicts.more,
            ours: None,
            theirs: None,
        })
    }
}

fn conflict(conflict: v1::Conflict) -> Result<RemoteConflict, String> {
    use v1::conflict::Kind;
    Ok(RemoteConflict {
        path: wire::path(&conflict.path)?,
        kind: match conflict.kind() {
            Kind::Content => ConflictKind::Content,
            Kind::AddAdd => ConflictKind::AddAdd,
            Kind::ModifyRemove => ConflictKind::ModifyRemove,
            Kind::BlobTree => ConflictKind::BlobTree,
            Kind::Mode => ConflictKind::Mode,
            Kind::Rule => ConflictKind::Rule,
            Kind::Unspecified => return Err("a conflict of no kind".to_owned()),
        },
        base: RemoteEntry::maybe(conflict.base)?,
        ours: RemoteEntry::maybe(conflict.ours)?,
        theirs: RemoteEntry::maybe(conflict.theirs)?,
        reason: conflict.reason,
    })
}
