//! `irmin stats`.

use irminsule::{KindStats, StoreStats};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::size::{count, human};

/// Show how much is stored
///
/// Objects that no name leads to any more count too.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, context: &mut Context) -> Outcome {
    let repo = context.repo()?;
    let stats = repo.engine().stats()?;
    let (branches, tags) = (repo.branches()?.len() as u64, repo.tags()?.len() as u64);
    if context.ui.is_json() {
        let url = repo.engine().url();
        context.ui.json(&to_json(&url, &stats, branches, tags))?;
        return Ok(Verdict::Done);
    }
    let url = repo.engine().url();
    print(context, "repository", &url)?;
    let files = format!(
        "{} in {}",
        human(stats.segment_bytes),
        count(stats.segments, "segment", "segments")
    );
    print(context, "files", &files)?;
    for (name, kind) in kinds(&stats) {
        print(context, name, &describe(kind))?;
    }
    let mut names = count(branches, "branch", "branches") + ", " + &count(tags, "tag", "tags");
    let others = stats.refs.saturating_sub(branches + tags);
    if others > 0 {
        names += &format!(", {}", count(others, "other", "others"));
    }
    print(context, "names", &names)?;
    Ok(Verdict::Done)
}

/// The kinds of objects as people call them.
fn kinds(stats: &StoreStats) -> [(&'static str, KindStats); 4] {
    [
        ("commits", stats.commits),
        ("nodes", stats.nodes),
        ("values", stats.blobs),
        ("chunk lists", stats.chunk_lists),
    ]
}

fn print(context: &mut Context, name: &str, text: &str) -> Result<(), Failure> {
    context.ui.line(format!("{name:<12} {text}"))
}

fn describe(kind: KindStats) -> String {
    format!("{:<10} {}", kind.objects, human(kind.bytes))
}

fn to_json(url: &str, stats: &StoreStats, branches: u64, tags: u64) -> Value {
    let kind = |kind: KindStats| json!({"objects": kind.objects, "bytes": kind.bytes});
    json!({
        "url": url,
        "segments": stats.segments,
        "bytes": stats.segment_bytes,
        "commits": kind(stats.commits),
        "nodes": kind(stats.nodes),
        "values": kind(stats.blobs),
        "chunk_lists": kind(stats.chunk_lists),
        "refs": stats.refs,
        "branches": branches,
        "tags": tags,
    })
}
