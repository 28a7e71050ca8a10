//! `irmin rules`.

use std::ffi::OsString;

use irminsule::rules::{RULES_PATH, Rules, RulesError};
use irminsule::{Error, Path, TransactOptions};
use serde_json::Map;

use crate::context::{Context, ReadArgs, WriteArgs};
use crate::data::os_bytes;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{committed, put_bytes};
use crate::quote::quote;

/// List the merge rules, or set one
///
/// A rule says which type the values at matching paths have, and so how two changes of one are
/// merged: counter, max, min, register, set, map, log, queue, text, json or bytes. The rules lie
/// at .irmin/rules in the tree itself; of several that match, the last one counts.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Give the paths that match a pattern a type, and commit
    Set(Set),
}

#[derive(clap::Args)]
struct Set {
    /// Steps with '*', '?' and '[a-z]'; '**' is any number of steps
    pattern: OsString,
    /// The type, such as counter
    #[arg(value_name = "TYPE")]
    name: String,
    #[command(flatten)]
    write: WriteArgs,
}

impl Args {
    pub(super) fn only_reads(&self) -> bool {
        self.action.is_none()
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.action {
        Some(Action::Set(args)) => set(args, context),
        None => list(args, context),
    }
}

fn list(args: &Args, context: &mut Context) -> Outcome {
    let tree = context.tree(&args.read)?;
    let bytes = tree.get_bytes(&Path::parse(RULES_PATH)?)?;
    let rules = Rules::parse(&bytes.unwrap_or_default()).map_err(Error::from)?;
    let widths = rules
        .iter()
        .map(|(pattern, _)| quote(pattern).chars().count());
    let width = widths.max().unwrap_or(0);
    for (pattern, name) in rules.iter() {
        if context.ui.is_json() {
            let mut object = Map::new();
            put_bytes(&mut object, "pattern", pattern);
            object.insert("type".into(), name.into());
            context.ui.json(&object.into())?;
        } else {
            context
                .ui
                .line(format!("{:<width$}  {name}", quote(pattern)))?;
        }
    }
    Ok(Verdict::Done)
}

fn set(args: &Set, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let pattern = os_bytes(&args.pattern);
    // The rules may be damaged, the pattern bad: tell them apart.
    check(pattern, &args.name)?;
    let path = Path::parse(RULES_PATH)?;
    let mut options = TransactOptions::new("");
    let message = format!("Merge {} as {}", quote(pattern), args.name);
    options.info = Some(context.info(&args.write, message)?);
    let done = branch.transact(&options, |view| {
        let mut rules = Rules::parse(&view.get(&path)?.unwrap_or_default())?;
        rules.set(pattern, &args.name)?;
        view.set(&path, rules.to_bytes())
    })?;
    committed(context, done.commit.as_ref())?;
    Ok(Verdict::Done)
}

fn check(pattern: &[u8], name: &str) -> Result<(), Failure> {
    let refuse = |error: RulesError| {
        let pattern = quote(pattern);
        Failure::new(format!(
            "'{pattern} {name}' is not a rule: {}",
            error.reason
        ))
        .hint("a rule is a pattern and a type, such as 'hits/**' counter")
    };
    Rules::default().set(pattern, name).map_err(refuse)
}
