//! `irmin-bench`: workloads W1 to W7, W9 and more, for Irminsule and its peers in one run.
//!
//! The parent process plans, starts one process for each measurement (so that the memory that is
//! reported is that measurement's own), and makes a table and a JSON file of the results. A child
//! process measures one workload on one peer and prints what it measured.

mod args;
mod base;
mod child;
mod data;
mod large;
mod latency;
mod measure;
mod parts;
mod peers;
mod plan;
mod report;
mod sizes;
mod workloads;

use std::io::{self, Write as _};
use std::process::ExitCode;

use args::{Args, Task};

/// Anything that ends a measurement.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What can fail in a bench.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

fn main() -> ExitCode {
    match Args::parse(std::env::args().skip(1)).and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_listens = writeln!(io::stderr(), "irmin-bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<()> {
    match &args.task {
        Task::Help => Ok(io::stdout().write_all(args::HELP.as_bytes())?),
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
