//! `irmin push`.

use std::ffi::OsString;

use irminsule::sync::{PushMode, PushOutcome, PushRef, Refusal};
use irminsule::{BranchName, Engine, Error, Id, RefName};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::transfer::{self, Remote};

/// Send branches to another repository
///
/// A branch there moves forward only: what would be lost by it has to be merged first. All names
/// move, or none. Exits with 1 if the remote has commits that are in the way.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A remote, a directory, or a URL such as pack:DIR [default: origin]
    #[arg(value_name = "REMOTE|URL")]
    remote: Option<OsString>,
    /// The branches; HERE:THERE for one that has another name there [default: that of --branch]
    #[arg(value_name = "BRANCH")]
    branches: Vec<String>,
    /// All branches
    #[arg(long, conflicts_with = "branches")]
    all: bool,
    /// All tags, too; those that the remote has stay where they are
    #[arg(long)]
    tags: bool,
    /// Move branches there in any direction, if they are still where they were seen by the last
    /// fetch, or at REV
    #[arg(long, value_name = "REV", num_args = 0..=1, require_equals = true)]
    force_with_lease: Option<Option<String>>,
    /// Move branches there whatever they point to
    #[arg(long, conflicts_with = "force_with_lease")]
    force: bool,
    /// Remove the branches there
    #[arg(short, long, requires = "branches", conflicts_with_all = ["all", "tags"])]
    delete: bool,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let remote = transfer::find(context, args.remote.as_deref())?;
    if transfer::is_here(context, &remote)? {
        return Err(
            Failure::new(format!("{} is the repository itself", remote.url))
                .hint("'irmin branch NAME REV' makes a branch here, 'irmin reset' moves one"),
        );
    }
    let target = transfer::open_target(&remote.url)?;
    let refs = refs(args, context, &remote, target.as_ref())?;
    if args.delete && has_absent(context, &refs, target.as_ref())? {
        context.ui.say("nothing was pushed");
        return Ok(Verdict::No);
    }
    let repo = context.repo()?;
    let progress = context.ui.progress("pushing", None);
    let outcome = repo.push(
        target.as_ref(),
        Some(&remote.name),
        &refs,
        &mut transfer::watch(progress),
    );
    match outcome? {
        PushOutcome::Pushed { moved, copied } => {
            transfer::tell_moved(context, &moved)?;
            tell_kept_tags(args, context, target.as_ref())?;
            transfer::tell_copied(context, "sent", copied, !moved.is_empty())?;
            Ok(Verdict::Done)
        }
        PushOutcome::Refused(refused) => {
            for (name, refusal) in &refused {
                refuse(context, &remote, name, refusal);
            }
            context.ui.say("nothing was pushed");
            Ok(Verdict::No)
        }
        PushOutcome::Lost { name, .. } => {
            context
                .ui
                .say(format!("somebody else moved {name} there meanwhile"));
            context.ui.hints(&["'irmin pull', then push again".into()]);
            Ok(Verdict::No)
        }
    }
}

/// Returns what shall move there, and on which condition.
fn refs(
    args: &Args,
    context: &mut Context,
    remote: &Remote,
    target: &dyn Engine,
) -> Result<Vec<PushRef>, Failure> {
    let repo = context.repo()?;
    let mut refs = Vec::new();
    let mut pairs = Vec::new();
    for branch in &args.branches {
        let (here, there) = branch.split_once(':').unwrap_or((branch, branch));
        pairs.push((BranchName::new(here)?, BranchName::new(there)?));
    }
    if args.all {
        let all = repo.branches()?.into_iter();
        pairs.extend(all.map(|(name, _)| (name.clone(), name)));
    } else if pairs.is_empty() {
        let name = context.branch_name()?;
        pairs.push((name.clone(), name));
    }
    for (here, there) in pairs {
        let new = match args.delete {
            true => None,
            false => {
                let head = repo.branch(here.as_str())?.head_id()?;
                Some(head.ok_or(Error::NoBranch { name: here })?)
            }
        };
        let mode = mode(args, context, remote, &there)?;
        let name = there.full();
        refs.push(PushRef { name, new, mode });
    }
    if args.tags {
        for (tag, id) in repo.tags()? {
            let name = RefName::tag(&tag)?;
            if target.get_ref(name.as_str())?.is_none() {
                let (new, mode) = (Some(id), PushMode::FastForward);
                refs.push(PushRef { name, new, mode });
            }
        }
    }
    Ok(refs)
}

/// Tells which names that shall be removed are not there.
fn has_absent(
    context: &mut Context,
    refs: &[PushRef],
    target: &dyn Engine,
) -> Result<bool, Failure> {
    let mut found = false;
    for PushRef { name, .. } in refs {
        if target.get_ref(name.as_str())?.is_none() {
            let branch = name.short();
            context
                .ui
                .say(format!("there is no branch '{branch}' there"));
            found = true;
        }
    }
    Ok(found)
}

/// Tells which tags were asked for, and stay there as they are.
fn tell_kept_tags(args: &Args, context: &mut Context, target: &dyn Engine) -> Result<(), Failure> {
    if !args.tags {
        return Ok(());
    }
    for (tag, here) in context.repo()?.tags()? {
        let name = RefName::tag(&tag)?;
        let there = target.get_ref(name.as_str())?;
        if let Some(there) = there.filter(|there| *there != here) {
            let there = there.short();
            context.ui.say(format!(
                "tag '{tag}' is at {there} there; the one there stays"
            ));
        }
    }
    Ok(())
}

fn mode(
    args: &Args,
    context: &mut Context,
    remote: &Remote,
    branch: &BranchName,
) -> Result<PushMode, Failure> {
    Ok(match &args.force_with_lease {
        None if args.force => PushMode::Force,
        None => PushMode::FastForward,
        Some(Some(revision)) => PushMode::ForceWithLease(Some(context.resolve(revision)?.id())),
        Some(None) => {
            let seen = RefName::remote(&remote.name, branch)?;
            PushMode::ForceWithLease(context.repo()?.engine().get_ref(seen.as_str())?)
        }
    })
}

fn refuse(context: &mut Context, remote: &Remote, name: &RefName, refusal: &Refusal) {
    let (said, hint) = match *refusal {
        Refusal::NotFastForward { found, is_here } => {
            let found = found.short();
            let branch = name.short();
            match is_here {
                true => (
                    format!("{name} is at {found} there, which {branch} does not contain"),
                    format!("'irmin merge {}/{branch}', then push again", remote.name),
                ),
                false => (
                    format!("{name} is at {found} there, which is not here"),
                    format!("'irmin pull {}', then push again", remote.name),
                ),
            }
        }
        Refusal::LeaseBroken { found } => {
            let found = found.map_or_else(|| "gone".into(), |id: Id| format!("at {}", id.short()));
            (
                format!("{name} is {found} there, which is not what was seen"),
                format!("'irmin fetch {}' and look at what came", remote.name),
            )
        }
        Refusal::TagExists { found } => (
            format!("{name} is at {} there already", found.short()),
            "tags do not move".to_owned(),
        ),
        _ => (format!("{name} must not move"), String::new()),
    };
    context.ui.say(said);
    context.ui.hints(&[hint]);
}
