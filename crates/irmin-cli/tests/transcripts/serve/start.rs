//! How a server starts, and when it refuses to.

use std::fs;
use std::net::TcpListener;

use super::support::{Served, irmin, run, said};

/// Runs a server that must not start, and returns why.
fn refused(args: &[&str]) -> String {
    let output = irmin(&["serve"]).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    said(&output)
}

#[test]
fn without_any_option_but_a_free_port_there_is_a_store_with_something_to_look_at() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = irmin(&["serve", "--json", "--listen", "tcp://127.0.0.1:0"]);
    let served = Served::start(dir.path(), command.current_dir(dir.path()));
    assert_eq!(served.told["repositories"][0], "main");
    assert_eq!(served.told["entry"], "open");
    assert!(dir.path().join("irmin-data/main/format").is_file());
    assert!(served.client().value("welcome").is_some());
    assert_eq!(served.get("/healthz").status, 200);
    assert_eq!(served.get("/readyz").status, 200);
    served.stop();
    // What is there is not filled again.
    let main = dir.path().join("irmin-data/main");
    let main = main.to_str().unwrap();
    run(&["--repo", main, "rm", "welcome"]);
    let mut command = irmin(&["serve", "--json", "--listen", "tcp://127.0.0.1:0"]);
    let served = Served::start(dir.path(), command.current_dir(dir.path()));
    assert_eq!(served.client().value("welcome"), None);
}

#[test]
fn people_are_told_the_addresses_and_how_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let socket = format!("unix://{}", dir.path().join("s").display());
    let data = dir.path().join("data");
    let args = [
        "serve",
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "tcp://127.0.0.1:0",
        "--listen",
        &socket,
    ];
    let mut command = irmin(&args);
    command.stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        text += &lines.next().unwrap().unwrap();
        text.push('\n');
    }
    for part in [
        "pages    http://127.0.0.1:",
        "API      http://",
        "gRPC     irmin://",
        "irmin+unix://",
        "Everybody",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_directory_and_an_address_have_one_server_and_the_second_hears_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::new(dir.path(), &[]);
    let data = dir.path().join("data");
    let said = refused(&[
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "tcp://127.0.0.1:0",
    ]);
    assert!(
        said.contains(&format!("process {}", served.child.id())),
        "{said}"
    );
    assert!(said.contains("--data"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp://{}", taken.local_addr().unwrap());
    let keeps = TcpListener::bind(taken.trim_start_matches("tcp://"));
    let other = dir.path().join("other");
    let said = refused(&[
        "--data",
        other.to_str().unwrap(),
        "--listen",
        &format!("tcp://{}", served.address("listening", 0)),
    ]);
    assert!(said.contains("--listen"), "{said}");
    drop(keeps);
}

#[test]
fn it_does_not_start_where_others_read_along_or_come_in_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let open = ["--data", data, "--listen", "tcp://0.0.0.0:0"];
    assert!(refused(&open).contains("without TLS"));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let tls = ["--data", data, "--certificate", certificate, "--key", key];
    let anywhere = ["--listen", "tls+tcp://0.0.0.0:0"];
    assert!(refused(&[&tls[..], &anywhere].concat()).contains("irmin token create"));
    assert!(
        refused(&[&tls[..], &["--listen", "tcp://127.0.0.1:0"]].concat())
            .contains("no endpoint with TLS")
    );
    assert!(
        refused(&["--data", data, "--listen", "tls+tcp://127.0.0.1:0"]).contains("certificate")
    );
    let insecure = Served::new(dir.path(), &["--insecure", "--listen", "tcp://0.0.0.0:0"]);
    assert_eq!(insecure.told["entry"], "open");
    insecure.stop();
    run(&[
        "token",
        "create",
        "--principal",
        "ada",
        "--expires",
        "1d",
        "--data",
        data,
    ]);
    let known = Served::new(dir.path(), &[&tls[2..], &anywhere].concat());
    assert_eq!(known.told["entry"], "known");
}

#[test]
fn settings_that_are_unknown_or_make_no_sense_are_refused_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("serve.toml");
    fs::write(&file, "data = 'x'\nlisten-to = 'y'\n").unwrap();
    let file = file.to_str().unwrap();
    let said = refused(&["--config", file]);
    assert!(
        said.contains("line 2") && said.contains("listen-to"),
        "{said}"
    );
    assert!(refused(&["--drain", "soon"]).contains("--drain"));
    assert!(
        refused(&[
            "--rules",
            "/nowhere",
            "--data",
            dir.path().to_str().unwrap(),
            "--listen",
            "tcp://127.0.0.1:0"
        ])
        .contains("/nowhere")
    );
    fs::write(file, "drain = '7s'\n").unwrap();
    let printed = run(&["serve", "--print-config", "--config", file]);
    assert!(printed.contains("drain = \"7s\" # "), "{printed}");
}

#[test]
fn a_repository_that_cannot_be_opened_keeps_the_server_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    Served::new(dir.path(), &[]).stop();
    fs::write(dir.path().join("data/main/format"), "no").unwrap();
    let data = dir.path().join("data");
    let said = refused(&[
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "tcp://127.0.0.1:0",
    ]);
    assert!(
        said.contains("'main'") && said.contains("elsewhere"),
        "{said}"
    );
}

#[test]
fn tokens_are_made_listed_and_revoked_and_shown_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = ["--data", data.to_str().unwrap()];
    let made = run(&[
        &[
            "token",
            "create",
            "--json",
            "--principal",
            "ada",
            "--expires",
            "90d",
        ][..],
        &data,
    ]
    .concat());
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let (id, token) = (
        made["id"].as_str().unwrap(),
        made["token"].as_str().unwrap(),
    );
    assert_eq!(
        made["expires"].as_u64().unwrap() - made["created"].as_u64().unwrap(),
        90 * 86_400
    );
    let listed = run(&[&["token", "list"][..], &data].concat());
    assert!(
        listed.contains(id) && listed.contains("ada") && !listed.contains(token),
        "{listed}"
    );
    run(&[&["token", "revoke", id][..], &data].concat());
    assert_eq!(run(&[&["token", "list"][..], &data].concat()), "");
    let again = irmin(&[&["token", "revoke", id][..], &data].concat())
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(1));
    let bad = irmin(
        &[
            &["token", "create", "--principal", "ada", "--expires", "soon"][..],
            &data,
        ]
        .concat(),
    );
    let mut bad = bad;
    assert_eq!(bad.output().unwrap().status.code(), Some(2));
}
