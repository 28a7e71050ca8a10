//! The commands, one file each.

mod admin;
mod batch;
mod blame;
mod branch;
mod bundle;
mod clone;
mod completions;
mod counter;
mod diff;
mod dot;
mod dump;
mod export;
mod fetch;
mod gc;
mod get;
mod import;
mod init;
mod load;
mod log;
mod ls;
mod man;
mod merge;
mod names;
mod pin;
mod proof;
mod pull;
mod push;
mod register;
mod remote;
mod reset;
mod revert;
mod rm;
mod rules;
mod salvage;
mod serve;
mod set;
mod show;
mod snapshot;
mod stats;
mod tag;
mod token;
mod tour;
mod tree;
mod verify;
mod watch;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

/// What the program can do, in the order of the help.
#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
    Init(init::Args),
    Tour(tour::Args),
    Get(get::Args),
    Set(set::Args),
    Rm(rm::Args),
    Ls(ls::Args),
    Tree(tree::Args),
    Load(load::Args),
    Dump(dump::Args),
    Import(import::Args),
    Export(export::Args),
    Batch(batch::Args),
    Log(log::Args),
    Show(show::Args),
    Diff(diff::Args),
    Blame(blame::Args),
    Watch(watch::Args),
    Proof(proof::Args),
    Branch(branch::Args),
    Tag(tag::Args),
    Merge(merge::Args),
    Reset(reset::Args),
    Revert(revert::Args),
    Rules(rules::Args),
    Clone(clone::Args),
    Fetch(fetch::Args),
    Pull(pull::Args),
    Push(push::Args),
    Remote(remote::Args),
    Bundle(bundle::Args),
    Snapshot(snapshot::Args),
    Counter(counter::Args),
    Register(register::Args),
    Token(token::Args),
    Admin(admin::Args),
    Gc(gc::Args),
    Pin(pin::Args),
    Verify(verify::Args),
    Salvage(salvage::Args),
    Stats(stats::Args),
    Dot(dot::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Tells whether the command only reads: then it works beside one that writes, and without leave
    /// to write.
    pub(crate) fn only_reads(&self) -> bool {
        match self {
            Self::Get(_)
            | Self::Ls(_)
            | Self::Tree(_)
            | Self::Dump(_)
            | Self::Export(_)
            | Self::Log(_)
            | Self::Show(_)
            | Self::Diff(_)
            | Self::Blame(_)
            | Self::Watch(_)
            | Self::Proof(_)
            | Self::Dot(_) => true,
            Self::Stats(args) => args.only_reads(),
            Self::Branch(args) => args.only_reads(),
            Self::Tag(args) => args.only_reads(),
            Self::Pin(args) => args.only_reads(),
            Self::Rules(args) => args.only_reads(),
            Self::Counter(args) => args.only_reads(),
            Self::Register(args) => args.only_reads(),
            Self::Remote(args) => args.only_reads(),
            Self::Bundle(args) => args.only_reads(),
            Self::Snapshot(args) => args.only_reads(),
            _ => false,
        }
    }
}

/// Runs a command.
pub(crate) fn run(command: &Command, context: &mut Context) -> Outcome {
    match command {
        Command::Serve(args) => serve::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::Tour(args) => tour::run(args, context),
        Command::Get(args) => get::run(args, context),
        Command::Set(args) => set::run(args, context),
        Command::Rm(args) => rm::run(args, context),
        Command::Ls(args) => ls::run(args, context),
        Command::Tree(args) => tree::run(args, context),
        Command::Load(args) => load::run(args, context),
        Command::Dump(args) => dump::run(args, context),
        Command::Import(args) => import::run(args, context),
        Command::Export(args) => export::run(args, context),
        Command::Batch(args) => batch::run(args, context),
        Command::Log(args) => log::run(args, context),
        Command::Show(args) => show::run(args, context),
        Command::Diff(args) => diff::run(args, context),
        Command::Blame(args) => blame::run(args, context),
        Command::Watch(args) => watch::run(args, context),
        Command::Proof(args) => proof::run(args, context),
        Command::Branch(args) => branch::run(args, context),
        Command::Tag(args) => tag::run(args, context),
        Command::Merge(args) => merge::run(args, context),
        Command::Reset(args) => reset::run(args, context),
        Command::Revert(args) => revert::run(args, context),
        Command::Rules(args) => rules::run(args, context),
        Command::Clone(args) => clone::run(args, context),
        Command::Fetch(args) => fetch::run(args, context),
        Command::Pull(args) => pull::run(args, context),
        Command::Push(args) => push::run(args, context),
        Command::Remote(args) => remote::run(args, context),
        Command::Bundle(args) => bundle::run(args, context),
        Command::Snapshot(args) => snapshot::run(args, context),
        Command::Counter(args) => counter::run(args, context),
        Command::Register(args) => register::run(args, context),
        Command::Token(args) => token::run(args, context),
        Command::Admin(args) => admin::run(args, context),
        Command::Gc(args) => gc::run(args, context),
        Command::Pin(args) => pin::run(args, context),
        Command::Verify(args) => verify::run(args, context),
        Command::Salvage(args) => salvage::run(args, context),
        Command::Stats(args) => stats::run(args, context),
        Command::Dot(args) => dot::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Man(args) => man::run(args, context),
    }
}
