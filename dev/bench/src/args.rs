//! The command line.

use std::path::PathBuf;

use crate::base::Base;
use crate::parts::Part;
use crate::peers::Peer;
use crate::sizes::Sizes;
use crate::workloads::Workload;
use crate::{Failure, Result, programs, syncs};

pub(crate) const HELP: &str = "\
Usage: irmin-bench [--quick] [--only W1,W3] [--peers pack,redb] [--runs N] [--json FILE] [--dir DIR]
                   [--with DIR] [--plots DIR] [--targets] [--syncs]

Runs the workloads W1 to W9 and Wb to Wr for each peer, each measurement in a process of its own, peers
taking turns, and prints medians [min..max].

  --quick        small sizes, one run: a few seconds in all
  --only LIST    only these workloads
  --with DIR     the peers whose programs, peer-NAME, are in DIR, too
  --peers LIST   only these peers: memory, pack, redb, git, and those of the programs
  --runs N       how often each is measured (default 3; git's slow workloads once)
  --targets      print, too, what pack is to reach and whether it does
  --plots DIR    write a plot for each workload, an SVG file, into DIR
  --syncs        run each peer that does not count its syncs once more, under strace
  --json FILE    write all that was measured to FILE
  --dir DIR      where the stores are made (default: a directory in the system's temporary one)
";

/// What the process was asked to do.
pub(crate) struct Args {
    pub(crate) task: Task,
    pub(crate) quick: bool,
    pub(crate) only: Vec<Workload>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) runs: usize,
    pub(crate) json: Option<PathBuf>,
    pub(crate) plots: Option<PathBuf>,
    pub(crate) targets: bool,
    pub(crate) counts_syncs: bool,
    pub(crate) dir: PathBuf,
}

/// What this process is for.
pub(crate) enum Task {
    /// Print how to use the program.
    Help,
    /// Tell which peers the program has.
    Describe,
    /// Run all that was asked for, in child processes.
    Plan,
    /// Make a store that measurements start from.
    Prepare {
        base: Base,
        peer: Peer,
        store: PathBuf,
    },
    /// Measure one workload on one peer.
    Measure {
        workload: Workload,
        peer: Peer,
        store: PathBuf,
    },
    /// Do a part of a workload that needs a process of its own.
    Part {
        part: Part,
        peer: Peer,
        store: PathBuf,
    },
}

impl Args {
    /// Parses the words after the program's name; `own` are the peers of this program.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>, own: &[Peer]) -> Result<Self> {
        let mut chosen = None;
        let mut programs = Vec::new();
        let mut args = Self {
            task: Task::Plan,
            quick: false,
            only: Workload::ALL.to_vec(),
            peers: own.to_vec(),
            runs: 0,
            json: None,
            plots: None,
            targets: false,
            counts_syncs: false,
            dir: std::env::temp_dir().join("irmin-bench"),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => args.task = Task::Help,
                "--quick" => args.quick = true,
                "--only" => args.only = list(&value()?)?,
                "--peers" => chosen = Some(value()?),
                "--with" => programs.push(PathBuf::from(value()?)),
                "--describe" => args.task = Task::Describe,
                "--runs" => args.runs = value()?.parse()?,
                "--json" => args.json = Some(value()?.into()),
                "--plots" => args.plots = Some(value()?.into()),
                "--targets" => args.targets = true,
                "--syncs" => args.counts_syncs = true,
                "--dir" => args.dir = value()?.into(),
                "--prepare" => {
                    args.task = Task::Prepare {
                        base: value()?.parse()?,
                        peer: Peer::named(own, &value()?)?,
                        store: value()?.into(),
                    }
                }
                "--measure" => {
                    args.task = Task::Measure {
                        workload: value()?.parse()?,
                        peer: Peer::named(own, &value()?)?,
                        store: value()?.into(),
                    }
                }
                "--part" => {
                    args.task = Task::Part {
                        part: value()?.parse()?,
                        peer: Peer::named(own, &value()?)?,
                        store: value()?.into(),
                    }
                }
                _ => return Err(format!("unknown option '{word}'; see --help").into()),
            }
        }
        for dir in programs {
            args.peers.extend(programs::find(&dir)?);
        }
        if let Some(names) = chosen {
            let named = names.split(',').map(|name| Peer::named(&args.peers, name));
            args.peers = named.collect::<Result<_>>()?;
        }
        if args.counts_syncs && !syncs::can_count() {
            return Err("--syncs needs the program strace, and leave to trace".into());
        }
        if args.runs == 0 {
            args.runs = if args.quick { 1 } else { 3 };
        }
        Ok(args)
    }

    pub(crate) const fn sizes(&self) -> Sizes {
        if self.quick {
            Sizes::QUICK
        } else {
            Sizes::FULL
        }
    }
}

fn list<T: std::str::FromStr<Err = Failure>>(text: &str) -> Result<Vec<T>> {
    text.split(',').map(str::parse).collect()
}
