//! `irmin reset`.

use serde_json::json;

use crate::context::Context;
use crate::failure::{Outcome, Verdict};
use crate::paint::Style;

/// Point the branch to another commit
///
/// The commits that it leaves stay in the repository; the old id is printed, for the way back.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The commit, such as main~1
    #[arg(value_name = "REV")]
    revision: String,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let commit = context.resolve(&args.revision)?;
    let old = branch.head_id()?;
    branch.reset(&commit)?;
    let name = branch.name().as_str();
    if context.ui.is_json() {
        let old = old.map(|id| id.to_string());
        let new = commit.id().to_string();
        context
            .ui
            .json(&json!({"branch": name, "old": old, "commit": new}))?;
        return Ok(Verdict::Done);
    }
    let name = context.ui.paint_talk(Style::Name, name);
    let new = context.ui.paint_talk(Style::Id, commit.id().short());
    let was = old.map_or_else(|| "new".to_owned(), |id| format!("was {}", id.short()));
    context.ui.say(format!("{name} is at {new} ({was})"));
    Ok(Verdict::Done)
}
