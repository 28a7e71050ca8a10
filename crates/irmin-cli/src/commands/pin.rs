//! `irmin pin`.

use irminsule::Repo;

use super::names::Fixed;
use crate::context::Context;
use crate::failure::Outcome;

/// List the pins, or make or delete one
///
/// A pin keeps a commit with its contents from 'irmin gc', and its history as far as no rule of
/// 'gc --keep' lets go of it; as a tag does, but it is never sent to other repositories. Where a
/// revision is asked for, it is pins/NAME.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The pin to make
    name: Option<String>,
    /// The commit to keep [default: the head of --branch]
    #[arg(value_name = "REV")]
    revision: Option<String>,
    /// Delete this pin
    #[arg(short, long, value_name = "NAME", conflicts_with = "name")]
    delete: Option<String>,
    /// List the pins
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
        (Some(name), _) => PINS.delete(context, name),
        (None, Some(name)) => PINS.make(context, name, args.revision.as_deref().unwrap_or("@")),
        (None, None) => PINS.list(context),
    }
}

const PINS: Fixed = Fixed {
    noun: "pin",
    why_taken: "",
    all: Repo::pins,
    make: Repo::pin,
    remove: Repo::remove_pin,
};
