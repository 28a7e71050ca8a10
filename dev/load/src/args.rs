//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::Result;
use crate::peers::Kind;

const USAGE: &str = "irmin-load [--only irmin,etcd,redis] [--clients 1,16,64] [--seconds 2] \
[--rounds 3] [--dir DIR]\nirmin-load --crowd [--watchers 1000] [--writers 100] [--changes 20] [--dir DIR]";

/// What is to be done.
pub(crate) struct Args {
    pub(crate) peers: Vec<Kind>,
    pub(crate) clients: Vec<usize>,
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
    /// Where stores are made, on the disk that is to be measured.
    pub(crate) dir: PathBuf,
    pub(crate) is_crowd: bool,
    pub(crate) watchers: usize,
    pub(crate) writers: usize,
    pub(crate) changes: usize,
    /// The program runs itself with this, as a server.
    pub(crate) serve: Option<(PathBuf, u16)>,
}

impl Args {
    pub(crate) fn of_program() -> Result<Self> {
        let mut args = Self {
            peers: vec![Kind::Irmin, Kind::Etcd, Kind::Redis],
            clients: vec![1, 16, 64],
            time: Duration::from_secs(2),
            rounds: 3,
            dir: std::env::temp_dir(),
            is_crowd: false,
            watchers: 1000,
            writers: 100,
            changes: 20,
            serve: None,
        };
        let mut rest = std::env::args().skip(1);
        while let Some(name) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value"));
            match &*name {
                "--only" => {
                    args.peers = value()?
                        .split(',')
                        .map(Kind::named)
                        .collect::<Result<_>>()?
                }
                "--clients" => {
                    let counts = value()?;
                    let counts = counts.split(',').map(str::parse);
                    args.clients = counts.collect::<std::result::Result<_, _>>()?;
                }
                "--seconds" => args.time = Duration::from_secs_f64(value()?.parse()?),
                "--rounds" => args.rounds = value()?.parse()?,
                "--dir" => args.dir = value()?.into(),
                "--crowd" => args.is_crowd = true,
                "--watchers" => args.watchers = value()?.parse()?,
                "--writers" => args.writers = value()?.parse()?,
                "--changes" => args.changes = value()?.parse()?,
                "--serve" => args.serve = Some((value()?.into(), value()?.parse()?)),
                _ => return Err(format!("unknown: {name}\n{USAGE}").into()),
            }
        }
        Ok(args)
    }
}
