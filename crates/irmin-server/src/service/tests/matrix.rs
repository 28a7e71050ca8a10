//! Every verb with every right.

use irminsule::{CollectOptions, Durability, Id, IdPrefix, Mode, RefEdit, Since};

use super::*;

/// How much a right is granted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    Path,
    Branch,
    Repo,
    Server,
}

const EXTENTS: [Extent; 4] = [Extent::Path, Extent::Branch, Extent::Repo, Extent::Server];

fn rules(right: Right, extent: Extent) -> String {
    let rule = |more: &str| format!("[[rule]]\nprincipal = 'ada'\nright = '{right}'\n{more}\n");
    match extent {
        Extent::Path => rule("repo = 'main'\nbranch = 'main'\npath = 'a'"),
        Extent::Branch => {
            let tags = rule("repo = 'main'\nbranch = 'tags/*'");
            rule("repo = 'main'\nbranch = 'main'") + &tags
        }
        Extent::Repo => rule("repo = 'main'"),
        Extent::Server => rule(""),
    }
}

fn is_enough(needs: Needs, right: Right, extent: Extent) -> bool {
    match needs {
        Needs::Nothing => true,
        Needs::Some(needed) => right >= needed,
        Needs::Branch(needed) => right >= needed && extent >= Extent::Branch,
        Needs::Repo(needed) => right >= needed && extent >= Extent::Repo,
        Needs::Push => right >= Right::Write && extent >= Extent::Repo,
        Needs::Server => right == Right::Admin && extent == Extent::Server,
    }
}

/// Does what a verb stands for, on what is granted if anything is. A new verb needs its line here.
fn attempt(server: &Server, caller: &Caller, verb: Verb) -> Result<()> {
    let scope = server.scope(caller, "main")?;
    let head = || scope.must_have_head("main");
    let at = path("a/1");
    let options = CommitOptions::new("try");
    let merge = |dry_run| MergeRequest {
        dry_run,
        ..MergeRequest::new("main", CommitOptions::new("merge"))
    };
    match verb {
        Verb::Resolve => scope.resolve("main").map(drop),
        Verb::Get => scope.get_many(&head()?, &[at]).map(drop),
        Verb::List => scope
            .list(&head()?, &path("a"), &Cursor::default())
            .map(drop),
        Verb::ReadBlob => scope.blob(&head()?, &at).map(drop),
        Verb::Tree => scope.tree(seeded_tree(server)).map(drop),
        Verb::Diff => scope
            .diff(None, &head()?, &path(""), &Cursor::default())
            .map(drop),
        Verb::Log => scope.log(&head()?, &LogRequest::default()).map(drop),
        Verb::Blame => scope.blame(&head()?, &at).map(drop),
        Verb::Ancestors => scope.common_ancestors(&head()?, &head()?).map(drop),
        Verb::Refs => scope.refs("", &Cursor::default()).map(drop),
        Verb::Watch => scope.look_once("main", Since::Start).map(drop),
        Verb::WatchRefs => scope.begin(Verb::WatchRefs, None),
        Verb::MergePreview => scope.merge("main", &merge(true)).map(drop),
        Verb::Commit => scope
            .transact("main", &options, |view| view.set(&at, "new"))
            .map(drop),
        Verb::Session => scope
            .begin_session("main", SessionOptions::default())
            .map(drop),
        Verb::WriteBlob => scope
            .put_blob("main", &at, Mode::Normal, &mut &b"new"[..], &options)
            .map(drop),
        Verb::Merge => scope.merge("main", &merge(false)).map(drop),
        Verb::Branch => scope.reset_branch("main", &head()?, Expected::Any),
        Verb::Tag => scope.create_tag("t", &head()?),
        Verb::ReadObjects => {
            scope.contains(&[Id::NULL])?;
            scope.objects(&[Id::NULL])?;
            scope
                .commits_with_prefix(&"abcd".parse::<IdPrefix>().unwrap(), 1)
                .map(drop)
        }
        Verb::Fetch => scope.fetch("main", &[], &mut |_| Ok(())),
        Verb::WriteObjects => scope.put_objects(&[]).map(drop),
        Verb::UpdateRefs => {
            let edit = RefEdit {
                name: "heads/main".to_owned(),
                expected: None,
                new: None,
            };
            scope
                .update_refs(&[edit], Durability::Sync, None, false)
                .map(drop)
        }
        Verb::Sync => scope.sync(),
        Verb::Stats
        | Verb::Collect
        | Verb::Verify
        | Verb::Backup
        | Verb::ListRepos
        | Verb::CreateRepo
        | Verb::DropRepo
        | Verb::Tokens => attempt_as_admin(server, caller, &scope, verb),
    }
}

/// The same for what concerns a repository, or the server, as a whole.
fn attempt_as_admin(server: &Server, caller: &Caller, scope: &Scope, verb: Verb) -> Result<()> {
    match verb {
        Verb::Stats => scope.stats().map(drop),
        Verb::Collect => {
            let mut go_on = |_| std::ops::ControlFlow::Continue(());
            scope
                .collect(&CollectOptions::default(), &mut go_on)
                .map(drop)
        }
        Verb::Verify => scope.verify(&mut |_| ()).map(drop),
        Verb::Backup => scope.whole().map(drop),
        Verb::ListRepos => match server.list_repos(caller).is_empty() {
            true => Err(ServiceError::denied("nothing to be seen")),
            false => Ok(()),
        },
        Verb::CreateRepo => match server.create_repo(caller, "main") {
            Err(error) if error.kind == ErrorKind::Conflict => Ok(()),
            done => done,
        },
        Verb::DropRepo => server.drop_repo(caller, "main"),
        Verb::Tokens => match server.list_tokens(caller) {
            // A server in memory has none.
            Err(error) if error.kind == ErrorKind::Invalid => Ok(()),
            done => done.map(drop),
        },
        other => unreachable!("{}: its line is above", other.name()),
    }
}

fn seeded_tree(server: &Server) -> Id {
    let scope = server.scope(&Caller::local(), "main").unwrap();
    scope.resolve("main").unwrap().tree_id().unwrap()
}

fn is_refusal(error: &ServiceError) -> bool {
    matches!(
        error.kind,
        ErrorKind::PermissionDenied | ErrorKind::NotFound
    )
}

#[test]
fn every_verb_is_granted_by_the_rights_that_it_takes_and_by_no_lesser_ones() {
    for right in Right::ALL {
        for extent in EXTENTS {
            for verb in Verb::ALL {
                let server = with_rules(&rules(right, extent));
                seed(&server, "main", &["a/1", "b/1"]);
                let done = attempt(&server, &caller("ada"), verb);
                let what = format!("{} with {right} on {extent:?}", verb.name());
                match is_enough(verb.needs(), right, extent) {
                    true => assert!(done.is_ok(), "{what}: {done:?}"),
                    false => {
                        let error = done.expect_err(&what);
                        assert_eq!(error.kind, ErrorKind::PermissionDenied, "{what}: {error}");
                    }
                }
            }
        }
    }
}

#[test]
fn without_any_right_a_repository_does_not_exist_whatever_is_asked() {
    let server = with_rules("[[rule]]\nprincipal = 'bob'\nright = 'admin'");
    seed(&server, "main", &["a/1"]);
    for who in [
        caller("ada"),
        Caller::known(None, Transport::Rest, Peer::default()),
    ] {
        for verb in Verb::ALL {
            let error = attempt(&server, &who, verb).expect_err(verb.name());
            assert!(is_refusal(&error), "{}: {error}", verb.name());
        }
        let missing = server.scope(&who, "nowhere").err().unwrap();
        let hidden = server.scope(&who, "main").err().unwrap();
        assert_eq!(missing.message.replace("nowhere", "main"), hidden.message);
    }
}

#[test]
fn a_right_elsewhere_is_none_here() {
    let rules = "[[rule]]\nprincipal = 'ada'\nbranch = 'other'\nright = 'admin'";
    let server = with_rules(rules);
    seed(&server, "main", &["a/1"]);
    for verb in Verb::ALL {
        if verb.needs() == Needs::Nothing || verb == Verb::Resolve {
            continue;
        }
        let error = attempt(&server, &caller("ada"), verb).expect_err(verb.name());
        assert!(is_refusal(&error), "{}: {error}", verb.name());
    }
    let scope = server.scope(&caller("ada"), "main").unwrap();
    assert!(scope.refs("", &Cursor::default()).unwrap().items.is_empty());
    assert!(scope.head("main").unwrap().is_none());
}

/// The public methods of [`Scope`] in these files; each must begin with a verb.
const SOURCES: [&str; 11] = [
    include_str!("../scope/admin.rs"),
    include_str!("../scope/fetch.rs"),
    include_str!("../scope/history.rs"),
    include_str!("../scope/merge.rs"),
    include_str!("../scope/names.rs"),
    include_str!("../scope/objects.rs"),
    include_str!("../scope/read.rs"),
    include_str!("../scope/resolve.rs"),
    include_str!("../scope/transaction.rs"),
    include_str!("../scope/write.rs"),
    include_str!("../sessions.rs"),
];

/// Calls that begin with a verb, so that whoever makes one first has begun.
const BEGINNINGS: [&str; 8] = [
    "self.begin(",
    "self.reset_branch(",
    "self.write_blob(",
    "self.head(",
    "self.session(id)",
    "self.in_session(",
    "self.administer(",
    "Verb::ListRepos",
];

#[test]
fn every_public_method_of_a_scope_asks_for_a_right() {
    let mut found = 0;
    for source in SOURCES {
        let mut is_scope = false;
        for block in source.split("\nimpl ").skip(1) {
            is_scope |= block.starts_with("Scope {");
            if !block.starts_with("Scope {") {
                continue;
            }
            for method in block.split("\n    pub fn ").skip(1) {
                let body = method.split("\n    }\n").next().unwrap();
                let name = method.split(['(', '<']).next().unwrap();
                let begins = BEGINNINGS.iter().any(|call| body.contains(call));
                assert!(begins, "Scope::{name} asks for no right");
                found += 1;
            }
        }
        assert!(is_scope);
    }
    assert!(found > 30, "only {found} methods were found");
}
