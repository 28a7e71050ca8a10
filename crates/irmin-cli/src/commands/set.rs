//! `irmin set`.

use std::ffi::OsString;
use std::path::PathBuf;

use irminsule::{Blob, Isolation, Path, TransactOptions};

use crate::context::{Context, WriteArgs};
use crate::data::{os_bytes, path_parser};
use crate::failure::{Failure, Outcome, Verdict};
use crate::input;
use crate::output::{committed, show_path};

/// Put a value at a path and commit
///
/// Directories on the way are made; what was at the path is replaced.
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
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let blob = value(args, context)?;
    let message = format!("Set {}", show_path(&args.path));
    let mut options = TransactOptions::new("").isolation(Isolation::Overwrite);
    options.info = Some(context.info(&args.write, message)?);
    let done = branch.transact(&options, |view| view.set(&args.path, blob.clone()))?;
    committed(context, done.commit.as_ref())?;
    Ok(Verdict::Done)
}

fn value(args: &Args, context: &mut Context) -> Result<Blob, Failure> {
    let store = context.repo()?.objects();
    match (&args.value, &args.file) {
        (_, Some(file)) => input::file_blob(&store, file),
        (Some(value), None) if value != "-" => Ok(Blob::new(os_bytes(value).to_vec())),
        _ => Ok(Blob::write(&store, &mut std::io::stdin().lock())?),
    }
}
