//! `irmin tag`.

use irminsule::Repo;

use super::names::Fixed;
use crate::context::Context;
use crate::failure::Outcome;

/// List the tags, or make or delete one
///
/// A tag is a name of a commit that does not move.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The tag to make
    name: Option<String>,
    /// The commit [default: the head of --branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Delete this tag; the commit stays
    #[arg(short, long, value_name = "NAME", conflicts_with = "name")]
    delete: Option<String>,
    /// List the tags
    #[arg(short, long, conflicts_with_all = ["name", "delete"])]
    list: bool,
}

impl Args {
    /// Tells whether this asks for the list.
    pub(super) fn only_reads(&self) -> bool {
        self.name.is_none() && self.delete.is_none()
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match (&args.delete, &args.name) {
        (Some(name), _) => TAGS.delete(context, name),
        (None, Some(name)) => TAGS.make(context, name, args.revision.as_deref().unwrap_or("@")),
        (None, None) => TAGS.list(context),
    }
}

const TAGS: Fixed = Fixed {
    noun: "tag",
    why_taken: "tags do not move; ",
    all: Repo::tags,
    make: Repo::tag,
    remove: Repo::remove_tag,
};
