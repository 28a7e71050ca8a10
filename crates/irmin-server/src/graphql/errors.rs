//! What programs are told about errors: the `extensions` of each.

use async_graphql::{ErrorExtensionValues, Response, Value};
use irminsule::{Conflict, Entry, EntryKind, Id, Mode};

use super::scalars::{Metadata, PathText};
use crate::service::{Details, ErrorKind, ServiceError};
use async_graphql::{Name, ScalarType};

/// Adds to each error of the service its `code` and what else it knows: a conflict says all of it.
pub(crate) fn explain(response: &mut Response) {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        let source = error.source.as_ref();
        match source.and_then(|source| source.downcast_ref::<ServiceError>()) {
            Some(error) => say(error, extensions),
            None => extensions.set("code", ErrorKind::Invalid.name()),
        }
    }
}

/// Says what a program wants to know about an error.
pub(crate) fn say(error: &ServiceError, extensions: &mut ErrorExtensionValues) {
    extensions.set("code", error.kind.name());
    match &error.details {
        Details::RetryAfter(after) => {
            let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            extensions.set("retry_after_ms", millis);
        }
        Details::Conflicts(conflicts) => {
            let conflicts = conflicts.iter().map(conflict).collect();
            extensions.set("conflicts", Value::List(conflicts));
        }
        Details::Precondition { found, .. } => extensions.set("found", id(*found)),
        Details::Moved { name, current } => {
            extensions.set("name", name.as_str());
            extensions.set("current", id(*current));
        }
        Details::Stale { path, commit } => {
            extensions.set("path", PathText(path.clone()).to_value());
            extensions.set("commit", id(Some(*commit)));
        }
        Details::Path(path) => extensions.set("path", PathText(path.clone()).to_value()),
        _ => {}
    }
}

fn id(id: Option<Id>) -> Value {
    id.map_or(Value::Null, |id| Value::String(id.to_string()))
}

fn conflict(conflict: &Conflict) -> Value {
    let reason = conflict.reason.clone().map_or(Value::Null, Value::String);
    let fields = [
        ("path", PathText(conflict.path.clone()).to_value()),
        ("kind", Value::String(conflict.kind.to_string())),
        ("reason", reason),
        ("base", side(conflict.base.as_ref())),
        ("ours", side(conflict.ours.as_ref())),
        ("theirs", side(conflict.theirs.as_ref())),
    ];
    object(fields)
}

/// Says what a side has: what it is and its id, by which a client can fetch it.
fn side(entry: Option<&Entry>) -> Value {
    let Some(entry) = entry else {
        return Value::Null;
    };
    let (kind, mode) = match entry.kind() {
        EntryKind::Tree => ("Tree", None),
        EntryKind::Blob(mode) => ("Contents", Some(mode)),
    };
    let metadata = |mode: Mode| Metadata(mode).to_value();
    object([
        ("kind", Value::String(kind.to_owned())),
        ("hash", id(entry.id().ok())),
        ("metadata", mode.map_or(Value::Null, metadata)),
    ])
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(key, value)| (Name::new(key), value));
    Value::Object(fields.into_iter().collect())
}
