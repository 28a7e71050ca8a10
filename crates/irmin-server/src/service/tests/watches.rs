//! Watches: many, idle, resumed, and cut off.

use std::collections::VecDeque;

use irminsule::{Id, Since, WatchKind};

use super::*;

impl Scope {
    /// Looks once at all that a watch on a whole branch tells.
    pub(super) fn look_once(
        &self,
        branch: &str,
        since: Since,
    ) -> Result<(VecDeque<Watched>, Since, bool)> {
        self.look(&options(branch, since), usize::MAX)
    }

    /// Looks at the commits that a watch tells of, one hop after the other.
    fn all_ids(&self, mut options: WatchOptions) -> Vec<Id> {
        let mut ids = Vec::new();
        loop {
            let (events, since, is_all) = self.look(&options, usize::MAX).unwrap();
            ids.extend(
                events
                    .iter()
                    .map(|event| event.commit.as_ref().unwrap().id()),
            );
            options.since = since;
            if is_all {
                return ids;
            }
        }
    }
}

fn options(branch: &str, since: Since) -> WatchOptions {
    WatchOptions {
        branch: branch.to_owned(),
        path: Path::root(),
        since,
        every_commit: false,
        changes: true,
    }
}

fn set(server: &Server, at: &str, value: &str) -> Snapshot {
    let scope = server.scope(&Caller::local(), "main").unwrap();
    let options = CommitOptions::new("set");
    let done = scope.transact("main", &options, |view| {
        view.set(&path(at), value.to_owned())
    });
    done.unwrap().commit.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_watch_hears_of_every_commit_once_and_in_order_while_others_write() {
    const WATCHES: usize = 20;
    const COMMITS: usize = 40;
    let server = open_server();
    let mut heard = Vec::new();
    for _ in 0..WATCHES {
        let mut watch = server
            .watch(&Caller::local(), "main", options("main", Since::Start))
            .await
            .unwrap();
        heard.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            while ids.len() < COMMITS {
                ids.push(watch.next().await.unwrap().commit.unwrap().id());
            }
            ids
        }));
    }
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let server = server.clone();
            tokio::task::spawn_blocking(move || {
                for number in 0..COMMITS / 4 {
                    set(&server, &format!("{writer}/{number}"), "x");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let scope = server.scope(&Caller::local(), "main").unwrap();
    let log = scope
        .log(&scope.resolve("main").unwrap(), &LogRequest::default())
        .unwrap();
    let mut line: Vec<_> = log.commits.iter().map(Snapshot::id).collect();
    line.reverse();
    for heard in heard {
        assert_eq!(heard.await.unwrap(), line);
    }
    assert_eq!(server.metrics().watchers.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_a_path_hears_of_what_touches_it_once_and_in_order_while_others_write_elsewhere()
{
    const PATHS: [&str; 4] = ["w0", "w1/a", "w2/5", ""];
    const ENDS: [&str; 3] = ["w1/a/end", "w2/5/end", "w0"];
    let server = open_server();
    let start = set(&server, "start", "1").id();
    let mut heard = Vec::new();
    for number in 0..16 {
        let options = WatchOptions {
            path: Path::parse(PATHS[number % 4]).unwrap(),
            every_commit: number % 8 == 7,
            ..options("main", Since::Commit(start))
        };
        let mut watch = server
            .watch(&Caller::local(), "main", options.clone())
            .await
            .unwrap();
        let ends = ENDS.map(path);
        let listening = tokio::spawn(async move {
            let mut ids = Vec::new();
            loop {
                let event = watch.next().await.unwrap();
                ids.push(event.commit.unwrap().id());
                if event
                    .changes
                    .iter()
                    .any(|change| ends.contains(&change.path))
                {
                    return ids;
                }
            }
        });
        heard.push((options, listening));
    }
    let writers: Vec<_> = (1..4)
        .map(|writer| {
            let server = server.clone();
            tokio::task::spawn_blocking(move || {
                for number in 0..60 {
                    let at = ["a", "5", "b"][number % 3];
                    set(&server, &format!("w{writer}/{at}/k"), &number.to_string());
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    for last in ENDS {
        set(&server, last, "1");
    }
    let scope = server.scope(&Caller::local(), "main").unwrap();
    for (options, listening) in heard {
        let expected = scope.all_ids(options.clone());
        let heard = listening.await.unwrap();
        assert_eq!(heard, expected[..heard.len()], "{options:?}");
        let is_whole = options.path.is_root();
        assert!(is_whole || heard.len() == expected.len(), "{options:?}");
    }
}

#[tokio::test]
async fn a_watch_goes_on_from_where_another_one_stood() {
    let server = open_server();
    set(&server, "a", "1");
    let local = Caller::local();
    let mut first = server
        .watch(&local, "main", options("main", Since::Start))
        .await
        .unwrap();
    let event = first.next().await.unwrap();
    assert_eq!((event.kind, event.changes.len()), (WatchKind::Commit, 1));
    drop(first);
    let ids = [set(&server, "a", "2").id(), set(&server, "a", "3").id()];
    let mut second = server
        .watch(&local, "main", options("main", event.cursor))
        .await
        .unwrap();
    for id in ids {
        assert_eq!(second.next().await.unwrap().commit.unwrap().id(), id);
    }
    assert!(matches!(second.cursor(), Since::Commit(id) if id == ids[1]));
}

#[tokio::test]
async fn a_watch_cannot_go_on_from_a_commit_that_its_caller_may_not_see() {
    let server =
        with_rules("[[rule]]\nprincipal = 'ada'\nbranch = 'main'\npath = 'a'\nright = 'read'");
    seed(&server, "main", &["a/1"]);
    let hidden = seed(&server, "secret", &["a/secret"]);
    let since = Since::Commit(hidden.id());
    let refused = server
        .watch(&caller("ada"), "main", options("main", since))
        .await;
    assert_eq!(refused.err().unwrap().kind, ErrorKind::Gone);
    let refused = server
        .watch(&caller("ada"), "main", options("secret", Since::Start))
        .await;
    assert_eq!(refused.err().unwrap().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_right_that_is_taken_away_a_repository_that_is_dropped_and_a_stop_end_watches() {
    let rules = "[[rule]]\nprincipal = 'ada'\nright = 'read'";
    let server = with_rules(rules);
    set(&server, "a", "1");
    let mut watch = server
        .watch(&caller("ada"), "main", options("main", Since::Now))
        .await
        .unwrap();
    server.access().reload(AccessConfig {
        entry: Entry::Rules,
        ..AccessConfig::default()
    });
    set(&server, "a", "2");
    assert_eq!(watch.next().await.err().unwrap().kind, ErrorKind::NotFound);

    let server = open_server();
    server.create_repo(&Caller::local(), "other").unwrap();
    let mut dropped = server
        .watch(&Caller::local(), "other", options("main", Since::Now))
        .await
        .unwrap();
    let waiting = tokio::spawn(async move { dropped.next().await.err().unwrap().kind });
    tokio::task::yield_now().await;
    server.drop_repo(&Caller::local(), "other").unwrap();
    assert!(matches!(
        waiting.await.unwrap(),
        ErrorKind::Unavailable | ErrorKind::NotFound
    ));
    let mut stopped = server
        .watch(&Caller::local(), "main", options("main", Since::Now))
        .await
        .unwrap();
    let waiting = tokio::spawn(async move { stopped.next().await.err().unwrap().kind });
    server.stop();
    assert_eq!(waiting.await.unwrap(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn names_are_told_all_at_first_and_then_as_they_change_and_hidden_ones_never() {
    let rules = "[[rule]]\nprincipal = 'ada'\nbranch = 'pub*'\npath = 'a'\nright = 'read'";
    let server = with_rules(rules);
    let first = seed(&server, "public", &["a/1"]);
    seed(&server, "secret", &["a/1"]);
    let mut watch = server
        .watch_refs(&caller("ada"), "main", "heads/")
        .await
        .unwrap();
    let told = watch.next().await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].name.as_str(), told[0].after),
        ("heads/public", Some(first.id()))
    );
    seed(&server, "secret2", &["a/1"]);
    let second = seed(&server, "public", &["a/2"]);
    let told = watch.next().await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].before, told[0].after),
        (Some(first.id()), Some(second.id()))
    );
}

#[tokio::test]
async fn too_many_watches_are_refused_and_those_that_end_make_room() {
    let limits = Limits {
        watchers: 2,
        ..Limits::default()
    };
    let server = Server::open(Config {
        limits,
        ..Config::open_in_memory()
    })
    .unwrap();
    let local = Caller::local();
    let watch = || server.watch_refs(&local, "main", "");
    let (first, _second) = (watch().await.unwrap(), watch().await.unwrap());
    assert_eq!(watch().await.err().unwrap().kind, ErrorKind::Unavailable);
    drop(first);
    assert!(watch().await.is_ok());
}
