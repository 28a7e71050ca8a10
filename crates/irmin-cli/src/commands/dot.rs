//! `irmin dot`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use irminsule::{Commit, Id, LogOptions, Repo};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::quote::tame;

/// Draw the history for Graphviz
///
/// Commits with arrows to their parents, branches and tags with arrows to their commits:
/// irmin dot | dot -Tsvg > history.svg
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write to this file, not to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// At most so many commits, the newest ones
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1000)]
    limit: usize,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let repo = context.repo()?;
    match &args.output {
        None => draw(&repo, args.limit, context.ui.out())?,
        Some(path) => {
            let failed = |error: &std::io::Error| Failure::file("write", path, error);
            let file = File::create(path).map_err(|error| failed(&error))?;
            let mut file = BufWriter::new(file);
            draw(&repo, args.limit, &mut file)?;
            file.flush().map_err(|error| failed(&error))?;
        }
    }
    Ok(Verdict::Done)
}

fn draw(repo: &Repo, limit: usize, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "digraph history {{")?;
    writeln!(out, "  rankdir=RL;")?;
    writeln!(
        out,
        "  node [shape=box, style=rounded, fontname=monospace, fontsize=10];"
    )?;
    let refs = repo.engine().list_refs("")?;
    let options = LogOptions {
        include: refs.iter().map(|&(_, id)| id).collect(),
        ..LogOptions::default()
    };
    let mut drawn = HashSet::new();
    for entry in repo.history().log_with(options).take(limit) {
        let commit = repo.must_load(entry?.key)?;
        drawn.insert(commit.id());
        draw_commit(&commit, out)?;
    }
    let parents_left = leave_open(repo, &drawn)?;
    for id in parents_left {
        writeln!(out, "  \"{id}\" [label=\"…\", shape=plaintext];")?;
    }
    for (name, id) in refs.iter().filter(|(_, id)| drawn.contains(id)) {
        draw_name(name, *id, out)?;
    }
    writeln!(out, "}}")?;
    Ok(())
}

/// Returns the parents of what was drawn that were not.
fn leave_open(repo: &Repo, drawn: &HashSet<Id>) -> Result<Vec<Id>, Failure> {
    let mut open = Vec::new();
    for &id in drawn {
        let parents = repo.history().parents(id)?;
        open.extend(
            parents
                .iter()
                .map(|key| key.id)
                .filter(|id| !drawn.contains(id)),
        );
    }
    open.sort_unstable();
    open.dedup();
    Ok(open)
}

fn draw_commit(commit: &Commit, out: &mut dyn Write) -> Result<(), Failure> {
    let subject = shorten(&commit.info().subject());
    let label = format!("{}\n{subject}", commit.id().short());
    writeln!(out, "  \"{}\" [label=\"{}\"];", commit.id(), escape(&label))?;
    for parent in commit.parents() {
        writeln!(out, "  \"{}\" -> \"{}\";", commit.id(), parent.id)?;
    }
    Ok(())
}

fn draw_name(name: &str, id: Id, out: &mut dyn Write) -> Result<(), Failure> {
    let (shape, color, label) = match name.split_once('/') {
        Some(("heads", branch)) => ("box", "palegreen", branch),
        Some(("tags", tag)) => ("cds", "khaki", tag),
        _ => ("box", "lightblue", name),
    };
    let (node, label) = (escape(name), escape(label));
    writeln!(
        out,
        "  \"{node}\" [label=\"{label}\", shape={shape}, style=filled, fillcolor={color}];"
    )?;
    writeln!(out, "  \"{node}\" -> \"{id}\" [style=dashed];")?;
    Ok(())
}

/// How many letters of a subject are drawn.
const SUBJECT_LETTERS_MAX: usize = 50;

fn shorten(subject: &str) -> String {
    let mut letters = subject.chars();
    let mut short: String = letters.by_ref().take(SUBJECT_LETTERS_MAX).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

/// Writes text so that it stays between double quotes and means itself.
fn escape(text: &str) -> String {
    let text = tame(text.as_bytes()).replace('\t', " ");
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stay_between_their_quotes() {
        assert_eq!(escape("a\"b\\c\nd\x1b"), "a\\\"b\\\\c\\nd\\\\x1b");
        assert_eq!(shorten(&"é".repeat(60)), "é".repeat(50) + "…");
    }
}
