//! Repositories in memory that meet.

mod bundles;
mod copies;
mod costs;
mod hostile;
mod names;
mod partial;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::CopyProgress;
use crate::{Commit, Engine, Env, MemoryStore, Path, Repo};

fn repo() -> Repo {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0))
}

fn go_on() -> impl FnMut(CopyProgress) -> ControlFlow<()> {
    |_| ControlFlow::Continue(())
}

fn engine(repo: &Repo) -> &dyn Engine {
    repo.engine().as_ref()
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Commits a value on a branch.
fn set(repo: &Repo, branch: &str, at: &str, value: impl Into<Vec<u8>>) -> Commit {
    let branch = repo.branch(branch).unwrap();
    branch.set(&path(at), value.into(), at).unwrap().unwrap()
}

/// A repository with all kinds of objects, branches, a merge and a tag.
fn sample() -> Repo {
    let repo = repo();
    for number in 0..60 {
        set(
            &repo,
            "main",
            &format!("d/e/n{number}"),
            vec![7; number * 9],
        );
    }
    set(&repo, "main", "large", vec![3; 3 << 20]);
    let main = repo.branch("main").unwrap();
    repo.branch("side")
        .unwrap()
        .reset(&main.must_have_head().unwrap())
        .unwrap();
    let side = set(&repo, "side", "d/side", "1");
    set(&repo, "main", "d/main", "1");
    let options = crate::MergeOptions {
        info: repo.info("Merge").unwrap(),
        always_commit: false,
        durability: crate::Durability::Sync,
    };
    main.merge(&side, &options).unwrap();
    set(&repo, "other", "d/e/n5", vec![7; 45]);
    repo.tag("v1", &side).unwrap();
    repo
}

fn assert_clean(repo: &Repo) {
    let report = repo.check(&mut |_| ()).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    assert!(
        engine(repo)
            .verify(&mut |_| ())
            .unwrap()
            .problems
            .is_empty()
    );
}
