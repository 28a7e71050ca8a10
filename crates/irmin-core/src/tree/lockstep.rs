//! Several versions of a tree walked side by side, skipping what is equal without reading it.
//!
//! Diff and merge are both this walk. It goes round by round: all nodes that a round needs and that
//! are not loaded are asked for at once. The number of nodes read is proportional to the number of
//! differences, whatever the size of the trees.

use std::sync::Arc;

use super::bucket::{Sub, Value};
use super::cursor::Cursor;
use super::inner::Inner;
use super::link::{Link, LinkRef, load_all};
use super::nibbles::NameBuf;
use super::node::Seen;
use super::{Entry, Tree, dir};
use crate::error::Result;
use crate::{Path, STEP_BYTES_MAX, Step};

/// The most pairs of nodes that one round looks at: bounds the memory of a walk.
const ROUND_NODES_MAX: usize = 4096;

/// A place where the trees differ, with what each has there.
pub(crate) struct Row<const K: usize> {
    pub(crate) path: Path,
    pub(crate) entries: [Option<Entry>; K],
}

/// Decides from which pairs of trees are the same whether a place matters.
pub(crate) type Relevant<'a> = &'a dyn Fn(&dyn Fn(usize, usize) -> bool) -> bool;

/// Walks `K` trees and returns the places that are relevant, ordered by path. Where the last two
/// trees both have a directory, it is entered instead of returned.
pub(crate) fn lockstep<const K: usize>(
    trees: [&Tree; K],
    relevant: Relevant<'_>,
) -> Result<Vec<Row<K>>> {
    let mut walk = Lockstep {
        trees,
        relevant,
        pending: Vec::new(),
        rows: Vec::new(),
    };
    walk.push_dir(Dir {
        path: Path::root(),
        roots: trees.map(|tree| Some(tree.root.as_ref())),
    });
    while !walk.pending.is_empty() {
        walk.round()?;
    }
    walk.rows.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(walk.rows)
}

struct Lockstep<'a, const K: usize> {
    trees: [&'a Tree; K],
    relevant: Relevant<'a>,
    pending: Vec<Item<'a, K>>,
    rows: Vec<Row<K>>,
}

/// A directory, with its first node in each tree that has it.
struct Dir<'a, const K: usize> {
    path: Path,
    roots: [Option<&'a Link>; K],
}

/// The parts of one directory that share the beginning of their names.
struct Item<'a, const K: usize> {
    dir: Arc<Dir<'a, K>>,
    name: NameBuf,
    sides: [Option<Side<'a>>; K],
}

/// One tree's part: a node, of whose prefix the first half bytes are in the item's name already.
#[derive(Clone, Copy)]
struct Side<'a> {
    link: LinkRef<'a>,
    skipped: usize,
}

impl Side<'_> {
    fn same(&self, other: &Self) -> bool {
        self.skipped == other.skipped && (self.link.is(other.link) || self.link.same(other.link))
    }
}

impl<'a, const K: usize> Lockstep<'a, K> {
    /// Adds a directory to look at, if it matters.
    fn push_dir(&mut self, dir: Dir<'a, K>) {
        let sides = dir.roots.map(|root| {
            let link = root?.by_ref();
            Some(Side { link, skipped: 0 })
        });
        self.push(&Arc::new(dir), NameBuf::default(), sides);
    }

    /// Adds a part to look at, if it matters.
    fn push(&mut self, dir: &Arc<Dir<'a, K>>, name: NameBuf, sides: [Option<Side<'a>>; K]) {
        let same = |left: usize, right: usize| match (&sides[left], &sides[right]) {
            (None, None) => true,
            (Some(left), Some(right)) => left.same(right),
            _ => false,
        };
        if (self.relevant)(&same) {
            self.pending.push(Item {
                dir: Arc::clone(dir),
                name,
                sides,
            });
        }
    }

    /// Loads what the next items need, in one request a store, and looks at them.
    fn round(&mut self) -> Result<()> {
        let from = self.pending.len().saturating_sub(ROUND_NODES_MAX);
        let items = self.pending.split_off(from);
        for (index, tree) in self.trees.iter().enumerate() {
            let links = items
                .iter()
                .filter_map(|item| item.sides[index])
                .map(|side| side.link);
            let missing: Vec<_> = links.filter(|link| link.loaded().is_none()).collect();
            if !missing.is_empty() {
                load_all(&tree.store, &missing)?;
            }
        }
        items.into_iter().try_for_each(|item| self.look(item))
    }

    fn look(&mut self, item: Item<'a, K>) -> Result<()> {
        let mut inners = [None; K];
        for (index, side) in item.sides.iter().enumerate() {
            let Some(side) = side else { continue };
            let node = side.link.node(&self.trees[index].store)?;
            // What is stored may be damaged: the walk must end, whatever it says.
            if item.name.nibbles() > 2 * STEP_BYTES_MAX {
                return Err(side.link.damaged("deeper than names are long"));
            }
            if node.len() == 0 && item.name.nibbles() > 0 {
                return Err(side
                    .link
                    .damaged("no entries where the node above has some"));
            }
            match node.see() {
                Seen::Inner(inner) => inners[index] = Some((*side, inner)),
                Seen::Bucket(_) => return self.compare_entries(&item),
            }
        }
        self.branch(item, inners)
    }

    /// Goes down where all sides are inner nodes.
    fn branch(
        &mut self,
        mut item: Item<'a, K>,
        inners: [Option<(Side<'a>, &'a Inner)>; K],
    ) -> Result<()> {
        let rests = inners.map(|inner| inner.map(|(side, inner)| &inner.prefix[side.skipped..]));
        let shared = shared_prefix(&rests);
        let first = rests.iter().flatten().next().copied().unwrap_or_default();
        item.name.extend(&first[..shared]);
        let mut terminals = [const { None }; K];
        for (index, rest) in rests.iter().enumerate() {
            if let (Some((_, inner)), Some(rest)) = (inners[index], rest)
                && rest.len() == shared
            {
                let slot = inner.terminal().slots().next();
                terminals[index] = slot.map(|slot| slot.to_value());
            }
        }
        if terminals.iter().any(Option::is_some) {
            self.compare(&item.dir, item.name.whole_bytes(), terminals)?;
        }
        for nibble in 0..16 {
            let mut sides = [None; K];
            for (index, rest) in rests.iter().enumerate() {
                let (Some((side, inner)), Some(rest)) = (inners[index], rest) else {
                    continue;
                };
                sides[index] = match rest.get(shared) {
                    None => inner.child(nibble).map(|link| Side { link, skipped: 0 }),
                    Some(next) if *next == nibble => Some(Side {
                        link: side.link,
                        skipped: side.skipped + shared + 1,
                    }),
                    Some(_) => None,
                };
            }
            if sides.iter().any(Option::is_some) {
                let mut name = item.name.clone();
                name.push(nibble);
                self.push(&item.dir, name, sides);
            }
        }
        Ok(())
    }

    /// Compares entry by entry where a side is a bucket. Another side may be a large part of a
    /// directory, but then nearly all of its entries are differences.
    fn compare_entries(&mut self, item: &Item<'a, K>) -> Result<()> {
        let mut lists = Vec::with_capacity(K);
        for (index, side) in item.sides.iter().enumerate() {
            let mut list = Vec::new();
            if let Some(side) = side {
                let mut name = item.name.clone();
                name.truncate(name.nibbles() - side.skipped);
                let mut cursor = Cursor::new(side.link, &self.trees[index].store, name)?;
                while let Some(entry) = cursor.next_entry()? {
                    list.push(entry);
                }
            }
            lists.push(list.into_iter().peekable());
        }
        while let Some(name) = lists
            .iter_mut()
            .filter_map(|list| list.peek())
            .map(|e| &e.0)
            .min()
        {
            let name = name.clone();
            let mut values = [const { None }; K];
            for (value, list) in values.iter_mut().zip(&mut lists) {
                *value = list.next_if(|entry| entry.0 == name).map(|entry| entry.1);
            }
            self.compare(&item.dir, &name, values)?;
        }
        Ok(())
    }

    /// Compares what the trees have under one name.
    fn compare(&mut self, dir: &Dir<'a, K>, name: &[u8], values: [Option<Value>; K]) -> Result<()> {
        let same = |left: usize, right: usize| match (&values[left], &values[right]) {
            (None, None) => true,
            (Some(left), Some(right)) => same_value(left, right),
            _ => false,
        };
        if !(self.relevant)(&same) {
            return Ok(());
        }
        let path = dir.path.child(Step::new(name)?);
        path.check_depth()?;
        let mut values = values.into_iter().zip(self.trees);
        let entries = std::array::from_fn(|_| {
            let (value, tree) = values.next()?;
            Some(Entry::from_value(value?, &tree.store))
        });
        if let [.., Some(Entry::Tree(_)), Some(Entry::Tree(_))] = entries.as_slice() {
            return self.enter(dir, name, path);
        }
        self.rows.push(Row { path, entries });
        Ok(())
    }

    /// Goes into a directory that the last two trees have; another tree's blob counts as absent.
    fn enter(&mut self, above: &Dir<'a, K>, name: &[u8], path: Path) -> Result<()> {
        let mut roots = [None; K];
        for ((root, above), tree) in roots.iter_mut().zip(&above.roots).zip(self.trees) {
            let Some(above) = above else { continue };
            // The link inside the tree, rather than the entry's clone, so that what is loaded
            // stays loaded for as long as the tree lives.
            let slot = dir::find(above, &tree.store, name)?;
            if let Some(Sub::Dir(link)) = slot.and_then(|slot| slot.sub()) {
                *root = Some(link.as_ref());
            }
        }
        self.push_dir(Dir { path, roots });
        Ok(())
    }
}

/// Returns how many half bytes all the given prefixes share.
fn shared_prefix<const K: usize>(prefixes: &[Option<&[u8]>; K]) -> usize {
    let mut present = prefixes.iter().flatten();
    let Some(first) = present.next() else {
        return 0;
    };
    present.fold(first.len(), |shared, other| {
        let equal = first
            .iter()
            .zip(other.iter())
            .take_while(|(left, right)| left == right);
        equal.count().min(shared)
    })
}

fn same_value(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Inline(mode, bytes), Value::Inline(mode2, bytes2)) => {
            mode == mode2 && bytes == bytes2
        }
        (Value::Blob(mode, cell), Value::Blob(mode2, cell2)) => {
            mode == mode2 && cell.id == cell2.id
        }
        (Value::Dir(left), Value::Dir(right)) => Arc::ptr_eq(left, right) || left.same(right),
        _ => false,
    }
}
