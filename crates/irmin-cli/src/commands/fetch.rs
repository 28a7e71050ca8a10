//! `irmin fetch`.

use std::ffi::OsString;
use std::num::NonZeroU32;

use irminsule::sync::{CopyOptions, FetchOptions, Fetched};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::transfer::{self, Remote};

/// Bring what another repository has; no branch here moves
///
/// Its branches are remembered as REMOTE/NAME, ready for 'irmin merge'. A place that is no remote is
/// called by the last part of its path.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A remote, a directory, or a URL such as bundle:FILE [default: origin]
    #[arg(value_name = "REMOTE|URL")]
    remote: Option<OsString>,
    #[command(flatten)]
    what: What,
}

/// Flags of what to fetch.
#[derive(clap::Args)]
pub(super) struct What {
    /// Remove what is remembered of branches that the remote no longer has
    #[arg(long)]
    prune: bool,
    /// Leave tags where they are
    #[arg(long)]
    no_tags: bool,
    /// Only the newest N commits of each branch, with their contents
    #[arg(long, value_name = "N")]
    depth: Option<NonZeroU32>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let remote = transfer::find(context, args.remote.as_deref())?;
    let fetched = fetch(context, &remote, &args.what)?;
    transfer::tell_fetched(context, &fetched)?;
    Ok(Verdict::Done)
}

/// Fetches from a remote.
pub(super) fn fetch(
    context: &mut Context,
    remote: &Remote,
    what: &What,
) -> Result<Fetched, Failure> {
    let options = FetchOptions {
        prune: what.prune,
        no_tags: what.no_tags,
        copy: CopyOptions { depth: what.depth },
        ..FetchOptions::default()
    };
    fetch_with(context, remote, &options)
}

/// Fetches from a remote, with all options.
pub(super) fn fetch_with(
    context: &mut Context,
    remote: &Remote,
    options: &FetchOptions,
) -> Result<Fetched, Failure> {
    let source = transfer::open_source(&remote.url)?;
    let repo = context.repo()?;
    let progress = context.ui.progress("fetching", None);
    Ok(repo.fetch(
        source.as_ref(),
        &remote.name,
        options,
        &mut transfer::watch(progress),
    )?)
}
