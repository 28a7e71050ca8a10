//! `irmin-bench`: workloads W1 to W9 and more, for Irminsule and its peers in one run.
//!
//! The parent process plans, starts one process for each measurement (so that the memory that is
//! reported is that measurement's own), and makes a table and a JSON file of the results. A child
//! process measures one workload on one peer and prints what it measured.
//!
//! Peers that take long to compile are programs of their own, in the workspace `peers`: each
//! implements [`Store`] and calls [`serve`].

mod args;
mod base;
mod child;
pub mod data;
mod large;
mod latency;
mod measure;
mod parts;
mod peers;
mod plan;
mod programs;
mod report;
mod sizes;
mod slow_disk;
mod syncs;
mod workloads;

use std::io::{self, Write as _};
use std::process::ExitCode;

use args::{Args, Task};

pub use data::Set;
pub use large::{LargeValue, Source};
pub use measure::{Counters, bytes_passed_to_writes};
pub use peers::{Abilities, Committer, Peer, Reader, Store};

/// Anything that ends a measurement.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What can fail in a bench.
pub type Result<T> = std::result::Result<T, Failure>;

/// Does what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    serve(peers::OWN)
}

/// Does what the command line asks for, with these peers in the program: the whole of a program
/// that exists for a peer.
#[must_use]
pub fn serve(peers: &[Peer]) -> ExitCode {
    match Args::parse(std::env::args().skip(1), peers).and_then(|args| run(&args, peers)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_listens = writeln!(io::stderr(), "irmin-bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args, peers: &[Peer]) -> Result<()> {
    match &args.task {
        Task::Help => Ok(io::stdout().write_all(args::HELP.as_bytes())?),
        Task::Describe => Ok(io::stdout().write_all(programs::describe(peers)?.as_bytes())?),
        Task::Plan => plan::run(args),
        Task::Prepare { base, peer, store } => base.prepare(*peer, store, &args.sizes()),
        Task::Measure {
            workload,
            peer,
            store,
        } => {
            let phases = workload.run(*peer, store, &args.sizes())?;
            Ok(serde_json::to_writer(io::stdout(), &phases)?)
        }
        Task::Part { part, peer, store } => part.run(*peer, store, &args.sizes()),
    }
}
