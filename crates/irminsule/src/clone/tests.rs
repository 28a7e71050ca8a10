use super::*;
use irmin_core::{MemoryStore, Path as TreePath};
use std::sync::Arc;

fn source() -> Repo {
    let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    for branch in ["main", "side"] {
        let branch = repo.branch(branch).unwrap();
        let at = TreePath::parse("a").unwrap();
        branch.set(&at, branch.name().to_string(), "Begin").unwrap();
    }
    repo
}

fn run(
    target: &Url,
    options: &CloneOptions,
    progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<Cloned, CloneError> {
    let source = source();
    clone(
        source.engine().as_ref(),
        "test:",
        target,
        Env::fixed(0),
        options,
        progress,
    )
}

fn go_on(_: CopyProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_clone_has_one_branch_and_knows_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let target = Url::Pack(dir.path().join("new/clone"));
    let cloned = run(&target, &CloneOptions::default(), &mut go_on).unwrap();
    assert_eq!(cloned.branch.unwrap().as_str(), "main");
    let names = cloned.repo.engine().list_refs("").unwrap();
    let names: Vec<_> = names.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        ["heads/main", "remotes/origin/main", "remotes/origin/side"]
    );
    let dir = target.dir().unwrap();
    assert_eq!(Remotes::load(dir).unwrap().url(ORIGIN), Some("test:"));
    assert!(!dir.join(MARKER).exists());
}

#[test]
fn a_clone_that_was_stopped_goes_on_and_one_of_another_source_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let target = Url::Pack(dir.path().join("clone"));
    let stopped = run(&target, &CloneOptions::default(), &mut |_| {
        ControlFlow::Break(())
    });
    assert!(
        matches!(stopped, Err(CloneError::Transfer(_))),
        "{stopped:?}"
    );
    let other = source();
    let options = CloneOptions::default();
    let refused = clone(
        other.engine().as_ref(),
        "other:",
        &target,
        Env::fixed(0),
        &options,
        &mut go_on,
    );
    assert!(
        matches!(refused, Err(CloneError::OfAnother { .. })),
        "{refused:?}"
    );
    let cloned = run(&target, &options, &mut go_on).unwrap();
    assert!(cloned.is_resumed);
    drop(cloned);
    let again = run(&target, &options, &mut go_on);
    assert!(matches!(again, Err(CloneError::Open(_))), "{again:?}");
}

#[test]
fn a_clone_that_cannot_work_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let target = Url::Pack(dir.path().join("new/clone"));
    let branch = Some(BranchName::new("none").unwrap());
    let options = CloneOptions {
        branch,
        ..CloneOptions::default()
    };
    let failed = run(&target, &options, &mut go_on);
    assert!(matches!(failed, Err(CloneError::Transfer(_))), "{failed:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_clone_begins_anew_where_the_store_was_not_finished() {
    let dir = tempfile::tempdir().unwrap();
    let target = Url::Pack(dir.path().join("clone"));
    let stopped = run(&target, &CloneOptions::default(), &mut |_| {
        ControlFlow::Break(())
    });
    drop(stopped);
    fs::remove_file(target.dir().unwrap().join("format")).unwrap();
    let cloned = run(&target, &CloneOptions::default(), &mut go_on).unwrap();
    assert!(cloned.is_resumed && cloned.branch.is_some());
}
