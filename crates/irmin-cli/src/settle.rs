//! Conflicts: how users settle them, and how they are told.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use irminsule::{Conflict, ConflictKind, Entry, Error, Merged, ObjectStore, Path, Resolution};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::data::os_bytes;
use crate::failure::Failure;
use crate::input::file_blob;
use crate::output::{path_json, put_entry, show_path};
use crate::paint::Style;

/// Flags of commands that may meet conflicts.
#[derive(Args, Clone, Debug)]
pub(crate) struct SettleArgs {
    /// Settle all conflicts with what the branch has
    #[arg(long, conflicts_with = "theirs")]
    pub(crate) ours: bool,
    /// Settle all conflicts with what the other side has
    #[arg(long)]
    pub(crate) theirs: bool,
    /// Settle one conflict with a side, or with the content of a file; may be repeated
    #[arg(long, value_name = "PATH=ours|theirs|base|FILE")]
    pub(crate) resolve: Vec<OsString>,
}

/// Settles what the flags say; the rest stays in conflict.
pub(crate) fn settle(
    args: &SettleArgs,
    merged: &mut Merged,
    store: &Arc<dyn ObjectStore>,
) -> Result<(), Failure> {
    for wish in &args.resolve {
        let (path, value) = split(wish, merged.conflicts())?;
        let resolution = match os_bytes(&value) {
            b"ours" => Resolution::Ours,
            b"theirs" => Resolution::Theirs,
            b"base" => Resolution::Base,
            _ => Resolution::Entry(Some(Entry::Blob(file_blob(store, &PathBuf::from(&value))?))),
        };
        merged.resolve(&path, resolution)?;
    }
    if args.ours {
        merged.resolve_all(&Resolution::Ours)?;
    } else if args.theirs {
        merged.resolve_all(&Resolution::Theirs)?;
    }
    Ok(())
}

/// Splits PATH=VALUE. Both may have a '=' inside: the first split whose path is in conflict counts.
fn split(wish: &OsStr, conflicts: &[Conflict]) -> Result<(Path, OsString), Failure> {
    let bytes = os_bytes(wish);
    let mut first = None;
    for (at, _) in bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'=') {
        let path = Path::parse(bytes.get(..at).unwrap_or_default())?;
        let value = bytes.get(at + 1..).unwrap_or_default();
        if conflicts.iter().any(|conflict| conflict.path == path) {
            return Ok((path, os_string(value)?));
        }
        first.get_or_insert(path);
    }
    match first {
        Some(path) => Err(Error::NoConflict { path }.into()),
        None => Err(Failure::new(format!(
            "--resolve '{}' names no side",
            crate::quote::quote(bytes)
        ))
        .hint("write it as --resolve PATH=ours, PATH=theirs, PATH=base or PATH=FILE")),
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn os_string(bytes: &[u8]) -> Result<OsString, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(OsStr::from_bytes(bytes).to_owned())
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> Result<OsString, Failure> {
    let text = std::str::from_utf8(bytes);
    Ok(text
        .map_err(|_| Failure::new("the file's name is not UTF-8"))?
        .into())
}

/// Prints all conflicts as data, and what to do as talk.
pub(crate) fn tell(context: &mut Context, conflicts: &[Conflict]) -> Result<(), Failure> {
    for conflict in conflicts {
        if context.ui.is_json() {
            context.ui.json(&json(conflict)?)?;
            continue;
        }
        let kind = context
            .ui
            .paint(Style::Removed, format!("conflict ({})", conflict.kind));
        let reason = conflict.reason.as_ref().map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_else(|| sides(conflict));
        let path = show_path(&conflict.path);
        context.ui.line(format!("{kind} {path}{reason}"))?;
    }
    let count = match conflicts.len() {
        1 => "1 conflict".to_owned(),
        count => format!("{count} conflicts"),
    };
    context.ui.say(format!("{count}; nothing was changed"));
    context.ui.hints(&[
        "--ours or --theirs settles all, --resolve PATH=ours|theirs|base|FILE one by one"
            .to_owned(),
    ]);
    Ok(())
}

/// Tells who did what, where the sides have not simply different values.
fn sides(conflict: &Conflict) -> String {
    let what = |entry: &Option<Entry>| match entry {
        None => "removed it",
        Some(Entry::Tree(_)) => "has a directory",
        Some(Entry::Blob(_)) => "has a value",
    };
    match conflict.kind {
        ConflictKind::ModifyRemove | ConflictKind::BlobTree => {
            let (ours, theirs) = (what(&conflict.ours), what(&conflict.theirs));
            format!(": ours {ours}, theirs {theirs}")
        }
        _ => String::new(),
    }
}

fn json(conflict: &Conflict) -> Result<Value, Failure> {
    let mut object = path_json(&conflict.path);
    object.insert("kind".into(), conflict.kind.to_string().into());
    if let Some(reason) = &conflict.reason {
        object.insert("reason".into(), reason.as_str().into());
    }
    let sides = [
        ("base", &conflict.base),
        ("ours", &conflict.ours),
        ("theirs", &conflict.theirs),
    ];
    for (key, entry) in sides {
        if let Some(entry) = entry {
            let mut side = Map::new();
            put_entry(&mut side, entry)?;
            object.insert(key.into(), side.into());
        }
    }
    Ok(object.into())
}
