//! `irmin show`.

use irminsule::{Commit, Path, Repo, Tree};
use serde_json::Value;

use super::log::text;
use crate::context::Context;
use crate::diff;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::commit_json;

/// Show a commit and what it changed
///
/// A merge is compared with its first parent; where contents were let go, with the nearest commit
/// before that has some.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The commit [default: the branch]
    #[arg(value_name = "REV", default_value = "@", hide_default_value = true)]
    revision: String,
    /// Only the paths: A added, D removed, M modified
    #[arg(short, long)]
    names: bool,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let commit = context.resolve(&args.revision)?;
    let repo = context.repo()?;
    if commit.cut().contents {
        return show_alone(context, &repo, &commit);
    }
    let before = before(&repo, &commit)?;
    let tree = before
        .as_ref()
        .map_or_else(Tree::empty, |before| before.tree().clone());
    let changes = diff::changes(&tree, commit.tree(), &Path::root())?;
    tell_compared(context, &commit, before.as_ref());
    if context.ui.is_json() {
        let mut object = commit_json(&commit);
        let changes: Result<Vec<Value>, _> = changes.iter().map(diff::change_json).collect();
        if let Some(object) = object.as_object_mut() {
            object.insert("changes".into(), changes?.into());
        }
        context.ui.json(&object)?;
        return Ok(Verdict::Done);
    }
    context.ui.page();
    let names = text::Names::load(&repo)?;
    text::print(&mut context.ui, &commit, &names)?;
    diff::print(context, &changes, args.names)?;
    Ok(Verdict::Done)
}

/// Shows a commit without what it changed, which is not known any more.
fn show_alone(context: &mut Context, repo: &Repo, commit: &Commit) -> Outcome {
    if context.ui.is_json() {
        context.ui.json(&commit_json(commit))?;
        return Ok(Verdict::Done);
    }
    let names = text::Names::load(repo)?;
    text::print(&mut context.ui, commit, &names)?;
    Ok(Verdict::Done)
}

/// Finds the commit to compare with: the nearest on the line of first parents that has contents.
fn before(repo: &Repo, commit: &Commit) -> Result<Option<Commit>, Failure> {
    let mut at = commit.clone();
    while let Some(&parent) = at.parents().first() {
        at = repo.must_load(parent)?;
        if !at.cut().contents {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Tells if a commit is not compared with its parent.
fn tell_compared(context: &mut Context, commit: &Commit, before: Option<&Commit>) {
    let parent = commit.parents().first().map(|parent| parent.id);
    if before.map(Commit::id) == parent {
        return;
    }
    context.ui.say(match before {
        Some(before) => {
            let id = before.id().short();
            format!("compared with {id}: what is between is kept without contents")
        }
        None => "compared with nothing: what was before is kept without contents".to_owned(),
    });
}
