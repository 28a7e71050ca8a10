//! What requests do, one after the other.

use irminsule::{
    CommitData, CommitInfo, Cut, Durability, Id, Isolation, Kind, Mode, RefEdit, RefOutcome,
    Resolution, Signature, Time,
};

use super::*;

fn scope_of(server: &Server, name: &str) -> Scope {
    server.scope(&caller(name), "main").unwrap()
}

fn put(at: &str, value: &str) -> Write {
    Write::Set {
        path: path(at),
        bytes: value.to_owned().into(),
        mode: Mode::Normal,
    }
}

fn header<'a>(info: &'a CommitInfo, name: &str) -> Option<&'a [u8]> {
    let found = info.extra.iter().find(|(key, _)| key == name.as_bytes());
    found.map(|(_, value)| &value[..])
}

fn apply(scope: &Scope, writes: Vec<Write>) -> Committed<()> {
    let transaction = Transaction {
        preconditions: Vec::new(),
        writes,
    };
    scope
        .apply("main", &transaction, &CommitOptions::new("apply"))
        .unwrap()
}

#[test]
fn a_commit_says_who_made_it_whatever_the_client_says() {
    let server = open_server();
    let scope = scope_of(&server, "ada");
    let author = Signature::new("Eve", "eve@example.org", Time::utc(5)).unwrap();
    let options = CommitOptions {
        author: Some(author.clone()),
        headers: vec![("ticket".into(), "7".into())],
        ..CommitOptions::new("hers")
    };
    let done = scope
        .transact("main", &options, |view| view.set(&path("a"), "1"))
        .unwrap();
    let commit = done.commit.unwrap();
    let info = commit.info();
    assert_eq!(
        (&info.author, &info.committer.name()[..]),
        (&author, &b"ada"[..])
    );
    assert_eq!(header(info, "principal"), Some(&b"ada"[..]));
    assert_eq!(header(info, "ticket"), Some(&b"7"[..]));
    for forged in [PRINCIPAL_HEADER, REQUEST_HEADER] {
        let options = CommitOptions {
            headers: vec![(forged.into(), "bob".into())],
            ..CommitOptions::new("forged")
        };
        let done = scope.transact("main", &options, |view| view.set(&path("a"), "2"));
        assert_eq!(done.unwrap_err().kind, ErrorKind::Invalid);
    }
}

#[test]
fn a_commit_that_arrives_as_an_object_cannot_say_that_another_one_made_it() {
    let rules = "[[rule]]\nprincipal = 'ada'\nright = 'write'\n[[rule]]\nprincipal = 'root'\nright = 'admin'";
    let server = with_rules(rules);
    let base = seed(&server, "main", &["a"]);
    let commit = |principal: &'static str| {
        let author = Signature::new(principal, "", Time::utc(0)).unwrap();
        let mut info = CommitInfo::new(author, "pushed");
        info.extra.push((PRINCIPAL_HEADER.into(), principal.into()));
        let data = CommitData {
            tree: base.tree_id().unwrap().into(),
            parents: vec![base.id().into()],
            info,
        };
        NewObject {
            bytes: data.encode().unwrap().bytes,
            cut: Cut::NONE,
            generation: 0,
        }
    };
    let (ada, root) = (scope_of(&server, "ada"), scope_of(&server, "root"));
    ada.put_objects(&[commit("ada")]).unwrap();
    let forged = ada.put_objects(&[commit("bob")]).unwrap_err();
    assert_eq!(forged.kind, ErrorKind::PermissionDenied);
    root.put_objects(&[commit("bob")]).unwrap();
    ada.put_objects(&[commit("bob")]).unwrap();
    let dangling = NewObject {
        bytes: CommitData {
            tree: Id::of(b"nowhere").into(),
            parents: Vec::new(),
            info: base.info().clone(),
        }
        .encode()
        .unwrap()
        .bytes,
        cut: Cut::NONE,
        generation: 0,
    };
    assert_eq!(
        ada.put_objects(&[dangling]).unwrap_err().kind,
        ErrorKind::Invalid
    );
    assert_eq!(Kind::from_code(commit("ada").bytes[1]), Some(Kind::Commit));
}

#[test]
fn preconditions_hold_or_nothing_is_written_and_what_there_is_is_told() {
    let server = open_server();
    let scope = scope_of(&server, "ada");
    apply(&scope, vec![put("a", "1"), put("d/x", "2")]);
    let head = scope.resolve("main").unwrap();
    let dir = head
        .tree()
        .unwrap()
        .get(&path("d"))
        .unwrap()
        .unwrap()
        .id()
        .unwrap();
    let good = vec![
        Precondition::Head(Some(head.id())),
        Precondition::Absent(path("n")),
        Precondition::Present(path("d")),
        Precondition::Id(path("d"), dir),
        Precondition::Bytes(path("a"), b"1".to_vec()),
    ];
    let bad = [
        Precondition::Head(None),
        Precondition::Absent(path("a")),
        Precondition::Present(path("n")),
        Precondition::Id(path("a"), dir),
        Precondition::Bytes(path("a"), b"2".to_vec()),
    ];
    for bad in bad {
        let transaction = Transaction {
            preconditions: vec![Precondition::Present(path("a")), bad],
            writes: vec![put("n", "new")],
        };
        let error = scope
            .apply("main", &transaction, &CommitOptions::new("no"))
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        assert!(matches!(
            error.details,
            Details::Precondition { index: 1, .. }
        ));
    }
    let transaction = Transaction {
        preconditions: good,
        writes: vec![
            put("n", "new"),
            Write::Graft {
                path: path("copy"),
                revision: "main".to_owned(),
                from: path("d"),
            },
        ],
    };
    scope
        .apply("main", &transaction, &CommitOptions::new("yes"))
        .unwrap();
    let tree = scope.resolve("main").unwrap().tree().unwrap();
    assert_eq!(tree.get_bytes(&path("copy/x")).unwrap().unwrap(), "2");
}

#[test]
fn a_head_that_was_expected_must_still_be_there_when_the_commit_is_made() {
    let server = open_server();
    seed(&server, "main", &["a"]);
    let scope = server.scope(&Caller::local(), "main").unwrap();
    let head = scope.resolve("main").unwrap().id();
    let options = CommitOptions::new("late").isolation(Isolation::Overwrite);
    let expected = || match scope.resolve("main")?.id() == head {
        true => Ok(()),
        false => Err(ServiceError::new(ErrorKind::Conflict, "moved")),
    };
    let mut is_first = true;
    let done = scope.transact_if("main", &options, &expected, |view| {
        if std::mem::take(&mut is_first) {
            seed(&server, "main", &["between"]);
        }
        view.set(&path("b"), "late")
    });
    assert_eq!(done.unwrap_err().message, "moved");
    assert!(
        scope
            .get(&scope.resolve("main").unwrap(), &path("b"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_request_with_a_key_is_done_once_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let access = AccessConfig {
            entry: Entry::Open,
            ..AccessConfig::default()
        };
        Server::open(Config {
            access,
            ..Config::new(Data::Dir(dir.path().into()))
        })
        .unwrap()
    };
    let transaction = |value: &str| Transaction {
        preconditions: Vec::new(),
        writes: vec![put("a", value)],
    };
    let apply = |server: &Server, value: &str| {
        let transaction = transaction(value);
        let key = transaction.key("k1", "main", "do").unwrap();
        let options = CommitOptions::new("do").request(Some(key));
        scope_of(server, "ada").apply("main", &transaction, &options)
    };
    let server = open();
    // Whoever has a commit at hand keeps its store open.
    let answer = |server: &Server, value: &str| {
        let done = apply(server, value).map_err(|error| error.kind)?;
        Ok((done.commit.unwrap().id(), done.is_repeated))
    };
    let (first, is_repeated) = answer(&server, "1").unwrap();
    assert!(!is_repeated);
    assert_eq!(answer(&server, "1"), Ok((first, true)));
    assert_eq!(answer(&server, "2"), Err(ErrorKind::Invalid));
    seed(&server, "main", &["later"]);
    server.repos().close().unwrap();
    drop(server);
    let server = open();
    assert_eq!(answer(&server, "1"), Ok((first, true)));
    assert_eq!(answer(&server, "2"), Err(ErrorKind::Invalid));
    let head = scope_of(&server, "ada").resolve("main").unwrap();
    assert_eq!(head.generation(), 2);
}

/// Makes two branches that differ at two paths.
fn diverged(server: &Server) -> Scope {
    seed(server, "main", &["a", "b"]);
    let scope = scope_of(server, "ada");
    scope
        .create_branch("dev", &scope.resolve("main").unwrap())
        .unwrap();
    for (branch, value) in [("main", "ours"), ("dev", "theirs")] {
        let options = CommitOptions::new(branch);
        scope
            .transact(branch, &options, |view| {
                view.set(&path("a"), value)?;
                view.set(&path("b"), value)
            })
            .unwrap();
    }
    scope
}

#[test]
fn conflicts_of_a_merge_are_values_and_are_settled_path_by_path() {
    let server = open_server();
    let scope = diverged(&server);
    let mut request = MergeRequest::new("dev", CommitOptions::new("merge"));
    for dry_run in [true, false] {
        request.dry_run = dry_run;
        let MergeAnswer::Conflicts { conflicts, .. } = scope.merge("main", &request).unwrap()
        else {
            panic!("conflicts expected")
        };
        let paths: Vec<String> = conflicts
            .iter()
            .map(|conflict| conflict.path.to_string())
            .collect();
        assert_eq!(paths, ["a", "b"]);
    }
    request.settled = vec![
        Settlement {
            path: None,
            how: Resolution::Ours,
        },
        Settlement {
            path: Some(path("a")),
            how: Resolution::Theirs,
        },
    ];
    request.expected_head = Some(Id::NULL);
    assert!(matches!(
        scope.merge("main", &request).unwrap(),
        MergeAnswer::Moved { .. }
    ));
    request.expected_head = None;
    let MergeAnswer::Merged(merged) = scope.merge("main", &request).unwrap() else {
        panic!("a merge expected")
    };
    assert_eq!(header(merged.info(), "principal"), Some(&b"ada"[..]));
    let tree = merged.tree().unwrap();
    assert_eq!(tree.get_bytes(&path("a")).unwrap().unwrap(), "theirs");
    assert_eq!(tree.get_bytes(&path("b")).unwrap().unwrap(), "ours");
    assert!(matches!(
        scope.merge("main", &request).unwrap(),
        MergeAnswer::UpToDate(_)
    ));
    assert!(matches!(
        scope
            .merge("dev", &MergeRequest::new("main", CommitOptions::new("go")))
            .unwrap(),
        MergeAnswer::Forwarded(_)
    ));
    let reverted = scope
        .revert("main", "main", &[], &CommitOptions::new("undo"))
        .unwrap();
    let MergeAnswer::Merged(reverted) = reverted else {
        panic!("a commit expected")
    };
    assert_eq!(
        reverted
            .tree()
            .unwrap()
            .get_bytes(&path("a"))
            .unwrap()
            .unwrap(),
        "ours"
    );
}

#[test]
fn who_sees_a_part_cannot_give_the_whole_another_name_or_merge_it() {
    let rules = "[[rule]]\nprincipal = 'ada'\nbranch = 'main'\npath = 'a'\nright = 'read'\n\
                 [[rule]]\nprincipal = 'ada'\nbranch = 'own'\nright = 'admin'\n\
                 [[rule]]\nprincipal = 'ada'\nbranch = 'tags/*'\nright = 'write'";
    let server = with_rules(rules);
    let main = seed(&server, "main", &["a/1", "secret"]);
    let hidden = seed(&server, "hidden", &["secret"]);
    let scope = scope_of(&server, "ada");
    let seen = scope.resolve("main").unwrap();
    let kinds = [
        scope.create_branch("own", &seen).unwrap_err().kind,
        scope.create_tag("t", &seen).unwrap_err().kind,
        scope
            .reset_branch("own", &seen, Expected::Any)
            .unwrap_err()
            .kind,
        scope.fast_forward("own", &seen).unwrap_err().kind,
        scope
            .merge("own", &MergeRequest::new("main", CommitOptions::new("m")))
            .unwrap_err()
            .kind,
        scope
            .revert("own", "main", &[], &CommitOptions::new("r"))
            .unwrap_err()
            .kind,
    ];
    assert_eq!(kinds, [ErrorKind::PermissionDenied; 6]);
    for revision in [
        hidden.id().to_string(),
        hidden.id().short(),
        "hidden".to_owned(),
    ] {
        assert_eq!(
            scope.resolve(&revision).unwrap_err().kind,
            ErrorKind::NotFound,
            "{revision}"
        );
    }
    for revision in [
        main.id().to_string(),
        main.id().short(),
        "main".to_owned(),
        "heads/main".to_owned(),
    ] {
        let found = scope.resolve(&revision).unwrap();
        assert_eq!(found.id(), main.id());
        assert_ne!(found.tree_id().unwrap(), main.tree_id().unwrap());
        let tree = found.tree().unwrap();
        assert!(tree.get(&path("secret")).unwrap().is_none());
        assert_eq!(tree.get_bytes(&path("a/1")).unwrap().unwrap(), "a/1");
    }
    let unknown = scope.resolve("hiddem").unwrap_err();
    assert!(!unknown.message.contains("hidden"), "{unknown}");
}

#[test]
fn what_one_sees_of_a_part_can_be_put_elsewhere_and_says_nothing_of_the_rest() {
    let rules = "[[rule]]\nprincipal = 'ada'\nbranch = 'main'\npath = 'a'\nright = 'read'\n\
                 [[rule]]\nprincipal = 'ada'\nbranch = 'own'\nright = 'admin'";
    let server = with_rules(rules);
    seed(&server, "main", &["a/1", "secret"]);
    let scope = scope_of(&server, "ada");
    let graft = Write::Graft {
        path: path("copy"),
        revision: "main".to_owned(),
        from: Path::root(),
    };
    let done = scope
        .apply(
            "own",
            &Transaction {
                preconditions: vec![],
                writes: vec![graft],
            },
            &CommitOptions::new("own"),
        )
        .unwrap();
    let tree = done.commit.unwrap().tree().unwrap();
    assert!(tree.get(&path("copy/secret")).unwrap().is_none());
    assert!(tree.get(&path("copy/a/1")).unwrap().is_some());
}

#[test]
fn a_swap_of_names_that_is_asked_for_again_is_seen_to_be_done() {
    let server = open_server();
    let first = seed(&server, "main", &["a"]);
    let second = seed(&server, "main", &["b"]);
    let scope = scope_of(&server, "ada");
    let edit = |expected: Option<&Snapshot>, new: Option<&Snapshot>| RefEdit {
        name: "heads/copy".to_owned(),
        expected: expected.map(Snapshot::id),
        new: new.map(Snapshot::id),
    };
    let swap = |edit: RefEdit, is_retry| {
        scope
            .update_refs(&[edit], Durability::Sync, None, is_retry)
            .unwrap()
    };
    assert_eq!(swap(edit(None, Some(&first)), false), RefOutcome::Applied);
    assert!(matches!(
        swap(edit(None, Some(&first)), false),
        RefOutcome::Lost { .. }
    ));
    assert_eq!(swap(edit(None, Some(&first)), true), RefOutcome::Applied);
    assert_eq!(
        swap(edit(Some(&first), Some(&second)), false),
        RefOutcome::Applied
    );
    assert_eq!(swap(edit(None, Some(&first)), true), RefOutcome::Applied);
    assert!(matches!(
        swap(edit(Some(&second), Some(&first)), true),
        RefOutcome::Applied
    ));
    assert!(matches!(
        swap(edit(Some(&second), Some(&first)), false),
        RefOutcome::Lost { .. }
    ));
}

#[test]
fn branches_and_tags_are_made_moved_and_removed_as_expected_or_not_at_all() {
    let server = open_server();
    let first = seed(&server, "main", &["a"]);
    let second = seed(&server, "main", &["b"]);
    let scope = scope_of(&server, "ada");
    scope.create_branch("dev", &first).unwrap();
    let taken = scope.create_branch("dev", &second).unwrap_err();
    assert!(matches!(taken.details, Details::Moved { current: Some(id), .. } if id == first.id()));
    let wrong = Expected::At(Some(second.id()));
    assert_eq!(
        scope.reset_branch("dev", &second, wrong).unwrap_err().kind,
        ErrorKind::Conflict
    );
    scope
        .reset_branch("dev", &second, Expected::At(Some(first.id())))
        .unwrap();
    assert!(scope.fast_forward("dev", &first).unwrap());
    assert_eq!(
        scope
            .delete_branch("dev", Expected::At(Some(first.id())))
            .unwrap_err()
            .kind,
        ErrorKind::Conflict
    );
    scope.delete_branch("dev", Expected::Any).unwrap();
    assert_eq!(
        scope.delete_branch("dev", Expected::Any).unwrap_err().kind,
        ErrorKind::NotFound
    );
    scope.create_tag("v1", &first).unwrap();
    assert_eq!(
        scope.create_tag("v1", &second).unwrap_err().kind,
        ErrorKind::Conflict
    );
    assert_eq!(scope.resolve("v1").unwrap().id(), first.id());
    let names = scope
        .refs(
            "",
            &Cursor {
                after: Some("heads/main".to_owned()),
                limit: 0,
            },
        )
        .unwrap();
    assert_eq!(names.items.len(), 1);
    scope.delete_tag("v1", Expected::Any).unwrap();
    assert!(scope.get_ref("tags/v1").unwrap().is_none());
}

#[test]
fn repositories_are_made_dropped_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let access = AccessConfig {
            entry: Entry::Open,
            ..AccessConfig::default()
        };
        Server::open(Config {
            access,
            ..Config::new(Data::Dir(dir.path().into()))
        })
        .unwrap()
    };
    let server = open();
    let ada = caller("ada");
    assert_eq!(server.list_repos(&ada), ["main"]);
    server.create_repo(&ada, "second").unwrap();
    assert_eq!(
        server.create_repo(&ada, "second").unwrap_err().kind,
        ErrorKind::Conflict
    );
    for bad in [
        "",
        "a/b",
        ".x",
        "tokens.json",
        "audit.log.1",
        "-x",
        "..",
        "a b",
    ] {
        assert_eq!(
            server.create_repo(&ada, bad).unwrap_err().kind,
            ErrorKind::Invalid,
            "{bad}"
        );
    }
    let scope = server.scope(&ada, "second").unwrap();
    scope
        .transact("main", &CommitOptions::new("x"), |view| {
            view.set(&path("a"), "1")
        })
        .unwrap();
    server.drop_repo(&ada, "second").unwrap();
    assert_eq!(scope.resolve("main").unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(
        server.drop_repo(&ada, "second").unwrap_err().kind,
        ErrorKind::NotFound
    );
    server.create_repo(&ada, "second").unwrap();
    assert!(
        server
            .scope(&ada, "second")
            .unwrap()
            .head("main")
            .unwrap()
            .is_none()
    );
    std::fs::create_dir(dir.path().join(".dropped-9-old")).unwrap();
    drop((scope, server));
    let server = open();
    assert_eq!(server.list_repos(&ada), ["main", "second"]);
    assert!(!dir.path().join(".dropped-9-old").exists());
}

#[test]
fn a_value_that_comes_to_lie_above_a_write_meanwhile_is_not_replaced_by_who_may_not_write_it() {
    let rules = "[[rule]]\nprincipal = 'ada'\npath = 'a/b'\nright = 'write'";
    for isolation in [
        Isolation::Serializable,
        Isolation::Snapshot,
        Isolation::Overwrite,
    ] {
        let server = with_rules(rules);
        seed(&server, "main", &["other"]);
        let mut is_first = true;
        let options = CommitOptions::new("late").isolation(isolation);
        let done = scope_of(&server, "ada").transact("main", &options, |view| {
            let done = view.set(&path("a/b/c"), "mine")?;
            if std::mem::take(&mut is_first) {
                seed(&server, "main", &["a"]);
            }
            Ok(done)
        });
        let error = done.unwrap_err();
        assert_ne!(error.kind, ErrorKind::Internal, "{isolation:?}: {error}");
        if let Details::Conflicts(conflicts) = &error.details {
            assert!(
                conflicts.is_empty(),
                "{conflicts:?} are nothing that ada may see"
            );
        }
        let own = server.scope(&Caller::local(), "main").unwrap();
        let tree = own.resolve("main").unwrap().tree().unwrap();
        assert_eq!(
            tree.get_bytes(&path("a")).unwrap().unwrap(),
            "a",
            "{isolation:?}"
        );
    }
}
