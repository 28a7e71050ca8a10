//! `irmin snapshot`.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use irminsule::sync::{BundleOptions, CopyOptions, FetchOptions};
use irminsule::{RefName, Url};

use super::{bundle, fetch::fetch_with, names};
use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::transfer::{self, Remote};

/// Print the id of a commit, or carry one commit without its history in a file
///
/// The file is a bundle: it holds all contents of the commit, and no commit before it.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// The commit whose id is printed [default: the head of --branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write one commit with its contents to a file
    Create {
        /// The file
        file: PathBuf,
        /// The commit [default: the head of --branch]
        #[arg(value_name = "REV")]
        revision: Option<String>,
    },
    /// Take the commit out of a file; --branch points to it if there is no such branch yet
    Apply {
        /// The file
        file: PathBuf,
    },
}

impl Args {
    pub(super) fn only_reads(&self) -> bool {
        !matches!(self.action, Some(Action::Apply { .. }))
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.action {
        None => print(args.revision.as_deref().unwrap_or("@"), context),
        Some(Action::Create { file, revision }) => {
            create(file, revision.as_deref().unwrap_or("@"), context)
        }
        Some(Action::Apply { file }) => apply(file, context),
    }
}

fn print(revision: &str, context: &mut Context) -> Outcome {
    let id = context.resolve(revision)?.id().to_string();
    if context.ui.is_json() {
        context.ui.json(&serde_json::json!({"commit": id}))?;
    } else {
        context.ui.line(id)?;
    }
    Ok(Verdict::Done)
}

fn create(file: &Path, revision: &str, context: &mut Context) -> Outcome {
    let id = context.resolve(revision)?.id();
    let name = context.branch_name()?.full();
    let depth = NonZeroU32::new(1);
    let options = BundleOptions {
        copy: CopyOptions { depth },
        ..BundleOptions::new(vec![(name, id)])
    };
    bundle::write(context, &options, file)
}

fn apply(file: &Path, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let url = Url::Bundle(file.into());
    let name = transfer::stem(&url);
    let remote = Remote { name, url };
    let fetched = fetch_with(context, &remote, &FetchOptions::default())?;
    transfer::tell_fetched(context, &fetched)?;
    let Some((from, id)) = fetched.branches.first() else {
        return Err(Failure::new("there is no commit in it"));
    };
    if branch.head_id()?.is_none() {
        let commit = context.repo()?.must_load(*id)?;
        branch.reset(&commit)?;
        names::made(context, branch.name().as_str(), &commit)?;
    } else {
        let seen = RefName::remote(&remote.name, from)?;
        context
            .ui
            .say(format!("{} stays where it is", branch.name()));
        context.ui.hints(&[format!(
            "'irmin branch NAME {}' makes a branch of it",
            seen.short()
        )]);
    }
    Ok(Verdict::Done)
}
