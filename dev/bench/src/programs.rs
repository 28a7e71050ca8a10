//! Peers that are programs of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::peers::{Abilities, Peer};

/// What the names of their programs begin with.
const PREFIX: &str = "peer-";

/// How a program tells which peers it has.
#[derive(Serialize, Deserialize)]
struct Description {
    name: String,
    abilities: Abilities,
}

/// Returns the answer to `--describe`.
pub(crate) fn describe(peers: &[Peer]) -> Result<String> {
    let described = peers.iter().map(|peer| Description {
        name: peer.name().to_owned(),
        abilities: peer.abilities(),
    });
    Ok(serde_json::to_string(&described.collect::<Vec<_>>())?)
}

/// Asks the programs in a directory which peers they have; in the order of their names.
pub(crate) fn find(dir: &Path) -> Result<Vec<Peer>> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Beside a program lies a list of what it was made of, with a dot in its name.
        if name.starts_with(PREFIX) && !name.contains('.') && entry.file_type()?.is_file() {
            programs.push(entry.path());
        }
    }
    programs.sort();
    let mut peers = Vec::new();
    for program in programs {
        peers.extend(ask(program)?);
    }
    Ok(peers)
}

fn ask(program: PathBuf) -> Result<Vec<Peer>> {
    let output = Command::new(&program).arg("--describe").output()?;
    if !output.status.success() {
        return Err(format!("{} --describe failed", program.display()).into());
    }
    let described: Vec<Description> = serde_json::from_slice(&output.stdout)?;
    // A handful for the life of the process, and a peer stays as cheap to copy as a number.
    let program: &'static Path = Box::leak(program.into_boxed_path());
    let peers = described.into_iter().map(|peer| {
        let name: &'static str = Box::leak(peer.name.into_boxed_str());
        Peer::elsewhere(name, peer.abilities, program)
    });
    Ok(peers.collect())
}
