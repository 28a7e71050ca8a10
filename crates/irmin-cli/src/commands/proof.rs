//! `irmin proof`.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use irminsule::{Claim, EntryKind, Error, Found, Id, Path, Proof, ProofError};
use serde_json::{Map, Value, json};

use crate::context::{Context, ReadArgs};
use crate::data::path_parser;
use crate::failure::{Failure, Outcome, Verdict};
use crate::input::read_all;
use crate::output::{kind_word, path_json, put_bytes, show_path};
use crate::paint::Style;
use crate::quote::quote;
use crate::size::count;

/// Values of up to so many bytes are shown.
const SHOWN_BYTES_MAX: usize = 128;

/// Prove what is at a path to somebody who has no repository
///
/// A proof shows what a commit has at some paths, or that it has nothing there. Whoever trusts the
/// commit's id can check it without the repository; nobody can make a wrong one.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write a proof of what is at some paths to a file
    Make(Make),
    /// Check a proof and tell what it proves. Needs no repository; exits with 1 if it is refused
    Check(Check),
}

#[derive(clap::Args)]
struct Make {
    /// The file to write; '-' is stdout
    file: PathBuf,
    /// What to prove: a value with its id, a directory with its id, or that there is nothing
    #[arg(required = true, value_name = "PATH", value_parser = path_parser())]
    paths: Vec<Path>,
    /// Put the values in, also those of more than 128 bytes
    #[arg(long)]
    with_values: bool,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(clap::Args)]
struct Check {
    /// The proof; '-' is stdin
    file: PathBuf,
    /// The id of the commit that the proof must be of
    #[arg(long, value_name = "ID", conflicts_with = "root")]
    commit: Option<Id>,
    /// The id of the root directory that the proof must be of
    #[arg(long, value_name = "ID")]
    root: Option<Id>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.action {
        Action::Make(args) => make(args, context),
        Action::Check(args) => check(args, context),
    }
}

fn make(args: &Make, context: &mut Context) -> Outcome {
    let commit = context.must_commit(&args.read)?;
    let proof = Proof::of_paths(&commit, &args.paths, args.with_values)?;
    let bytes = proof.encode();
    let is_stdout = args.file.as_os_str() == "-";
    match is_stdout {
        true => context.ui.bytes(&bytes)?,
        false => fs::write(&args.file, &bytes)
            .map_err(|error| Failure::file("write", &args.file, &error))?,
    }
    if context.ui.is_json() && !is_stdout {
        context.ui.json(&json!({
            "commit": commit.id().to_string(),
            "objects": proof.objects(),
            "bytes": bytes.len(),
        }))?;
        return Ok(Verdict::Done);
    }
    let objects = count(proof.objects() as u64, "object", "objects");
    let bytes = bytes.len();
    context.ui.say(format!(
        "wrote {bytes} bytes with {objects}, a proof of commit {}",
        commit.id()
    ));
    Ok(Verdict::Done)
}

fn check(args: &Check, context: &mut Context) -> Outcome {
    let bytes = Bytes::from(read_all(Some(&args.file))?);
    match accept(args, &bytes) {
        Ok((proof, claims)) => {
            tell(args, context, &proof, &claims)?;
            Ok(Verdict::Done)
        }
        Err(Error::Proof(error)) => refuse(context, &error),
        // Objects that lead to each other, but not as a tree does.
        Err(error @ Error::Decode { .. }) => refuse(context, &error),
        Err(error) => Err(error.into()),
    }
}

fn refuse(context: &mut Context, error: &dyn std::error::Error) -> Outcome {
    context.ui.say(format!("refused: {error}"));
    Ok(Verdict::No)
}

fn accept(args: &Check, bytes: &Bytes) -> Result<(Proof, Vec<Claim>), Error> {
    let proof = Proof::decode(bytes)?;
    for (wanted, found) in [(args.commit, proof.root()), (args.root, proof.tree_id())] {
        if let Some(expected) = wanted
            && expected != found
        {
            return Err(ProofError::WrongRoot { expected, found }.into());
        }
    }
    let claims = proof.claims()?;
    Ok((proof, claims))
}

fn tell(
    args: &Check,
    context: &mut Context,
    proof: &Proof,
    claims: &[Claim],
) -> Result<(), Failure> {
    let of = match proof.commit() {
        Some(_) => "commit",
        None => "directory",
    };
    for claim in claims {
        if context.ui.is_json() {
            let mut object = path_json(&claim.path);
            object.insert(of.into(), proof.root().to_string().into());
            put_claim(&mut object, &claim.found);
            context.ui.json(&object.into())?;
        } else {
            line(context, claim)?;
        }
    }
    let root = proof.root();
    if args.commit.is_some() || args.root.is_some() {
        context.ui.say(format!("proved of {of} {root}"));
    } else {
        context.ui.say(format!(
            "proved of {of} {root}, if that is the one you mean"
        ));
        let hint = "get its id from somebody you trust, and give it with --commit or --root";
        context.ui.hints(&[hint.to_owned()]);
    }
    Ok(())
}

fn put_claim(object: &mut Map<String, Value>, found: &Found) {
    match found {
        Found::Tree { id } => {
            object.insert("kind".into(), kind_word(EntryKind::Tree).into());
            object.insert("id".into(), id.to_string().into());
        }
        Found::Blob {
            mode,
            size,
            id,
            bytes,
        } => {
            object.insert("kind".into(), kind_word(EntryKind::Blob(*mode)).into());
            object.insert("id".into(), id.to_string().into());
            object.insert("size".into(), (*size).into());
            if let Some(bytes) = bytes {
                put_bytes(object, "value", bytes);
            }
        }
        _ => {
            object.insert("kind".into(), "absent".into());
        }
    }
}

fn line(context: &mut Context, claim: &Claim) -> Result<(), Failure> {
    let ui = &mut context.ui;
    let path = show_path(&claim.path);
    match &claim.found {
        Found::Absent => {
            let absent = ui.paint(Style::Removed, "absent");
            ui.line(format!("{absent}  {path}"))
        }
        Found::Tree { id } => {
            let id = ui.paint(Style::Id, id);
            ui.line(format!("tree  {path}  {id}"))
        }
        Found::Blob {
            size, id, bytes, ..
        } => {
            let id = ui.paint(Style::Id, id);
            ui.line(format!("value  {path}  {id}  {size} bytes"))?;
            match bytes {
                Some(bytes) if bytes.len() <= SHOWN_BYTES_MAX => {
                    ui.line(format!("    {}", quote(bytes)))
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
