//! The objects of a branch.

use std::collections::HashSet;
use std::sync::Arc;

use irminsule::{Env, Id, Key, Kind, MemoryStore, Object, ObjectStore, Repo, links_of};
use proptest::prelude::*;

use super::*;

/// A client's copy: takes objects, each behind those that it points to.
struct Copy(Arc<MemoryStore>, usize);

impl Copy {
    fn new() -> Self {
        Self(Arc::new(MemoryStore::new()), 0)
    }

    fn take(&mut self, objects: Vec<(Id, irminsule::Stored)>) {
        for (id, stored) in objects {
            let links = links_of(&stored.bytes).unwrap();
            for &link in &links {
                assert!(
                    self.0.get(&link.into()).unwrap().is_some(),
                    "{id} came before {link}"
                );
            }
            let links: Vec<Key> = links.into_iter().map(Key::from).collect();
            let object = Object {
                id: Id::of(&stored.bytes),
                kind: Kind::from_code(stored.bytes[1]).unwrap(),
                bytes: &stored.bytes,
                links: &links,
                generation: stored.generation,
                cut: stored.cut,
                base: None,
            };
            assert_eq!(self.0.put_many(&[object]).unwrap()[0].id, id);
            self.1 += 1;
        }
    }

    fn fetch(&mut self, scope: &Scope, have: &[Id]) {
        scope
            .fetch("main", have, &mut |objects| {
                self.take(objects);
                Ok(())
            })
            .unwrap();
    }

    fn check(&self, head: &Snapshot) {
        let repo = Repo::new(Arc::clone(&self.0) as _, Env::fixed(0));
        let commit = repo.must_load(head.id()).unwrap();
        assert!(head.tree().unwrap().diff(commit.tree()).unwrap().is_empty());
        let all = commit.tree().walk(irminsule::WalkOptions::default());
        for found in all {
            if let Some(blob) = found.unwrap().1.into_blob() {
                blob.bytes().unwrap();
            }
        }
        let commits: HashSet<Id> = repo
            .history()
            .log(head.id())
            .map(|entry| entry.unwrap().key.id)
            .collect();
        assert_eq!(commits.len(), usize::try_from(head.generation()).unwrap());
    }
}

#[test]
fn who_may_read_a_branch_fetches_it_and_then_only_what_is_new() {
    let server = with_rules("[[rule]]\nprincipal = 'ada'\nbranch = 'main'\nright = 'read'");
    let paths: Vec<String> = (0..3000)
        .map(|number| format!("{}/{number}", number % 7))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let first = seed(&server, "main", &paths);
    let hidden = seed(&server, "secret", &["secret"]);
    let scope = server.scope(&caller("ada"), "main").unwrap();
    let mut copy = Copy::new();
    copy.fetch(&scope, &[]);
    copy.check(&first);
    assert!(copy.0.get(&hidden.id().into()).unwrap().is_none());
    let whole = copy.1;
    let second = seed(&server, "main", &["3/new"]);
    copy.fetch(&scope, &[first.id(), hidden.id(), Id::of(b"unknown")]);
    copy.check(&second);
    assert!(
        copy.1 - whole < 8 && whole > 20,
        "{} of {whole}",
        copy.1 - whole
    );
    copy.fetch(&scope, &[second.id()]);
    assert!(copy.1 - whole < 8);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_is_whole_wherever_it_went_on_from(
        commits in prop::collection::vec(prop::collection::vec((0..40u8, 0..3u8), 1..30), 2..8),
        from in 0..8usize,
    ) {
        let server = open_server();
        let scope = server.scope(&Caller::local(), "main").unwrap();
        let mut line = Vec::new();
        for changes in &commits {
            let done = scope.transact("main", &CommitOptions::new("x"), |view| {
                for (at, value) in changes {
                    let at = path(&format!("{}/{}/{at}", at % 3, at % 5));
                    match value {
                        0 => drop(view.remove(&at)?),
                        _ => drop(view.set(&at, vec![*value; 300])?),
                    }
                }
                Ok(())
            });
            line.extend(done.unwrap().commit);
        }
        let Some(head) = line.last() else { return Ok(()) };
        let mut copy = Copy::new();
        let from = &line[from % line.len()];
        let older = server.scope(&Caller::local(), "main").unwrap();
        older.create_branch("older", from).unwrap();
        older.fetch("older", &[], &mut |objects| { copy.take(objects); Ok(()) }).unwrap();
        copy.fetch(&scope, &[from.id()]);
        copy.check(head);
    }
}
