//! `irmin revert`.

use irminsule::rules::RuleTypes;
use irminsule::{Durability, Moved, Tree, merge_trees};

use crate::context::{Context, ReadArgs, WriteArgs};
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{committed, moved_meanwhile};
use crate::settle::{SettleArgs, settle, tell};

/// Undo what a commit changed, in a new commit
///
/// What came later stays, where it is not in conflict: then every conflict is printed, nothing is
/// changed, and the exit code is 1. Of a merge, the changes against its first parent are undone.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The commit to undo
    #[arg(value_name = "REV")]
    revision: String,
    #[command(flatten)]
    settle: SettleArgs,
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let repo = context.repo()?;
    let branch = context.branch()?;
    let commit = context.resolve(&args.revision)?;
    let head = context.must_commit(&ReadArgs::default())?;
    if !repo.history().is_ancestor(commit.id(), head.id())? {
        let (id, branch) = (commit.id().short(), branch.name());
        return Err(
            Failure::new(format!("{branch} does not contain commit {id}"))
                .hint("'irmin log' lists what can be reverted"),
        );
    }
    let before = match commit.parents().first() {
        Some(&parent) => repo.must_load(parent)?.tree().clone(),
        None => Tree::empty(),
    };
    // The way from the commit back to its parent is "theirs".
    let mut merged = merge_trees(commit.tree(), head.tree(), &before, &RuleTypes::default())?;
    settle(&args.settle, &mut merged, &repo.objects())?;
    if !merged.conflicts().is_empty() {
        tell(context, merged.conflicts())?;
        return Ok(Verdict::No);
    }
    if merged.tree().id()? == head.tree().id()? {
        committed(context, None)?;
        return Ok(Verdict::Done);
    }
    let subject = commit.info().subject();
    let message = format!(
        "Revert \"{subject}\"\n\nThis undoes commit {}.",
        commit.id()
    );
    let info = context.info(&args.write, message)?;
    let (reverting, moved) = branch.commit(merged.tree(), Some(&head), info, Durability::Sync)?;
    if moved != Moved::Done {
        return Err(moved_meanwhile(&branch));
    }
    committed(context, Some(&reverting))?;
    Ok(Verdict::Done)
}
