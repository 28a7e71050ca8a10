//! Tests of the service as a whole.

mod fetching;
mod flows;
mod hop;
mod matrix;
mod model;
mod sessions;
mod streams;
mod watches;

use irminsule::{Env, Path};

use super::*;

/// A server in memory that rules decide on.
pub(super) fn with_rules(rules: &str) -> Server {
    let access = AccessConfig {
        rules: Rules::parse(rules).unwrap(),
        entry: Entry::Rules,
        ..AccessConfig::default()
    };
    open(Config {
        access,
        ..Config::open_in_memory()
    })
}

/// A server in memory that is open to all.
pub(super) fn open_server() -> Server {
    open(Config::open_in_memory())
}

fn open(config: Config) -> Server {
    let config = Config {
        env: Env::fixed(1_000_000),
        clock: std::sync::Arc::new(|| 1_000_000),
        ..config
    };
    Server::open(config).unwrap()
}

pub(super) fn caller(name: &str) -> Caller {
    let principal = Principal::new(name).unwrap();
    Caller::known(Some(principal), Transport::Grpc, Peer::default())
}

pub(super) fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Sets some paths to their own names as the server's own program.
pub(super) fn seed(server: &Server, branch: &str, paths: &[&str]) -> Snapshot {
    let scope = server.scope(&Caller::local(), "main").unwrap();
    let done = scope.transact(branch, &CommitOptions::new("seed"), |view| {
        for at in paths {
            view.set(&path(at), at.as_bytes().to_vec())?;
        }
        Ok(())
    });
    done.unwrap().commit.unwrap()
}
