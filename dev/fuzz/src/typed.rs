//! JSON as parts of a tree, and any part of a tree as JSON.

use irmin_core::{Entry, Path, Tree, entry_to_json, from_entry, json_to_entry};
use serde_json::Value;

use crate::input::Input;

/// The most entries of a tree.
const ENTRIES_MAX: usize = 50;

/// A document that has an entry comes back from it; an entry that has a document comes to the same
/// document again.
pub(crate) fn json(bytes: &[u8]) {
    if let Ok(json) = serde_json::from_slice::<Value>(bytes)
        && let Ok(entry) = json_to_entry(&json)
    {
        let again = entry_to_json(&entry).expect("it was made of JSON");
        assert_eq!(again, json);
    }
    let mut input = Input::new(bytes);
    if let Ok(tree) = tree(&mut input) {
        check(&Entry::Tree(tree));
    }
    check(&Entry::from(bytes.to_vec()));
}

fn check(entry: &Entry) {
    let _other = from_entry::<Vec<u64>>(entry);
    let _other = from_entry::<Option<f32>>(entry);
    let _other = from_entry::<(char, bool)>(entry);
    let Ok(json) = entry_to_json(entry) else {
        return;
    };
    // A key that JSON has and a tree cannot have does not come up: it was a step.
    let again = json_to_entry(&json).expect("it comes from an entry");
    assert_eq!(entry_to_json(&again).ok(), Some(json));
}

/// Builds a tree of blobs: each a path and a value, each with its length.
fn tree(input: &mut Input<'_>) -> irmin_core::Result<Tree> {
    let mut tree = Tree::empty();
    for _ in 0..ENTRIES_MAX {
        if input.is_empty() {
            break;
        }
        let (path, value) = (Path::parse(input.piece())?, input.piece());
        tree.set(&path, value.to_vec())?;
    }
    Ok(tree)
}
