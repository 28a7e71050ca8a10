//! `irmin merge`.

use irminsule::{Branch, Commit, Durability, MergeOptions, MergeOutcome, Merged, Moved};
use serde_json::json;

use crate::context::{Context, WriteArgs};
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::moved_meanwhile;
use crate::paint::Style;
use crate::settle::{SettleArgs, settle, tell};

/// Merge a commit into the branch
///
/// Prints every conflict and exits with 1 if there are any that no flag settles; nothing is half
/// done then. Values are merged as the rules say: see 'irmin rules'.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to merge, such as another branch
    #[arg(value_name = "REV")]
    revision: String,
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
    let theirs = context.resolve(&args.revision)?;
    let message = format!("Merge {} into {}", args.revision, branch.name());
    let options = MergeOptions {
        info: context.info(&args.write, message)?,
        always_commit: args.no_ff,
        durability: Durability::Sync,
    };
    into(context, &branch, &theirs, &args.settle, &options)
}

/// Merges a commit into a branch, and tells what came of it.
pub(super) fn into(
    context: &mut Context,
    branch: &Branch,
    theirs: &Commit,
    settle_args: &SettleArgs,
    options: &MergeOptions,
) -> Outcome {
    match branch.merge(theirs, options)? {
        MergeOutcome::AlreadyMerged => {
            let head = branch.must_have_head()?;
            done(context, branch, "already-merged", &head)?;
        }
        MergeOutcome::FastForward(commit) => done(context, branch, "fast-forward", &commit)?,
        MergeOutcome::Merged(commit) => done(context, branch, "merged", &commit)?,
        MergeOutcome::Conflicts { mut merged, ours } => {
            settle(settle_args, &mut merged, &context.repo()?.objects())?;
            if !merged.conflicts().is_empty() {
                tell(context, merged.conflicts())?;
                return Ok(Verdict::No);
            }
            let commit = commit(branch, &merged, &ours, theirs, options)?;
            done(context, branch, "merged", &commit)?;
        }
    }
    Ok(Verdict::Done)
}

fn commit(
    branch: &Branch,
    merged: &Merged,
    ours: &Commit,
    theirs: &Commit,
    options: &MergeOptions,
) -> Result<Commit, Failure> {
    match branch.commit_merge(merged, ours, theirs, options)? {
        (commit, Moved::Done) => Ok(commit),
        (_, Moved::Lost(_)) => Err(moved_meanwhile(branch)),
    }
}

fn done(
    context: &mut Context,
    branch: &Branch,
    outcome: &str,
    commit: &Commit,
) -> Result<(), Failure> {
    let name = branch.name().as_str();
    if context.ui.is_json() {
        let id = commit.id().to_string();
        return context
            .ui
            .json(&json!({"branch": name, "outcome": outcome, "commit": id}));
    }
    let id = context.ui.paint_talk(Style::Id, commit.id().short());
    let name = context.ui.paint_talk(Style::Name, name);
    context.ui.say(match outcome {
        "already-merged" => format!("{name} has it already"),
        "fast-forward" => format!("{name} moved forward to {id}"),
        _ => format!("[{name} {id}] {}", commit.info().subject()),
    });
    Ok(())
}
