//! `irmin load`.

use std::path::PathBuf;

use irminsule::{Isolation, Path, TransactOptions, json_to_entry};

use crate::context::{Context, WriteArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::input::read_all;
use crate::output::{committed, show_path};
use crate::quote::quote;

/// Put a JSON value at a path, as a directory with an entry for each field, and commit
///
/// Replaces what was at the path. An object becomes a directory, an array a directory with
/// numbered entries, everything else a value; so two people who change two fields merge.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The path; '/' is the root
    #[arg(value_parser = path_parser())]
    path: Path,
    /// The JSON; '-' is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let bytes = read_all(Some(&args.file))?;
    let json = serde_json::from_slice(&bytes).map_err(|error| {
        let file = match args.file.as_os_str().as_encoded_bytes() {
            b"-" => "stdin".to_owned(),
            name => format!("'{}'", quote(name)),
        };
        Failure::new(format!("{file} is not JSON: {error}"))
            .hint("'irmin set PATH --file FILE' takes a file of any kind")
    })?;
    let entry = json_to_entry(&json).map_err(irminsule::Error::from)?;
    let branch = context.branch()?;
    let message = format!("Load {}", show_path(&args.path));
    let mut options = TransactOptions::new("").isolation(Isolation::Overwrite);
    options.info = Some(context.info(&args.write, message)?);
    let done = branch.transact(&options, |view| view.set(&args.path, entry.clone()))?;
    committed(context, done.commit.as_ref())?;
    Ok(Verdict::Done)
}
