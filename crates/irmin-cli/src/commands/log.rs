//! `irmin log`.

use irminsule::Commit;

use crate::context::{Context, ReadArgs};
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::commit_json;
use crate::paint::Style;
use crate::quote::tame;

/// Show the history, newest first
#[derive(clap::Args)]
pub(crate) struct Args {
    /// At most so many commits
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Where to start [default: the branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let at = args.revision.clone();
    let head = context.must_commit(&ReadArgs { at })?;
    let repo = context.repo()?;
    context.ui.page();
    for entry in repo
        .history()
        .log(head.id())
        .take(args.limit.unwrap_or(usize::MAX))
    {
        let commit = repo.must_load(entry?.key)?;
        print(context, &commit)?;
    }
    Ok(Verdict::Done)
}

fn print(context: &mut Context, commit: &Commit) -> Result<(), Failure> {
    if context.ui.is_json() {
        return context.ui.json(&commit_json(commit));
    }
    let author = &commit.info().author;
    let id = context.ui.paint(Style::Id, commit.id());
    context.ui.line(format!("commit {id}"))?;
    context
        .ui
        .line(format!("author {}", tame(author.to_string().as_bytes())))?;
    context.ui.line("")?;
    for line in tame(&commit.info().message).lines() {
        context.ui.line(format!("    {line}"))?;
    }
    context.ui.line("")
}
