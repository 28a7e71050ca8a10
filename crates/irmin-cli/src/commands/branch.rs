//! `irmin branch`.

use irminsule::{Durability, Moved};

use super::names::{self, Named};
use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};

/// List the branches, or make or delete one
///
/// Without a name: the list, '*' before the branch that commands work with. 'irmin branch NAME
/// origin/NAME' makes a branch of one that a remote has.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The branch to make
    name: Option<String>,
    /// Where it starts [default: the head of --branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Delete this branch; its commits stay
    #[arg(short, long, value_name = "NAME", conflicts_with = "name")]
    delete: Option<String>,
    /// List the branches
    #[arg(short, long, conflicts_with_all = ["name", "delete"])]
    list: bool,
    /// List the branches of remotes too, as they were seen last
    #[arg(short, long, conflicts_with_all = ["name", "delete"])]
    all: bool,
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
        (None, None) => list(context, args.all),
    }
}

fn list(context: &mut Context, all: bool) -> Outcome {
    let current = context.branch_name()?;
    let branches = context.repo()?.branches()?.into_iter();
    let named = branches.map(|(name, id)| Named {
        is_current: Some(name == current),
        name: name.as_str().to_owned(),
        id,
    });
    let mut named: Vec<Named> = named.collect();
    if all {
        let remotes = names::of_remotes(&context.repo()?)?.into_iter();
        named.extend(remotes.map(|(name, id)| Named {
            is_current: Some(false),
            name,
            id,
        }));
    }
    if named.is_empty() {
        context
            .ui
            .say("there is no branch yet; the first commit makes one");
    }
    names::list(context, &named)?;
    Ok(Verdict::Done)
}

fn make(context: &mut Context, name: &str, revision: &str) -> Outcome {
    let branch = context.repo()?.branch(name)?;
    let commit = context.resolve(revision)?;
    match branch.move_from(None, &commit, Durability::Sync)? {
        Moved::Done => names::made(context, name, &commit)?,
        Moved::Lost(_) => {
            let id = commit.id().short();
            return Err(Failure::new(format!("there is a branch '{name}' already"))
                .hint(format!("'irmin reset -b {name} {id}' moves it there")));
        }
    }
    Ok(Verdict::Done)
}

fn delete(context: &mut Context, name: &str) -> Outcome {
    let branch = context.repo()?.branch(name)?;
    let Some(id) = branch.head_id()? else {
        context.ui.say(format!("there is no branch '{name}'"));
        return Ok(Verdict::No);
    };
    branch.delete()?;
    names::deleted(context, name, id)?;
    Ok(Verdict::Done)
}
