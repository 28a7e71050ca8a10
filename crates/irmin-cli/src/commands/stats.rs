//! `irmin stats`.

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Tell how large the repository is
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, _: &mut Context) -> Outcome {
    Err(Failure::new("'irmin stats' is not there yet"))
}
