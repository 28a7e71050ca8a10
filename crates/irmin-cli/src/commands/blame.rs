//! `irmin blame`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use irminsule::{Commit, Id, Path, Repo};
use serde_json::json;

use super::log::text;
use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{path_json, say_absent, show_path, signature_json};
use crate::paint::Style;
use crate::quote::quote;

/// Tell for each value at and below a path which commit made it what it is
///
/// Where what was before a commit is not kept here, one before it may have been it: 'or before'.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The path; '/' is the root
    #[arg(value_parser = path_parser())]
    path: Path,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let head = context.must_commit(&args.read)?;
    let repo = context.repo()?;
    let blamed = repo.blame(&head, &args.path)?;
    if blamed.is_empty() {
        say_absent(context, &args.path);
        return Ok(Verdict::No);
    }
    // Many values usually have few commits.
    let mut commits: HashMap<Id, Commit> = HashMap::new();
    for &(_, id) in &blamed {
        if let Entry::Vacant(entry) = commits.entry(id) {
            entry.insert(repo.must_load(id)?);
        }
    }
    let mut edges = HashSet::new();
    for (&id, commit) in &commits {
        if is_edge(&repo, commit)? {
            edges.insert(id);
        }
    }
    let width = commits
        .values()
        .map(|commit| author(commit).chars().count());
    let width = width.max().unwrap_or(0);
    for (path, id) in &blamed {
        if let Some(commit) = commits.get(id) {
            print(context, path, commit, width, edges.contains(id))?;
        }
    }
    Ok(Verdict::Done)
}

fn author(commit: &Commit) -> String {
    quote(commit.info().author.name())
}

/// Tells whether what a commit changed cannot be told from what was changed before it.
fn is_edge(repo: &Repo, commit: &Commit) -> Result<bool, Failure> {
    if commit.cut().parents {
        return Ok(true);
    }
    for &parent in commit.parents() {
        if repo.must_load(parent)?.cut().contents {
            return Ok(true);
        }
    }
    Ok(false)
}

fn print(
    context: &mut Context,
    path: &Path,
    commit: &Commit,
    width: usize,
    is_edge: bool,
) -> Result<(), Failure> {
    let info = commit.info();
    if context.ui.is_json() {
        let mut object = path_json(path);
        object.insert("commit".into(), json!(commit.id().to_string()));
        object.insert("author".into(), signature_json(&info.author));
        object.insert("subject".into(), info.subject().into());
        if is_edge {
            object.insert("or_before".into(), true.into());
        }
        return context.ui.json(&object.into());
    }
    let id = context.ui.paint(Style::Id, commit.id().short());
    let about = format!(
        "{:<width$}  {}{}",
        author(commit),
        text::time(info.author.time()),
        if is_edge { ", or before" } else { "" }
    );
    let about = context.ui.paint(Style::Faint, about);
    context
        .ui
        .line(format!("{id}  {about}  {}", show_path(path)))
}
