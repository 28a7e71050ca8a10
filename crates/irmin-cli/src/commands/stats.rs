//! `irmin stats`.

use std::ops::ControlFlow;

use irminsule::{Collect, CollectReport, KindStats, Repo, StoreStats};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::size::{count, human};

/// Show how much is stored
///
/// Objects that no name leads to any more count too.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tell also how much of it names lead to, and how much 'irmin gc' would remove
    #[arg(long)]
    deep: bool,
}

impl Args {
    /// A collection that is only tried needs leave to write, as a real one does.
    pub(crate) fn only_reads(&self) -> bool {
        !self.deep
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let repo = context.repo()?;
    let stats = repo.engine().stats()?;
    let life = match args.deep {
        true => Some(look_for_dead(&repo, context)?),
        false => None,
    };
    let (branches, tags) = (repo.branches()?.len() as u64, repo.tags()?.len() as u64);
    if context.ui.is_json() {
        let url = repo.engine().url();
        let mut object = to_json(&url, &stats, branches, tags);
        if let (Some(life), Some(object)) = (life, object.as_object_mut()) {
            object.insert("live_objects".into(), life.objects_kept.into());
            object.insert("live_bytes".into(), life.bytes_after.into());
            object.insert("dead_objects".into(), life.objects_removed.into());
            object.insert("dead_bytes".into(), dead_bytes(&life).into());
        }
        context.ui.json(&object)?;
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
    if let Some(life) = life {
        let line = |objects: u64, bytes| format!("{objects:<10} {}", human(bytes));
        let (live, dead) = (life.bytes_after, dead_bytes(&life));
        print(context, "live", &line(life.objects_kept, live))?;
        print(context, "dead", &line(life.objects_removed, dead))?;
    }
    print(context, "cache", &human(stats.cache_bytes))?;
    Ok(Verdict::Done)
}

/// Collects without removing anything.
fn look_for_dead(repo: &Repo, context: &Context) -> Result<CollectReport, Failure> {
    let mut progress = context.ui.progress("looking at bytes", None);
    let collect = Collect {
        dry_run: true,
        ..Collect::everything_named()
    };
    let report = repo.engine().collect(&collect, &mut |at| {
        progress.set_total(at.bytes_total);
        progress.update(at.bytes_done, "");
        ControlFlow::Continue(())
    });
    Ok(report.map_err(irminsule::Error::from)?)
}

fn dead_bytes(life: &CollectReport) -> u64 {
    life.bytes_before.saturating_sub(life.bytes_after)
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
        "cache_bytes": stats.cache_bytes,
        "branches": branches,
        "tags": tags,
    })
}
