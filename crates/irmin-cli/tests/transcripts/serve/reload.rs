//! SIGHUP, and what the logs tell.

use std::fs;
use std::path::Path;

use super::support::{Served, get, irmin, run, wait_for};

fn write_certificate(dir: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(dir.join("c.pem"), made.cert.pem()).unwrap();
    fs::write(dir.join("k.pem"), made.signing_key.serialize_pem()).unwrap();
}

fn write_rule(dir: &Path, right: &str) {
    let rule = format!("[[rule]]\nprincipal = 'ada'\nright = '{right}'\n");
    fs::write(dir.join("rules.toml"), rule).unwrap();
}

/// Starts a server with TLS and rules, and returns a token of `ada`.
fn secure(dir: &Path, args: &[&str]) -> (Served, String) {
    let data = dir.join("data");
    let token = run(&[
        "token",
        "create",
        "--principal",
        "ada",
        "--expires",
        "1h",
        "--data",
        data.to_str().unwrap(),
    ]);
    write_certificate(dir);
    write_rule(dir, "read");
    let file = dir.join("serve.toml");
    // Files lie where the settings do.
    fs::write(
        &file,
        "certificate = 'c.pem'\nkey = 'k.pem'\nrules = 'rules.toml'\n",
    )
    .unwrap();
    let all = [
        &[
            "--config",
            file.to_str().unwrap(),
            "--listen",
            "tls+tcp://127.0.0.1:0",
        ],
        args,
    ]
    .concat();
    (Served::new(dir, &all), token.trim().to_owned())
}

/// Sets a value as who holds the token, believing the certificate in `ca`.
fn set(served: &Served, token: &str, ca: &Path, value: &str) -> bool {
    let address = served.address("listening", 0);
    let port = address.rsplit_once(':').unwrap().1;
    let url = format!("irmin+tls://localhost:{port}/main");
    let mut command = irmin(&["--repo", &url, "set", "a", value]);
    command.env("IRMIN_TOKEN", token).env("IRMIN_CA_FILE", ca);
    command.output().unwrap().status.success()
}

#[test]
fn sighup_takes_over_new_rules_and_a_new_certificate_and_keeps_the_old_if_they_are_bad() {
    let dir = tempfile::tempdir().unwrap();
    let (served, token) = secure(dir.path(), &[]);
    let ca = dir.path().join("c.pem");
    assert!(!set(&served, &token, &ca, "1"), "the rule lets read only");
    write_rule(dir.path(), "write");
    served.signal("-HUP");
    wait_for("the new rule", || {
        served.log().contains("took over the settings")
    });
    assert!(set(&served, &token, &ca, "2"));

    let old = dir.path().join("old.pem");
    fs::rename(&ca, &old).unwrap();
    write_certificate(dir.path());
    assert!(
        set(&served, &token, &old, "3"),
        "the old one holds until the signal"
    );
    served.signal("-HUP");
    wait_for("the new certificate", || {
        served.log().matches("took over the settings").count() == 2
    });
    assert!(set(&served, &token, &ca, "4"));
    assert!(!set(&served, &token, &old, "5"));

    write_rule(dir.path(), "anything");
    served.signal("-HUP");
    wait_for("a refusal", || {
        served.log().contains("kept the settings as they were")
    });
    write_rule(dir.path(), "read");
    fs::write(dir.path().join("k.pem"), "no key").unwrap();
    served.signal("-HUP");
    wait_for("a refusal", || {
        served
            .log()
            .matches("kept the settings as they were")
            .count()
            == 2
    });
    assert!(
        set(&served, &token, &ca, "6"),
        "rules and certificate are those of before"
    );

    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let listed = run(&["token", "list", "--json", "--data", data]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    run(&[
        "token",
        "revoke",
        listed["id"].as_str().unwrap(),
        "--data",
        data,
    ]);
    assert!(
        !set(&served, &token, &ca, "7"),
        "a token that is revoked is worthless at once"
    );
    served.stop();
}

#[test]
fn logs_have_the_ids_of_requests_and_no_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let (served, token) = secure(
        dir.path(),
        &["--log-level", "trace", "--log-format", "json"],
    );
    assert!(!set(&served, &token, &dir.path().join("c.pem"), "1"));
    served.stop();
    let audit = fs::read_to_string(dir.path().join("data/audit.log")).unwrap();
    let audited: serde_json::Value = serde_json::from_str(audit.lines().last().unwrap()).unwrap();
    let id = audited["request"].as_str().unwrap();
    assert!(!id.is_empty());
    assert_eq!(audited["outcome"], "permission_denied");
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with('{')).collect();
    let answered = lines.iter().find(|line| line.contains(id));
    let answered: serde_json::Value = serde_json::from_str(answered.unwrap()).unwrap();
    assert_eq!(answered["span"]["principal"], "ada");
    for line in &lines {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let secret = token.rsplit_once('_').unwrap().1;
    let key = fs::read_to_string(dir.path().join("k.pem")).unwrap();
    let key = key.lines().nth(1).unwrap();
    for text in [&log, &audit] {
        assert!(
            !text.contains(secret) && !text.contains(key),
            "a secret is in a log"
        );
    }
}

#[test]
fn a_request_keeps_its_id_in_the_answer_the_log_and_the_audit_log() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::new(dir.path(), &[]);
    let address = served.address("listening", 0);
    let headers = "X-Request-Id: mine-1\r\nAuthorization: Bearer irmin_wrong_secret\r\n";
    let answer = get(&address, "/api/v1/nothing", headers);
    assert_eq!(answer.status, 401);
    assert!(
        answer.headers.contains("x-request-id: mine-1"),
        "{}",
        answer.headers
    );
    assert!(served.log().contains("mine-1"));
    let audit = fs::read_to_string(dir.path().join("data/audit.log")).unwrap();
    assert!(audit.contains("\"request\":\"mine-1\""), "{audit}");
    assert!(!audit.contains("irmin_wrong_secret") && !served.log().contains("irmin_wrong_secret"));
}
