//! Shapes of output that several commands share. `docs/cli-json.md` describes the JSON.

use irminsule::{Blob, Commit, Entry, EntryKind, Mode, Path, Signature, Tree};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::data::base64;
use crate::failure::Failure;
use crate::paint::Style;
use crate::quote::quote;

/// Puts bytes into a JSON object: as text under `key`, or under `<key>_base64` if they are not
/// UTF-8.
pub(crate) fn put_bytes(object: &mut Map<String, Value>, key: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => object.insert(key.to_owned(), text.into()),
        Err(_) => object.insert(format!("{key}_base64"), base64(bytes).into()),
    };
}

/// Returns the bytes of a path as they are typed.
pub(crate) fn path_bytes(path: &Path) -> Vec<u8> {
    let steps: Vec<&[u8]> = path.steps().iter().map(AsRef::as_ref).collect();
    steps.join(&b'/')
}

/// Writes a path for people; '/' is the root.
pub(crate) fn show_path(path: &Path) -> String {
    if path.is_root() {
        return "/".to_owned();
    }
    quote(&path_bytes(path))
}

/// Starts a JSON object about a path.
pub(crate) fn path_json(path: &Path) -> Map<String, Value> {
    let mut object = Map::new();
    put_bytes(&mut object, "path", &path_bytes(path));
    object
}

/// Returns the JSON of who and when.
pub(crate) fn signature_json(signature: &Signature) -> Value {
    let mut object = Map::new();
    put_bytes(&mut object, "name", signature.name());
    put_bytes(&mut object, "email", signature.email());
    object.insert("time".into(), signature.time().to_string().into());
    Value::Object(object)
}

/// Returns the JSON of a commit.
pub(crate) fn commit_json(commit: &Commit) -> Value {
    let parents: Vec<Value> = commit
        .parents()
        .iter()
        .map(|parent| parent.id.to_string().into())
        .collect();
    let mut object = Map::new();
    object.insert("id".into(), commit.id().to_string().into());
    object.insert("parents".into(), parents.into());
    object.insert("author".into(), signature_json(&commit.info().author));
    object.insert("committer".into(), signature_json(&commit.info().committer));
    put_bytes(&mut object, "message", &commit.info().message);
    let cut = commit.cut();
    if !cut.is_none() {
        let left_out = json!({"contents": cut.contents, "parents": cut.parents});
        object.insert("left_out".into(), left_out);
    }
    Value::Object(object)
}

/// Tells that a command committed, or that nothing changed.
pub(crate) fn committed(context: &mut Context, commit: Option<&Commit>) -> Result<(), Failure> {
    let branch = context.branch_name()?;
    if context.ui.is_json() {
        let id = commit.map(|commit| commit.id().to_string());
        return context
            .ui
            .json(&json!({"branch": branch.as_str(), "commit": id}));
    }
    match commit {
        None => context.ui.say("nothing changed"),
        Some(commit) => {
            let branch = context.ui.paint_talk(Style::Name, branch.as_str());
            let id = context.ui.paint_talk(Style::Id, commit.id().short());
            let subject = quote(commit.info().subject().as_bytes());
            context.ui.say(format!("[{branch} {id}] {subject}"));
            if commit.parents().is_empty() && context.repo()?.branches()?.len() > 1 {
                context.ui.hints(&[format!(
                    "'{}' is a new branch without the history of another; \
                     'irmin branch NAME REV' forks one",
                    context.branch_name()?
                )]);
            }
        }
    }
    Ok(())
}

/// Returns the word for a kind of entry.
pub(crate) fn kind_word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Tree => "tree",
        EntryKind::Blob(Mode::Normal) => "blob",
        EntryKind::Blob(Mode::Executable) => "executable",
        EntryKind::Blob(Mode::Link) => "link",
        #[allow(unreachable_patterns, reason = "kinds may come")]
        _ => "other",
    }
}

/// Returns the colour of a kind of entry; `None` for ordinary values.
pub(crate) fn kind_style(kind: EntryKind) -> Option<Style> {
    match kind {
        EntryKind::Tree => Some(Style::Directory),
        EntryKind::Blob(Mode::Executable) => Some(Style::Executable),
        EntryKind::Blob(Mode::Link) => Some(Style::Link),
        EntryKind::Blob(_) => None,
    }
}

/// Puts what an entry is into a JSON object: kind, id, and size in bytes or entries.
pub(crate) fn put_entry(object: &mut Map<String, Value>, entry: &Entry) -> Result<(), Failure> {
    object.insert("kind".into(), kind_word(entry.kind()).into());
    object.insert("id".into(), entry.id()?.to_string().into());
    match entry {
        Entry::Blob(blob) => object.insert("size".into(), blob.size().into()),
        Entry::Tree(tree) => object.insert("entries".into(), tree.len()?.into()),
    };
    Ok(())
}

/// Says that there is nothing at a path.
pub(crate) fn say_absent(context: &mut Context, path: &Path) {
    let path = show_path(path);
    context.ui.say(format!("there is nothing at '{path}'"));
}

/// Returns the directory at a path; says so and returns `None` if there is nothing.
pub(crate) fn tree_at(
    context: &mut Context,
    tree: &Tree,
    path: &Path,
) -> Result<Option<Tree>, Failure> {
    match tree.get(path)? {
        Some(Entry::Tree(tree)) => Ok(Some(tree)),
        Some(Entry::Blob(_)) => {
            let path = show_path(path);
            Err(
                Failure::new(format!("'{path}' is a value, not a directory"))
                    .hint(format!("'irmin get {path}' prints it")),
            )
        }
        None => {
            say_absent(context, path);
            Ok(None)
        }
    }
}

/// Returns the value at a path; says so and returns `None` if there is nothing.
pub(crate) fn blob_at(
    context: &mut Context,
    tree: &Tree,
    path: &Path,
) -> Result<Option<Blob>, Failure> {
    match tree.get(path)? {
        Some(Entry::Blob(blob)) => Ok(Some(blob)),
        Some(Entry::Tree(_)) => {
            let path = show_path(path);
            Err(
                Failure::new(format!("'{path}' is a directory, not a value"))
                    .hint(format!("'irmin ls {path}' lists what is in it")),
            )
        }
        None => {
            say_absent(context, path);
            Ok(None)
        }
    }
}

/// Says that somebody else committed to the branch while a merge was settled.
pub(crate) fn moved_meanwhile(branch: &irminsule::Branch) -> Failure {
    let name = branch.name();
    Failure::new(format!("branch '{name}' was changed meanwhile")).hint("try again")
}
