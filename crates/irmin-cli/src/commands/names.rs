//! What `irmin branch` and `irmin tag` share: lists of names.

use irminsule::{Commit, Id, Repo};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::paint::Style;
use crate::quote::quote;

/// A name in a list.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) id: Id,
    /// Of a branch: whether it is the one that commands work with.
    pub(super) is_current: Option<bool>,
}

/// Returns the branches of remotes as they were seen last, as `origin/main`.
pub(super) fn of_remotes(repo: &Repo) -> Result<Vec<(String, Id)>, Failure> {
    const PREFIX: &str = "remotes/";
    let refs = repo.engine().list_refs(PREFIX)?.into_iter();
    let short = |(name, id): (String, Id)| Some((name.strip_prefix(PREFIX)?.to_owned(), id));
    Ok(refs.filter_map(short).collect())
}

/// Lists names with their commits.
pub(super) fn list(context: &mut Context, names: &[Named]) -> Result<(), Failure> {
    let repo = context.repo()?;
    let widths = names.iter().map(|named| named.name.chars().count());
    let width = widths.max().unwrap_or(0);
    for named in names {
        let commit = repo.must_load(named.id)?;
        if context.ui.is_json() {
            let mut object = json!({"name": named.name, "commit": named.id.to_string()});
            if let (Some(object), Some(current)) = (object.as_object_mut(), named.is_current) {
                object.insert("current".into(), current.into());
            }
            context.ui.json(&object)?;
            continue;
        }
        let mark = match named.is_current {
            Some(true) => "* ",
            Some(false) => "  ",
            None => "",
        };
        let padding = " ".repeat(width - named.name.chars().count());
        let name = context.ui.paint(Style::Name, &named.name);
        let id = context.ui.paint(Style::Id, named.id.short());
        let subject = quote(commit.info().subject().as_bytes());
        context
            .ui
            .line(format!("{mark}{name}{padding}  {id}  {subject}"))?;
    }
    Ok(())
}

/// Tells that a name was given to a commit.
pub(super) fn made(context: &mut Context, name: &str, commit: &Commit) -> Result<(), Failure> {
    if context.ui.is_json() {
        let id = commit.id().to_string();
        return context.ui.json(&json!({"name": name, "commit": id}));
    }
    let name = context.ui.paint_talk(Style::Name, name);
    let id = context.ui.paint_talk(Style::Id, commit.id().short());
    context.ui.say(format!("{name} is at {id}"));
    Ok(())
}

/// Tells that a name was taken away, and where it was.
pub(super) fn deleted(context: &mut Context, name: &str, id: Id) -> Result<(), Failure> {
    if context.ui.is_json() {
        return context
            .ui
            .json(&json!({"name": name, "was": id.to_string()}));
    }
    let name = context.ui.paint_talk(Style::Name, name);
    let id = context.ui.paint_talk(Style::Id, id.short());
    context.ui.say(format!("deleted {name} (was {id})"));
    Ok(())
}
