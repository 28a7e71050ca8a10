//! `irmin pin`.

use super::names::{self, Named};
use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};

/// List the pins, or make or delete one
///
/// A pin keeps a commit with its contents from 'irmin gc', and its history as far as no rule of
/// 'gc --keep' lets go of it; as a tag does, but it is never sent to other repositories. Where a
/// revision is asked for, it is pins/NAME.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The pin to make
    name: Option<String>,
    /// The commit to keep [default: the head of --branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Delete this pin
    #[arg(short, long, value_name = "NAME", conflicts_with = "name")]
    delete: Option<String>,
    /// List the pins
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
    let pins = context.repo()?.pins()?.into_iter();
    let named = pins.map(|(name, id)| Named {
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
    if !context.repo()?.pin(name, &commit)? {
        return Err(Failure::new(format!("there is a pin '{name}' already"))
            .hint(format!("'irmin pin -d {name}' deletes it")));
    }
    names::made(context, name, &commit)?;
    Ok(Verdict::Done)
}

fn delete(context: &mut Context, name: &str) -> Outcome {
    let repo = context.repo()?;
    let found = repo.pins()?.into_iter().find(|(pin, _)| pin == name);
    match found {
        Some((_, id)) if repo.remove_pin(name)? => {
            names::deleted(context, name, id)?;
            Ok(Verdict::Done)
        }
        _ => {
            context.ui.say(format!("there is no pin '{name}'"));
            Ok(Verdict::No)
        }
    }
}
