//! `irmin tree`.

use std::iter::Peekable;

use irminsule::{Entry, Listing, Path, Step, Tree, WalkOptions};

use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{kind_style, path_json, put_entry, show_path, tree_at};
use crate::paint::Style;
use crate::quote::quote;

/// Draw a directory and what is below it
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The directory [default: the root]
    #[arg(value_parser = path_parser(), default_value = "", hide_default_value = true)]
    path: Path,
    /// Only so many levels
    #[arg(short, long, value_name = "N")]
    depth: Option<usize>,
    #[command(flatten)]
    read: ReadArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let root = context.tree(&args.read)?;
    let Some(tree) = tree_at(context, &root, &args.path)? else {
        return Ok(Verdict::No);
    };
    let depth = args.depth.unwrap_or(usize::MAX);
    if context.ui.is_json() {
        list(context, &tree, &args.path, depth)?;
    } else {
        draw(context, &tree, &args.path, depth)?;
    }
    Ok(Verdict::Done)
}

fn list(context: &mut Context, tree: &Tree, at: &Path, depth: usize) -> Result<(), Failure> {
    let options = WalkOptions {
        depth: 1..=depth,
        ..WalkOptions::default()
    };
    for found in tree.walk(options) {
        let (path, entry) = found?;
        let mut object = path_json(&at.join(&path));
        put_entry(&mut object, &entry)?;
        context.ui.json(&object.into())?;
    }
    Ok(())
}

/// A directory that is being drawn.
struct Level {
    entries: Peekable<Listing>,
    /// What stands in front of its entries.
    indent: String,
}

impl Level {
    fn new(tree: &Tree, indent: String) -> Result<Self, Failure> {
        let entries = tree.entries()?.peekable();
        Ok(Self { entries, indent })
    }
}

fn draw(context: &mut Context, tree: &Tree, at: &Path, depth: usize) -> Result<(), Failure> {
    let name = context.ui.paint(Style::Directory, show_path(at));
    context.ui.line(name)?;
    let mut levels = Vec::new();
    if depth > 0 {
        levels.push(Level::new(tree, String::new())?);
    }
    let (mut directories, mut values) = (0_u64, 0_u64);
    while let Some(level) = levels.last_mut() {
        let Some(found) = level.entries.next() else {
            levels.pop();
            continue;
        };
        let (step, entry) = found?;
        let is_last = level.entries.peek().is_none();
        let (branch, below) = if is_last {
            ("└── ", "    ")
        } else {
            ("├── ", "│   ")
        };
        let indent = format!("{}{below}", level.indent);
        let lines = context
            .ui
            .paint(Style::Faint, format!("{}{branch}", level.indent));
        let text = describe(context, &step, &entry, levels.len() < depth)?;
        context.ui.line(format!("{lines}{text}"))?;
        match entry {
            Entry::Blob(_) => values += 1,
            Entry::Tree(tree) => {
                directories += 1;
                if levels.len() < depth {
                    levels.push(Level::new(&tree, indent)?);
                }
            }
        }
    }
    context.ui.line("")?;
    let directories = counted(directories, "directory", "directories");
    let values = counted(values, "value", "values");
    context.ui.line(format!("{directories}, {values}"))
}

fn describe(
    context: &Context,
    step: &Step,
    entry: &Entry,
    is_entered: bool,
) -> Result<String, Failure> {
    let mut name = quote(step);
    if let Some(style) = kind_style(entry.kind()) {
        name = context.ui.paint(style, name);
    }
    Ok(match entry {
        Entry::Tree(tree) if !is_entered => {
            let size = counted(tree.len()?, "entry", "entries");
            format!(
                "{name}/ {}",
                context.ui.paint(Style::Faint, format!("({size})"))
            )
        }
        Entry::Tree(_) => format!("{name}/"),
        Entry::Blob(_) => name,
    })
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
