//! Sessions: views that live on the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use irminsule::{Id, Isolation, Mode};

use super::*;

fn set(at: &str, value: &str) -> Write {
    Write::Set {
        path: path(at),
        bytes: value.to_owned().into(),
        mode: Mode::Normal,
    }
}

fn get(scope: &Scope, at: &str) -> Option<bytes::Bytes> {
    scope
        .resolve("main")
        .unwrap()
        .tree()
        .unwrap()
        .get_bytes(&path(at))
        .unwrap()
}

fn local(server: &Server) -> Scope {
    server.scope(&Caller::local(), "main").unwrap()
}

#[test]
fn a_session_sees_its_own_writes_and_nobody_else_does_until_it_commits() {
    let server = open_server();
    seed(&server, "main", &["a"]);
    let scope = local(&server);
    let opened = scope
        .begin_session("main", SessionOptions::default())
        .unwrap();
    scope
        .write_in_session(&opened.id, &[set("b", "1"), Write::Remove(path("a"))])
        .unwrap();
    let seen = scope.in_session(&opened.id, |view| {
        Ok((view.get(&path("a"))?, view.get(&path("b"))?))
    });
    assert_eq!(seen.unwrap(), (None, Some("1".into())));
    assert!(get(&scope, "b").is_none());
    let done = scope
        .commit_session(&opened.id, &CommitOptions::new("session"))
        .unwrap();
    assert!(done.commit.is_some());
    assert_eq!(get(&scope, "b").unwrap(), "1");
    assert!(get(&scope, "a").is_none());
    let again = scope
        .commit_session(&opened.id, &CommitOptions::new("again"))
        .unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound);
    assert_eq!(server.metrics().sessions.get(), 0);
}

#[test]
fn what_a_session_read_must_still_hold_unless_it_overwrites() {
    for (isolation, wins) in [
        (Isolation::Serializable, false),
        (Isolation::Overwrite, true),
    ] {
        let server = open_server();
        seed(&server, "main", &["a"]);
        let scope = local(&server);
        let options = SessionOptions {
            isolation,
            time: None,
        };
        let id = scope.begin_session("main", options).unwrap().id;
        scope.in_session(&id, |view| view.get(&path("a"))).unwrap();
        scope.write_in_session(&id, &[set("b", "mine")]).unwrap();
        scope
            .transact("main", &CommitOptions::new("meanwhile"), |view| {
                view.set(&path("a"), "new")
            })
            .unwrap();
        let done = scope.commit_session(&id, &CommitOptions::new("session"));
        assert_eq!(done.is_ok(), wins, "{isolation:?}");
        if let Err(error) = done {
            assert_eq!(error.kind, ErrorKind::Conflict);
            assert!(matches!(error.details, Details::Stale { path: at, .. } if at == path("a")));
        }
    }
}

#[test]
fn a_session_keeps_all_of_a_request_or_nothing_and_no_more_than_its_limit() {
    let limits = Limits {
        session_bytes: 2000,
        ..Limits::default()
    };
    let config = Config {
        limits,
        ..Config::open_in_memory()
    };
    let server = Server::open(config).unwrap();
    let scope = local(&server);
    let id = scope
        .begin_session("main", SessionOptions::default())
        .unwrap()
        .id;
    let large = set("large", &"x".repeat(3000));
    let error = scope
        .write_in_session(&id, &[set("small", "x"), large])
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    let small = scope.in_session(&id, |view| view.get(&path("small")));
    assert_eq!(small.unwrap(), None);
    scope.write_in_session(&id, &[set("small", "x")]).unwrap();
    let mut count = 0;
    while scope
        .in_session(&id, |view| view.get(&path("small")))
        .is_ok()
    {
        count += 1;
        assert!(count < 100, "reads are counted, too");
    }
}

#[test]
fn a_session_is_its_owners_in_its_repository_and_only_for_its_time() {
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let config = Config {
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        ..Config::open_in_memory()
    };
    let server = Server::open(config).unwrap();
    server.create_repo(&Caller::local(), "other").unwrap();
    let (ada, bob) = (caller("ada"), caller("bob"));
    let scope = server.scope(&ada, "main").unwrap();
    let options = SessionOptions {
        isolation: Isolation::default(),
        time: Some(Duration::from_secs(10)),
    };
    let id = scope.begin_session("main", options).unwrap().id;
    for other in [server.scope(&bob, "main"), server.scope(&ada, "other")] {
        let error = other.unwrap().write_in_session(&id, &[]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
    for time in [9_000, 18_000] {
        now.store(time, Ordering::Relaxed);
        scope.write_in_session(&id, &[]).unwrap();
    }
    now.store(28_000, Ordering::Relaxed);
    assert_eq!(
        scope.write_in_session(&id, &[]).unwrap_err().kind,
        ErrorKind::NotFound
    );
    server.sweep_sessions();
    assert_eq!(server.metrics().sessions.get(), 0);
}

#[test]
fn a_commit_of_a_session_that_is_asked_for_again_gives_its_answer_again() {
    let server = open_server();
    let scope = local(&server);
    let id = scope
        .begin_session("main", SessionOptions::default())
        .unwrap()
        .id;
    scope.write_in_session(&id, &[set("a", "1")]).unwrap();
    let key = RequestKey::new("k", Id::of(id.as_bytes())).unwrap();
    let options = CommitOptions::new("session").request(Some(key));
    let first = scope.commit_session(&id, &options).unwrap().commit.unwrap();
    let again = scope.commit_session(&id, &options).unwrap();
    assert_eq!(
        (again.commit.unwrap().id(), again.is_repeated),
        (first.id(), true)
    );
}

#[test]
fn sessions_are_counted_for_all_and_for_each() {
    let limits = Limits {
        sessions: 3,
        sessions_per_principal: 2,
        ..Limits::default()
    };
    let config = Config {
        limits,
        ..Config::open_in_memory()
    };
    let server = Server::open(config).unwrap();
    let begin = |name: &str| {
        let scope = server.scope(&caller(name), "main").unwrap();
        let opened = scope.begin_session("main", SessionOptions::default());
        opened.map(|opened| opened.id).map_err(|error| error.kind)
    };
    let first = begin("ada").unwrap();
    begin("ada").unwrap();
    assert_eq!(begin("ada"), Err(ErrorKind::RateLimited));
    begin("bob").unwrap();
    assert_eq!(begin("eve"), Err(ErrorKind::Unavailable));
    assert!(
        server
            .scope(&caller("ada"), "main")
            .unwrap()
            .abort_session(&first)
            .unwrap()
    );
    begin("eve").unwrap();
}

#[test]
fn the_id_of_a_session_reads_back_and_is_not_shown_in_logs() {
    let scope = local(&open_server());
    let id = scope
        .begin_session("main", SessionOptions::default())
        .unwrap()
        .id;
    assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
    assert_eq!(SessionId::from_bytes(id.as_bytes()).unwrap(), id);
    assert!(!format!("{id:?}").contains(&id.to_string()));
    for bad in [
        "",
        "xyz",
        &"0".repeat(31),
        &"g".repeat(32),
        "00000000000000000000000000000ä0",
    ] {
        assert!(bad.parse::<SessionId>().is_err(), "{bad}");
    }
}
