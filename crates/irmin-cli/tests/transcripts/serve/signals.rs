//! The end of a server, wished for or not.

use std::fs;

use super::support::{Served, Writers, check_acknowledged, wait_for};

#[test]
fn sigterm_under_load_loses_no_commit_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::new(dir.path(), &[]);
    let writers = Writers::start(&served.url(), 4, 0);
    served.stop();
    let acknowledged = writers.ended();
    let served = Served::new(dir.path(), &[]);
    check_acknowledged(&served.client(), 0, &acknowledged);
}

#[test]
fn kill_9_under_load_loses_no_commit_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut rounds = Vec::new();
    for round in 0..2 {
        let mut served = Served::new(dir.path(), &[]);
        let writers = Writers::start(&served.url(), 4, round);
        served.child.kill().unwrap();
        served.ended();
        rounds.push(writers.ended());
    }
    let served = Served::new(dir.path(), &[]);
    for (round, acknowledged) in rounds.iter().enumerate() {
        check_acknowledged(&served.client(), round, acknowledged);
    }
}

#[test]
fn a_server_that_is_to_stop_says_so_first_and_a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = Served::new(dir.path(), &["--drain-delay", "1h"]);
    served.signal("-TERM");
    wait_for("the end of readiness", || {
        served.get("/readyz").status == 503
    });
    assert_eq!(served.get("/healthz").status, 200);
    assert!(served.client().set("a", "1"), "it still serves");
    served.signal("-TERM");
    assert_eq!(served.ended().code(), Some(1));
    let served = Served::new(dir.path(), &[]);
    assert_eq!(served.client().value("a").as_deref(), Some("1"));
}

/// Letters that a bundle cannot write in much less room than there are of them.
fn incompressible(length: usize) -> String {
    let mut state = 1_u64;
    let letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'0' + (state >> 58) as u8)
    };
    std::iter::repeat_with(letter).take(length).collect()
}

#[test]
fn a_request_that_is_under_way_is_answered_after_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let mut served = Served::new(dir.path(), &[]);
    let client = served.client();
    assert!(client.set("large", &incompressible(4 << 20)));
    // A copy of which nothing is read fills the sockets, and cannot end before it is.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let url = served.url().parse().unwrap();
    let backup = irmin_client::blocking::Client::new(&url, Default::default()).unwrap();
    let taken = std::thread::spawn(move || {
        backup
            .backup(&mut writer)
            .map_err(|error| error.to_string())
    });
    wait_for("the copy", || {
        served
            .get("/metrics")
            .body
            .contains("\nirmin_streams_running 1\n")
    });
    served.signal("-TERM");
    wait_for("the stop", || served.log().contains("stopping"));
    let mut reader = reader;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
    assert_eq!(taken.join().unwrap(), Ok(bytes.len() as u64));
    assert!(served.ended().success(), "{}", served.log());
    let file = dir.path().join("copy");
    fs::write(&file, bytes).unwrap();
    irminsule::open_bundle(&file).unwrap();
}
