//! `irmin dot`.

use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Draw the history as a Graphviz graph
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, _: &mut Context) -> Outcome {
    Err(Failure::new("'irmin dot' is not there yet"))
}
