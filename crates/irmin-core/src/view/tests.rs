use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn tree(entries: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::empty();
    for (at, value) in entries {
        tree.set(&path(at), (*value).to_owned()).unwrap();
    }
    tree
}

#[test]
fn reads_are_recorded_and_writes_hide_them() {
    let mut view = View::new(tree(&[("a", "1"), ("d/x", "2")]));
    view.get(&path("a")).unwrap();
    view.set(&path("b"), "9").unwrap();
    view.get(&path("b")).unwrap();
    view.list(&path("d"), None, 10).unwrap();
    let paths: Vec<_> = view
        .reads()
        .iter()
        .map(|read| read.path().to_string())
        .collect();
    assert_eq!(paths, ["a", "d"]);
    assert_eq!(
        view.writes().map(Path::to_string).collect::<Vec<_>>(),
        ["b"]
    );
}

#[test]
fn a_listing_goes_stale_with_its_names_and_not_with_values_below() {
    let base = tree(&[("d/x", "1"), ("d/y", "1")]);
    let view = View::new(base.clone());
    view.list(&path("d"), None, 10).unwrap();
    let mut value_changed = base.clone();
    value_changed.set(&path("d/x"), "2").unwrap();
    assert_eq!(view.stale(&value_changed).unwrap(), None);
    let mut name_added = base;
    name_added.set(&path("d/z"), "1").unwrap();
    assert_eq!(view.stale(&name_added).unwrap(), Some(path("d")));
}

#[test]
fn an_absent_path_that_was_read_goes_stale_when_it_appears() {
    let view = View::new(tree(&[("a", "1")]));
    assert_eq!(view.get(&path("lock")).unwrap(), None);
    let newer = tree(&[("a", "1"), ("lock", "taken")]);
    assert_eq!(view.stale(&newer).unwrap(), Some(path("lock")));
}

#[test]
fn a_nested_view_is_kept_or_dropped() {
    let mut view = View::new(tree(&[("a", "1")]));
    let mut kept = view.nested();
    kept.set(&path("b"), "2").unwrap();
    kept.get(&path("a")).unwrap();
    let mut dropped = view.nested();
    dropped.set(&path("c"), "3").unwrap();
    drop(dropped);
    view.absorb(kept).unwrap();
    assert_eq!(view.get(&path("b")).unwrap().unwrap(), "2");
    assert_eq!(view.get(&path("c")).unwrap(), None);
    assert!(view.reads().iter().any(|read| *read.path() == path("a")));
    let late = View::new(tree(&[("other", "1")]));
    assert!(matches!(view.absorb(late), Err(Error::NestedOutdated)));
}

#[test]
fn a_rebased_view_has_its_writes_on_the_newer_tree() {
    let mut view = View::new(tree(&[("a", "1"), ("d/x", "1")]));
    view.remove(&path("d/x")).unwrap();
    view.set(&path("e/f"), "2").unwrap();
    let newer = tree(&[("a", "7"), ("d/x", "5"), ("d/y", "1")]);
    let rebased = view.rebase(newer).unwrap();
    let expected = tree(&[("a", "7"), ("d/y", "1"), ("e/f", "2")]);
    assert_eq!(rebased.tree().id().unwrap(), expected.id().unwrap());
}

#[test]
fn a_view_that_writes_what_is_there_changed_nothing() {
    let mut view = View::new(tree(&[("a", "1")]));
    view.set(&path("a"), "2").unwrap();
    assert!(view.is_changed().unwrap());
    view.set(&path("a"), "1").unwrap();
    assert!(!view.is_changed().unwrap());
}

/// A nested view lists a directory in which its parent has written. What the parent wrote is not in
/// any tree that others commit, so it must not count as what was read of them.
#[test]
fn what_a_parent_wrote_is_no_read_of_its_nested_view() {
    let mut view = View::new(tree(&[("d/old", "1"), ("x", "1")]));
    view.set(&path("d/mine"), "2").unwrap();
    let nested = view.nested();
    assert_eq!(nested.list(&path("d"), None, 10).unwrap().len(), 2);
    view.absorb(nested).unwrap();
    let unrelated = tree(&[("d/old", "1"), ("x", "2")]);
    assert_eq!(view.stale(&unrelated).unwrap(), None);
    let listed_differs = tree(&[("d/old", "1"), ("d/theirs", "1"), ("x", "1")]);
    assert_eq!(view.stale(&listed_differs).unwrap(), Some(path("d")));
}

#[test]
fn a_removal_tells_whether_there_was_anything_and_that_is_a_reading() {
    let mut view = View::new(tree(&[("queue/1", "job")]));
    assert!(view.remove(&path("queue/1")).unwrap());
    let taken_by_another = tree(&[("other", "1")]);
    assert_eq!(
        view.stale(&taken_by_another).unwrap(),
        Some(path("queue/1"))
    );
}

#[test]
fn what_is_seen_after_a_removal_goes_stale_with_what_was_left() {
    let base = tree(&[("d/b", "1"), ("d/d", "1")]);
    let newer = tree(&[("d/b", "1"), ("d/c", "1"), ("d/d", "1")]);
    let mut page = View::new(base.clone());
    page.remove(&path("d/b")).unwrap();
    assert_eq!(page.list(&path("d"), None, 1).unwrap().len(), 1);
    assert_eq!(page.stale(&newer).unwrap(), Some(path("d")));
    let mut emptied = View::new(base);
    emptied.remove(&path("d/b")).unwrap();
    emptied.remove(&path("d/d")).unwrap();
    assert_eq!(emptied.kind(&path("d")).unwrap(), None);
    assert_eq!(emptied.stale(&newer).unwrap(), Some(path("d")));
}

#[test]
fn what_was_put_and_removed_again_has_replaced_the_blob_on_its_way() {
    let mut view = View::new(tree(&[("a", "1"), ("z", "1")]));
    view.set(&path("a/b/c"), "2").unwrap();
    view.remove(&path("a/b")).unwrap();
    assert_eq!(view.kind(&path("a")).unwrap(), None);
    let rebased = view.rebase(tree(&[("a", "other"), ("z", "1")])).unwrap();
    assert_eq!(rebased.tree().kind(&path("a")).unwrap(), None);
}

#[test]
fn a_blob_that_a_write_below_replaced_stays_replaced_on_a_newer_tree() {
    let mut view = View::new(tree(&[("a", "blob"), ("x", "1")]));
    view.set(&path("a/b/c"), "2").unwrap();
    view.remove(&path("a/b/c")).unwrap();
    assert_eq!(view.kind(&path("a")).unwrap(), None);
    let newer = tree(&[("a", "other blob"), ("x", "2")]);
    assert_eq!(view.stale(&newer).unwrap(), None);
    let rebased = view.clone().rebase(newer).unwrap();
    assert_eq!(rebased.tree().kind(&path("a")).unwrap(), None);
    let directory = tree(&[("a/theirs", "1")]);
    assert_eq!(view.stale(&directory).unwrap(), Some(path("a")));
}

#[test]
fn what_lies_at_or_below_a_write_is_told_from_what_lies_beside_it() {
    let mut view = View::new(Tree::empty());
    for at in ["a", "a/b/1", "a/b/8", "c/d", "c-", "e/f/g/h"] {
        view.writes.insert(path(at), Written::default());
    }
    for at in ["a", "a/a", "a/b/9/x", "c/d", "c/d/e", "c-/x", "e/f/g/h/i"] {
        assert!(view.is_written(&path(at)), "{at}");
    }
    for at in [
        "", "b", "c", "c/c", "c/e", "c.", "e/f/g", "e/f/g/i", "e/f/h/h",
    ] {
        assert!(!view.is_written(&path(at)), "{at}");
    }
    view.writes.insert(Path::root(), Written::default());
    assert!(view.is_written(&path("b")) && view.is_written(&Path::root()));
}
