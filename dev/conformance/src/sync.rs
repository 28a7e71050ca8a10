//! Two repositories that meet: the engine with itself, and with memory, both ways.

use std::ops::ControlFlow;
use std::sync::Arc;

use irmin_core::sync::{CopyProgress, FetchOptions, PushMode, PushOutcome, PushRef};
use irmin_core::{
    Commit, Durability, Engine, MemoryStore, MergeOptions, MergeOutcome, Path, Repo, Tree,
};

use crate::place::{main, path, probed, report};
use crate::{Check, Open, Place, Probe};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    ("a clone is equal and whole", a_clone_is_equal),
    ("a push brings the same as a fetch", a_push_brings_the_same),
    (
        "what diverged becomes equal, and little more than what is new is sent",
        what_diverged_becomes_equal,
    ),
    (
        "a source that fails at any call shows nothing, and the next fetch goes on",
        a_source_fails_anywhere,
    ),
    (
        "a target that fails at any call shows nothing, and the next fetch goes on",
        a_target_fails_anywhere,
    ),
];

/// How many commits each side makes by itself.
const DIVERGED_COMMITS: u32 = if cfg!(debug_assertions) { 100 } else { 1000 };
/// At most so many calls are let to fail, one after the other.
const CALLS_MAX: u64 = 400;

struct Memory(Arc<MemoryStore>);

impl Place for Memory {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.0) as Arc<dyn Engine>
    }
}

/// Calls `check` with each pair of places: the engine's own, and one of it and memory.
fn pairs(open: Open<'_>, check: impl Fn(&dyn Place, &dyn Place)) {
    let memory = || Box::new(Memory(Arc::default())) as Box<dyn Place>;
    for (left, right) in [(open(), open()), (open(), memory()), (memory(), open())] {
        check(left.as_ref(), right.as_ref());
    }
}

fn go_on(_: CopyProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn fetch(here: &Repo, there: &Repo) -> irmin_core::Result<irmin_core::sync::Fetched> {
    let options = FetchOptions::default();
    here.fetch(there.engine().as_ref(), "origin", &options, &mut go_on)
}

/// Makes commits on three branches, with values of all sizes, a merge and a tag.
fn fill(repo: &Repo, commits: u32) -> Commit {
    let set = |branch: &str, at: String, value: Vec<u8>| {
        let branch = repo.branch(branch).unwrap();
        branch.set(&path(&at), value, &at).unwrap().unwrap()
    };
    for number in 0..commits {
        let len = usize::try_from(number * number % 700).unwrap();
        let branch = ["main", "left", "right"][number as usize % 3];
        set(branch, format!("d{}/e/n{number}", number % 5), vec![7; len]);
    }
    set("main", "large".into(), vec![3; 2 << 20]);
    let left = repo.branch("left").unwrap().must_have_head().unwrap();
    main(repo).merge(&left, &options(repo)).unwrap();
    repo.tag("v1", &left).unwrap();
    main(repo).must_have_head().unwrap()
}

fn options(repo: &Repo) -> MergeOptions {
    MergeOptions {
        info: repo.info("Merge").unwrap(),
        always_commit: false,
        durability: Durability::Sync,
    }
}

fn assert_clean(repo: &Repo) {
    let found = repo.check(&mut |_| ()).unwrap();
    assert!(found.is_clean(), "{:?}", found.problems);
    let found = repo.engine().verify(&mut |_| ()).unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

fn assert_fetched(here: &Repo, there: &Repo) {
    for (name, id) in there.branches().unwrap() {
        let seen = here.engine().get_ref(&format!("remotes/origin/{name}"));
        assert_eq!(seen.unwrap(), Some(id), "{name}");
    }
    assert_eq!(here.tags().unwrap(), there.tags().unwrap());
    assert_clean(here);
}

fn a_clone_is_equal(open: Open<'_>) {
    pairs(open, |left, right| {
        let (there, _) = probed(left);
        fill(&there, 60);
        let (here, probe) = probed(right);
        fetch(&here, &there).unwrap();
        assert_fetched(&here, &there);
        probe.writes();
        let again = fetch(&here, &there).unwrap();
        assert_eq!((again.copied.objects, probe.writes()), (0, 0));
        drop((here, probe));
        assert_fetched(&probed(right).0, &there);
    });
}

fn a_push_brings_the_same(open: Open<'_>) {
    pairs(open, |left, right| {
        let (here, _) = probed(left);
        let (there, _) = probed(right);
        fill(&here, 60);
        let branches = here.branches().unwrap().into_iter();
        let refs = branches.map(|(name, id)| PushRef {
            name: name.full(),
            new: Some(id),
            mode: PushMode::FastForward,
        });
        let refs: Vec<PushRef> = refs.collect();
        let outcome = here.push(there.engine().as_ref(), None, &refs, &mut go_on);
        assert!(matches!(outcome, Ok(PushOutcome::Pushed { .. })));
        drop(there);
        let (there, _) = probed(right);
        assert_eq!(there.branches().unwrap(), here.branches().unwrap());
        assert_clean(&there);
    });
}

fn object_bytes(repo: &Repo) -> u64 {
    let stats = repo.engine().stats().unwrap();
    let kinds = [stats.blobs, stats.chunk_lists, stats.nodes, stats.commits];
    kinds.iter().map(|kind| kind.bytes).sum()
}

/// Fetches, and returns how many bytes were read from the other side and how many are new here.
fn measured_fetch(here: &Repo, there: &Repo, source: &Probe) -> (u64, u64) {
    let before = object_bytes(here);
    source.bytes_read();
    fetch(here, there).unwrap();
    (source.bytes_read(), object_bytes(here) - before)
}

fn what_diverged_becomes_equal(open: Open<'_>) {
    pairs(open, |left, right| {
        let (here, here_probe) = probed(left);
        let (there, there_probe) = probed(right);
        let entries: Vec<String> = (0..300).map(|n| format!("d{}/n{n}", n % 7)).collect();
        let mut tree = Tree::empty();
        for at in &entries {
            tree.set(&path(at), format!("{at} at first")).unwrap();
        }
        main(&here).set(&Path::root(), tree, "Begin").unwrap();
        fetch(&there, &here).unwrap();
        let first = main(&here).must_have_head().unwrap();
        let first = there.must_load(first.id()).unwrap();
        main(&there).reset(&first).unwrap();
        for (side, repo) in [(0_u32, &here), (1, &there)] {
            let start = main(repo).must_have_head().unwrap();
            repo.branch("topic").unwrap().reset(&start).unwrap();
            for number in 0..DIVERGED_COMMITS {
                // Each side changes every second entry, so that the two can be merged.
                let at = &entries[((number * 2 + side) % 300) as usize];
                let len = usize::try_from(number % 300).unwrap();
                let value = format!("{side} {number} {}", "x".repeat(len));
                let branch = if number % 4 == 3 {
                    format!("topic{side}")
                } else {
                    "main".into()
                };
                let branch = repo.branch(&branch).unwrap();
                branch.set(&path(at), value, "Change").unwrap();
            }
        }
        let (mut sent, mut new) = measured_fetch(&here, &there, &there_probe);
        let mut add = |(more_sent, more_new): (u64, u64)| {
            sent += more_sent;
            new += more_new;
        };
        let theirs = here
            .engine()
            .get_ref("remotes/origin/main")
            .unwrap()
            .unwrap();
        let theirs = here.must_load(theirs).unwrap();
        let merged = main(&here).merge(&theirs, &options(&here)).unwrap();
        assert!(matches!(merged, MergeOutcome::Merged(_)), "{merged:?}");
        add(measured_fetch(&there, &here, &here_probe));
        let merged = main(&here).must_have_head().unwrap();
        let merged = there.must_load(merged.id()).unwrap();
        let outcome = main(&there).merge(&merged, &options(&there)).unwrap();
        assert!(matches!(outcome, MergeOutcome::FastForward(_)));
        assert_eq!(
            main(&here).head_id().unwrap(),
            main(&there).head_id().unwrap()
        );
        add(measured_fetch(&here, &there, &there_probe));
        report(&format!("{sent} bytes sent for {new} bytes of new objects"));
        assert!(sent * 10 <= new * 12, "{sent} bytes sent, {new} new");
        assert_fetched(&here, &there);
        assert_clean(&there);
    });
}

/// Lets one side fail at its first call, its second, …; each time the fetch is tried again.
fn fails_anywhere(open: Open<'_>, fails_at: fn(u64, &Probe, &Probe)) {
    let (there, source) = probed(&Memory(Arc::default()));
    fill(&there, 12);
    for calls in 0..CALLS_MAX {
        let place = open();
        let (here, target) = probed(place.as_ref());
        fails_at(calls, &source, &target);
        let fetched = fetch(&here, &there);
        source.heal();
        target.heal();
        if fetched.is_ok() {
            assert!(calls > 2, "it made {calls} calls");
            return;
        }
        assert_eq!(here.engine().list_refs("").unwrap(), []);
        drop((here, target));
        let (here, _) = probed(place.as_ref());
        assert_eq!(here.engine().list_refs("").unwrap(), []);
        fetch(&here, &there).unwrap();
        assert_fetched(&here, &there);
    }
    panic!("more than {CALLS_MAX} calls");
}

fn a_source_fails_anywhere(open: Open<'_>) {
    fails_anywhere(open, |calls, source, _| source.fail_after(calls));
}

fn a_target_fails_anywhere(open: Open<'_>) {
    fails_anywhere(open, |calls, _, target| target.fail_after(calls));
}
