//! Messages of the protocol to values of the library, and back.

use bytes::Bytes;
use irmin_core::{Cut, Durability, Id, Isolation, Mode, Path, RefEdit, RefOutcome, Stored};
use irmin_proto::v1;

/// Reads an id. `Err`: what breaks the protocol.
pub(crate) fn id(id: &v1::ObjectId) -> Result<Id, String> {
    let bytes = id.to_array();
    let bytes = bytes.ok_or_else(|| format!("an id of {} bytes", id.sha256.len()))?;
    Ok(Id::from_bytes(bytes))
}

pub(crate) fn maybe_id(id: Option<&v1::ObjectId>) -> Result<Option<Id>, String> {
    id.map(self::id).transpose()
}

pub(crate) fn must_have_id(id: Option<&v1::ObjectId>) -> Result<Id, String> {
    self::id(id.ok_or("an id is missing")?)
}

pub(crate) fn object_id(id: &Id) -> v1::ObjectId {
    (*id.as_bytes()).into()
}

pub(crate) fn object_ids(ids: &[Id]) -> Vec<v1::ObjectId> {
    ids.iter().map(object_id).collect()
}

pub(crate) fn durability(durability: Durability) -> i32 {
    let durability = match durability {
        Durability::Sync => v1::Durability::Sync,
        Durability::Deferred => v1::Durability::Deferred,
        Durability::None => v1::Durability::None,
    };
    durability.into()
}

pub(crate) fn cut(cut: Option<v1::Cut>) -> Cut {
    cut.map_or(Cut::NONE, |cut| Cut {
        contents: cut.contents,
        parents: cut.parents,
    })
}

pub(crate) fn to_cut(cut: Cut) -> Option<v1::Cut> {
    (!cut.is_none()).then_some(v1::Cut {
        contents: cut.contents,
        parents: cut.parents,
    })
}

/// Takes an object that came: its id is what its bytes say.
pub(crate) fn object(object: v1::StoredObject) -> (Id, Stored) {
    let stored = Stored {
        links: Vec::new(),
        region: None,
        generation: object.generation,
        cut: cut(object.cut),
        // What came is a piece of a whole message, which it would keep in memory.
        bytes: Bytes::copy_from_slice(&object.encoding),
    };
    (Id::of(&stored.bytes), stored)
}

pub(crate) fn edits(edits: &[RefEdit]) -> Vec<v1::RefEdit> {
    let edit = |edit: &RefEdit| v1::RefEdit {
        name: edit.name.clone(),
        expected: edit.expected.as_ref().map(object_id),
        new: edit.new.as_ref().map(object_id),
    };
    edits.iter().map(edit).collect()
}

pub(crate) fn outcome(answer: v1::UpdateRefsResponse) -> Result<RefOutcome, String> {
    use v1::update_refs_response::Outcome;
    match answer.outcome {
        Some(Outcome::Applied(_)) => Ok(RefOutcome::Applied),
        Some(Outcome::Lost(lost)) => Ok(RefOutcome::Lost {
            current: maybe_id(lost.current.as_ref())?,
            name: lost.name,
        }),
        None => Err("it says neither that names moved nor that they did not".to_owned()),
    }
}

pub(crate) fn isolation(isolation: Isolation) -> i32 {
    let isolation = match isolation {
        Isolation::Serializable => v1::Isolation::Serializable,
        Isolation::Snapshot => v1::Isolation::Snapshot,
        Isolation::Overwrite => v1::Isolation::Overwrite,
    };
    isolation.into()
}

pub(crate) const fn mode(mode: v1::Mode) -> Mode {
    match mode {
        v1::Mode::Normal | v1::Mode::Unspecified => Mode::Normal,
        v1::Mode::Executable => Mode::Executable,
        v1::Mode::Link => Mode::Link,
    }
}

pub(crate) fn to_mode(mode: Mode) -> i32 {
    let mode = match mode {
        Mode::Normal => v1::Mode::Normal,
        Mode::Executable => v1::Mode::Executable,
        Mode::Link => v1::Mode::Link,
    };
    mode.into()
}

pub(crate) fn path(bytes: &[u8]) -> Result<Path, String> {
    Path::parse(bytes).map_err(|error| error.to_string())
}

/// Writes a path: its steps with slashes between them; nothing for the root.
pub(crate) fn to_path(path: &Path) -> Bytes {
    let steps: Vec<&[u8]> = path
        .steps()
        .iter()
        .map(irmin_core::Step::as_bytes)
        .collect();
    steps.join(&b'/').into()
}
