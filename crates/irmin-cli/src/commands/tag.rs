//! `irmin tag`.

use super::names::{self, Named};
use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};

/// List the tags, or make or delete one
///
/// A tag is a name of a commit that does not move.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The tag to make
    name: Option<String>,
    /// The commit [default: the head of --branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Delete this tag; the commit stays
    #[arg(short, long, value_name = "NAME", conflicts_with = "name")]
    delete: Option<String>,
    /// List the tags
    #[arg(short, long, conflicts_with_all = ["name", "delete"])]
    list: bool,
}

impl Args {
    /// Tells whether this asks for the list.
    pub(super) fn only_reads(&self) -> bool {
        self.name.is_none() && self.delete.is_none()
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match (&args.delete, &args.name) {
        (Some(name), _) => delete(context, name),
        (None, Some(name)) => make(context, name, args.revision.as_deref().unwrap_or("@")),
        (None, None) => list(context),
    }
}

fn list(context: &mut Context) -> Outcome {
    let tags = context.repo()?.tags()?.into_iter();
    let named = tags.map(|(name, id)| Named {
        name,
        id,
        is_current: None,
    });
    let named: Vec<Named> = named.collect();
    names::list(context, &named)?;
    Ok(Verdict::Done)
}

fn make(context: &mut Context, name: &str, revision: &str) -> Outcome {
    let commit = context.resolve(revision)?;
    if !context.repo()?.tag(name, &commit)? {
        return Err(
            Failure::new(format!("there is a tag '{name}' already")).hint(format!(
                "tags do not move; 'irmin tag -d {name}' deletes it"
            )),
        );
    }
    names::made(context, name, &commit)?;
    Ok(Verdict::Done)
}

fn delete(context: &mut Context, name: &str) -> Outcome {
    let repo = context.repo()?;
    let tags = repo.tags()?;
    let found = tags.into_iter().find(|(tag, _)| tag == name);
    match found {
        Some((_, id)) if repo.remove_tag(name)? => {
            names::deleted(context, name, id)?;
            Ok(Verdict::Done)
        }
        _ => {
            context.ui.say(format!("there is no tag '{name}'"));
            Ok(Verdict::No)
        }
    }
}
