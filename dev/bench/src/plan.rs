//! The parent process: who is measured when, each measurement in a process of its own.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::args::Args;
use crate::base::Base;
use crate::measure::Phase;
use crate::peers::Peer;
use crate::report::{self, Results};
use crate::workloads::Workload;
use crate::{Result, child, syncs};

/// Runs all that was asked for; peers take turns within a workload.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut bench = Bench {
        dir: args.dir.join(std::process::id().to_string()),
        quick: args.quick,
        prepared: HashSet::new(),
    };
    fs::create_dir_all(&bench.dir)?;
    let outcome = bench.measure_all(args);
    fs::remove_dir_all(&bench.dir)?;
    report::write(&outcome?, args)
}

struct Bench {
    dir: PathBuf,
    quick: bool,
    /// The directories of the bases that were made.
    prepared: HashSet<PathBuf>,
}

impl Bench {
    fn measure_all(&mut self, args: &Args) -> Result<Results> {
        let mut results = Results::default();
        for &workload in &args.only {
            for run in 0..args.runs {
                for &peer in args.peers.iter().filter(|&&peer| workload.suits(peer)) {
                    let is_enough = run > 0 && workload.is_slow_for(peer);
                    if !is_enough {
                        let phases = self.measure(workload, peer).map_err(|error| {
                            format!("{} on {}: {error}", workload.name(), peer.name())
                        })?;
                        results.add(peer, phases);
                    }
                }
            }
            self.count_syncs(workload, args, &mut results)?;
        }
        Ok(results)
    }

    /// Runs once more, with a trace, the peers that do not count their syncs themselves.
    fn count_syncs(
        &mut self,
        workload: Workload,
        args: &Args,
        results: &mut Results,
    ) -> Result<()> {
        if !args.counts_syncs || !workload.writes() {
            return Ok(());
        }
        let suiting = args.peers.iter().filter(|&&peer| workload.suits(peer));
        for &peer in suiting.filter(|peer| !peer.counts_syncs()) {
            if !workload.is_slow_for(peer) {
                let store = self.store(workload, peer)?;
                let words = ["--measure", workload.name(), peer.name()];
                let trace = self.dir.join("trace");
                child::trace(&program(peer)?, &words, &store, self.quick, &trace)?;
                results.add_syncs(peer, &syncs::count(&trace)?);
                remove(&store)?;
            }
        }
        Ok(())
    }

    fn measure(&mut self, workload: Workload, peer: Peer) -> Result<Vec<Phase>> {
        let store = self.store(workload, peer)?;
        let words = ["--measure", workload.name(), peer.name()];
        let output = self.child(peer, &words, &store)?;
        remove(&store)?;
        Ok(serde_json::from_slice(&output)?)
    }

    /// Returns a directory with a copy of the base, if the workload starts from one.
    fn store(&mut self, workload: Workload, peer: Peer) -> Result<PathBuf> {
        let store = self.dir.join("store");
        if let Some(base) = workload.base()
            && peer.has_files()
        {
            copy(&self.base(base, peer)?, &store)?;
        }
        Ok(store)
    }

    /// Returns the directory of a base, made if this is the first time.
    fn base(&mut self, base: Base, peer: Peer) -> Result<PathBuf> {
        let dir = self.dir.join(format!("{}-{}", peer.name(), base.name()));
        if !self.prepared.contains(&dir) {
            if let Some(parent) = base.parent() {
                copy(&self.base(parent, peer)?, &dir)?;
            }
            self.child(peer, &["--prepare", base.name(), peer.name()], &dir)?;
            self.prepared.insert(dir.clone());
        }
        Ok(dir)
    }

    fn child(&self, peer: Peer, words: &[&str], store: &Path) -> Result<Vec<u8>> {
        child::output(&program(peer)?, words, store, self.quick)
    }
}

/// Returns the program that has a peer.
fn program(peer: Peer) -> Result<PathBuf> {
    match peer.program() {
        Some(program) => Ok(program.to_owned()),
        None => Ok(std::env::current_exe()?),
    }
}

fn remove(store: &Path) -> Result<()> {
    match store.exists() {
        true => Ok(fs::remove_dir_all(store)?),
        false => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-r").args([from, to]).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("cannot copy {}", from.display()).into()),
    }
}
