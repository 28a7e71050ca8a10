//! The commands, one file each.

mod dot;
mod export;
mod get;
mod import;
mod init;
mod log;
mod ls;
mod set;
mod stats;
mod tour;
mod verify;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

/// What the program can do, in the order of the help.
#[derive(Subcommand)]
pub(crate) enum Command {
    Init(init::Args),
    Tour(tour::Args),
    Get(get::Args),
    Set(set::Args),
    Ls(ls::Args),
    Import(import::Args),
    Export(export::Args),
    Log(log::Args),
    Verify(verify::Args),
    Stats(stats::Args),
    Dot(dot::Args),
}

/// Runs a command.
pub(crate) fn run(command: &Command, context: &mut Context) -> Outcome {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Tour(args) => tour::run(args, context),
        Command::Get(args) => get::run(args, context),
        Command::Set(args) => set::run(args, context),
        Command::Ls(args) => ls::run(args, context),
        Command::Import(args) => import::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Log(args) => log::run(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Stats(args) => stats::run(args, context),
        Command::Dot(args) => dot::run(args, context),
    }
}
