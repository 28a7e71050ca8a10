//! Clients from npm, under node.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use irmin_server::service::Config;

use crate::support::Served;

/// Runs a program in the directory of the clients; says what it printed if it fails.
fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphql-client");
    let done = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    match done.status.success() {
        true => Ok(()),
        false => Err(format!("{program}: {}{}", said[0], said[1])),
    }
}

/// Installs the clients; tells whether they are there. In CI they must be.
fn installed() -> bool {
    let install = [
        "ci",
        "--ignore-scripts",
        "--prefer-offline",
        "--no-audit",
        "--no-fund",
    ];
    let done = run("node", &["--version"]).and_then(|()| run("npm", &install));
    match done {
        Ok(()) => true,
        Err(error) if std::env::var_os("CI").is_none() => {
            // Not by a macro, whose output libtest keeps to itself.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: dev/test installs node and npm, which fetches the clients: {error}"
            );
            false
        }
        Err(error) => panic!("CI is to run this: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_from_npm_query_mutate_and_subscribe() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("it has one");
    drop(free);
    let endpoint = format!("tcp://{address}").parse().expect("one");
    let _served = Served::with(Config::open_in_memory(), &[endpoint]).await;
    let asking = tokio::task::spawn_blocking(move || {
        let url = format!("http://{address}/graphql");
        match installed() {
            true => run("node", &["client.mjs", &url]),
            false => Ok(()),
        }
    });
    asking.await.expect("no panic").expect("they are answered");
}
