//! Listing what is in a directory, and below it.

use irminsule::{Entry, Listing, Path, Step};

use super::desk::Desk;
use super::scalars::PathText;
use super::tree::{Contents, Node, Tree};
use crate::service::Result;

/// How many entries are taken from a directory at a time.
const BATCH: usize = 256;

/// Lists a directory; nothing in a value.
pub(crate) fn entries(
    tree: &Tree,
    desk: &Desk,
    first: Option<usize>,
    after: Option<&PathText>,
) -> Result<Vec<Node>> {
    let Some(directory) = tree.directory() else {
        return Ok(Vec::new());
    };
    let mut after = after.and_then(|after| after.0.steps().last()).cloned();
    let mut nodes = Vec::new();
    loop {
        let count = first.map_or(BATCH, |first| BATCH.min(first - nodes.len()));
        let listed = directory.list(after.as_ref(), count)?;
        desk.count(listed.len())?;
        let is_last = listed.len() < count;
        after = listed.last().map(|(step, _)| step.clone());
        nodes.extend(listed.into_iter().map(|(step, entry)| {
            let path = tree.path.child(step);
            match entry {
                Entry::Blob(blob) => Node::Contents(Contents { blob, at: path }),
                Entry::Tree(_) => Node::Tree(Tree {
                    entry,
                    path,
                    is_stored: tree.is_stored,
                }),
            }
        }));
        if is_last || first == Some(nodes.len()) {
            return Ok(nodes);
        }
    }
}

/// Lists the values at and below a place, by path. Keeps a listing for each directory on the way, of
/// which there are as many as a path has steps; nothing recurses.
pub(crate) fn contents_below(
    tree: &Tree,
    desk: &Desk,
    first: Option<usize>,
    after: Option<&PathText>,
) -> Result<Vec<Contents>> {
    let directory = match &tree.entry {
        Entry::Tree(directory) => directory,
        Entry::Blob(_) if after.is_some() => return Ok(Vec::new()),
        Entry::Blob(blob) => {
            desk.count(1)?;
            let (blob, at) = (blob.clone(), tree.path.clone());
            return Ok(vec![Contents { blob, at }]);
        }
    };
    let after = after.and_then(|after| after.0.strip_prefix(&tree.path));
    let after = after.unwrap_or_default();
    let mut open = listings(tree, directory, after.steps())?;
    let mut found = Vec::new();
    while let Some((path, listing)) = open.last_mut() {
        let Some(next) = listing.next() else {
            open.pop();
            continue;
        };
        let (step, entry) = next?;
        let at = path.child(step);
        desk.count(1)?;
        match entry {
            Entry::Tree(below) => open.push((at, below.entries()?)),
            Entry::Blob(blob) => found.push(Contents { blob, at }),
        }
        if first == Some(found.len()) {
            break;
        }
    }
    Ok(found)
}

/// Opens the directories on the way to where the page begins, each behind what was seen of it.
fn listings(tree: &Tree, root: &irminsule::Tree, seen: &[Step]) -> Result<Vec<(Path, Listing)>> {
    let mut open = vec![(tree.path.clone(), root.entries_after(seen.first())?)];
    let (mut directory, mut path) = (root.clone(), tree.path.clone());
    for (position, step) in seen.iter().enumerate() {
        let own = Path::from_steps(vec![step.clone()])?;
        let Some(below) = directory.get_tree(&own)? else {
            break;
        };
        path = path.child(step.clone());
        if let Some(next) = seen.get(position + 1) {
            open.push((path.clone(), below.entries_after(Some(next))?));
        }
        directory = below;
    }
    Ok(open)
}
