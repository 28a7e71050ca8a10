//! `irmin export`.

use std::path::PathBuf;

use irminsule::Path;
use serde_json::json;

use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::export::{ExportEvent, export};
use crate::failure::{Outcome, Verdict};
use crate::files::show;
use crate::output::tree_at;
use crate::size::{count, human};

/// Write a directory of the repository to files
///
/// Each file appears when it is complete, with its mode; links are restored as links. What is
/// called .git or .irmin is not written.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to write; made if missing, and empty unless --force
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What to write [default: the root]
    #[arg(value_name = "PATH", value_parser = path_parser(), default_value = "", hide_default_value = true)]
    path: Path,
    /// Replace files of the same name in DIR and leave others
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let tree = context.tree(&args.read)?;
    let Some(tree) = tree_at(context, &tree, &args.path)? else {
        return Ok(Verdict::No);
    };
    let repo = context.repo()?;
    let mut progress = context.ui.progress("exporting", None);
    let mut apart = Vec::new();
    let exported = export(
        &repo,
        &tree,
        &args.dir,
        args.force,
        &mut |event| match event {
            ExportEvent::Progress(report) => progress.update(report.files, &human(report.bytes)),
            ExportEvent::StaysApart(path) => apart.push(format!("left out '{}'", show(path))),
        },
    );
    drop(progress);
    context.ui.say_some(&apart);
    let report = exported?;
    if context.ui.is_json() {
        let value = json!({"files": report.files, "bytes": report.bytes});
        context.ui.json(&value)?;
    } else {
        let bytes = human(report.bytes);
        let files = count(report.files, "file", "files");
        context.ui.say(format!("{files}, {bytes}"));
    }
    Ok(Verdict::Done)
}
