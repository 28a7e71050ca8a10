//! `irmin counter`.

use irminsule::rules::{RULES_PATH, Rules, counter};
use irminsule::{Blob, DecodeError, Error, Path, TransactOptions, Tree};
use serde_json::json;

use crate::context::{Context, ReadArgs, WriteArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{blob_at, committed, path_json, show_path};

/// Count: additions on two branches both count after a merge
///
/// For the merge, the path needs the rule 'counter': irmin rules set 'hits/**' counter
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Add to a counter, print what it is then, and commit
    Add(Add),
    /// Print a counter; nothing counts as 0
    Get(Get),
}

#[derive(clap::Args)]
struct Add {
    /// The path; it is made if missing
    #[arg(value_parser = path_parser())]
    path: Path,
    /// How much, also negative
    #[arg(value_name = "N", allow_negative_numbers = true)]
    number: i64,
    #[command(flatten)]
    write: WriteArgs,
}

#[derive(clap::Args)]
struct Get {
    /// The path
    #[arg(value_parser = path_parser())]
    path: Path,
    #[command(flatten)]
    read: ReadArgs,
}

impl Args {
    pub(super) fn only_reads(&self) -> bool {
        matches!(self.action, Action::Get(_))
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.action {
        Action::Add(args) => add(args, context),
        Action::Get(args) => get(args, context),
    }
}

fn add(args: &Add, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let path = show_path(&args.path);
    let mut options = TransactOptions::new("");
    let message = format!("Add {} to {path}", args.number);
    options.info = Some(context.info(&args.write, message)?);
    if args.path.is_root() {
        return Err(Error::RootNeedsTree.into());
    }
    let done = branch.transact(&options, |view| {
        let old = match view.find(&args.path)? {
            None => 0,
            Some(entry) => match read(entry.into_blob())? {
                Ok(number) => number,
                Err(problem) => return Ok(Err(problem)),
            },
        };
        let Some(new) = old.checked_add(args.number) else {
            return Ok(Err(format!(
                "{old} and {} do not fit 64 bits together",
                args.number
            )));
        };
        view.set(&args.path, Blob::new(counter::format(new)))?;
        Ok(Ok(new))
    })?;
    let value = done
        .value
        .map_err(|problem| not_a_counter(&args.path, &problem))?;
    print(context, &args.path, value)?;
    if !context.ui.is_json() {
        committed(context, done.commit.as_ref())?;
        let why = "lets additions on other branches count too";
        warn_without_rule(context, &branch.tree()?, &args.path, ("counter", why))?;
    }
    Ok(Verdict::Done)
}

fn get(args: &Get, context: &mut Context) -> Outcome {
    let tree = context.tree(&args.read)?;
    let value = match tree.get(&args.path)? {
        None => 0,
        Some(_) => {
            let blob = blob_at(context, &tree, &args.path)?;
            read(blob)?.map_err(|problem| not_a_counter(&args.path, &problem))?
        }
    };
    print(context, &args.path, value)?;
    Ok(Verdict::Done)
}

/// Reads a counter; inside, why it is none.
fn read(blob: Option<Blob>) -> Result<Result<i64, String>, Error> {
    let Some(blob) = blob else {
        return Ok(Err("it is a directory".to_owned()));
    };
    Ok(counter::parse(&blob.bytes()?).map_err(|error: DecodeError| error.reason.to_owned()))
}

fn not_a_counter(path: &Path, problem: &str) -> Failure {
    let path = show_path(path);
    Failure::new(format!("'{path}' cannot count: {problem}")).hint(format!(
        "'irmin get {path}' shows it; a counter is a decimal number"
    ))
}

fn print(context: &mut Context, path: &Path, value: i64) -> Result<(), Failure> {
    if !context.ui.is_json() {
        return context.ui.line(value);
    }
    let mut object = path_json(path);
    object.insert("value".into(), json!(value));
    context.ui.json(&object.into())
}

/// Hints at the rule that a path needs for its type, with what that does.
pub(super) fn warn_without_rule(
    context: &mut Context,
    tree: &Tree,
    path: &Path,
    (rule, why): (&str, &str),
) -> Result<(), Failure> {
    let rules = tree.get_bytes(&Path::parse(RULES_PATH)?)?;
    let rules = Rules::parse(&rules.unwrap_or_default()).map_err(Error::from)?;
    if rules.rule_for(path).name() != rule {
        let path = show_path(path);
        context
            .ui
            .hints(&[format!("'irmin rules set {path} {rule}' {why}")]);
    }
    Ok(())
}
