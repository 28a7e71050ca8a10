//! Differences between trees, for people and as JSON.

mod text;

use irminsule::{Blob, Change, Difference, Entry, Path, Tree};
use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{path_bytes, path_json, put_entry};
use crate::paint::Style;
use crate::quote::quote;
use crate::ui::Ui;

/// Lists what differs at and below a path, by path.
pub(crate) fn changes(old: &Tree, new: &Tree, at: &Path) -> Result<Vec<Change>, Failure> {
    if at.is_root() {
        return Ok(old.diff(new)?);
    }
    // Cut to the path, both trees have nothing else to differ in.
    Ok(cut(old, at)?.diff(&cut(new, at)?)?)
}

fn cut(tree: &Tree, at: &Path) -> Result<Tree, Failure> {
    let mut cut = Tree::empty();
    if let Some(entry) = tree.get(at)? {
        cut.set(at, entry)?;
    }
    Ok(cut)
}

/// Writes the changes as the user asked for them.
pub(crate) fn print(context: &mut Context, changes: &[Change], names: bool) -> Result<(), Failure> {
    for change in changes {
        if context.ui.is_json() {
            context.ui.json(&change_json(change)?)?;
        } else if names {
            name(&mut context.ui, change)?;
        } else {
            full(&mut context.ui, change)?;
        }
    }
    Ok(())
}

/// Returns the JSON of a change.
pub(crate) fn change_json(change: &Change) -> Result<Value, Failure> {
    let mut object = path_json(&change.path);
    let (word, old, new) = sides(change);
    object.insert("change".into(), word.into());
    for (key, blob) in [("old", old), ("new", new)] {
        if let Some(blob) = blob {
            let mut side = serde_json::Map::new();
            put_entry(&mut side, &Entry::Blob(blob.clone()))?;
            object.insert(key.into(), side.into());
        }
    }
    Ok(object.into())
}

fn sides(change: &Change) -> (&'static str, Option<&Blob>, Option<&Blob>) {
    match &change.difference {
        Difference::Added(new) => ("added", None, Some(new)),
        Difference::Removed(old) => ("removed", Some(old), None),
        Difference::Modified { old, new } => ("modified", Some(old), Some(new)),
    }
}

/// Writes a letter and the path.
fn name(ui: &mut Ui, change: &Change) -> Result<(), Failure> {
    let (letter, style) = match &change.difference {
        Difference::Added(_) => ("A", Style::Added),
        Difference::Removed(_) => ("D", Style::Removed),
        Difference::Modified { .. } => ("M", Style::Place),
    };
    let letter = ui.paint(style, letter);
    let path = quote(&path_bytes(&change.path));
    ui.line(format!("{letter} {path}"))
}

/// Writes a change line by line, in the format that `patch` reads.
fn full(ui: &mut Ui, change: &Change) -> Result<(), Failure> {
    let (word, old, new) = sides(change);
    let path = path_bytes(&change.path);
    let heading = ui.paint(Style::Heading, format!("{word} {}", quote(&path)));
    ui.line(heading)?;
    if let (Some(old), Some(new)) = (old, new)
        && old.mode() != new.mode()
    {
        let modes = format!("mode {} -> {}", old.mode(), new.mode());
        let modes = ui.paint(Style::Place, modes);
        ui.line(modes)?;
        if old.id() == new.id() {
            return Ok(());
        }
    }
    text::print(ui, &path, old, new)
}
