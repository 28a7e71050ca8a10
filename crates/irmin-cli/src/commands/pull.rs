//! `irmin pull`.

use std::ffi::OsString;

use irminsule::{BranchName, Durability, MergeOptions};

use super::{fetch, merge};
use crate::context::{Context, WriteArgs};
use crate::failure::Outcome;
use crate::settle::SettleArgs;
use crate::transfer;

/// Fetch from another repository and merge one of its branches
///
/// Conflicts are printed as by 'irmin merge'; what was fetched is here nevertheless.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A remote, a directory, or a URL such as bundle:FILE [default: origin]
    #[arg(value_name = "REMOTE|URL")]
    remote: Option<OsString>,
    /// The branch there [default: the one of the same name as here]
    #[arg(value_name = "BRANCH")]
    from: Option<String>,
    #[command(flatten)]
    what: fetch::What,
    #[command(flatten)]
    settle: SettleArgs,
    /// Make a merge commit even where the branch can just move forward
    #[arg(long)]
    no_ff: bool,
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let from = match &args.from {
        Some(name) => BranchName::new(name.clone())?,
        None => branch.name().clone(),
    };
    let remote = transfer::find(context, args.remote.as_deref())?;
    let fetched = fetch::fetch(context, &remote, &args.what)?;
    transfer::tell_fetched(context, &fetched)?;
    let found = fetched.branches.iter().find(|(name, _)| *name == from);
    let (_, theirs) = found.ok_or_else(|| {
        let there = format!("the remote '{}'", remote.name);
        transfer::no_branch(&there, &from)
    })?;
    let theirs = context.repo()?.must_load(*theirs)?;
    let message = format!("Merge {}/{from} into {}", remote.name, branch.name());
    let options = MergeOptions {
        info: context.info(&args.write, message)?,
        always_commit: args.no_ff,
        durability: Durability::Sync,
    };
    merge::into(context, &branch, &theirs, &args.settle, &options)
}
