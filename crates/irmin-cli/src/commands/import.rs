//! `irmin import`.

use std::path::PathBuf;

use irminsule::{Path, TransactOptions};
use serde_json::json;

use crate::context::{Context, WriteArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::files::show;
use crate::import::{ImportEvent, ImportOptions, ImportReport, Notice, import};
use crate::output::committed;
use crate::size::{count, human};

/// Commit the files of a directory
///
/// Makes PATH the same as DIR, in one commit: what DIR lacks is removed. Executable files stay
/// executable, symbolic links stay links. Directories without files, sockets, pipes and devices are
/// left out; what is called .git or .irmin is neither taken nor removed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Where to put it [default: the root]
    #[arg(value_name = "PATH", value_parser = path_parser(), default_value = "", hide_default_value = true)]
    path: Path,
    /// Go on when something cannot be read, keep what the branch has there, and exit with 1
    #[arg(short, long)]
    keep_going: bool,
    /// Leave out directories marked by a file CACHEDIR.TAG, such as cargo's target
    #[arg(long)]
    skip_caches: bool,
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let info = context.info(&args.write, format!("Import {}", args.dir.display()))?;
    let mut commit = TransactOptions::new("");
    commit.info = Some(info);
    let options = ImportOptions {
        keep_going: args.keep_going,
        skip_caches: args.skip_caches,
        commit,
    };
    let mut progress = context.ui.progress("importing", None);
    let mut notices = Vec::new();
    let imported = import(
        &branch,
        &args.dir,
        &args.path,
        &options,
        &mut |event| match event {
            ImportEvent::Progress(report) => progress.update(report.files, &human(report.bytes)),
            ImportEvent::Notice(notice) => notices.push(tell(notice)),
        },
    );
    drop(progress);
    context.ui.say_some(&notices);
    let report = imported?;
    finish(context, &report)?;
    Ok(match report.unreadable {
        0 => Verdict::Done,
        _ => Verdict::No,
    })
}

fn tell(notice: &Notice) -> String {
    match notice {
        Notice::StaysApart(path) => format!("left out '{}'", show(path)),
        Notice::Special(path) => {
            let path = show(path);
            format!("left out '{path}': neither a file, nor a directory, nor a link")
        }
        Notice::Unreadable(failure) => format!("left out: {}", failure.message()),
    }
}

fn finish(context: &mut Context, report: &ImportReport) -> Result<(), Failure> {
    if context.ui.is_json() {
        return context.ui.json(&json!({
            "files": report.files,
            "bytes": report.bytes,
            "changed": report.changed,
            "removed": report.removed,
            "unreadable": report.unreadable,
            "commit": report.commit.as_ref().map(|commit| commit.id().to_string()),
        }));
    }
    let mut line = format!(
        "{}, {}: {} new or changed, {} removed",
        count(report.files, "file", "files"),
        human(report.bytes),
        report.changed,
        report.removed
    );
    if report.empty_dirs > 0 {
        let dirs = count(report.empty_dirs, "directory", "directories");
        line += &format!("; {dirs} without files left out");
    }
    context.ui.say(line);
    committed(context, report.commit.as_ref())
}
