use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::{Cut, Difference, Env, MemoryStore, Object, Repo, Tree, WalkOptions};

type Content = BTreeMap<Path, Bytes>;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn repo() -> Repo {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(7))
}

fn set(branch: &Branch, at: &str, value: &str) -> Commit {
    let value = value.to_owned();
    branch.set(&path(at), value, at).unwrap().unwrap()
}

/// Takes all events that there are.
fn drain(watch: &mut Watch) -> Vec<WatchEvent> {
    let mut events = Vec::new();
    loop {
        match watch.next(Duration::ZERO).unwrap() {
            Some(event) => events.push(event),
            None if watch.is_caught_up() => return events,
            None => {}
        }
    }
}

fn kinds(events: &[WatchEvent]) -> Vec<WatchKind> {
    events.iter().map(WatchEvent::kind).collect()
}

fn ids(events: &[WatchEvent]) -> Vec<Id> {
    let commits = events.iter().filter_map(WatchEvent::commit);
    commits.map(Commit::id).collect()
}

fn content(commit: Option<&Commit>, below: &Path) -> Content {
    let tree = commit.map_or_else(Tree::empty, |commit| commit.tree().clone());
    let options = WalkOptions {
        prefix: below.clone(),
        ..WalkOptions::default()
    };
    let blobs = tree.walk(options).filter_map(|found| {
        let (path, entry) = found.unwrap();
        Some((path, entry.into_blob()?.bytes().unwrap()))
    });
    blobs.collect()
}

fn apply(content: &mut Content, event: &WatchEvent) {
    for change in event.changes().unwrap() {
        let old = match &change.difference {
            Difference::Added(new) => content.insert(change.path, new.bytes().unwrap()),
            Difference::Removed(_) => content.remove(&change.path),
            Difference::Modified { new, .. } => content.insert(change.path, new.bytes().unwrap()),
        };
        let expected = match &change.difference {
            Difference::Added(_) => None,
            Difference::Removed(old) | Difference::Modified { old, .. } => {
                Some(old.bytes().unwrap())
            }
        };
        assert_eq!(old, expected);
    }
}

#[test]
fn each_commit_that_matters_is_told_once_in_order_with_its_changes() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let mut watch = main.watch(&path("d"), Since::Now).unwrap();
    assert_eq!(watch.cursor(), Since::Absent);
    let first = set(&main, "d/a", "1");
    let events = drain(&mut watch);
    assert_eq!(kinds(&events), [WatchKind::Created]);
    set(&main, "elsewhere", "1");
    let second = set(&main, "d/b", "1");
    let last = set(&main, "d", "a value now");
    let events = drain(&mut watch);
    assert_eq!(ids(&events), [second.id(), last.id()]);
    assert_eq!(events[1].changes().unwrap().len(), 3);
    set(&main, "elsewhere", "2");
    assert!(drain(&mut watch).is_empty());
    assert_eq!(
        Some(watch.cursor()),
        main.head_id().unwrap().map(Since::Commit)
    );
    let mut again = main.watch(&path("d"), Since::Commit(first.id())).unwrap();
    assert_eq!(ids(&drain(&mut again)), [second.id(), last.id()]);
}

#[test]
fn moves_removals_and_returns_of_a_branch_are_one_event_each() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let first = set(&main, "a", "1");
    let second = set(&main, "a", "2");
    let mut watch = main.watch(&Path::root(), Since::Now).unwrap();
    main.reset(&first).unwrap();
    assert_eq!(kinds(&drain(&mut watch)), [WatchKind::Reset]);
    main.delete().unwrap();
    let gone = drain(&mut watch);
    assert_eq!(kinds(&gone), [WatchKind::Removed]);
    assert_eq!(gone[0].changes().unwrap().len(), 1);
    let mut watch = main.watch(&Path::root(), gone[0].cursor()).unwrap();
    assert!(drain(&mut watch).is_empty());
    main.reset(&second).unwrap();
    let back = drain(&mut watch);
    assert_eq!(kinds(&back), [WatchKind::Created]);
    assert_eq!(back[0].changes().unwrap().len(), 1);
}

#[test]
fn a_merge_whose_first_parent_is_the_other_line_is_told_against_the_state_before() {
    let repo = repo();
    let (main, side) = (repo.branch("main").unwrap(), repo.branch("side").unwrap());
    let base = set(&main, "base", "1");
    side.reset(&base).unwrap();
    let theirs = set(&side, "theirs", "1");
    let ours = set(&main, "ours", "1");
    let mut watch = main.watch(&Path::root(), Since::Now).unwrap();
    let mut tree = theirs.tree().clone();
    tree.set(&path("ours"), "1").unwrap();
    let info = repo.info("merge").unwrap();
    let merge = repo.create_commit(&tree, &[theirs, ours], info).unwrap();
    main.reset(&merge).unwrap();
    let after = set(&main, "after", "1");
    let events = drain(&mut watch);
    assert_eq!(ids(&events), [merge.id(), after.id()]);
    let changes = events[0].changes().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path, path("theirs"));
}

#[test]
fn a_place_that_is_not_kept_is_told_with_the_way_out() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    set(&main, "a", "1");
    let lost = Id::of(b"collected");
    let mut watch = main.watch(&Path::root(), Since::Commit(lost)).unwrap();
    let error = watch.next(Duration::ZERO).unwrap_err();
    assert!(matches!(error, Error::Watch(WatchError::Gone { commit }) if commit == lost));
    assert!(error.to_string().contains("'start'"), "{error}");
    assert_eq!(watch.cursor(), Since::Commit(lost));
}

#[test]
fn commits_whose_contents_are_not_kept_are_passed_over() {
    let from = repo();
    let main = from.branch("main").unwrap();
    let commits: Vec<Commit> = (0..6)
        .map(|number| set(&main, &format!("f{number}"), "1"))
        .collect();
    // A copy without the contents of 1, 2 and 4, and without the parents of 1.
    let repo = repo();
    let objects = repo.objects();
    let mut line = Vec::new();
    for (number, commit) in commits.iter().enumerate().skip(1) {
        let cut = Cut {
            contents: [1, 2, 4].contains(&number),
            parents: number == 1,
        };
        if !cut.contents {
            commit.tree().persist(&objects).unwrap();
        }
        let stored = from.objects().get(&commit.id().into()).unwrap().unwrap();
        let object = Object {
            base: None,
            id: commit.id(),
            kind: crate::Kind::Commit,
            bytes: &stored.bytes,
            links: &[],
            generation: stored.generation,
            cut,
        };
        objects.put_many(&[object]).unwrap();
        line.push(commit.id());
    }
    let copy = repo.branch("main").unwrap();
    copy.reset(&repo.must_load(line[4]).unwrap()).unwrap();
    let mut watch = copy.watch(&Path::root(), Since::Start).unwrap();
    let events = drain(&mut watch);
    assert_eq!(ids(&events), [commits[3].id(), commits[5].id()]);
    assert_eq!(events[0].changes().unwrap().len(), 4);
    assert_eq!(events[1].changes().unwrap().len(), 2);
    let gone = Since::Commit(commits[4].id());
    let mut watch = copy.watch(&Path::root(), gone).unwrap();
    assert!(matches!(
        watch.next(Duration::ZERO),
        Err(Error::Watch(WatchError::Gone { .. }))
    ));
}

#[test]
fn a_slow_consumer_catches_up_with_few_ids_in_memory() {
    const COMMITS: usize = 20_000;
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let mut watch = main.watch(&path("n"), Since::Start).unwrap();
    let (mut line, mut parents) = (Vec::new(), Vec::new());
    for number in 0..COMMITS {
        let mut tree = Tree::empty();
        tree.set(&path("n"), number.to_string()).unwrap();
        let info = repo.info("next").unwrap();
        let commit = repo.create_commit(&tree, &parents, info).unwrap();
        line.push(commit.id());
        parents = vec![commit];
    }
    main.reset(&parents[0]).unwrap();
    let (mut told, mut most) = (Vec::new(), 0);
    while let Some(event) = watch.next(Duration::ZERO).unwrap() {
        most = most.max(watch.pending());
        told.extend(event.commit().map(Commit::id));
    }
    assert!(told == line, "each of {COMMITS} commits once, in order");
    assert!(
        most <= RUN_COMMITS_MAX + COMMITS / RUN_COMMITS_MAX,
        "{most}"
    );
}

#[test]
fn whoever_waits_for_an_event_gets_it() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let mut watch = main.watch(&Path::root(), Since::Now).unwrap();
    assert!(watch.next(Duration::ZERO).unwrap().is_none());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.next(Duration::from_secs(600)).unwrap());
        let commit = set(&main, "a", "1");
        let event = waiting.join().unwrap().unwrap();
        assert_eq!(event.commit(), Some(&commit));
    });
}

#[test]
fn names_that_came_moved_and_went_are_told() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let first = set(&main, "a", "1");
    let mut watch = repo.watch_names("").unwrap();
    let second = set(&main, "a", "2");
    repo.tag("v1", &first).unwrap();
    let told = watch.next(Duration::from_secs(600)).unwrap();
    let (first, second) = (Some(first.id()), Some(second.id()));
    let told: Vec<_> = told
        .iter()
        .map(|change| (change.name.as_str(), change.before, change.after))
        .collect();
    assert_eq!(
        told,
        [("heads/main", first, second), ("tags/v1", None, first)]
    );
    main.delete().unwrap();
    let told = watch.next(Duration::ZERO).unwrap();
    assert_eq!((told.len(), told[0].after), (1, None));
}

/// What somebody does to the branches `main` and `side`, and to the watch.
#[derive(Clone, Debug)]
enum Deed {
    Set(bool, u8, u8),
    SetNothing(bool),
    /// A merge commit on one branch, with the parents in either order.
    Merge(bool, bool),
    Reset(bool, Index),
    Remove(bool),
    Pull(usize),
    Resume,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        6 => (any::<bool>(), 0..8_u8, 0..3_u8).prop_map(|(b, key, v)| Deed::Set(b, key, v)),
        1 => any::<bool>().prop_map(Deed::SetNothing),
        3 => any::<(bool, bool)>().prop_map(|(b, order)| Deed::Merge(b, order)),
        2 => any::<(bool, Index)>().prop_map(|(b, to)| Deed::Reset(b, to)),
        1 => any::<bool>().prop_map(Deed::Remove),
        3 => (1..4_usize).prop_map(Deed::Pull),
        2 => Just(Deed::Resume),
    ];
    prop::collection::vec(deed, 1..60)
}

struct World {
    repo: Repo,
    branches: [Branch; 2],
    commits: Vec<Commit>,
}

impl World {
    fn new() -> Self {
        let repo = repo();
        let branches = ["main", "side"].map(|name| repo.branch(name).unwrap());
        Self {
            repo,
            branches,
            commits: Vec::new(),
        }
    }

    fn commit(&mut self, on: &Branch, tree: &Tree, parents: &[Commit]) {
        // Every commit is another one, also where nothing changes.
        let info = self.repo.info(&self.commits.len().to_string()).unwrap();
        let commit = self.repo.create_commit(tree, parents, info).unwrap();
        on.reset(&commit).unwrap();
        self.commits.push(commit);
    }

    fn act(&mut self, deed: &Deed) {
        let (Deed::Set(on, ..) | Deed::SetNothing(on) | Deed::Merge(on, _)) = deed else {
            return self.move_name(deed);
        };
        let on = self.branches[usize::from(*on)].clone();
        let head = on.head().unwrap();
        let mut tree = head
            .as_ref()
            .map_or_else(Tree::empty, |head| head.tree().clone());
        let mut parents: Vec<Commit> = head.into_iter().collect();
        match deed {
            // Some keys are below the path that is watched, one is the path.
            Deed::Set(_, 7, 0) => drop(tree.remove(&path("d")).unwrap()),
            Deed::Set(_, 7, value) => drop(tree.set(&path("d"), value.to_string()).unwrap()),
            Deed::Set(_, key, value) => {
                let at = path(&format!("{}/{key}", if key % 2 == 0 { "d" } else { "e" }));
                tree.set(&at, value.to_string()).unwrap();
            }
            Deed::Merge(_, theirs_first) => {
                let other = self
                    .branches
                    .iter()
                    .find(|branch| branch.name() != on.name());
                let Some(theirs) = other.unwrap().head().unwrap() else {
                    return;
                };
                for (at, value) in content(Some(&theirs), &Path::root()) {
                    tree.set(&at, value).unwrap();
                }
                parents.push(theirs);
                parents.dedup();
                if *theirs_first {
                    parents.reverse();
                }
            }
            _ => {}
        }
        self.commit(&on, &tree, &parents);
    }

    fn move_name(&self, deed: &Deed) {
        match deed {
            Deed::Reset(on, to) if !self.commits.is_empty() => {
                let to = &self.commits[to.index(self.commits.len())];
                self.branches[usize::from(*on)].reset(to).unwrap();
            }
            Deed::Remove(on) => drop(self.branches[usize::from(*on)].delete().unwrap()),
            _ => {}
        }
    }
}

/// What somebody knows who has only the events.
struct Follower {
    watch: Watch,
    known: Content,
}

impl Follower {
    fn take(&mut self, event: &WatchEvent, every_commit: bool) {
        apply(&mut self.known, event);
        let below = self.watch.path();
        assert_eq!(self.known, content(event.commit(), below));
        assert_eq!(self.watch.cursor(), event.cursor());
        if every_commit && event.kind() == WatchKind::Commit {
            // Nothing lies between two events.
            let parents = event.commit().unwrap().parents();
            match event.before() {
                Some(before) => assert!(parents.iter().any(|p| p.id == before.id())),
                None => assert!(parents.is_empty()),
            }
        }
    }

    fn follow(&mut self, deed: &Deed, every_commit: bool) {
        match deed {
            Deed::Pull(events) => {
                for _ in 0..*events {
                    if let Some(event) = self.watch.next(Duration::ZERO).unwrap() {
                        self.take(&event, every_commit);
                    }
                }
            }
            Deed::Resume => {
                let (branch, path) = (self.watch.branch(), self.watch.path());
                let watch = branch.watch(path, self.watch.cursor()).unwrap();
                self.watch = if every_commit {
                    watch.every_commit()
                } else {
                    watch
                };
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn applied_to_what_was_the_events_give_every_state_of_the_branch(
        deeds in deeds(),
        below in prop_oneof![Just(""), Just("d"), Just("d/2")],
        every_commit in any::<bool>(),
        from_start in any::<bool>(),
    ) {
        let mut world = World::new();
        let since = if from_start { Since::Start } else { Since::Now };
        let watch = world.branches[0].watch(&path(below), since).unwrap();
        let watch = if every_commit { watch.every_commit() } else { watch };
        let mut follower = Follower { watch, known: Content::new() };
        for deed in &deeds {
            world.act(deed);
            follower.follow(deed, every_commit);
        }
        for event in drain(&mut follower.watch) {
            apply(&mut follower.known, &event);
        }
        let head = world.branches[0].head().unwrap();
        prop_assert_eq!(follower.known, content(head.as_ref(), &path(below)));
        let cursor = follower.watch.cursor();
        match head {
            Some(head) => prop_assert_eq!(cursor, Since::Commit(head.id())),
            None => prop_assert!(matches!(cursor, Since::Absent | Since::Start)),
        }
    }
}
