//! Objects: what is put is found again, under a key that says what it is.

use irmin_core::{Blob, Entry, Id, Kind, Mode, Object, Repo, Tree, WalkOptions};

use crate::place::{main, path, probed, repo, tree};
use crate::{Check, Open};

/// The checks.
pub const CHECKS: &[(&str, Check)] = &[
    (
        "putting again gives the same key",
        putting_again_gives_the_same_key,
    ),
    ("what is absent is none", what_is_absent_is_none),
    (
        "the bytes of a node or commit as a value have another id",
        no_value_passes_for_a_node,
    ),
    (
        "values of all sizes and modes come back",
        values_of_all_sizes_come_back,
    ),
    (
        "objects are visible before their commit",
        objects_are_visible_before_their_commit,
    ),
    (
        "a missing object is an error that names it",
        a_missing_object_is_an_error,
    ),
    (
        "a damaged object is an error that names it",
        a_damaged_object_is_an_error,
    ),
    (
        "above a missing node all works but going there",
        a_missing_node_hurts_only_its_readers,
    ),
];

fn putting_again_gives_the_same_key(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let tree = tree(&[("a", "1"), ("b/c", "2")]);
    let objects = repo.objects();
    let first = tree.persist(&objects).unwrap();
    let again = crate::place::tree(&[("b/c", "2"), ("a", "1")])
        .persist(&objects)
        .unwrap();
    assert_eq!(first.id, again.id);
    let (one, two) = (objects.get(&first).unwrap(), objects.get(&again).unwrap());
    assert_eq!(one.unwrap().bytes, two.unwrap().bytes);
}

fn what_is_absent_is_none(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    assert!(repo.commit(Id::of(b"nothing")).unwrap().is_none());
    assert!(
        repo.objects()
            .get(&Id::of(b"nothing").into())
            .unwrap()
            .is_none()
    );
    assert!(main(&repo).head().unwrap().is_none());
    assert_eq!(main(&repo).get(&path("a/b")).unwrap(), None);
    main(&repo).set(&path("a"), "1", "set").unwrap();
    for at in ["b", "a/b", "a/b/c"] {
        assert_eq!(main(&repo).get(&path(at)).unwrap(), None);
    }
}

/// Stores as a value exactly the bytes of other objects: the ids must differ, or whoever can write
/// values could forge directories and history.
fn no_value_passes_for_a_node(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let mut wide = Tree::empty();
    for number in 0..300 {
        wide.set(&path(&format!("n{number}")), "x").unwrap();
    }
    let objects = repo.objects();
    let mut victims: Vec<_> = [Tree::empty(), tree(&[("a", "1")]), wide]
        .iter()
        .map(|tree| tree.persist(&objects).unwrap())
        .collect();
    let commit = main(&repo).set(&path("a"), "1", "set").unwrap().unwrap();
    victims.push(commit.key());
    for victim in victims {
        let bytes = objects.get(&victim).unwrap().unwrap().bytes;
        let forged = Blob::new(bytes.clone());
        assert_ne!(forged.id(), victim.id);
        main(&repo).set(&path("forged"), forged, "forge").unwrap();
        assert_eq!(objects.get(&victim).unwrap().unwrap().bytes, bytes);
        assert_eq!(main(&repo).get(&path("forged")).unwrap().unwrap(), bytes);
    }
}

fn values_of_all_sizes_come_back(open: Open<'_>) {
    let place = open();
    let sizes = [
        0,
        1,
        127,
        128,
        129,
        4096,
        70_000,
        (1 << 20) - 1,
        (1 << 20) + 1,
        3 << 20,
    ];
    let value = |size: usize| -> Vec<u8> {
        let mut state = size as u64 | 1;
        let next = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695);
            state.to_be_bytes()[0]
        };
        (0..size).map(next).collect()
    };
    let modes = [Mode::Normal, Mode::Executable, Mode::Link];
    let first = repo(place.as_ref());
    for (number, size) in sizes.into_iter().enumerate() {
        let blob = Blob::new(value(size)).with_mode(modes[number % 3]);
        main(&first)
            .set(&path(&format!("v/{size}")), blob, "set")
            .unwrap();
    }
    drop(first);
    let again = repo(place.as_ref());
    let tree = main(&again).tree().unwrap();
    for (number, size) in sizes.into_iter().enumerate() {
        let blob = tree.get_blob(&path(&format!("v/{size}"))).unwrap().unwrap();
        assert_eq!(blob.size(), size as u64);
        assert_eq!(blob.mode(), modes[number % 3]);
        assert!(
            blob.bytes().unwrap() == value(size),
            "value of {size} bytes"
        );
    }
}

fn objects_are_visible_before_their_commit(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let info = repo.info("no name").unwrap();
    let commit = repo.create_commit(&tree(&[("a", "1")]), &[], info).unwrap();
    let found = repo.commit(commit.id()).unwrap().unwrap();
    assert_eq!(found.tree().get_bytes(&path("a")).unwrap().unwrap(), "1");
    assert!(repo.branches().unwrap().is_empty());
}

/// A repository with a directory and a large value, none of it loaded.
fn stored(repo: &Repo) -> (Id, Id, Id) {
    let large = vec![9; 5000];
    let mut tree = tree(&[("d/a", "1"), ("d/e/f", "2"), ("other", "3")]);
    tree.set(&path("large"), large).unwrap();
    let commit = main(repo)
        .set(&irmin_core::Path::root(), tree, "set")
        .unwrap()
        .unwrap();
    let tree = commit.tree();
    let id = |at: &str| tree.get(&path(at)).unwrap().unwrap().id().unwrap();
    (commit.id(), id("d"), id("large"))
}

fn a_missing_object_is_an_error(open: Open<'_>) {
    broken_object_is_an_error(open, true);
}

fn a_damaged_object_is_an_error(open: Open<'_>) {
    broken_object_is_an_error(open, false);
}

fn broken_object_is_an_error(open: Open<'_>, is_lost: bool) {
    let place = open();
    let ids = stored(&repo(place.as_ref()));
    for id in [ids.0, ids.1, ids.2] {
        let (repo, probe) = probed(place.as_ref());
        if is_lost {
            probe.lose(id)
        } else {
            probe.cut(id)
        }
        let read = |repo: &Repo| -> irmin_core::Result<()> {
            let tree = main(repo).tree()?;
            for found in tree.walk(WalkOptions::default()) {
                if let (_, Entry::Blob(blob)) = found? {
                    // A blob that lost its last byte is known by its size only, which is for the
                    // engine's checksum to find.
                    let bytes = blob.bytes()?;
                    if bytes.len() as u64 != blob.size() {
                        return Err(irmin_core::Error::Missing { id: blob.id() });
                    }
                }
            }
            Ok(())
        };
        let error = read(&repo).unwrap_err();
        assert_eq!(error.kind(), irmin_core::ErrorKind::Corrupt, "{error}");
        assert!(
            error.to_string().contains(&id.to_string()),
            "{error} names {id}"
        );
        probe.heal();
        read(&repo).unwrap();
    }
}

fn a_missing_node_hurts_only_its_readers(open: Open<'_>) {
    let place = open();
    let (_, dir, _) = stored(&repo(place.as_ref()));
    let (repo, probe) = probed(place.as_ref());
    probe.lose(dir);
    let mut tree = main(&repo).tree().unwrap();
    tree.id().unwrap();
    assert_eq!(tree.get_bytes(&path("other")).unwrap().unwrap(), "3");
    assert!(tree.get(&path("d/a")).is_err());
    let before = tree.id().unwrap();
    assert!(tree.set(&path("d/a"), "9").is_err());
    assert!(tree.remove(&path("d/a")).is_err());
    assert_eq!(tree.id().unwrap(), before, "a failed edit changes nothing");
    tree.set(&path("new"), "4").unwrap();
    main(&repo)
        .set(&path("more"), "5", "a commit beside it")
        .unwrap();
    tree.set(&path("d"), "replaced").unwrap();
    assert_eq!(tree.get_bytes(&path("d")).unwrap().unwrap(), "replaced");
}

/// Stores an object of any bytes, for engine checks.
pub(crate) fn object<'a>(bytes: &'a [u8], links: &'a [irmin_core::Key]) -> Object<'a> {
    Object {
        base: None,
        cut: irmin_core::Cut::NONE,
        id: Id::of(bytes),
        kind: Kind::Blob,
        bytes,
        links,
        generation: 0,
    }
}
