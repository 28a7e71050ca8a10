//! `irmin gc`.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use irminsule::{CollectOptions, CollectReport, RefName, Repo, RetentionRule};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::size::{count, human};

/// The highest rate, in MiB a second: no disk is faster.
const RATE_MAX: u64 = 1_000_000;

/// Remove what no name leads to
///
/// Keeps what branches, tags, branches of remotes and pins lead to, with their history. Other
/// processes go on reading meanwhile. May be stopped at any time; what was done until then stays
/// done.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tell how much would be removed
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Let go of old history by a rule, such as 'all 7d, hourly 30d, daily 1y'
    ///
    /// Grains: all, hourly, daily, weekly, monthly, yearly. Ages: 12h, 7d, 4w, 1y; without one, for
    /// ever. Commits that no grain keeps lose their contents and stay in the log; history older
    /// than all ages is cut off. A rule for some branches only begins with their names or a pattern
    /// and a colon, as in 'release/**: all, daily'; the first rule that is for a branch decides, and
    /// a branch without one is kept whole.
    #[arg(short, long, value_name = "RULE")]
    keep: Vec<RetentionRule>,
    /// Work at most so fast, in MiB a second
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=RATE_MAX))]
    rate: Option<u64>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let repo = context.repo()?;
    tell_idle(&args.keep, &repo, context)?;
    let options = CollectOptions {
        keep: args.keep.clone(),
        dry_run: args.dry_run,
    };
    let started = Instant::now();
    let mut progress = context.ui.progress("collecting bytes", None);
    let report = repo.collect(&options, &mut |at| {
        progress.set_total(at.bytes_total);
        progress.update(at.bytes_done, "");
        if let Some(rate) = args.rate {
            wait_until(started + Duration::from_millis(at.bytes_done * 1000 / (rate << 20)));
        }
        ControlFlow::Continue(())
    })?;
    drop(progress);
    tell(context, args.dry_run, &report)?;
    Ok(Verdict::Done)
}

/// Tells which rules do not matter: a misspelt name keeps its branch whole.
fn tell_idle(rules: &[RetentionRule], repo: &Repo, context: &mut Context) -> Result<(), Failure> {
    let mut used = vec![false; rules.len()];
    for (name, _) in repo.engine().list_refs("")? {
        let name = RefName::new(name)?;
        let decides = rules.iter().position(|rule| rule.is_for(&name));
        if let Some(used) = decides.and_then(|at| used.get_mut(at)) {
            *used = true;
        }
    }
    for (rule, used) in rules.iter().zip(used) {
        if !used {
            context
                .ui
                .say(format!("the rule '{rule}' decides for no branch"));
        }
    }
    Ok(())
}

fn wait_until(due: Instant) {
    while let Some(left) = due.checked_duration_since(Instant::now()) {
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left);
    }
}

fn tell(context: &mut Context, is_dry: bool, report: &CollectReport) -> Result<(), Failure> {
    let freed = report.bytes_before.saturating_sub(report.bytes_after);
    if context.ui.is_json() {
        return context.ui.json(&json!({
            "dry_run": is_dry,
            "objects_kept": report.objects_kept,
            "objects_removed": report.objects_removed,
            "commits_cut": report.commits_cut,
            "bytes_before": report.bytes_before,
            "bytes_after": report.bytes_after,
        }));
    }
    let removed = count(report.objects_removed, "object", "objects");
    let (freed, before) = (human(freed), human(report.bytes_before));
    let verb = if is_dry { "would remove" } else { "removed" };
    context.ui.say(format!(
        "{verb} {removed}, {freed} of {before}; {} kept",
        count(report.objects_kept, "object", "objects")
    ));
    if report.commits_cut > 0 {
        let commits = count(report.commits_cut, "commit", "commits");
        let verb = if is_dry { "would lose" } else { "lost" };
        context
            .ui
            .say(format!("{commits} {verb} contents or the history before"));
    }
    Ok(())
}
