use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::{Durability, Entry, Env, MemoryStore, Repo};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn paths(texts: &[&str]) -> Vec<Path> {
    texts.iter().map(|text| path(text)).collect()
}

fn commit(tree: &Tree) -> Commit {
    let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(7));
    let info = repo.info("prove it").unwrap();
    let main = repo.branch("main").unwrap();
    let (commit, _) = main.commit(tree, None, info, Durability::Sync).unwrap();
    repo.must_load(commit.id()).unwrap()
}

fn tree(entries: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::empty();
    for (at, value) in entries {
        tree.set(&path(at), (*value).to_owned()).unwrap();
    }
    tree
}

/// A directory of many entries, deep ones, large values.
fn large() -> Commit {
    let mut tree = tree(&[("a/b/c/d/e/f", "deep"), ("mode", "x")]);
    for number in 0..2000 {
        let at = path(&format!("many/{:04}", number * 7919 % 10007));
        tree.set(&at, number.to_string()).unwrap();
    }
    tree.set(&path("text"), "long ".repeat(200)).unwrap();
    let bytes: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    tree.set(&path("huge"), bytes).unwrap();
    commit(&tree)
}

/// Returns proofs of all kinds.
fn proofs() -> Vec<(Commit, Proof)> {
    let tiny = commit(&tree(&[("a", "1")]));
    let empty = commit(&Tree::empty());
    let large = large();
    let cases: [(&Commit, &[&str], bool); 7] = [
        (&tiny, &["a"], false),
        (&tiny, &["a/below", "b", "", "b/c/d"], false),
        (&empty, &["anything"], false),
        (&large, &["many/0000", "many/none"], false),
        (&large, &["a/b/c/d/e/f", "a/b/c/d", "a/b/x/y"], false),
        (&large, &["text", "huge"], false),
        (&large, &["text"], true),
    ];
    let proofs = cases.map(|(commit, at, values)| {
        let proof = Proof::of_paths(commit, &paths(at), values).unwrap();
        (commit.clone(), proof)
    });
    proofs.into()
}

fn is_true(claim: &Claim, tree: &Tree) -> bool {
    match (&claim.found, tree.get(&claim.path).unwrap()) {
        (Found::Absent, None) => true,
        (Found::Tree { id }, Some(Entry::Tree(tree))) => *id == tree.id().unwrap(),
        (
            Found::Blob {
                mode,
                size,
                id,
                bytes,
            },
            Some(Entry::Blob(blob)),
        ) => {
            let own = blob.bytes().unwrap();
            (*mode, *size, *id) == (blob.mode(), blob.size(), blob.id())
                && bytes.as_ref().is_none_or(|bytes| *bytes == own)
        }
        _ => false,
    }
}

#[test]
fn proofs_come_back_from_bytes_and_say_what_is_there() {
    for (commit, proof) in proofs() {
        let bytes = proof.encode();
        let again = Proof::decode(&bytes).unwrap();
        assert_eq!(again.encode(), bytes);
        assert_eq!(again.root(), commit.id());
        assert_eq!(again.commit().unwrap().info, *commit.info());
        let claims = again.claims().unwrap();
        assert_eq!(claims.len(), proof.paths().len());
        assert!(claims.iter().all(|claim| is_true(claim, commit.tree())));
    }
}

#[test]
fn a_value_is_in_a_proof_if_it_is_small_or_wanted() {
    let bytes_of = |proof: &Proof| match &proof.claims().unwrap()[0].found {
        Found::Blob { bytes, .. } => bytes.clone(),
        other => panic!("{other:?}"),
    };
    let large = large();
    let prove = |at: &str, values| Proof::of_paths(&large, &paths(&[at]), values).unwrap();
    assert_eq!(bytes_of(&prove("a/b/c/d/e/f", false)).unwrap(), "deep");
    assert_eq!(bytes_of(&prove("text", false)), None);
    assert_eq!(bytes_of(&prove("text", true)).unwrap(), "long ".repeat(200));
    let huge = bytes_of(&prove("huge", true)).unwrap();
    assert_eq!(huge.len(), 1_600_000);
    // All but the last of a value's chunks are not its content.
    let (mut part, ()) = Proof::record(&large, |tree| {
        tree.get_blob(&path("huge"))?.unwrap().bytes().map(drop)
    })
    .unwrap();
    part.paths = [path("huge")].into();
    let mut kept: Vec<Bytes> = part.objects.in_order().cloned().collect();
    let chunk = kept
        .iter()
        .position(|object| object.len() > 70_000)
        .unwrap();
    kept.remove(chunk);
    let kept = kept.into_iter().map(|object| (Id::of(&object), object));
    part.objects = Arc::new(Objects::new(kept.collect()));
    let part = Proof::decode(&part.encode()).unwrap();
    assert_eq!(bytes_of(&part), None);
}

#[test]
fn a_proof_with_any_byte_flipped_is_refused() {
    for (_, proof) in proofs() {
        let good = proof.encode();
        for at in 0..good.len() {
            for mask in [1, 0x80, 0xff] {
                let mut bytes = good.to_vec();
                bytes[at] ^= mask;
                assert!(Proof::decode(&bytes.into()).is_err(), "byte {at}");
            }
        }
        for len in 0..good.len() {
            assert!(Proof::decode(&good.slice(..len)).is_err());
        }
        let more = [&good[..], b"\0"].concat();
        assert!(Proof::decode(&more.into()).is_err());
    }
}

/// A forger makes the checksum right; then other paths may be asked for, but each answer is true.
#[test]
fn a_proof_with_a_flipped_byte_and_a_right_checksum_is_refused_or_true() {
    let (mut refused, mut harmless) = (0, 0);
    for (commit, proof) in proofs() {
        let good = proof.encode();
        let body = &good[..good.len() - Id::BYTES];
        let objects_at = body.len() - proof.objects.in_order().map(Bytes::len).sum::<usize>();
        for at in 0..body.len() {
            let mut bytes = body.to_vec();
            bytes[at] ^= 1;
            let sum = Id::of(&bytes);
            bytes.extend_from_slice(sum.as_bytes());
            let claims = Proof::decode(&bytes.into()).map_err(Error::from);
            match claims.and_then(|proof| {
                assert_eq!(proof.root(), commit.id());
                proof.claims()
            }) {
                Err(_) => refused += 1,
                Ok(claims) => {
                    assert!(claims.iter().all(|claim| is_true(claim, commit.tree())));
                    assert!(at < objects_at, "only in a path: {at}");
                    harmless += 1;
                }
            }
        }
    }
    assert!(refused > 100 && harmless > 0, "{refused} {harmless}");
}

fn seal(root: Id, objects: &[&[u8]]) -> Bytes {
    let mut bytes = b"irmnprof\x01".to_vec();
    bytes.extend_from_slice(root.as_bytes());
    bytes.push(0);
    crate::codec::put_varint(&mut bytes, objects.len() as u64);
    for object in objects {
        crate::codec::put_varint(&mut bytes, object.len() as u64);
        bytes.extend_from_slice(object);
    }
    let sum = Id::of(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    bytes.into()
}

#[test]
fn what_does_not_belong_to_a_proof_is_refused() {
    let commit = commit(&tree(&[("a/b", "1"), ("c/d", "2")]));
    let (proof, _) = Proof::record(&commit, |tree| tree.get(&path("a/b"))).unwrap();
    let objects: Vec<&[u8]> = proof.objects.in_order().map(AsRef::as_ref).collect();
    let (root, tree) = (proof.root(), proof.tree_id());
    assert!(Proof::decode(&seal(root, &objects)).is_ok());
    let reason = |root, objects: &[&[u8]]| match Proof::decode(&seal(root, objects)) {
        Err(ProofError::Format(error)) => error.reason,
        other => panic!("{other:?}"),
    };
    let mut reversed = objects.clone();
    reversed.reverse();
    assert_eq!(reason(root, &reversed), "objects in another order");
    let twice = [objects[0], objects[0], objects[1], objects[2]];
    assert_eq!(reason(root, &twice), "objects in another order");
    let stray = "objects that the root does not lead to";
    // Of the tree, the commit is a stray; without the tree's root, what lies below is.
    assert_eq!(reason(tree, &objects), stray);
    let rootless: Vec<&[u8]> = objects
        .iter()
        .copied()
        .filter(|object| Id::of(object) != tree)
        .collect();
    assert_eq!(reason(root, &rootless), stray);
    assert_eq!(reason(root, &[]), "without its root");
    let blob = b"\x01\x01value";
    let no_root = "a root that is no commit and no directory";
    assert_eq!(reason(Id::of(blob), &[blob]), no_root);
}

#[test]
fn lengths_and_numbers_beyond_the_end_are_refused_at_once() {
    let id = Id::of(b"x");
    for numbers in [
        &[u64::MAX][..],
        &[0, u64::MAX],
        &[0, 1, u64::MAX],
        &[1, 1 << 62],
    ] {
        let mut bytes = b"irmnprof\x01".to_vec();
        bytes.extend_from_slice(id.as_bytes());
        for &number in numbers {
            crate::codec::put_varint(&mut bytes, number);
        }
        let sum = Id::of(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        assert!(Proof::decode(&bytes.into()).is_err());
    }
}

#[test]
fn a_proof_is_of_one_root_and_of_what_was_read() {
    let large = large();
    let (proof, value) =
        Proof::record(&large, |tree| tree.get_bytes(&path("a/b/c/d/e/f"))).unwrap();
    let read = |at: &'static str| move |tree: Tree| tree.get_bytes(&path(at));
    assert_eq!(
        proof.verify(large.id(), read("a/b/c/d/e/f")).unwrap(),
        value
    );
    assert_eq!(
        proof
            .verify(large.tree().id().unwrap(), read("a/b"))
            .unwrap(),
        None
    );
    let wrong = proof.verify(Id::of(b"another"), read("a"));
    assert!(matches!(
        wrong,
        Err(Error::Proof(ProofError::WrongRoot { .. }))
    ));
    let uncovered = proof.verify(large.id(), read("many/0000"));
    assert!(matches!(
        uncovered,
        Err(Error::Proof(ProofError::NotCovered { .. }))
    ));
    let listed = proof.verify(large.id(), |tree| {
        tree.get_tree(&path("many"))?.unwrap().len()
    });
    assert!(matches!(
        listed,
        Err(Error::Proof(ProofError::NotCovered { .. }))
    ));
}

#[test]
fn edits_replayed_on_a_proof_give_the_same_tree() {
    let large = large();
    let change = |mut tree: Tree| {
        // Removals join nodes, so their neighbours are read as well.
        for number in 0..1990 {
            tree.remove(&path(&format!("many/{:04}", number * 7919 % 10007)))?;
        }
        let moved = tree.get(&path("a/b"))?.unwrap();
        tree.set(&path("moved/here"), moved)?;
        tree.set(&path("text"), "another value ".repeat(20))?;
        let left = tree.get_tree(&path("many"))?.unwrap().len()?;
        Ok((tree.id()?, left))
    };
    let (proof, done) = Proof::record(&large, change).unwrap();
    assert_eq!(done.1, 10);
    let proof = Proof::decode(&proof.encode()).unwrap();
    assert_eq!(proof.verify(large.id(), change).unwrap(), done);
    let more = proof.verify(large.id(), |mut tree| tree.remove(&path("a/b/c/d/e/f")));
    assert!(matches!(
        more,
        Err(Error::Proof(ProofError::NotCovered { .. }))
    ));
    let written = proof.verify(large.id(), |tree| {
        let store = Arc::clone(tree.store().unwrap());
        let mut changed = tree;
        changed.set(&path("new"), "1")?;
        changed.persist(&store)
    });
    assert!(matches!(
        written,
        Err(Error::Store(crate::StoreError::ReadOnly { .. }))
    ));
}

#[test]
fn a_proof_can_be_recorded_inside_another_one() {
    let large = large();
    let at = path("many/0000");
    let (outer, inner) = Proof::record(&large, |tree| {
        let below = tree.get_tree(&path("many"))?.unwrap();
        let (inner, _) = Proof::record_tree(&below, |many| many.get(&path("0000")))?;
        Ok(inner)
    })
    .unwrap();
    assert!(
        outer
            .verify(large.id(), |tree| tree.get(&at))
            .unwrap()
            .is_some()
    );
    let below = inner.root();
    assert!(inner.commit().is_none());
    assert!(
        inner
            .verify(below, |many| many.get(&path("0000")))
            .unwrap()
            .is_some()
    );
    assert!(matches!(
        Proof::record_tree(&tree(&[("a", "1")]), |_| Ok(())),
        Err(Error::Proof(ProofError::NotStored))
    ));
}

/// The format is frozen: this proof was written by its first version.
#[test]
fn a_proof_of_the_first_version_is_read() {
    let golden = include_bytes!("golden.proof");
    let commit = commit(&tree(&[("etc/hosts", "localhost"), ("etc/motd", "hello")]));
    let asked = paths(&["etc/hosts", "etc/none", "etc", "var/log"]);
    let proof = Proof::of_paths(&commit, &asked, false).unwrap();
    assert_eq!(proof.encode(), golden[..]);
    let proof = Proof::decode(&Bytes::from_static(golden)).unwrap();
    assert_eq!(proof.claims().unwrap().len(), 4);
}

fn entries() -> impl Strategy<Value = Vec<(String, String)>> {
    let at = "[a-c]{1,2}(/[a-d]{1,2}){0,3}";
    let value = prop_oneof!["[a-z]{0,8}", "[a-z]{129,300}"];
    prop::collection::vec((at, value), 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_proof_answers_as_the_tree_or_not_at_all(
        entries in entries(),
        asked in prop::collection::vec("[a-d]{1,2}(/[a-d]{1,2}){0,3}", 0..6),
        picked in prop::collection::vec(any::<Index>(), 0..4),
        other in "[a-d]{1,2}(/[a-d]{1,2}){0,3}",
        values in any::<bool>(),
    ) {
        let mut tree = Tree::empty();
        for (at, value) in &entries {
            tree.set(&path(at), value.clone()).unwrap();
        }
        let commit = commit(&tree);
        let mut asked: Vec<Path> = asked.iter().map(|at| path(at)).collect();
        if !entries.is_empty() {
            asked.extend(picked.iter().map(|at| path(&entries[at.index(entries.len())].0)));
        }
        let proof = Proof::of_paths(&commit, &asked, values).unwrap();
        let proof = Proof::decode(&proof.encode()).unwrap();
        let claims = proof.claims().unwrap();
        prop_assert!(claims.iter().all(|claim| is_true(claim, commit.tree())));
        prop_assert!(asked.iter().all(|at| claims.iter().any(|claim| claim.path == *at)));
        let other = path(&other);
        match proof.verify(commit.id(), |tree| Claim::read(&tree, &other)) {
            Ok(claim) => prop_assert!(is_true(&claim, commit.tree())),
            Err(Error::Proof(ProofError::PathNotCovered { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn random_work_replayed_on_its_proof_comes_to_the_same(
        entries in entries(),
        work in prop::collection::vec((0..5_u8, any::<Index>(), "[a-d]{1,2}(/[a-d]{1,2}){0,3}"), 0..20),
    ) {
        let mut tree = Tree::empty();
        for (at, value) in &entries {
            tree.set(&path(at), value.clone()).unwrap();
        }
        let commit = commit(&tree);
        let before = tree.clone();
        let run = |mut tree: Tree| {
            let mut seen = Vec::new();
            for (what, at, other) in &work {
                let known = entries.get(at.index(entries.len().max(1)));
                let at = known.map_or_else(|| path(other), |(at, _)| path(at));
                match what {
                    0 => drop(tree.remove(&at)?),
                    1 => drop(tree.set(&path(other), "new")?),
                    2 => {
                        let moved = tree.get(&at)?;
                        if let Some(moved) = moved {
                            tree.set(&path(other), moved)?;
                        }
                    }
                    3 => {
                        let walk = tree.walk(crate::WalkOptions { prefix: at, ..Default::default() });
                        for found in walk {
                            seen.push(found?.0.to_string());
                        }
                    }
                    _ => {
                        let changes = tree.diff(&before)?;
                        seen.extend(changes.into_iter().map(|change| change.path.to_string()));
                    }
                }
            }
            Ok((tree.id()?, tree.len()?, seen))
        };
        let (proof, done) = Proof::record(&commit, run).unwrap();
        let proof = Proof::decode(&proof.encode()).unwrap();
        prop_assert_eq!(proof.verify(commit.id(), run).unwrap(), done);
    }
}
