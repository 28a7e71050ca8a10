//! `irmin export`.

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Write values to files of a directory
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, _: &mut Context) -> Outcome {
    Err(Failure::new("'irmin export' is not there yet"))
}
