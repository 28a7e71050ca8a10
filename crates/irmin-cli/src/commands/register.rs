//! `irmin register`.

use irminsule::rules::hlc::Hlc;
use irminsule::rules::register;
use irminsule::{Blob, Path, Signature, TransactOptions};

use super::counter::warn_without_rule;
use crate::context::{Context, ReadArgs, WriteArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{blob_at, committed, path_json, show_path};

/// Keep a value of which the last one written wins when branches merge
///
/// The value is kept behind a stamp of a hybrid logical clock, which tells the last writer also
/// where clocks differ. For the merge, the path needs the rule 'register':
/// irmin rules set 'settings/*' register
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write a value, and commit
    Set(Set),
    /// Print the value without its stamp
    Get(Get),
}

#[derive(clap::Args)]
struct Set {
    /// The path; it is made if missing
    #[arg(value_parser = path_parser())]
    path: Path,
    /// The value
    #[arg(allow_hyphen_values = true)]
    value: String,
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
        Action::Set(args) => set(args, context),
        Action::Get(args) => get(args, context),
    }
}

fn set(args: &Set, context: &mut Context) -> Outcome {
    let branch = context.branch()?;
    let mut options = TransactOptions::new("");
    let message = format!("Set {}", show_path(&args.path));
    let info = context.info(&args.write, message)?;
    let clock = first_stamp(&info.author)?;
    options.info = Some(info);
    let done = branch.transact(&options, |view| {
        let old = view.get(&args.path)?;
        let last = old.as_deref().map(register::decode).transpose();
        let Ok(last) = last else { return Ok(false) };
        let stamp = last.map_or_else(
            || clock.clone(),
            |(last, _)| clock.receive(&last, clock.physical_ms()),
        );
        view.set(
            &args.path,
            Blob::new(register::encode(&stamp, args.value.as_bytes())),
        )?;
        Ok(true)
    })?;
    if !done.value {
        return Err(not_a_register(&args.path));
    }
    committed(context, done.commit.as_ref())?;
    if !context.ui.is_json() {
        let why = "makes the last one written win when branches merge";
        warn_without_rule(context, &branch.tree()?, &args.path, ("register", why))?;
    }
    Ok(Verdict::Done)
}

fn get(args: &Get, context: &mut Context) -> Outcome {
    let tree = context.tree(&args.read)?;
    let Some(blob) = blob_at(context, &tree, &args.path)? else {
        return Ok(Verdict::No);
    };
    let bytes = blob.bytes()?;
    let (stamp, value) = register::decode(&bytes).map_err(|_| not_a_register(&args.path))?;
    if context.ui.is_json() {
        let mut object = path_json(&args.path);
        object.insert("value".into(), String::from_utf8_lossy(value).into());
        object.insert("stamp".into(), stamp.to_string().into());
        context.ui.json(&object.into())?;
    } else {
        context.ui.line(String::from_utf8_lossy(value))?;
    }
    Ok(Verdict::Done)
}

/// Returns the stamp of a first write: the commit's time, and its author for a place.
fn first_stamp(author: &Signature) -> Result<Hlc, Failure> {
    let ms = u64::try_from(author.time().seconds())
        .unwrap_or(0)
        .saturating_mul(1000);
    let place: String = author
        .email()
        .iter()
        .take(Hlc::NODE_BYTES_MAX)
        .map(node_char)
        .collect();
    let place = if place.is_empty() { "somebody" } else { &place };
    Hlc::new(ms, 0, place).map_err(|error| Failure::new(error.to_string()))
}

/// Returns what stands for a byte of an address in a stamp.
fn node_char(&byte: &u8) -> char {
    if byte.is_ascii_alphanumeric() || byte == b'_' {
        char::from(byte)
    } else {
        '-'
    }
}

fn not_a_register(path: &Path) -> Failure {
    let path = show_path(path);
    Failure::new(format!("'{path}' is no register: its value has no stamp")).hint(format!(
        "'irmin get {path}' shows it; 'irmin rm {path}' makes room for one"
    ))
}
