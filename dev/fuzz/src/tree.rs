//! Nodes of directories: any bytes under any ids, and everything that reads them.

use std::sync::Arc;

use bytes::Bytes;
use irmin_core::rules::RuleTypes;
use irmin_core::{Id, ObjectStore, Path, Result, Step, Stored, Tree, WalkOptions, merge_trees};

use crate::budget::Budget;
use crate::input::Input;

/// The most objects of an input.
const OBJECTS_MAX: usize = 16;

/// The most entries that are visited.
const ENTRIES_MAX: usize = 500;

/// The input is a sequence of objects, each behind its length. The first three are roots; an id
/// leads to the object whose number is its first byte, modulo their number.
pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut objects = Vec::new();
    while !input.is_empty() && objects.len() < OBJECTS_MAX {
        objects.push(Bytes::copy_from_slice(input.piece()));
    }
    let trees = [0, 1, 2].map(|number| tree(&objects, number));
    for tree in &trees {
        // Errors are fine: most bytes are no nodes. So it is everywhere here.
        let _damaged = read(tree);
        let _damaged = change(tree);
    }
    let [base, ours, theirs] = &trees;
    let _damaged = base.diff(ours).map(drop);
    let _damaged = merge_trees(base, ours, theirs, &RuleTypes::default()).map(drop);
}

/// Each tree has a budget of its own.
fn tree(objects: &[Bytes], root: u8) -> Tree {
    let objects = objects.to_vec();
    let find = move |id: &Id| {
        let number = usize::from(id.as_bytes()[0]) % objects.len().max(1);
        objects.get(number).map(|bytes| Stored {
            region: None,
            cut: irmin_core::Cut::NONE,
            bytes: bytes.clone(),
            links: Vec::new(),
            generation: 0,
        })
    };
    let store: Arc<dyn ObjectStore> = Arc::new(Budget::new(find));
    Tree::load(store, Id::from_bytes([root; Id::BYTES]).into())
}

fn read(tree: &Tree) -> Result<()> {
    let length = tree.len()?;
    tree.nth(length / 2)?;
    tree.nth(length)?;
    let names = tree.list(None, 20)?;
    // Ids are no hashes here, so two reads of one place may see two nodes: only panics count.
    for (name, _) in &names {
        let path = Path::from(name.clone());
        tree.kind(&path)?;
        if let Some(blob) = tree.get_blob(&path)? {
            let _missing = blob.bytes();
        }
    }
    if let Some((name, _)) = names.get(names.len() / 2) {
        tree.list(Some(name), 5)?;
    }
    for found in tree.walk(WalkOptions::default()).take(ENTRIES_MAX) {
        found?;
    }
    Ok(())
}

fn change(tree: &Tree) -> Result<()> {
    let mut changed = tree.clone();
    let names = tree.list(None, 2)?;
    let steps = [&b"a"[..], b"\xff\xff"].into_iter().map(Step::new);
    let mut paths = steps
        .map(|step| step.map(Path::from))
        .collect::<Result<Vec<_>, _>>()?;
    paths.extend(names.into_iter().map(|(name, _)| Path::from(name)));
    for path in &paths {
        changed.set(path, "value")?;
        assert_eq!(changed.get_bytes(path)?.as_deref(), Some(&b"value"[..]));
        changed.set(&path.child(Step::new("below")?), "value")?;
        assert!(changed.get_tree(path)?.is_some());
    }
    for path in &paths {
        changed.remove(path)?;
        assert!(changed.get(path)?.is_none());
    }
    changed.id().map(drop)
}
