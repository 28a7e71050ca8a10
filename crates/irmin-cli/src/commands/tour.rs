//! `irmin tour`.

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Show on real data what the program can do
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, _: &mut Context) -> Outcome {
    Err(Failure::new("'irmin tour' is not there yet"))
}
