//! What a scope shows is what a naive filter over everything shows, and what it writes lies inside
//! what may be written: random rules, trees and requests.

use std::collections::{BTreeMap, BTreeSet};

use irminsule::{Difference, EntryKind, Isolation, Since, Step, WalkOptions};
use proptest::prelude::*;

use super::*;

/// All values of a tree, by path.
type Dump = BTreeMap<Path, Vec<u8>>;

fn dump(tree: &irminsule::Tree) -> Dump {
    let entries = tree.walk(WalkOptions::default()).map(Result::unwrap);
    let blobs = entries.filter_map(|(path, entry)| Some((path, entry.into_blob()?)));
    blobs
        .map(|(path, blob)| (path, blob.bytes().unwrap().to_vec()))
        .collect()
}

/// A rule for `ada`: branch, path, right.
type Granted = (String, Path, Right);

fn granted() -> impl Strategy<Value = Granted> {
    let branch = prop_oneof![Just("main"), Just("dev"), Just("*"), Just("m*")];
    let right =
        prop_oneof![4 => Just(Right::Read), 4 => Just(Right::Write), 1 => Just(Right::Admin)];
    (branch, some_path(), right).prop_map(|(branch, path, right)| (branch.to_owned(), path, right))
}

fn some_path() -> impl Strategy<Value = Path> {
    "([abc](/[abc]){0,2})?".prop_map(|text| path(&text))
}

fn blob_path() -> impl Strategy<Value = Path> {
    "[abc](/[abc]){0,2}".prop_map(|text| path(&text))
}

/// A change: a path, and what is put there; nothing removes it.
type Change = (Path, Option<u8>);

fn change() -> impl Strategy<Value = Change> {
    (
        blob_path(),
        prop_oneof![3 => (0..3u8).prop_map(Some), 1 => Just(None)],
    )
}

fn commits() -> impl Strategy<Value = Vec<(bool, Vec<Change>)>> {
    let changes = prop::collection::vec(change(), 1..4);
    prop::collection::vec((prop::bool::weighted(0.3), changes), 1..6)
}

fn apply(dump: &mut Dump, (at, value): &Change) {
    match value {
        None => dump.retain(|path, _| !path.starts_with(at)),
        Some(value) => {
            dump.retain(|path, _| !path.starts_with(at) && !at.starts_with(path));
            dump.insert(at.clone(), vec![*value]);
        }
    }
}

fn covers(rules: &[Granted], branch: &str, right: Right, at: &Path) -> bool {
    rules.iter().any(|(pattern, path, granted)| {
        Pattern::new(pattern).matches(branch) && *granted >= right && at.starts_with(path)
    })
}

fn filtered(rules: &[Granted], branch: &str, dump: &Dump) -> Dump {
    let shown = dump
        .iter()
        .filter(|(path, _)| covers(rules, branch, Right::Read, path));
    shown
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect()
}

fn server_with(rules: &[Granted]) -> Server {
    let rules = rules.iter().map(|(branch, path, right)| Rule {
        principal: Pattern::new("ada"),
        repo: Pattern::everything(),
        branch: Pattern::new(branch),
        path: path.clone(),
        right: *right,
    });
    let server = with_rules("");
    server.access().reload(AccessConfig {
        rules: Rules::new(rules.collect()),
        entry: Entry::Rules,
        ..AccessConfig::default()
    });
    server
}

fn write(view: &mut ScopedView<'_>, (at, value): &Change) -> Result<()> {
    match value {
        Some(value) => view.set(at, vec![*value]).map(drop),
        None => view.remove(at).map(drop),
    }
}

/// Makes commits on two branches; returns what each branch had, oldest first.
fn history(server: &Server, commits: &[(bool, Vec<Change>)]) -> BTreeMap<&'static str, Vec<Dump>> {
    let scope = server.scope(&Caller::local(), "main").unwrap();
    let mut history: BTreeMap<_, Vec<Dump>> = BTreeMap::new();
    for (is_dev, changes) in commits {
        let branch = if *is_dev { "dev" } else { "main" };
        let options = CommitOptions::new("seed");
        let done = scope.transact(branch, &options, |view| {
            changes.iter().try_for_each(|change| write(view, change))
        });
        if done.unwrap().commit.is_some() {
            let states = history.entry(branch).or_default();
            let mut next = states.last().cloned().unwrap_or_default();
            changes.iter().for_each(|change| apply(&mut next, change));
            states.push(next);
        }
    }
    history
}

/// What a directory lists, by a dump.
fn listed(dump: &Dump, dir: &Path) -> BTreeMap<Step, bool> {
    let depth = dir.steps().len();
    let below = dump.keys().filter(|path| path.starts_with(dir));
    let below = below.filter_map(|path| {
        let step = path.steps().get(depth)?.clone();
        Some((step, path.steps().len() > depth + 1))
    });
    below.collect()
}

fn all_paths() -> Vec<Path> {
    let mut all = vec![Path::root()];
    for index in 0..40 {
        let dir = all[index / 3].clone();
        if dir.steps().len() < 3 && index < 39 {
            all.push(dir.child(Step::new([b"abc"[index % 3]]).unwrap()));
        }
    }
    all
}

fn is_dir(kind: EntryKind) -> bool {
    kind == EntryKind::Tree
}

/// Looks at a branch in every way and compares with what it should show.
fn check_branch(scope: &Scope, rules: &[Granted], branch: &str, states: &[Dump]) {
    let shown: Vec<Dump> = states
        .iter()
        .map(|dump| filtered(rules, branch, dump))
        .collect();
    let may_see = rules
        .iter()
        .any(|(pattern, ..)| Pattern::new(pattern).matches(branch));
    let Some(head) = scope.head(branch).unwrap() else {
        assert!(!may_see);
        assert!(scope.resolve(branch).is_err());
        return;
    };
    assert!(may_see);
    let now = shown.last().unwrap();
    assert_eq!(dump(&head.tree().unwrap()), *now);
    for at in all_paths() {
        let entry = scope.get(&head, &at).unwrap();
        let bytes = entry
            .clone()
            .and_then(irminsule::Entry::into_blob)
            .map(|blob| blob.bytes().unwrap());
        assert_eq!(bytes.as_deref(), now.get(&at).map(Vec::as_slice), "at {at}");
        if entry.is_none_or(|entry| is_dir(entry.kind())) {
            let page = scope.list(&head, &at, &Cursor::default()).unwrap();
            let page = page
                .items
                .into_iter()
                .map(|(step, entry)| (step, is_dir(entry.kind())));
            assert_eq!(
                page.collect::<BTreeMap<_, _>>(),
                listed(now, &at),
                "below {at}"
            );
        }
    }
    check_log(scope, &head, &shown);
    check_watch(scope, branch, &shown);
}

/// Follows the log: commits that change nothing of what is shown are not in it.
fn check_log(scope: &Scope, head: &Snapshot, shown: &[Dump]) {
    let mut states = vec![Dump::new()];
    let is_whole = head.is_whole();
    for state in shown {
        if is_whole || states.last() != Some(state) {
            states.push(state.clone());
        }
    }
    let log = scope.log(head, &LogRequest::default()).unwrap();
    let mut found: Vec<Dump> = log
        .commits
        .iter()
        .map(|commit| dump(&commit.tree().unwrap()))
        .collect();
    found.push(Dump::new());
    found.reverse();
    assert_eq!(found, states);
    for pair in log.commits.windows(2) {
        let page = scope
            .diff(Some(&pair[1]), &pair[0], &Path::root(), &Cursor::default())
            .unwrap();
        let mut state = dump(&pair[1].tree().unwrap());
        for change in page.items {
            match change.difference {
                Difference::Removed(_) => drop(state.remove(&change.path)),
                Difference::Added(blob) | Difference::Modified { new: blob, .. } => {
                    state.insert(change.path, blob.bytes().unwrap().to_vec());
                }
            }
        }
        assert_eq!(state, dump(&pair[0].tree().unwrap()));
    }
}

/// Follows a watch: applied one after the other, its events give each state that differs.
fn check_watch(scope: &Scope, branch: &str, shown: &[Dump]) {
    let (events, ..) = scope.look_once(branch, Since::Start).unwrap();
    let mut state = Dump::new();
    let mut states = vec![state.clone()];
    for event in events {
        for change in event.changes {
            match change.difference {
                Difference::Removed(_) => drop(state.remove(&change.path)),
                Difference::Added(blob) | Difference::Modified { new: blob, .. } => {
                    state.insert(change.path, blob.bytes().unwrap().to_vec());
                }
            }
        }
        assert_eq!(dump(&event.commit.unwrap().tree().unwrap()), state);
        states.push(state.clone());
    }
    let mut expected = vec![Dump::new()];
    for state in shown {
        if expected.last() != Some(state) {
            expected.push(state.clone());
        }
    }
    states.dedup();
    assert_eq!(states, expected);
}

/// Reads through a view in every way.
fn check_view(view: &ScopedView<'_>, shown: &Dump) -> Result<()> {
    for at in all_paths() {
        assert_eq!(view.get(&at)?.as_deref(), shown.get(&at).map(Vec::as_slice));
        let below = listed(shown, &at);
        let kind = match (shown.contains_key(&at), at.is_root() || !below.is_empty()) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        };
        assert_eq!(view.kind(&at)?.map(is_dir), kind, "at {at}");
        assert_eq!(
            view.find(&at)?.map(|entry| is_dir(entry.kind())),
            kind,
            "at {at}"
        );
        if kind != Some(false) {
            let page = view.list(&at, None, 100)?;
            let page: BTreeMap<_, _> = page
                .into_iter()
                .map(|(step, kind)| (step, is_dir(kind)))
                .collect();
            assert_eq!(page, below, "below {at}");
        }
    }
    Ok(())
}

fn isolation() -> impl Strategy<Value = Isolation> {
    prop_oneof![
        Just(Isolation::Serializable),
        Just(Isolation::Snapshot),
        Just(Isolation::Overwrite)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_is_what_a_filter_over_everything_shows(
        rules in prop::collection::vec(granted(), 0..5), commits in commits()
    ) {
        let server = server_with(&rules);
        let history = history(&server, &commits);
        let Ok(scope) = server.scope(&caller("ada"), "main") else {
            prop_assert!(rules.is_empty());
            return Ok(());
        };
        for (branch, states) in &history {
            check_branch(&scope, &rules, branch, states);
            if scope.head(branch).unwrap().is_some() {
                let shown = filtered(&rules, branch, states.last().unwrap());
                let (read, write) = scope.rights_on(branch);
                let whole = server.scope(&Caller::local(), "main").unwrap();
                let tree = whole.head(branch).unwrap().unwrap().tree().unwrap();
                let mut view = irminsule::View::new(tree);
                check_view(&ScopedView::new(&mut view, &read, &write), &shown).unwrap();
            }
        }
        let names = scope.refs("heads/", &Cursor::default()).unwrap().items;
        let names: BTreeSet<_> = names.iter().map(|(name, _)| name.as_str()).collect();
        for branch in history.keys() {
            let is_there = names.contains(&*format!("heads/{branch}"));
            prop_assert_eq!(is_there, scope.head(branch).unwrap().is_some());
        }
    }

    #[test]
    fn writes_change_what_may_be_written_and_nothing_else_whoever_gets_in_between(
        rules in prop::collection::vec(granted(), 1..4),
        commits in commits(),
        wanted in prop::collection::vec(change(), 1..4),
        between in prop::collection::vec(change(), 0..3),
        isolation in isolation(),
    ) {
        let server = server_with(&rules);
        let history = history(&server, &commits);
        let own = server.scope(&Caller::local(), "main").unwrap();
        let scope = server.scope(&caller("ada"), "main").unwrap();
        let mut before = history.get("main").and_then(|states| states.last()).cloned().unwrap_or_default();
        let mut is_first = true;
        let options = CommitOptions::new("wanted").isolation(isolation);
        let done = scope.transact("main", &options, |view| {
            wanted.iter().try_for_each(|change| write(view, change))?;
            if std::mem::take(&mut is_first) && !between.is_empty() {
                let options = CommitOptions::new("between");
                own.transact("main", &options, |view| {
                    between.iter().try_for_each(|change| write(view, change))
                })?;
                between.iter().for_each(|change| apply(&mut before, change));
            }
            Ok(())
        });
        let after = own.head("main").unwrap().map(|head| dump(&head.tree().unwrap())).unwrap_or_default();
        for at in before.keys().chain(after.keys()) {
            if before.get(at) != after.get(at) {
                prop_assert!(covers(&rules, "main", Right::Write, at), "{} changed", at);
            }
        }
        let may = |(at, _): &Change| covers(&rules, "main", Right::Write, at);
        match done {
            Ok(_) => prop_assert!(wanted.iter().all(may)),
            Err(error) => {
                let is_refused = error.kind == ErrorKind::PermissionDenied;
                prop_assert!(is_refused || error.kind == ErrorKind::Conflict, "{}", error);
                let all_paths_may = wanted.iter().all(may) && scope.may("main", Right::Write);
                prop_assert!(!(is_refused && all_paths_may), "{}", error);
            }
        }
    }
}
