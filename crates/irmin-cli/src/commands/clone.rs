//! `irmin clone`.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::sync::Arc;

use irminsule::sync::{CopyOptions, FetchOptions};
use irminsule::{CloneError, CloneOptions, Engine, Error, OpenError, StoreError, Url, clone};
use serde_json::json;

use super::init;
use crate::context::{Context, place};
use crate::failure::{Failure, Outcome, Verdict};
use crate::paint::Style;
use crate::transfer;

/// Make a repository from another one
///
/// Brings all branches and tags; of the branches, --branch (or main) becomes one here, the others are
/// remembered as origin/NAME. A clone that was interrupted goes on when the same command is run again.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to clone: a directory, or a URL such as pack:DIR or bundle:FILE
    #[arg(value_name = "URL|DIR")]
    source: OsString,
    /// Where: the repository goes to DIR/.irmin [default: the last part of the source]
    #[arg(value_name = "DIR|URL")]
    place: Option<OsString>,
    /// Only the newest N commits of each branch, with their contents
    #[arg(long, value_name = "N")]
    depth: Option<NonZeroU32>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let source = transfer::resolve(&args.source)?;
    let target = match &args.place {
        Some(text) => init::place_of(text)?,
        None => Url::Pack(
            [transfer::stem(&source).as_str(), place::DIRECTORY]
                .iter()
                .collect(),
        ),
    };
    let options = CloneOptions {
        branch: context.named_branch()?,
        fetch: FetchOptions {
            copy: CopyOptions { depth: args.depth },
            ..FetchOptions::default()
        },
    };
    let engine = open(&source)?;
    let progress = context.ui.progress("cloning", None);
    let (url, env) = (source.to_string(), Context::env()?);
    let cloned = clone(
        engine.as_ref(),
        &url,
        &target,
        env,
        &options,
        &mut transfer::watch(progress),
    );
    let cloned = cloned.map_err(|error| match error {
        CloneError::Transfer(Error::NoBranch { name }) => transfer::no_branch(&url, &name),
        CloneError::Open(OpenError::Store(error @ StoreError::AlreadyExists { .. })) => {
            Failure::new(error.to_string())
                .hint("choose another directory, or bring it up to date with 'irmin fetch' there")
        }
        error => error.into(),
    })?;
    let branch = cloned.branch.as_ref().map(ToString::to_string);
    if context.ui.is_json() {
        context.ui.json(&json!({
            "url": target.to_string(),
            "branch": branch,
            "commits": cloned.fetched.copied.commits,
            "objects": cloned.fetched.copied.objects,
            "bytes": cloned.fetched.copied.bytes,
        }))?;
        return Ok(Verdict::Done);
    }
    if cloned.is_resumed {
        context.ui.say("went on with an interrupted clone");
    }
    transfer::tell_copied(context, "got", cloned.fetched.copied, false)?;
    let at = match branch {
        Some(branch) => format!(", on {}", context.ui.paint_talk(Style::Name, branch)),
        None => ", which is empty".to_owned(),
    };
    context.ui.say(format!("made a clone at {target}{at}"));
    Ok(Verdict::Done)
}

/// Opens what is cloned.
fn open(source: &Url) -> Result<Arc<dyn Engine>, Failure> {
    if let Url::Pack(dir) = source
        && !place::is_store(dir)
    {
        return Err(
            Failure::new(format!("there is no repository at '{}'", dir.display()))
                .hint("check the spelling; the name is taken from here"),
        );
    }
    transfer::open_source(source)
}
