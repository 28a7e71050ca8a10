//! `irmin import`.

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Commit the files of a directory
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, _: &mut Context) -> Outcome {
    Err(Failure::new("'irmin import' is not there yet"))
}
