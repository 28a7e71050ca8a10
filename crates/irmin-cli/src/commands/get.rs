//! `irmin get`.

use irminsule::Path;

use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::failure::{Outcome, Verdict};
use crate::output::{blob_at, path_json, put_bytes, put_entry};

/// Print the value at a path
///
/// Prints the bytes as they are; on a terminal, a newline follows if the value has none. Exits
/// with 1 if there is nothing.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The path, such as config/network/mtu
    #[arg(value_parser = path_parser())]
    path: Path,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let tree = context.tree(&args.read)?;
    let Some(blob) = blob_at(context, &tree, &args.path)? else {
        return Ok(Verdict::No);
    };
    if context.ui.is_json() {
        let mut object = path_json(&args.path);
        put_entry(&mut object, &blob.clone().into())?;
        put_bytes(&mut object, "value", &blob.bytes()?);
        context.ui.json(&object.into())?;
    } else if context.ui.out_is_terminal() {
        let bytes = blob.bytes()?;
        context.ui.bytes(&bytes)?;
        if !bytes.ends_with(b"\n") {
            context.ui.line("")?;
        }
    } else {
        blob.copy_to(context.ui.out())?;
    }
    Ok(Verdict::Done)
}
