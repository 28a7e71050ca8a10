//! `irmin verify`.

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Check every byte of the repository
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, _: &mut Context) -> Outcome {
    Err(Failure::new("'irmin verify' is not there yet"))
}
