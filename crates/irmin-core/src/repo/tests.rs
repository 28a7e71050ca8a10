mod looking;

use super::*;
use crate::{FastForward, MemoryStore, Path};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn repo() -> Repo {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(7))
}

#[test]
fn an_empty_repository_has_no_head_and_the_first_write_makes_one() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    assert!(main.head().unwrap().is_none());
    assert!(matches!(main.must_have_head(), Err(Error::NoBranch { .. })));
    let commit = main.set(&path("a"), "1", "first").unwrap().unwrap();
    assert_eq!(commit.generation(), 1);
    assert!(commit.parents().is_empty());
    assert_eq!(
        repo.branches().unwrap(),
        [(main.name().clone(), commit.id())]
    );
}

#[test]
fn names_that_git_could_not_keep_beside_each_other_are_refused() {
    let repo = repo();
    let commit = repo
        .branch("a/b")
        .unwrap()
        .set(&path("x"), "1", "")
        .unwrap()
        .unwrap();
    for name in ["a", "a/b/c"] {
        let refused = repo.branch(name).unwrap().reset(&commit);
        assert!(matches!(refused, Err(Error::NameTaken { .. })), "{name}");
    }
    repo.branch("a/c").unwrap().reset(&commit).unwrap();
    assert!(repo.tag("a", &commit).unwrap());
}

#[test]
fn a_tag_does_not_move_and_can_be_removed() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let one = main.set(&path("a"), "1", "").unwrap().unwrap();
    let two = main.set(&path("a"), "2", "").unwrap().unwrap();
    assert!(repo.tag("v1", &one).unwrap());
    assert!(!repo.tag("v1", &two).unwrap());
    assert_eq!(repo.resolve("v1", main.name()).unwrap(), one);
    assert_eq!(repo.tags().unwrap(), [("v1".to_owned(), one.id())]);
    assert!(repo.remove_tag("v1").unwrap());
    assert!(!repo.remove_tag("v1").unwrap());
}

#[test]
fn a_branch_moves_forward_only_to_descendants() {
    let repo = repo();
    let (main, side) = (repo.branch("main").unwrap(), repo.branch("side").unwrap());
    let one = main.set(&path("a"), "1", "").unwrap().unwrap();
    side.reset(&one).unwrap();
    let two = main.set(&path("a"), "2", "").unwrap().unwrap();
    assert_eq!(side.fast_forward(&two).unwrap(), FastForward::Possible);
    assert_eq!(side.head().unwrap().unwrap(), two);
    assert_eq!(side.fast_forward(&one).unwrap(), FastForward::Contained);
    main.reset(&one).unwrap();
    let other = main.set(&path("b"), "1", "").unwrap().unwrap();
    assert_eq!(side.fast_forward(&other).unwrap(), FastForward::Diverged);
    assert_eq!(side.head().unwrap().unwrap(), two);
}

#[test]
fn a_commit_keeps_what_it_was_given_byte_for_byte() {
    let repo = repo();
    let mut info = repo.info("subject\n\nbody").unwrap();
    info.extra
        .push(("gpgsig".into(), "line one\nline two".into()));
    let mut tree = Tree::empty();
    tree.set(&path("a"), "1").unwrap();
    let commit = repo.create_commit(&tree, &[], info.clone()).unwrap();
    let loaded = repo.commit(commit.id()).unwrap().unwrap();
    assert_eq!(*loaded.info(), info);
    assert_eq!(loaded.tree().id().unwrap(), tree.id().unwrap());
    assert!(repo.commit(Id::of(b"no such")).unwrap().is_none());
    let tree_id = tree.id().unwrap();
    assert!(matches!(repo.commit(tree_id), Err(Error::Decode { .. })));
}

#[test]
fn memory_that_branches_keep_is_let_go() {
    let repo = repo();
    let main = repo.branch("main").unwrap();
    main.set(&path("a/b"), "1", "").unwrap().unwrap();
    assert!(main.tree().unwrap().stats().loaded > 0);
    repo.0
        .branches
        .lock()
        .unwrap()
        .values()
        .for_each(|state| state.unload());
    assert_eq!(main.tree().unwrap().stats().loaded, 0);
    assert_eq!(main.get(&path("a/b")).unwrap().unwrap(), "1");
}

#[test]
fn names_that_were_only_asked_for_do_not_pile_up() {
    let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(1));
    let kept = repo.branch("kept").unwrap();
    for number in 0..5 * BRANCHES_SWEPT_MIN {
        repo.branch(&format!("asked-{number}")).unwrap();
    }
    assert!(repo.0.branches.lock().unwrap().len() <= BRANCHES_SWEPT_MIN);
    let again = repo.branch("kept").unwrap();
    assert!(std::ptr::eq(kept.state(), again.state()));
}
