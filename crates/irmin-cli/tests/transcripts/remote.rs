//! Every command works on a repository on a server as it does on a directory.

use std::path::Path;
use std::process::{Command, Output};

use conduit::{Context, Endpoint, ListenOptions, Listener};
use irmin_server::http::{router, serve};
use irmin_server::service::{Config, Server};
use tokio::runtime::Runtime;

/// Serves an empty repository at a Unix socket until the runtime is dropped.
fn served(socket: &Path) -> Runtime {
    let runtime = Runtime::new().unwrap();
    let endpoint = Endpoint::Unix(socket.to_owned());
    let _inside = runtime.enter();
    let server = Server::open(Config::open_in_memory()).unwrap();
    let context = Context::new();
    let options = ListenOptions::default();
    let listener = runtime
        .block_on(Listener::bind(&context, &endpoint, options))
        .unwrap();
    runtime.spawn(async move {
        let router = router(&server);
        let never = std::future::pending();
        serve(
            &server,
            router,
            vec![listener],
            never,
            std::time::Duration::ZERO,
        )
        .await
    });
    drop(_inside);
    runtime
}

fn irmin(dir: &Path, minute: usize, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_irmin"));
    command.current_dir(dir).args(args);
    command.env("IRMIN_AUTHOR", "Ada <ada@example.org>");
    command.env("IRMIN_DATE", format!("2026-11-01T10:{minute:02}Z"));
    command.env_remove("IRMIN_REPO");
    command.output().unwrap()
}

fn text(bytes: &[u8], url: &str) -> String {
    String::from_utf8_lossy(bytes).replace(url, "[URL]")
}

const COMMANDS: &[&str] = &[
    "set config/mtu 1500 -m first",
    "get config/mtu",
    "get nothing",
    "set config/name box",
    "ls",
    "ls config",
    "tree",
    "load people people.json",
    "dump",
    "log -n 10",
    "log config/mtu",
    "show",
    "diff main~1 main",
    "blame",
    "branch draft",
    "branch",
    "set config/mtu 9000 -b draft",
    "set config/name host",
    "merge draft",
    "log",
    "set config/mtu 1 -b draft",
    "set config/mtu 2",
    "merge draft",
    "merge draft --theirs",
    "get config/mtu",
    "rules set hits/** counter",
    "counter add hits/a 3",
    "counter get hits/a",
    "tag v1",
    "tag",
    "rm config/name",
    "rm config/name",
    "revert main",
    "reset main~1",
    "pin kept v1",
    "pin",
    "batch changes.txt",
    "dot",
    "proof make config/mtu",
    "snapshot id",
    "bundle create out.bundle",
    "bundle verify out.bundle",
    "export . out",
    "gc --dry-run",
    "gc",
    "gc --keep main:2",
    "verify --deep",
    "log --at v1",
    "nonsense",
];

#[test]
fn every_command_answers_on_a_server_as_on_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("irmin.sock");
    let _runtime = served(&socket);
    let remote = format!("irmin+unix://{}", socket.display());
    let local = "pack:store".to_owned();
    let places = ["here", "there"].map(|name| dir.path().join(name));
    for place in &places {
        std::fs::create_dir(place).unwrap();
        std::fs::write(place.join("people.json"), r#"{"ada": {"age": 36}}"#).unwrap();
        std::fs::write(place.join("changes.txt"), "set a 1\nset b/c 2\nrm a\n").unwrap();
    }
    let made = irmin(&places[0], 0, &["init", &local]);
    assert!(made.status.success());
    let mut different = Vec::new();
    for (minute, command) in COMMANDS.iter().enumerate() {
        let answer = |place: &Path, url: &str| {
            let mut args: Vec<&str> = command.split(' ').collect();
            args.extend(["--repo", url]);
            let output = irmin(place, minute, &args);
            let (out, err) = (text(&output.stdout, url), text(&output.stderr, url));
            (output.status.code(), out, err)
        };
        let (here, there) = (answer(&places[0], &local), answer(&places[1], &remote));
        let is_figures = command.starts_with("gc") || command.starts_with("verify");
        if here.0 != there.0 || (!is_figures && here.1 != there.1) {
            different.push(format!("$ irmin {command}\n{here:?}\n{there:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

#[test]
fn a_clone_works_offline_and_comes_together_again_by_pull_and_push() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("irmin.sock");
    let _runtime = served(&socket);
    let remote = format!("irmin+unix://{}", socket.display());
    let mut minute = 0;
    let mut run = |args: &[&str]| {
        minute += 1;
        let output = irmin(dir.path(), minute, args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["set", "a", "1", "--repo", &remote]);
    run(&["clone", &remote, "one"]);
    run(&["clone", &remote, "two"]);
    run(&["set", "from/one", "1", "--repo", "one"]);
    run(&["set", "from/two", "2", "--repo", "two"]);
    run(&["push", "--repo", "one"]);
    run(&["pull", "--repo", "two"]);
    run(&["push", "--repo", "two"]);
    run(&["pull", "--repo", "one"]);
    for place in ["one", "two", &remote] {
        let dump = run(&["dump", "--repo", place]);
        let dump: String = dump.split_whitespace().collect();
        assert_eq!(dump, r#"{"a":1,"from":{"one":1,"two":2}}"#);
    }
    run(&["fetch", &remote, "--repo", "one"]);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("irmin+unix://{}/none.sock", dir.path().display());
    let output = irmin(dir.path(), 0, &["get", "a", "--repo", &url]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(&format!("Repositories.GetRef at {url}")),
        "{text}"
    );
}
