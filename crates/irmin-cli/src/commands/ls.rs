//! `irmin ls`.

use std::ffi::OsString;

use irminsule::{Entry, Path, Step};
use serde_json::Map;

use crate::context::{Context, ReadArgs};
use crate::data::{os_bytes, path_parser};
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{kind_style, put_bytes, put_entry, say_absent};
use crate::quote::quote;

/// List a directory, in order
///
/// A directory's name ends with a slash. With -l: kind, size in bytes or entries, id, name.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The directory [default: the root]
    #[arg(value_parser = path_parser(), default_value = "", hide_default_value = true)]
    path: Path,
    /// Say more about each entry
    #[arg(short)]
    long: bool,
    /// Only entries behind this name, which need not exist
    #[arg(long, value_name = "STEP", allow_hyphen_values = true)]
    after: Option<OsString>,
    /// At most so many entries
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let tree = context.tree(&args.read)?;
    let after = args.after.as_deref().map(os_bytes).map(Step::new);
    let after = after.transpose()?;
    let limit = args.limit.unwrap_or(usize::MAX);
    match tree.get(&args.path)? {
        None => {
            say_absent(context, &args.path);
            return Ok(Verdict::No);
        }
        Some(Entry::Tree(tree)) => {
            for entry in tree.entries_after(after.as_ref())?.take(limit) {
                let (step, entry) = entry?;
                print(context, args.long, &step, &entry)?;
            }
        }
        Some(blob @ Entry::Blob(_)) => {
            if let Some(step) = args.path.steps().last() {
                print(context, args.long, step, &blob)?;
            }
        }
    }
    Ok(Verdict::Done)
}

fn print(context: &mut Context, long: bool, step: &Step, entry: &Entry) -> Result<(), Failure> {
    if context.ui.is_json() {
        let mut object = Map::new();
        put_bytes(&mut object, "name", step);
        put_entry(&mut object, entry)?;
        return context.ui.json(&object.into());
    }
    let kind = entry.kind();
    let mut name = quote(step);
    if let Some(style) = kind_style(kind) {
        name = context.ui.paint(style, name);
    }
    let slash = if matches!(entry, Entry::Tree(_)) {
        "/"
    } else {
        ""
    };
    if !long {
        return context.ui.line(format!("{name}{slash}"));
    }
    let (word, size) = match entry {
        Entry::Blob(blob) => (crate::output::kind_word(kind), blob.size()),
        Entry::Tree(tree) => ("tree", tree.len()?),
    };
    let id = context
        .ui
        .paint(crate::paint::Style::Id, entry.id()?.short());
    context
        .ui
        .line(format!("{word:<10} {size:>10} {id} {name}{slash}"))
}
