//! `irmin show`.

use irminsule::{Path, Tree};
use serde_json::Value;

use super::log::text;
use crate::context::Context;
use crate::diff;
use crate::failure::{Outcome, Verdict};
use crate::output::commit_json;

/// Show a commit and what it changed
///
/// A merge is compared with its first parent.
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
    let before = match commit.parents().first() {
        Some(&parent) => repo.must_load(parent)?.tree().clone(),
        None => Tree::empty(),
    };
    let changes = diff::changes(&before, commit.tree(), &Path::root())?;
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
