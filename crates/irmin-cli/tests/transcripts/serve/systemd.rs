//! systemd: its units, its sockets, what it is told.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use super::support::{Served, get, irmin};

/// Receives what a server tells its manager.
fn heard(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let bytes = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..bytes].to_vec()).unwrap()
}

#[test]
fn it_serves_the_sockets_that_were_handed_over_and_tells_when_it_is_ready_and_when_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let notify = dir.path().join("notify");
    let manager = UnixDatagram::bind(&notify).unwrap();
    let patience = std::time::Duration::from_secs(60);
    manager.set_read_timeout(Some(patience)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let data = dir.path().join("data");
    // The shell becomes the server: it knows its own number, as systemd does.
    let script =
        "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve --json --data \"$1\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_irmin")])
        .arg(&data);
    command.stdin(OwnedFd::from(listener));
    command.env("NOTIFY_SOCKET", &notify);
    let served = Served::start(dir.path(), &mut command);
    assert_eq!(served.told["listening"][0], format!("tcp://{address}"));
    assert_eq!(
        served.told["entry"], "open",
        "a socket of this machine only is known for one"
    );
    assert_eq!(heard(&manager), "READY=1");
    assert_eq!(get(&address, "/readyz", "").status, 200);
    served.stop();
    assert_eq!(heard(&manager), "STOPPING=1");
}

#[test]
fn the_units_are_good() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        // Where there is no systemd, nobody uses them.
        return;
    }
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/systemd");
    let dir = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(units.join("irmin.service")).unwrap();
    assert!(unit.contains("\nExecStart=/usr/bin/irmin serve\n"));
    let unit = unit.replace("/usr/bin/irmin", env!("CARGO_BIN_EXE_irmin"));
    fs::write(dir.path().join("irmin.service"), unit).unwrap();
    fs::copy(units.join("irmin.socket"), dir.path().join("irmin.socket")).unwrap();
    let mut verify = Command::new("systemd-analyze");
    verify.arg("verify").current_dir(dir.path());
    let output = verify
        .args(["./irmin.service", "./irmin.socket"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let own: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("irmin."))
        .collect();
    assert!(own.is_empty(), "{own:?}");
}

#[test]
fn the_settings_in_the_unit_are_settings() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/systemd/irmin.service");
    let unit = fs::read_to_string(unit).unwrap();
    let mut command = irmin(&["serve", "--print-config"]);
    let variables = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="));
    for (name, value) in variables.map(|line| line.split_once('=').unwrap()) {
        command.env(name, value);
    }
    assert!(command.output().unwrap().status.success());
}
