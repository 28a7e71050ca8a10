//! `irmin bundle`.

use std::path::{Path, PathBuf};

use irminsule::sync::{BundleOptions, FetchOptions};
use irminsule::{Engine, Id, RefName, RefStore, Url, write_bundle};
use serde_json::json;

use super::fetch::fetch_with;
use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::paint::Style;
use crate::size::count;
use crate::transfer::{self, Remote};

/// Put branches into one file, or take them out of it
///
/// A bundle carries what a push would send, where there is no connection. It can also be fetched from
/// and looked at in place, as --repo bundle:FILE.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Write branches and tags to a file, with all that they lead to
    Create(Create),
    /// Fetch all from a file; its branches are remembered as NAME/BRANCH, NAME being the file's
    Apply {
        /// The file
        file: PathBuf,
    },
    /// List what is in a file, after checking every byte of it
    List {
        /// The file
        file: PathBuf,
    },
}

#[derive(clap::Args)]
struct Create {
    /// The file
    file: PathBuf,
    /// Branches and tags [default: that of --branch]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Leave out what this commit leads to: who gets the bundle has that; may be repeated
    #[arg(long, value_name = "REV", allow_hyphen_values = true)]
    since: Vec<String>,
    /// All branches and tags
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

impl Args {
    pub(super) fn only_reads(&self) -> bool {
        matches!(self.action, Action::Create(_))
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.action {
        Action::Create(args) => create(args, context),
        Action::Apply { file } => apply(file, context),
        Action::List { file } => list(file, context),
    }
}

fn create(args: &Create, context: &mut Context) -> Outcome {
    let repo = context.repo()?;
    let mut refs = Vec::new();
    if args.all {
        refs.extend(
            repo.branches()?
                .into_iter()
                .map(|(name, id)| (name.full(), id)),
        );
        for (tag, id) in repo.tags()? {
            refs.push((RefName::tag(&tag)?, id));
        }
    }
    for name in &args.names {
        refs.push(named(context, name)?);
    }
    if refs.is_empty() {
        let branch = context.branch_name()?;
        refs.push(named(context, branch.as_str())?);
    }
    let mut prerequisites = Vec::new();
    for revision in &args.since {
        prerequisites.push(context.resolve(revision)?.id());
    }
    let options = BundleOptions {
        prerequisites,
        ..BundleOptions::new(refs)
    };
    write(context, &options, &args.file)
}

/// Writes a bundle and tells what is in it.
pub(super) fn write(context: &mut Context, options: &BundleOptions, file: &Path) -> Outcome {
    let repo = context.repo()?;
    let progress = context.ui.progress("writing", None);
    let written = write_bundle(&repo, options, file, &mut transfer::watch(progress));
    let written = written?;
    let is_empty = written.objects == 0 && !context.ui.is_json();
    transfer::tell_copied(context, "wrote", written, is_empty)?;
    if is_empty {
        context
            .ui
            .say("wrote names only: all that they lead to was left out");
    }
    Ok(Verdict::Done)
}

/// Finds the branch or the tag of a name.
pub(super) fn named(context: &mut Context, name: &str) -> Result<(RefName, Id), Failure> {
    let repo = context.repo()?;
    for namespace in ["heads", "tags"] {
        let Ok(full) = RefName::new(format!("{namespace}/{name}")) else {
            continue;
        };
        if let Some(id) = repo.engine().get_ref(full.as_str())? {
            return Ok((full, id));
        }
    }
    Err(Failure::new(format!("there is no branch or tag '{name}'"))
        .hint("a bundle holds names; 'irmin snapshot create FILE REV' writes any one commit"))
}

fn apply(file: &Path, context: &mut Context) -> Outcome {
    let url = Url::Bundle(file.into());
    let name = transfer::stem(&url);
    let remote = Remote { name, url };
    let fetched = fetch_with(context, &remote, &FetchOptions::default())?;
    transfer::tell_fetched(context, &fetched)?;
    if let (Some((branch, _)), false) = (fetched.branches.first(), context.ui.is_json()) {
        let name = &remote.name;
        context.ui.hints(&[format!(
            "'irmin merge {name}/{branch}' brings it into a branch"
        )]);
    }
    Ok(Verdict::Done)
}

fn list(file: &Path, context: &mut Context) -> Outcome {
    let bundle = transfer::open_bundle(file)?;
    let refs = bundle.list_refs("")?;
    for (name, id) in refs {
        if context.ui.is_json() {
            let id = id.to_string();
            context.ui.json(&json!({"name": name, "commit": id}))?;
        } else {
            let name = context.ui.paint(Style::Name, name);
            let id = context.ui.paint(Style::Id, id.short());
            context.ui.line(format!("{id}  {name}"))?;
        }
    }
    for id in bundle.prerequisites() {
        if context.ui.is_json() {
            let id = id.to_string();
            context.ui.json(&json!({"prerequisite": id}))?;
        } else {
            let id = context.ui.paint(Style::Id, id.short());
            context.ui.line(format!("{id}  (must be there already)"))?;
        }
    }
    if !context.ui.is_json() {
        let objects = u64::try_from(bundle.len()).unwrap_or(u64::MAX);
        let objects = count(objects, "object", "objects");
        context.ui.say(format!("{objects}, all as written"));
    }
    Ok(Verdict::Done)
}
