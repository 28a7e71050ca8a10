//! `irmin set`.

use std::ffi::OsString;
use std::path::PathBuf;

use irminsule::rules::{RULES_PATH, Rules};
use irminsule::{Blob, EntryKind, Isolation, Path, TransactOptions};

use crate::context::{Context, WriteArgs};
use crate::data::{os_bytes, path_parser};
use crate::failure::{Failure, Outcome, Verdict};
use crate::input;
use crate::output::{committed, show_path};

/// Put a value at a path and commit
///
/// Directories on the way are made; a value at the path is replaced, and so is one on the way. A
/// directory at the path is replaced with --replace only.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The path, such as config/network/mtu
    #[arg(value_parser = path_parser())]
    path: Path,
    /// The value; '-' takes it from stdin
    #[arg(allow_hyphen_values = true, required_unless_present = "file")]
    value: Option<OsString>,
    /// Take the value from a file, with its mode
    #[arg(short, long, value_name = "FILE", conflicts_with = "value")]
    file: Option<PathBuf>,
    /// Replace also a directory, and all below it
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let blob = value(args, context)?;
    check_rules(args, &blob)?;
    let branch = context.branch()?;
    if !args.replace && branch.tree()?.kind(&args.path)? == Some(EntryKind::Tree) {
        return Err(is_a_directory(&args.path));
    }
    let message = format!("Set {}", show_path(&args.path));
    let mut options = TransactOptions::new("").isolation(Isolation::Overwrite);
    options.info = Some(context.info(&args.write, message)?);
    let done = branch.transact(&options, |view| view.set(&args.path, blob.clone()))?;
    committed(context, done.commit.as_ref())?;
    Ok(Verdict::Done)
}

fn is_a_directory(path: &Path) -> Failure {
    if path.is_root() {
        return irminsule::Error::RootNeedsTree.into();
    }
    let path = show_path(path);
    Failure::new(format!("'{path}' is a directory, and nothing was changed"))
        .hint("--replace replaces it and all below it by the value")
}

/// Checks merge rules before they are in force: bad ones would stop every merge.
fn check_rules(args: &Args, blob: &Blob) -> Result<(), Failure> {
    if args.path == Path::parse(RULES_PATH).map_err(irminsule::Error::from)? {
        Rules::parse(&blob.bytes()?).map_err(irminsule::Error::from)?;
    }
    Ok(())
}

fn value(args: &Args, context: &mut Context) -> Result<Blob, Failure> {
    match (&args.value, &args.file) {
        (_, Some(file)) => input::file_blob(&context.repo()?.objects(), file),
        (Some(value), None) if value != "-" => Ok(Blob::new(os_bytes(value).to_vec())),
        _ => {
            // What writes to the pipe may have the repository open: let it come to an end.
            let mut stdin = input::piped()?;
            Ok(Blob::write(&context.repo()?.objects(), &mut stdin)?)
        }
    }
}
