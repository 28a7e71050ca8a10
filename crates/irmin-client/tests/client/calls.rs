//! The calls of the clients, against the server itself.

use std::time::Duration;

use bytes::Bytes;
use irmin_client::{
    Changes, ClientOptions, CommitOutcome, LogQuery, MergeOutcome, MergeRequest, Precondition,
    RemoteEntry, RemoteUrl, Settle, WatchOptions, Write, blocking,
};
use irmin_core::{ErrorKind, Isolation, Path, Since, WatchKind};

use crate::real::RealServer;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn served() -> (RealServer, blocking::Client) {
    let server = RealServer::at("pipe:irmin");
    let client = blocking::Client::new(&server.url(), server.options()).unwrap();
    (server, client)
}

/// Commits one value, and returns the commit's id as text.
fn set(client: &blocking::Client, branch: &str, at: &str, value: &str) -> String {
    let changes = Changes::new(branch, at).set(&path(at), value.to_owned());
    match client.commit(&changes).unwrap() {
        CommitOutcome::Committed { commit, .. } => commit.unwrap().id.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_is_read_by_path_by_page_and_by_range() {
    let (_server, client) = served();
    for name in ["a", "b", "c"] {
        set(&client, "main", &format!("dir/{name}"), name);
    }
    let large = Bytes::from(vec![7; 3 << 20]);
    client
        .write_blob("main", &path("large"), large.clone(), "a large one")
        .unwrap();
    assert_eq!(
        client.value("main", &path("large")).unwrap().unwrap(),
        large
    );
    let part = client
        .read_blob("main", &path("large"), 10, Some(20))
        .unwrap();
    assert_eq!(part.len(), 20);
    let lookup = client
        .get("main", &[path("dir/a"), path("dir"), path("none")], 10)
        .unwrap();
    assert_eq!(lookup.found[0].as_ref().unwrap().data().unwrap(), "a");
    assert!(matches!(
        lookup.found[1],
        Some(RemoteEntry::Directory { entries: 3, .. })
    ));
    assert_eq!(lookup.found[2], None);
    let page = client.list("main", &path("dir"), None, 2).unwrap();
    assert_eq!((page.entries.len(), page.total, page.more), (2, 3, true));
    let rest = client
        .list("main", &path("dir"), Some(&page.entries[1].0), 2)
        .unwrap();
    assert_eq!(
        (rest.entries[0].0.as_bytes(), rest.more),
        (&b"c"[..], false)
    );
    assert_eq!(client.value("main", &path("dir")).unwrap(), None);
}

#[test]
fn history_is_told_by_log_diff_and_blame() {
    let (_server, client) = served();
    let first = set(&client, "main", "a", "1");
    let second = set(&client, "main", "b", "2");
    let log = client.log("main", &LogQuery::default()).unwrap();
    let ids: Vec<String> = log
        .commits
        .iter()
        .map(|commit| commit.id.to_string())
        .collect();
    assert_eq!(ids, [second.clone(), first.clone()]);
    let of_a = LogQuery {
        path: path("a"),
        ..LogQuery::default()
    };
    assert_eq!(client.log("main", &of_a).unwrap().commits.len(), 1);
    let diff = client.diff(&first, &second, &Path::root()).unwrap();
    assert_eq!((diff.len(), diff[0].path.to_string()), (1, "b".to_owned()));
    let blame = client.blame("main", &Path::root()).unwrap();
    assert_eq!(blame[0].1.to_string(), first);
    assert_eq!(client.resolve("main~1").unwrap().id.to_string(), first);
}

#[test]
fn a_condition_that_does_not_hold_is_an_answer() {
    let (_server, client) = served();
    set(&client, "main", "a", "1");
    let changes = |data: &'static str| {
        Changes::new("main", "swap")
            .require(Precondition::Data(path("a"), data.into()))
            .set(&path("a"), "2")
    };
    let failed = client.commit(&changes("9")).unwrap();
    assert!(
        matches!(failed, CommitOutcome::Failed { index: 0, .. }),
        "{failed:?}"
    );
    let done = client.commit(&changes("1")).unwrap();
    assert!(matches!(done, CommitOutcome::Committed { .. }));
    let nothing = client
        .commit(&Changes::new("main", "again").set(&path("a"), "2"))
        .unwrap();
    assert!(matches!(
        nothing,
        CommitOutcome::Committed { commit: None, .. }
    ));
}

#[test]
fn a_session_sees_its_own_writes_and_is_stale_when_what_it_read_changed() {
    let (_server, client) = served();
    set(&client, "main", "a", "1");
    let session = client.begin("main", Isolation::Serializable, 0).unwrap();
    let data: Bytes = "2".into();
    let mode = irmin_core::Mode::Normal;
    session
        .write(&[(path("b"), Write::Set { data, mode })])
        .unwrap();
    let found = session.get(&[path("a"), path("b")], 10).unwrap();
    assert_eq!(found[1].as_ref().unwrap().data().unwrap(), "2");
    assert_eq!(client.value("main", &path("b")).unwrap(), None);
    set(&client, "main", "a", "3");
    let stale = session.commit("too late").unwrap();
    assert!(matches!(stale, CommitOutcome::Stale { .. }), "{stale:?}");
    let session = client.begin("main", Isolation::Snapshot, 0).unwrap();
    assert_eq!(session.list(&Path::root(), None, 0).unwrap().0.len(), 1);
    session.abort().unwrap();
}

#[test]
fn a_merge_tells_its_conflicts_and_is_settled_by_a_second_call() {
    let (_server, client) = served();
    let base = set(&client, "main", "a", "0");
    let branch = irmin_core::RefEdit {
        name: "heads/side".to_owned(),
        expected: None,
        new: Some(base.parse().unwrap()),
    };
    client
        .update_names(&[branch], irmin_core::Durability::Sync)
        .unwrap();
    set(&client, "main", "a", "1");
    set(&client, "side", "a", "2");
    let merge = MergeRequest {
        branch: "main".to_owned(),
        revision: "side".to_owned(),
        message: "both".to_owned(),
        ..MergeRequest::default()
    };
    let MergeOutcome::Conflicts(conflicts) = client.merge(&merge).unwrap() else {
        panic!("there is a conflict");
    };
    assert_eq!(conflicts.conflicts[0].path, path("a"));
    let settled = MergeRequest {
        settled: vec![(path("a"), Settle::Theirs)],
        expected_head: conflicts.ours,
        ..merge
    };
    assert!(matches!(
        client.merge(&settled).unwrap(),
        MergeOutcome::Merged(_)
    ));
    assert_eq!(client.value("main", &path("a")).unwrap().unwrap(), "2");
    let ancestors = client.common_ancestors("main", "side").unwrap();
    assert_eq!(ancestors.len(), 1);
}

#[test]
fn a_watch_tells_each_commit_once_in_order() {
    let (_server, client) = served();
    set(&client, "main", "a", "0");
    let options = WatchOptions {
        changes: true,
        ..WatchOptions::default()
    };
    let mut events = client
        .watch("main", &path("a"), Since::Now, &options)
        .unwrap();
    let mut made = Vec::new();
    for number in 1..20 {
        made.push(set(&client, "main", "a", &number.to_string()));
        set(&client, "main", "elsewhere", &number.to_string());
    }
    for id in made {
        let event = events.next().unwrap().unwrap();
        assert_eq!(event.kind, WatchKind::Commit);
        assert_eq!(event.commit.unwrap().id.to_string(), id);
        assert_eq!(event.changes[0].path, path("a"));
    }
    assert!(events.next_within(Duration::ZERO).is_none());
}

#[test]
fn errors_name_the_place_the_call_and_the_way_out() {
    let (server, client) = served();
    let error = client.resolve("nothing").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    assert!(
        text.starts_with("Repositories.Resolve at irmin+pipe:irmin: "),
        "{text}"
    );
    let nowhere: RemoteUrl = "irmin+pipe:nobody".parse().unwrap();
    let impatient = irmin_client::Backoff {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(1),
        attempts_max: 3,
    };
    let options: ClientOptions = server.options().backoff(impatient);
    let client = blocking::Client::new(&nowhere, options).unwrap();
    let error = client.name("heads/main").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string();
    assert!(
        text.contains("tried 3 times") && text.contains("irmin serve"),
        "{text}"
    );
    let commit = Changes::new("main", "lost").set(&path("a"), "1");
    assert!(client.commit(&commit).unwrap_err().is_outcome_unknown());
}

#[test]
fn repositories_are_made_listed_and_dropped() {
    let (server, client) = served();
    client.create_repository("fleet").unwrap();
    assert_eq!(client.repositories().unwrap(), ["fleet", "main"]);
    let fleet = server.url().with_repository("fleet").unwrap();
    let other = blocking::Client::new(&fleet, server.options()).unwrap();
    set(&other, "main", "a", "1");
    assert_eq!(client.value("main", &path("a")).unwrap_or_default(), None);
    let mut copy = Vec::new();
    let bytes = other.backup(&mut copy).unwrap();
    assert_eq!(bytes, copy.len() as u64);
    client.drop_repository("fleet").unwrap();
    assert!(other.value("main", &path("a")).is_err());
}
