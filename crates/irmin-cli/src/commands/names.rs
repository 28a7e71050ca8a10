//! What `irmin branch`, `irmin tag` and `irmin pin` share.

use irminsule::{Commit, Id, Repo};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
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

/// Names and what they point to.
type Names = Vec<(String, Id)>;

/// A kind of names that do not move: how they are called, and what a repository does with them.
pub(super) struct Fixed {
    pub(super) noun: &'static str,
    /// What the hint says first when a name is taken.
    pub(super) why_taken: &'static str,
    pub(super) all: fn(&Repo) -> irminsule::Result<Names>,
    pub(super) make: fn(&Repo, &str, &Commit) -> irminsule::Result<bool>,
    pub(super) remove: fn(&Repo, &str) -> irminsule::Result<bool>,
}

impl Fixed {
    /// Lists all names.
    pub(super) fn list(&self, context: &mut Context) -> Outcome {
        let names = (self.all)(&context.repo()?)?.into_iter();
        let named = names.map(|(name, id)| Named {
            name,
            id,
            is_current: None,
        });
        let named: Vec<Named> = named.collect();
        list(context, &named)?;
        Ok(Verdict::Done)
    }

    /// Gives a commit a name.
    pub(super) fn make(&self, context: &mut Context, name: &str, revision: &str) -> Outcome {
        let commit = context.resolve(revision)?;
        if !(self.make)(&context.repo()?, name, &commit)? {
            let Self {
                noun, why_taken, ..
            } = self;
            return Err(Failure::new(format!("there is a {noun} '{name}' already"))
                .hint(format!("{why_taken}'irmin {noun} -d {name}' deletes it")));
        }
        made(context, name, &commit)?;
        Ok(Verdict::Done)
    }

    /// Takes a name away.
    pub(super) fn delete(&self, context: &mut Context, name: &str) -> Outcome {
        let repo = context.repo()?;
        let found = (self.all)(&repo)?
            .into_iter()
            .find(|(other, _)| other == name);
        match found {
            Some((_, id)) if (self.remove)(&repo, name)? => {
                deleted(context, name, id)?;
                Ok(Verdict::Done)
            }
            _ => {
                context
                    .ui
                    .say(format!("there is no {} '{name}'", self.noun));
                Ok(Verdict::No)
            }
        }
    }
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
