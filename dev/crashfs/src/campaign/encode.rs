//! Objects in the encoding of `FORMAT.md`, small and made directly.

use irmin_core::{Id, Kind};

use super::model::Draft;

pub(super) fn blob(body: &[u8]) -> Draft {
    let mut bytes = vec![1, 1];
    bytes.extend_from_slice(body);
    Draft::new(Kind::Blob, bytes, Vec::new(), 0)
}

/// A directory of at most 26 entries, named `a`, `b`, …
pub(super) fn node(entries: &[&Draft]) -> Draft {
    let entries = entries.get(..26.min(entries.len())).unwrap_or_default();
    let values: Vec<(u8, Vec<u8>)> = entries.iter().map(|entry| pointer(entry)).collect();
    let mut bytes = vec![1, 3, 0, u8::try_from(entries.len()).unwrap_or_default()];
    for (tag, value) in &values {
        bytes.extend([1, *tag, u8::try_from(value.len()).unwrap_or_default()]);
    }
    bytes.extend((b'a'..=b'z').take(entries.len()));
    for (_, value) in &values {
        bytes.extend_from_slice(value);
    }
    let links = entries.iter().map(|entry| entry.id).collect();
    Draft::new(Kind::Node, bytes, links, 0)
}

/// The tag of an entry and what it holds.
fn pointer(entry: &Draft) -> (u8, Vec<u8>) {
    let mut value = entry.id.as_bytes().to_vec();
    if entry.kind == Kind::Node {
        return (3 << 4, value);
    }
    let mut length = entry.bytes.len() - 2;
    while length >= 0x80 {
        value.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    value.push(length.to_le_bytes()[0]);
    (1 << 4, value)
}

/// A commit by nobody, at no time.
pub(super) fn commit(tree: Id, parents: &[&Draft], number: u64) -> Draft {
    let mut bytes = vec![1, 4];
    bytes.extend_from_slice(tree.as_bytes());
    bytes.extend([u8::try_from(parents.len()).unwrap_or_default(), 0]);
    for parent in parents {
        bytes.extend_from_slice(parent.id.as_bytes());
    }
    let (signature, same_committer, no_headers) = ([0; 14], [0], [0; 2]);
    bytes.extend(signature);
    bytes.extend(same_committer);
    bytes.extend(no_headers);
    // Most of a commit is as in its parent.
    let message = format!("{number}{}", " and so on".repeat(15));
    bytes.extend(
        u32::try_from(message.len())
            .unwrap_or_default()
            .to_le_bytes(),
    );
    bytes.extend_from_slice(message.as_bytes());
    let links = std::iter::once(tree).chain(parents.iter().map(|parent| parent.id));
    let newest = parents.iter().map(|parent| parent.generation).max();
    let generation = newest.unwrap_or_default() + 1;
    Draft {
        base: parents.first().map(|parent| parent.id),
        ..Draft::new(Kind::Commit, bytes, links.collect(), generation)
    }
}
