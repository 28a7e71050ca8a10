//! `irmin diff`.

use irminsule::Path;

use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::diff;
use crate::failure::{Outcome, Verdict};

/// Show what differs between two commits
///
/// With one revision: between that and the branch. Exits with 1 if anything differs. Text is
/// compared line by line; moved values are not detected.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The old side
    #[arg(value_name = "REV")]
    old: String,
    /// The new side [default: the branch]
    #[arg(value_name = "REV")]
    new: Option<String>,
    /// Only at and below this path
    #[arg(last = true, value_parser = path_parser(), default_value = "", hide_default_value = true)]
    path: Path,
    /// Only the paths: A added, D removed, M modified
    #[arg(short, long)]
    names: bool,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let old = context.resolve(&args.old)?;
    let new = context.must_commit(&ReadArgs {
        at: args.new.clone(),
    })?;
    let changes = diff::changes(old.tree(), new.tree(), &args.path)?;
    context.ui.page();
    diff::print(context, &changes, args.names)?;
    Ok(if changes.is_empty() {
        Verdict::Done
    } else {
        Verdict::No
    })
}
