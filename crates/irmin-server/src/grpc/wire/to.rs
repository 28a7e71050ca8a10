//! From the model to messages.

use bytes::Bytes;
use irmin_proto::v1;
use irminsule::{
    Blob, Change, Conflict, ConflictKind, Cut, Difference, Entry, EntryKind, Id, Mode, Path,
    Signature, Step, Tree,
};

use super::Room;
use crate::service::{Result, Snapshot};

pub(crate) fn id(id: Id) -> v1::ObjectId {
    (*id.as_bytes()).into()
}

pub(crate) fn path(path: &Path) -> Bytes {
    let steps: Vec<&[u8]> = path.steps().iter().map(Step::as_bytes).collect();
    steps.join(&b'/').into()
}

pub(crate) fn step(step: &Step) -> Bytes {
    Bytes::copy_from_slice(step.as_bytes())
}

pub(crate) fn mode(mode: Mode) -> v1::Mode {
    match mode {
        Mode::Executable => v1::Mode::Executable,
        Mode::Link => v1::Mode::Link,
        _ => v1::Mode::Normal,
    }
}

pub(crate) fn blob(blob: &Blob, room: &mut Room) -> Result<v1::Blob> {
    Ok(v1::Blob {
        mode: mode(blob.mode()).into(),
        size: blob.size(),
        id: Some(id(blob.id())),
        data: room.take(blob)?,
    })
}

pub(crate) fn directory(tree: &Tree) -> Result<v1::Directory> {
    Ok(v1::Directory {
        id: Some(id(tree.id()?)),
        entries: tree.len()?,
    })
}

pub(crate) fn entry(entry: &Entry, room: &mut Room) -> Result<v1::Entry> {
    Ok(match entry {
        Entry::Blob(found) => blob(found, room)?.into(),
        Entry::Tree(tree) => directory(tree)?.into(),
    })
}

pub(crate) fn found(found: Option<&Entry>, room: &mut Room) -> Result<v1::Found> {
    let entry = found.map(|found| entry(found, room)).transpose()?;
    Ok(v1::Found { entry })
}

pub(crate) fn list_entry(at: &Step, found: &Entry, room: &mut Room) -> Result<v1::ListEntry> {
    Ok(v1::ListEntry {
        step: step(at),
        entry: Some(entry(found, room)?),
    })
}

/// Returns an entry of which only the kind is told.
pub(crate) fn listed(at: &Step, kind: EntryKind) -> v1::ListEntry {
    let entry = match kind {
        EntryKind::Blob(found) => v1::Entry::from(v1::Blob {
            mode: mode(found).into(),
            ..v1::Blob::default()
        }),
        EntryKind::Tree => v1::Directory::default().into(),
    };
    v1::ListEntry {
        step: step(at),
        entry: Some(entry),
    }
}

pub(crate) const fn cut(cut: Cut) -> Option<v1::Cut> {
    if cut.is_none() {
        return None;
    }
    Some(v1::Cut {
        contents: cut.contents,
        parents: cut.parents,
    })
}

fn signature(signature: &Signature) -> v1::Signature {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    v1::Signature {
        name: text(signature.name()),
        email: text(signature.email()),
        time: Some(v1::Time {
            seconds: signature.time().seconds(),
            zone_minutes: signature.time().offset_minutes().into(),
        }),
    }
}

pub(crate) fn commit(snapshot: &Snapshot) -> Result<v1::Commit> {
    let info = snapshot.info();
    let headers = info.extra.iter().map(|(key, value)| v1::Header {
        key: key.clone(),
        value: value.clone(),
    });
    let tree = match snapshot.is_cut() {
        true => None,
        false => Some(id(snapshot.tree_id()?)),
    };
    Ok(v1::Commit {
        id: Some(id(snapshot.id())),
        tree,
        parents: snapshot.parents().into_iter().map(id).collect(),
        author: Some(signature(&info.author)),
        committer: Some(signature(&info.committer)),
        message: info.message.clone(),
        headers: headers.collect(),
        generation: snapshot.generation(),
        cut: cut(snapshot.commit().cut()),
    })
}

pub(crate) fn change(change: &Change, room: &mut Room) -> Result<v1::Change> {
    let (before, after) = match &change.difference {
        Difference::Added(new) => (None, Some(new)),
        Difference::Removed(old) => (Some(old), None),
        Difference::Modified { old, new } => (Some(old), Some(new)),
    };
    Ok(v1::Change {
        path: path(&change.path),
        before: before.map(|before| blob(before, room)).transpose()?,
        after: after.map(|after| blob(after, room)).transpose()?,
    })
}

/// Returns the conflicts, without values, as many as fit into a message.
pub(crate) fn conflicts(conflicts: &[Conflict], max: usize) -> Result<v1::Conflicts> {
    let mut room = Room::new(0);
    let mut told = Vec::new();
    for conflict in conflicts.iter().take(max) {
        let path = path(&conflict.path);
        let reason = conflict.reason.as_ref().map_or(0, String::len);
        // Three entries without values are some 200 bytes.
        if !told.is_empty() && !room.reserve((path.len() + reason + 256) as u64) {
            break;
        }
        told.push(one_conflict(conflict, path)?);
    }
    Ok(v1::Conflicts {
        more: told.len() < conflicts.len(),
        conflicts: told,
    })
}

fn one_conflict(conflict: &Conflict, path: Bytes) -> Result<v1::Conflict> {
    use v1::conflict::Kind;
    let kind = match conflict.kind {
        ConflictKind::Content => Kind::Content,
        ConflictKind::AddAdd => Kind::AddAdd,
        ConflictKind::ModifyRemove => Kind::ModifyRemove,
        ConflictKind::BlobTree => Kind::BlobTree,
        ConflictKind::Mode => Kind::Mode,
        ConflictKind::Rule => Kind::Rule,
        _ => Kind::Unspecified,
    };
    let side = |side: &Option<Entry>| {
        let side = side.as_ref();
        side.map(|side| entry(side, &mut Room::new(0))).transpose()
    };
    Ok(v1::Conflict {
        path,
        kind: kind.into(),
        base: side(&conflict.base)?,
        ours: side(&conflict.ours)?,
        theirs: side(&conflict.theirs)?,
        reason: conflict.reason.clone(),
    })
}
