//! `irmin dump`.

use std::io;

use irminsule::{Path, entry_to_json};

use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::failure::{Outcome, Verdict};
use crate::output::say_absent;

/// Print what is at a path and below it as one JSON value: the reverse of load
///
/// With --json, on one line.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The path [default: the root]
    #[arg(value_parser = path_parser(), default_value = "", hide_default_value = true)]
    path: Path,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let tree = context.tree(&args.read)?;
    let Some(entry) = tree.get(&args.path)? else {
        say_absent(context, &args.path);
        return Ok(Verdict::No);
    };
    let json = entry_to_json(&entry).map_err(irminsule::Error::from)?;
    if context.ui.is_json() {
        context.ui.json(&json)?;
    } else {
        serde_json::to_writer_pretty(context.ui.out(), &json).map_err(io::Error::from)?;
        context.ui.line("")?;
    }
    Ok(Verdict::Done)
}
