//! `irmin completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::failure::{Outcome, Verdict};

/// Print the completions of a shell
///
/// For bash, put 'source <(irmin completions bash)' into ~/.bashrc.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "irmin", &mut script);
    context.ui.bytes(&script)?;
    Ok(Verdict::Done)
}
