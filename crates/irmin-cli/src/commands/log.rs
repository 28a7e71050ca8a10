//! `irmin log`.

mod graph;
pub(super) mod text;

use irminsule::{Commit, Id, Path, Repo};

use self::graph::Graph;
use self::text::Names;
use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::commit_json;

/// Show the history, newest first
///
/// With a path: the commits that changed what is there. Exits with 1 if there never was anything.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to start [default: the branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Only commits that changed this path
    #[arg(last = true, value_parser = path_parser())]
    path: Option<Path>,
    /// At most so many commits
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// One line for each commit
    #[arg(long)]
    oneline: bool,
    /// Draw how the lines of history fork and merge, one line for each commit
    #[arg(short, long, conflicts_with = "path")]
    graph: bool,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let at = args.revision.clone();
    let head = context.must_commit(&ReadArgs { at });
    let head = head.map_err(|failure| match &args.revision {
        Some(word) if is_path(context, word) => failure.hint(format!(
            "'irmin log -- {word}' shows the history of that path"
        )),
        _ => failure,
    })?;
    let repo = context.repo()?;
    let names = Names::load(&repo)?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut commits = find(&repo, &head, args.path.as_ref())
        .take(limit)
        .peekable();
    if commits.peek().is_none() && limit > 0 {
        context.ui.say("no commit changed this path");
        return Ok(Verdict::No);
    }
    context.ui.page();
    let mut graph = Graph::default();
    for commit in commits {
        let commit = commit?;
        if context.ui.is_json() {
            context.ui.json(&commit_json(&commit))?;
        } else if args.graph {
            let line = text::one_line(&context.ui, &commit, &names);
            let parents: Vec<Id> = commit.parents().iter().map(|parent| parent.id).collect();
            for row in graph.rows(&context.ui, commit.id(), &parents, &line) {
                context.ui.line(row)?;
            }
        } else if args.oneline {
            let line = text::one_line(&context.ui, &commit, &names);
            context.ui.line(line)?;
        } else {
            text::print(&mut context.ui, &commit, &names)?;
        }
    }
    Ok(Verdict::Done)
}

/// Tells whether there is something at a path of this name: it may have been meant as one.
fn is_path(context: &mut Context, word: &str) -> bool {
    let tree = context.tree(&ReadArgs::default());
    let found = tree.ok().zip(Path::parse(word).ok());
    found.is_some_and(|(tree, path)| tree.kind(&path).is_ok_and(|kind| kind.is_some()))
}

/// Finds commits one after the other, as they are asked for.
fn find<'a>(
    repo: &'a Repo,
    head: &Commit,
    path: Option<&Path>,
) -> Box<dyn Iterator<Item = Result<Commit, Failure>> + 'a> {
    if let Some(path) = path {
        return Box::new(repo.log_path(head, path).map(|commit| Ok(commit?)));
    }
    let log = repo.history().log(head.id());
    Box::new(log.map(|entry| Ok(repo.must_load(entry?.key)?)))
}
