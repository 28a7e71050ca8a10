//! The shapes of JSON: where `irmin --json` has one, the same (`docs/cli-json.md`).

use irminsule::{Change, Conflict, Difference, Entry, EntryKind, Mode, Path, Signature};
use serde::Serialize;
use utoipa::ToSchema;

use super::base64;
use crate::service::{Result, ServiceError, Snapshot};

/// Bytes in JSON: as text if they are UTF-8, else in Base64.
pub(super) struct Text {
    pub(super) text: Option<String>,
    pub(super) base64: Option<String>,
}

impl Text {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                text: Some(text.to_owned()),
                base64: None,
            },
            Err(_) => Self {
                text: None,
                base64: Some(base64::encode(bytes)),
            },
        }
    }

    pub(super) fn of_path(path: &Path) -> Self {
        Self::of(&path_bytes(path))
    }
}

/// Returns the bytes of a path as they are typed.
pub(super) fn path_bytes(path: &Path) -> Vec<u8> {
    let steps: Vec<&[u8]> = path.steps().iter().map(AsRef::as_ref).collect();
    steps.join(&b'/')
}

/// Writes a path in a message of a commit; '/' is the root.
pub(super) fn show_path(path: &Path) -> String {
    match path.is_root() {
        true => "/".to_owned(),
        false => path.to_string(),
    }
}

/// What a path leads to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Entry)]
pub(super) struct EntryShape {
    /// `tree`, `blob`, `executable` or `link`.
    kind: String,
    /// The id of its contents: 64 hexadecimal digits.
    id: String,
    /// How many bytes a value has.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// How many entries a directory has.
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u64>,
}

impl EntryShape {
    pub(super) fn of(entry: &Entry) -> Result<Self> {
        let (size, entries) = match entry {
            Entry::Blob(blob) => (Some(blob.size()), None),
            Entry::Tree(tree) => (None, Some(tree.len()?)),
        };
        Ok(Self {
            kind: kind_word(entry.kind()).to_owned(),
            id: entry.id()?.to_string(),
            size,
            entries,
        })
    }
}

/// Returns the word for a kind of entry.
pub(super) fn kind_word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Tree => "tree",
        EntryKind::Blob(mode) => mode_word(mode),
    }
}

/// Returns the word for a kind of value.
pub(super) fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Normal => "blob",
        Mode::Executable => "executable",
        Mode::Link => "link",
    }
}

/// An entry of a directory.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NamedEntry)]
pub(super) struct NamedEntry {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Its name, if that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name_base64: Option<String>,
    #[serde(flatten)]
    pub(super) entry: EntryShape,
}

/// An entry with its place, and its bytes if it is a value.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PlacedEntry)]
pub(super) struct PlacedEntry {
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// Where it is, if that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_base64: Option<String>,
    #[serde(flatten)]
    pub(super) entry: EntryShape,
    /// The bytes of a value; left out beyond 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    /// The bytes of a value, if they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_base64: Option<String>,
}

/// Who, and when.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Signature)]
pub(super) struct SignatureShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_base64: Option<String>,
    /// As in RFC 3339.
    time: String,
}

impl SignatureShape {
    fn of(signature: &Signature) -> Self {
        let (name, email) = (Text::of(signature.name()), Text::of(signature.email()));
        Self {
            name: name.text,
            name_base64: name.base64,
            email: email.text,
            email_base64: email.base64,
            time: signature.time().to_string(),
        }
    }
}

/// A commit.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Commit)]
pub(super) struct CommitShape {
    /// 64 hexadecimal digits.
    pub(super) id: String,
    /// The ids of its parents, in order.
    parents: Vec<String>,
    author: SignatureShape,
    committer: SignatureShape,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_base64: Option<String>,
    /// What of it is not kept here; absent when all is.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOut>,
}

/// What of a commit is not kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct LeftOut {
    contents: bool,
    parents: bool,
}

impl CommitShape {
    pub(super) fn of(commit: &Snapshot) -> Self {
        let info = commit.info();
        let message = Text::of(&info.message);
        let cut = commit.commit().cut();
        Self {
            id: commit.id().to_string(),
            parents: commit.parents().iter().map(ToString::to_string).collect(),
            author: SignatureShape::of(&info.author),
            committer: SignatureShape::of(&info.committer),
            message: message.text,
            message_base64: message.base64,
            left_out: (!cut.is_none()).then_some(LeftOut {
                contents: cut.contents,
                parents: cut.parents,
            }),
        }
    }
}

/// A value that differs.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    /// `added`, `removed` or `modified`.
    change: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<EntryShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<EntryShape>,
}

impl ChangeShape {
    pub(super) fn of(change: &Change) -> Result<Self> {
        let (word, old, new) = match &change.difference {
            Difference::Added(new) => ("added", None, Some(new)),
            Difference::Removed(old) => ("removed", Some(old), None),
            Difference::Modified { old, new } => ("modified", Some(old), Some(new)),
        };
        let shape = |blob: &irminsule::Blob| EntryShape::of(&Entry::Blob(blob.clone()));
        let path = Text::of_path(&change.path);
        Ok(Self {
            path: path.text,
            path_base64: path.base64,
            change: word.to_owned(),
            old: old.map(shape).transpose()?,
            new: new.map(shape).transpose()?,
        })
    }

    pub(super) fn of_all(changes: &[Change]) -> Result<Vec<Self>> {
        changes.iter().map(Self::of).collect()
    }
}

/// A place where both sides of a merge changed, and no rule knows what is right.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Conflict)]
pub(super) struct ConflictShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    /// How the sides disagree: `content`, `add/add`, `modify/remove`, `value/directory`, `mode`, `rule`.
    kind: String,
    /// What the merge rule of the path said.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<EntryShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ours: Option<EntryShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theirs: Option<EntryShape>,
}

impl ConflictShape {
    /// A side that cannot be read is left out; the conflict itself is said all the same.
    pub(super) fn of(conflict: &Conflict) -> Self {
        let shape =
            |entry: &Option<Entry>| entry.as_ref().and_then(|entry| EntryShape::of(entry).ok());
        let path = Text::of_path(&conflict.path);
        Self {
            path: path.text,
            path_base64: path.base64,
            kind: conflict.kind.to_string(),
            reason: conflict.reason.clone(),
            base: shape(&conflict.base),
            ours: shape(&conflict.ours),
            theirs: shape(&conflict.theirs),
        }
    }
}

/// What a request that commits came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Committed)]
pub(super) struct CommittedShape {
    /// The branch.
    pub(super) branch: String,
    /// The id of the commit; `null` if nothing changed.
    pub(super) commit: Option<String>,
}

/// Reads bytes that a request gives as text or in Base64; `None` if neither is there.
///
/// # Errors
/// When both are, or when that is no Base64.
pub(super) fn given(
    key: &str,
    text: Option<&String>,
    encoded: Option<&String>,
) -> Result<Option<Vec<u8>>> {
    match (text, encoded) {
        (Some(_), Some(_)) => Err(ServiceError::invalid(format!(
            "give '{key}' or '{key}_base64', not both"
        ))),
        (Some(text), None) => Ok(Some(text.clone().into_bytes())),
        (None, Some(encoded)) => match base64::decode(encoded) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(ServiceError::invalid(format!(
                "'{key}_base64' is not Base64 with padding"
            ))),
        },
        (None, None) => Ok(None),
    }
}

/// Reads a path that a request gives as text or in Base64; neither is the root.
pub(super) fn given_path(text: Option<&String>, encoded: Option<&String>) -> Result<Path> {
    let bytes = given("path", text, encoded)?.unwrap_or_default();
    Ok(Path::parse(bytes)?)
}
