//! `irmin rm`.

use irminsule::{EntryKind, Path, TransactOptions};

use crate::context::{Context, WriteArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{committed, say_absent, show_path};

/// Remove what is at a path and commit
///
/// Directories that this leaves empty go too. Exits with 1 if there is nothing.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The path
    #[arg(value_parser = path_parser())]
    path: Path,
    /// Remove a directory with all below it
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// What the transaction found.
enum Found {
    Nothing,
    Directory,
    Removed,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let message = format!("Remove {}", show_path(&args.path));
    let mut options = TransactOptions::new("");
    options.info = Some(context.info(&args.write, message)?);
    let done = branch.transact(&options, |view| {
        Ok(match view.kind(&args.path)? {
            None => Found::Nothing,
            Some(EntryKind::Tree) if !args.recursive => Found::Directory,
            Some(_) => {
                view.remove(&args.path)?;
                Found::Removed
            }
        })
    })?;
    match done.value {
        Found::Nothing => {
            say_absent(context, &args.path);
            Ok(Verdict::No)
        }
        Found::Directory => {
            let path = show_path(&args.path);
            Err(Failure::new(format!("'{path}' is a directory"))
                .hint("'irmin rm -r' removes it with all below it"))
        }
        Found::Removed => {
            committed(context, done.commit.as_ref())?;
            Ok(Verdict::Done)
        }
    }
}
