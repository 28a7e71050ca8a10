//! Random command scripts, on an engine and on the model side by side.
//!
//! After each command both must agree on heads, contents, pages, walks, differences and history. A
//! script that finds a difference is made as short as possible before it is shown.

use irmin_core::{
    Branch, Commit, Durability, FastForward, Id, MergeOptions, MergeOutcome, Mode, Moved, Repo,
    Resolution, TransactOptions,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::model::{self, File, Files, Model, Node, Steps};
use crate::place::{Place, repo};
use crate::race::{Op, on_model, on_view, op, path_of, steps_of};
use crate::{Check, Open};

pub(crate) const CHECKS: &[(&str, Check)] = &[(
    "random scripts do what the naive model does",
    random_scripts_do_what_the_model_does,
)];

/// Runs a check on random input, always the same; what fails is made small first.
pub(crate) fn run_cases<S: Strategy>(cases: u32, input: &S, check: impl Fn(S::Value)) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(input, |input| {
        check(input);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// A blob out of a few: small ones, and one that is an object of its own.
pub(crate) fn file() -> impl Strategy<Value = File> {
    let bytes = prop::sample::select(vec![
        b"".to_vec(),
        b"1".to_vec(),
        b"2".to_vec(),
        vec![7; 200],
    ]);
    let mode = prop_oneof![
        5 => Just(Mode::Normal),
        1 => Just(Mode::Executable),
        1 => Just(Mode::Link),
    ];
    (bytes, mode).prop_map(|(bytes, mode)| File { mode, bytes })
}

const BRANCHES: [&str; 3] = ["main", "dev", "topic/x"];

#[derive(Clone, Debug)]
enum Command {
    Transact {
        branch: usize,
        ops: Vec<Op>,
        fails: bool,
    },
    Fill {
        branch: usize,
        from: u8,
        count: u8,
        removes: bool,
    },
    Graft {
        branch: usize,
        to: Steps,
        from_branch: usize,
        from: Steps,
    },
    Fork {
        from: usize,
        to: usize,
    },
    Delete {
        branch: usize,
    },
    Reset {
        branch: usize,
        to: usize,
    },
    FastForward {
        branch: usize,
        to: usize,
    },
    Merge {
        into: usize,
        from: usize,
        theirs: Option<bool>,
    },
    Tag {
        name: u8,
        branch: usize,
    },
    RemoveTag {
        name: u8,
    },
    Reopen,
}

fn command() -> impl Strategy<Value = Command> {
    let branch = || 0..BRANCHES.len();
    let name = || prop::sample::select(vec![b"a".to_vec(), b"b".to_vec(), b"wide".to_vec()]);
    let steps = move || prop::collection::vec(name(), 0..3);
    prop_oneof![
        6 => (branch(), prop::collection::vec(op(), 1..5), prop::bool::weighted(0.1))
            .prop_map(|(branch, ops, fails)| Command::Transact { branch, ops, fails }),
        3 => (branch(), any::<u8>(), 1..100_u8, prop::bool::weighted(0.4))
            .prop_map(|(branch, from, count, removes)| Command::Fill { branch, from, count, removes }),
        1 => (branch(), steps(), branch(), steps())
            .prop_map(|(branch, to, from_branch, from)| Command::Graft { branch, to, from_branch, from }),
        2 => (branch(), branch()).prop_map(|(from, to)| Command::Fork { from, to }),
        1 => branch().prop_map(|branch| Command::Delete { branch }),
        1 => (branch(), branch()).prop_map(|(branch, to)| Command::Reset { branch, to }),
        1 => (branch(), branch()).prop_map(|(branch, to)| Command::FastForward { branch, to }),
        5 => (branch(), branch(), prop::option::weighted(0.8, any::<bool>()))
            .prop_map(|(into, from, theirs)| Command::Merge { into, from, theirs }),
        1 => (0..3_u8, branch()).prop_map(|(name, branch)| Command::Tag { name, branch }),
        1 => (0..3_u8).prop_map(|name| Command::RemoveTag { name }),
        1 => Just(Command::Reopen),
    ]
}

fn random_scripts_do_what_the_model_does(open: Open<'_>) {
    let cases = if cfg!(debug_assertions) { 24 } else { 500 };
    let scripts = prop::collection::vec(command(), 1..24);
    run_cases(cases, &scripts, |script| {
        let place = open();
        let mut run = Run::new(place.as_ref());
        for (number, command) in script.iter().enumerate() {
            run.command(number, command);
            run.compare(number);
        }
        let report = run.repo().engine().verify(&mut |_| ()).unwrap();
        assert!(report.is_clean(), "{report:?}");
    });
}

/// An engine and the model on their way through a script.
pub(crate) struct Run<'a> {
    place: &'a dyn Place,
    repo: Option<Repo>,
    pub(crate) model: Model,
    /// What the engine calls the model's commits.
    pub(crate) ids: Vec<Id>,
}

impl<'a> Run<'a> {
    fn new(place: &'a dyn Place) -> Self {
        Self {
            place,
            repo: Some(repo(place)),
            model: Model::default(),
            ids: Vec::new(),
        }
    }

    pub(crate) fn repo(&self) -> &Repo {
        self.repo.as_ref().unwrap()
    }

    fn branch(&self, branch: usize) -> Branch {
        self.repo().branch(BRANCHES[branch]).unwrap()
    }

    fn head(&self, branch: usize) -> Option<usize> {
        self.model.branches.get(BRANCHES[branch]).copied()
    }

    /// Keeps what the engine committed beside what the model says it is.
    fn committed(&mut self, branch: usize, files: Files, parents: Vec<usize>, commit: &Commit) {
        let message = commit.info().subject();
        let number = self.model.commit(files, parents, message);
        self.model.commits[number].id = commit.id().as_bytes().to_vec();
        self.ids.push(commit.id());
        self.model
            .branches
            .insert(BRANCHES[branch].to_owned(), number);
    }

    fn command(&mut self, number: usize, command: &Command) {
        match command {
            Command::Transact { branch, ops, fails } => self.transact(number, *branch, ops, *fails),
            Command::Fill {
                branch,
                from,
                count,
                removes,
            } => {
                let names =
                    (0..*count).map(|i| format!("n{:03}", from.wrapping_add(i)).into_bytes());
                let at = |name| vec![b"wide".to_vec(), name];
                let ops: Vec<_> = if *removes {
                    names.map(|name| Op::Remove(at(name))).collect()
                } else {
                    let bytes = vec![*from];
                    let file = File {
                        mode: Mode::Normal,
                        bytes,
                    };
                    names.map(|name| Op::Set(at(name), file.clone())).collect()
                };
                self.transact(number, *branch, &ops, false);
            }
            Command::Graft {
                branch,
                to,
                from_branch,
                from,
            } => {
                self.graft(number, *branch, to, *from_branch, from);
            }
            Command::Fork { from, to } => self.fork(*from, *to),
            Command::Delete { branch } => {
                let existed = self.model.branches.remove(BRANCHES[*branch]).is_some();
                assert_eq!(self.branch(*branch).delete().unwrap(), existed);
            }
            Command::Reset { branch, to } => {
                if let (Some(to), Some(commit)) = (self.head(*to), self.branch(*to).head().unwrap())
                {
                    self.branch(*branch).reset(&commit).unwrap();
                    self.model.branches.insert(BRANCHES[*branch].to_owned(), to);
                }
            }
            Command::FastForward { branch, to } => self.fast_forward(*branch, *to),
            Command::Merge { into, from, theirs } => self.merge(number, *into, *from, *theirs),
            Command::Tag { name, branch } => {
                if let Some(head) = self.branch(*branch).head().unwrap() {
                    let (name, target) = (format!("t{name}"), self.head(*branch).unwrap());
                    let is_new = !self.model.tags.contains_key(&name);
                    assert_eq!(self.repo().tag(&name, &head).unwrap(), is_new);
                    self.model.tags.entry(name).or_insert(target);
                }
            }
            Command::RemoveTag { name } => {
                let name = format!("t{name}");
                let existed = self.model.tags.remove(&name).is_some();
                assert_eq!(self.repo().remove_tag(&name).unwrap(), existed);
            }
            Command::Reopen => {
                self.repo = None;
                self.repo = Some(repo(self.place));
            }
        }
    }

    fn transact(&mut self, number: usize, branch: usize, ops: &[Op], fails: bool) {
        let before = self.model.files(BRANCHES[branch]);
        let (mut files, mut expected) = (before.clone(), Vec::new());
        on_model(&mut files, ops, &mut expected);
        let options = TransactOptions::new(format!("command {number}"));
        let outcome = self.branch(branch).transact(&options, |view| {
            let mut seen = Vec::new();
            on_view(view, ops, &mut seen)?;
            if fails {
                return Err(irmin_core::Error::RootNeedsTree);
            }
            Ok(seen)
        });
        if fails {
            return drop(outcome.unwrap_err());
        }
        let done = outcome.unwrap();
        assert_eq!(done.value, expected, "what command {number} returned");
        assert_eq!(
            done.commit.is_some(),
            files != before,
            "a commit for a change"
        );
        if let Some(commit) = done.commit {
            let parents = self.head(branch).into_iter().collect();
            self.committed(branch, files, parents, &commit);
        }
    }

    fn graft(
        &mut self,
        number: usize,
        branch: usize,
        to: &Steps,
        from_branch: usize,
        from: &Steps,
    ) {
        let tree = self.branch(from_branch).tree().unwrap();
        let source = self.model.files(BRANCHES[from_branch]);
        let Some(entry) = tree.get(&path_of(from)).unwrap() else {
            return assert!(source.get(from).is_none());
        };
        let node = source.get(from);
        if to.is_empty() && matches!(node, Some(Node::File(_))) {
            return;
        }
        let mut files = self.model.files(BRANCHES[branch]);
        let before = files.clone();
        files.set(to, node);
        let message = format!("command {number}");
        let commit = self
            .branch(branch)
            .set(&path_of(to), entry, &message)
            .unwrap();
        assert_eq!(commit.is_some(), files != before, "a commit for a change");
        if let Some(commit) = commit {
            let parents = self.head(branch).into_iter().collect();
            self.committed(branch, files, parents, &commit);
        }
    }

    fn fork(&mut self, from: usize, to: usize) {
        let (Some(head), Some(commit)) = (self.head(from), self.branch(from).head().unwrap())
        else {
            return;
        };
        let moved = self
            .branch(to)
            .move_from(None, &commit, Durability::Sync)
            .unwrap();
        let there = self.head(to);
        assert_eq!(moved == Moved::Done, there.is_none());
        self.model
            .branches
            .entry(BRANCHES[to].to_owned())
            .or_insert(head);
    }

    fn fast_forward(&mut self, branch: usize, to: usize) {
        let (Some(target), Some(commit)) = (self.head(to), self.branch(to).head().unwrap()) else {
            return;
        };
        let verdict = self.branch(branch).fast_forward(&commit).unwrap();
        let expected = match self.head(branch) {
            None => FastForward::Possible,
            Some(head) if self.model.ancestors(head).contains(&target) => FastForward::Contained,
            Some(head) if self.model.ancestors(target).contains(&head) => FastForward::Possible,
            Some(_) => FastForward::Diverged,
        };
        assert_eq!(verdict, expected);
        if verdict == FastForward::Possible {
            self.model
                .branches
                .insert(BRANCHES[branch].to_owned(), target);
        }
    }

    fn merge(&mut self, number: usize, into: usize, from: usize, theirs: Option<bool>) {
        let Some(commit) = self.branch(from).head().unwrap() else {
            return;
        };
        let target = self.head(from).unwrap();
        let branch = self.branch(into);
        let options = MergeOptions {
            info: self.repo().info(&format!("command {number}")).unwrap(),
            always_commit: false,
            durability: Durability::Sync,
        };
        let outcome = branch.merge(&commit, &options).unwrap();
        let Some(head) = self.head(into) else {
            assert!(matches!(outcome, MergeOutcome::FastForward(_)));
            self.model
                .branches
                .insert(BRANCHES[into].to_owned(), target);
            return;
        };
        if self.model.ancestors(head).contains(&target) {
            return assert!(matches!(outcome, MergeOutcome::AlreadyMerged));
        }
        if self.model.ancestors(target).contains(&head) {
            assert!(matches!(outcome, MergeOutcome::FastForward(_)));
            self.model
                .branches
                .insert(BRANCHES[into].to_owned(), target);
            return;
        }
        let base = self.model.merge_base(&[head], &[target]);
        let [ours, others] = [head, target].map(|at| self.model.commits[at].files.clone());
        let (mut files, conflicts) = model::merge(&base, &ours, &others);
        match outcome {
            MergeOutcome::Merged(commit) => {
                assert_eq!(conflicts, []);
                self.committed(into, files, vec![head, target], &commit);
            }
            MergeOutcome::Conflicts { mut merged, ours } => {
                let found = merged.conflicts().iter();
                let found: Vec<_> = found.map(|c| (steps_of(&c.path), c.kind)).collect();
                let expected = conflicts.iter().map(|c| (c.path.clone(), c.kind));
                assert_eq!(found, expected.collect::<Vec<_>>());
                let Some(theirs) = theirs else { return };
                let side = if theirs {
                    Resolution::Theirs
                } else {
                    Resolution::Ours
                };
                merged.resolve_all(&side).unwrap();
                for conflict in conflicts {
                    let [_, our_side, their_side] = conflict.sides;
                    files.set(&conflict.path, if theirs { their_side } else { our_side });
                }
                let (commit, moved) = branch
                    .commit_merge(&merged, &ours, &commit, &options)
                    .unwrap();
                assert_eq!(moved, Moved::Done);
                self.committed(into, files, vec![head, target], &commit);
            }
            other => panic!("a merge expected, not {other:?}"),
        }
    }
}
