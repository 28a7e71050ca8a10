//! Several versions of a tree walked side by side, skipping what is equal without reading it.
//!
//! Diff and merge are both this walk. It goes round by round: all nodes that a round needs and that
//! are not loaded are asked for at once. The number of nodes read is proportional to the number of
//! differences, whatever the size of the trees. Nothing is allocated for a node but a place in the
//! list of what is pending, and nothing at all for what is equal.

use std::cmp::Ordering;
use std::sync::Arc;

use super::below::Child;
use super::bucket::Sub;
use super::dir::WRONG_COUNT;
use super::inner::Inner;
use super::link::{Link, LinkRef, Store, load_all};
use super::nibbles::NameBuf;
use super::node::{Node, Seen};
use super::rows::Slot;
use super::{Entry, Tree};
use crate::error::Result;
use crate::short::Short;
use crate::{Path, STEP_BYTES_MAX, Step};

/// The most pairs of nodes that one round looks at: bounds the memory of a walk. What a round loads
/// stays in the processor's second cache until it is looked at, and its lists need no pages of their
/// own: with 4,096, comparing two trees that are not loaded took a quarter longer.
const ROUND_NODES_MAX: usize = 128;

/// Who walks: told of what may differ, decides what is looked at.
pub(super) trait Visitor<'a, const K: usize> {
    /// Decides from which trees are the same at a place whether it matters.
    fn matters(&self, same: impl Fn(usize, usize) -> bool) -> bool;

    /// Decides whether to look below nodes that matter. `name` leads to them, in the directory with
    /// this number.
    fn look(&mut self, _dir: usize, _name: &NameBuf, _sides: &[Option<Side<'a>>; K]) -> bool {
        true
    }

    /// Takes an entry that matters, and decides whether to enter what are directories in it. The
    /// trees are `at`'s.
    fn entry(&mut self, at: At<'_, 'a, K>, slots: [Option<Slot<'a>>; K]) -> Result<bool>;
}

/// One tree's part of a directory: a node, of whose prefix the first half bytes are in the name of
/// the part already.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) link: LinkRef<'a>,
    /// The node above and the half byte that leads from there; none at the root of a directory.
    above: Option<(Inner<'a>, u8)>,
    pub(super) skipped: usize,
}

impl<'a> Side<'a> {
    pub(super) fn same(&self, other: &Self) -> bool {
        self.skipped == other.skipped && (self.link.is(other.link) || self.link.same(other.link))
    }

    /// Tells whether this is the whole of a node below another one.
    pub(super) const fn is_child(&self) -> bool {
        self.above.is_some() && self.skipped == 0
    }

    /// Returns the node as a child of the one above, if it is whole and below another one.
    pub(super) fn as_child(&self) -> Option<Child<'a>> {
        let (above, branch) = self.above.filter(|_| self.skipped == 0)?;
        above.children().find(|child| child.branch == branch)
    }
}

/// A directory that was entered.
pub(super) struct Dir<'a, const K: usize> {
    /// The number of the directory that it lies in, and its name there. The root is in itself.
    pub(super) above: usize,
    pub(super) name: Short,
    depth: usize,
    /// Its first node in each tree that has it.
    pub(super) roots: [Option<&'a Link>; K],
}

/// Where an entry is.
pub(super) struct At<'w, 'a, const K: usize> {
    pub(super) trees: &'w [&'a Tree; K],
    dirs: &'w [Dir<'a, K>],
    /// The number of the directory.
    pub(super) dir: usize,
    pub(super) name: &'w [u8],
}

impl<'a, const K: usize> At<'_, 'a, K> {
    /// Returns the path from the root.
    pub(super) fn path(&self) -> Result<Path> {
        let mut steps = Vec::with_capacity(self.dirs[self.dir].depth + 1);
        steps.push(Step::new(self.name)?);
        let mut dir = self.dir;
        while dir > 0 {
            steps.push(Step::new(&*self.dirs[dir].name)?);
            dir = self.dirs[dir].above;
        }
        steps.reverse();
        Ok(Path::from_steps(steps)?)
    }

    /// Makes a value of what one tree has.
    pub(super) fn value(&self, tree: usize, slot: Option<Slot<'a>>) -> Option<Entry> {
        slot.map(|slot| Entry::from_value(slot.to_value(), &self.trees[tree].store))
    }
}

/// Walks `K` trees, and returns the directories that were entered, each after the one it lies in.
pub(super) fn lockstep<'a, const K: usize>(
    trees: [&'a Tree; K],
    visitor: &mut impl Visitor<'a, K>,
) -> Result<Vec<Dir<'a, K>>> {
    let mut walk = Lockstep {
        trees,
        visitor,
        dirs: Vec::new(),
        pending: Vec::new(),
        name: NameBuf::default(),
    };
    walk.enter(0, Short::new(b""), 0, trees.map(|tree| Some(&*tree.root)));
    while !walk.pending.is_empty() {
        walk.round()?;
    }
    Ok(walk.dirs)
}

struct Lockstep<'a, 'v, V, const K: usize> {
    trees: [&'a Tree; K],
    visitor: &'v mut V,
    dirs: Vec<Dir<'a, K>>,
    pending: Vec<Item<'a, K>>,
    /// The name that leads to the node looked at.
    name: NameBuf,
}

/// The parts of one directory that share the beginning of their names.
struct Item<'a, const K: usize> {
    dir: usize,
    name: Short,
    halves: usize,
    sides: [Option<Side<'a>>; K],
}

impl<'a, V: Visitor<'a, K>, const K: usize> Lockstep<'a, '_, V, K> {
    /// Goes into a directory.
    fn enter(&mut self, above: usize, name: Short, depth: usize, roots: [Option<&'a Link>; K]) {
        self.name.truncate(0);
        let side = |link: &'a Link| Side {
            link: link.by_ref(),
            above: None,
            skipped: 0,
        };
        let dir = self.dirs.len();
        self.dirs.push(Dir {
            above,
            name,
            depth,
            roots,
        });
        let sides = roots.map(|root| root.map(side));
        if self.matters(&sides) {
            self.push(dir, sides);
        }
    }

    fn matters(&self, sides: &[Option<Side<'a>>; K]) -> bool {
        self.visitor
            .matters(|left, right| match (&sides[left], &sides[right]) {
                (None, None) => true,
                (Some(left), Some(right)) => left.same(right),
                _ => false,
            })
    }

    /// Adds the part that the name leads to, if it is to be looked at.
    fn push(&mut self, dir: usize, sides: [Option<Side<'a>>; K]) {
        if self.visitor.look(dir, &self.name, &sides) {
            self.pending.push(Item {
                dir,
                name: Short::new(self.name.bytes()),
                halves: self.name.nibbles(),
                sides,
            });
        }
    }

    /// Loads what the next items need, in one request a store, and looks at them.
    fn round(&mut self) -> Result<()> {
        let from = self.pending.len().saturating_sub(ROUND_NODES_MAX);
        let items = self.pending.split_off(from);
        for (index, tree) in self.trees.iter().enumerate() {
            if self.trees[..index]
                .iter()
                .any(|asked| one_store(asked, tree))
            {
                continue;
            }
            let sides = items
                .iter()
                .flat_map(|item| item.sides.iter().zip(&self.trees));
            let missing: Vec<LinkRef<'a>> = sides
                .filter(|(_, of)| one_store(of, tree))
                .filter_map(|(side, _)| side.map(|side| side.link))
                .filter(|link| link.loaded().is_none())
                .collect();
            load_all(&tree.store, &missing)?;
        }
        items.into_iter().try_for_each(|item| self.look(&item))
    }

    fn look(&mut self, item: &Item<'a, K>) -> Result<()> {
        let mut inners = [None; K];
        let mut has_bucket = false;
        for (index, side) in item.sides.iter().enumerate() {
            let Some(side) = side else { continue };
            let node = side.link.node(&self.trees[index].store)?;
            check(side, node, item.halves)?;
            match node.see() {
                Seen::Inner(inner) => inners[index] = Some((*side, inner)),
                Seen::Bucket(_) => has_bucket = true,
            }
        }
        self.name.set(&item.name, item.halves);
        match has_bucket {
            true if inners.iter().all(Option::is_none) => self.buckets(item),
            true => self.mixed(item),
            false => self.branch(item, inners),
        }
    }

    /// Goes down where all sides are inner nodes.
    fn branch(
        &mut self,
        item: &Item<'a, K>,
        inners: [Option<(Side<'a>, Inner<'a>)>; K],
    ) -> Result<()> {
        let rests = inners.map(|inner| inner.map(|(side, inner)| &inner.prefix[side.skipped..]));
        let shared = shared_prefix(&rests);
        let first = rests.iter().flatten().next().copied().unwrap_or_default();
        self.name.extend(&first[..shared]);
        let halves = self.name.nibbles();
        let mut terminals = [None; K];
        let mut branches = 0_u16;
        for (index, rest) in rests.iter().enumerate() {
            let (Some((_, inner)), Some(rest)) = (inners[index], rest) else {
                continue;
            };
            match rest.get(shared) {
                Some(next) => branches |= 1 << next,
                None => {
                    branches |= inner.bitmap();
                    terminals[index] = inner.terminal().slots().next();
                }
            }
        }
        if terminals.iter().any(Option::is_some) {
            let name = Short::new(self.name.whole_bytes());
            self.compare(item.dir, &name, terminals)?;
            self.name.set(&item.name, item.halves);
            self.name.extend(&first[..shared]);
        }
        for branch in (0..16).filter(|branch| branches & (1 << branch) != 0) {
            let mut sides = [None; K];
            for (index, rest) in rests.iter().enumerate() {
                let (Some((side, inner)), Some(rest)) = (inners[index], rest) else {
                    continue;
                };
                sides[index] = match rest.get(shared) {
                    None => inner.child(branch).map(|child| Side {
                        link: child,
                        above: Some((inner, branch)),
                        skipped: 0,
                    }),
                    Some(next) if *next == branch => Some(Side {
                        skipped: side.skipped + shared + 1,
                        ..side
                    }),
                    Some(_) => None,
                };
            }
            if self.matters(&sides) {
                self.name.truncate(halves);
                self.name.push(branch);
                self.push(item.dir, sides);
            }
        }
        Ok(())
    }

    /// Compares entry by entry where all sides are buckets, in place.
    fn buckets(&mut self, item: &Item<'a, K>) -> Result<()> {
        let mut lists = [const { None }; K];
        for (index, side) in item.sides.iter().enumerate() {
            let Some(side) = side else { continue };
            if let Seen::Bucket(bucket) = side.link.node(&self.trees[index].store)?.see() {
                lists[index] = Some(bucket.slots().map(|slot| (slot.suffix, slot)));
            }
        }
        let mut rows = Lists::new(lists);
        while let Some((suffix, slots)) = rows.next() {
            if self
                .visitor
                .matters(|left, right| same_slot(&slots, left, right))
            {
                self.name.set(&item.name, item.halves);
                let name = self.name.with_suffix(suffix);
                self.entry(item.dir, &name, slots)?;
            }
        }
        Ok(())
    }

    /// Compares entry by entry where a side is a bucket and another one is not: that one is a large
    /// part of a directory, but nearly all of its entries are differences.
    fn mixed(&mut self, item: &Item<'a, K>) -> Result<()> {
        let mut lists = [const { None }; K];
        for (index, side) in item.sides.iter().enumerate() {
            let Some(side) = side else { continue };
            let mut name = self.name.clone();
            name.truncate(item.halves - side.skipped);
            let list = all_slots(side.link, &self.trees[index].store, name)?;
            lists[index] = Some(list.into_iter());
        }
        let mut rows = Lists::new(lists);
        while let Some((name, slots)) = rows.next() {
            self.compare(item.dir, &name, slots)?;
        }
        Ok(())
    }

    /// Compares what the trees have under one name.
    fn compare(&mut self, dir: usize, name: &[u8], slots: [Option<Slot<'a>>; K]) -> Result<()> {
        match self
            .visitor
            .matters(|left, right| same_slot(&slots, left, right))
        {
            true => self.entry(dir, name, slots),
            false => Ok(()),
        }
    }

    /// Hands an entry to the visitor, and enters it if asked to; a blob beside directories counts as
    /// absent then.
    fn entry(&mut self, dir: usize, name: &[u8], slots: [Option<Slot<'a>>; K]) -> Result<()> {
        let at = At {
            trees: &self.trees,
            dirs: &self.dirs,
            dir,
            name,
        };
        if self.visitor.entry(at, slots)? {
            let roots = slots.map(|slot| match slot?.sub() {
                Some(Sub::Dir(link)) => Some(&**link),
                _ => None,
            });
            let depth = self.dirs[dir].depth + 1;
            self.enter(dir, Short::new(name), depth, roots);
        }
        Ok(())
    }
}

/// Tells whether what two trees lack comes from the same store.
fn one_store(left: &Tree, right: &Tree) -> bool {
    let id = |tree: &Tree| tree.store.as_ref().map(|store| store.store_id());
    id(left) == id(right)
}

/// Refuses what is damaged so that the walk might not end.
fn check(side: &Side<'_>, node: &Node, halves: usize) -> Result<()> {
    if halves > 2 * STEP_BYTES_MAX {
        return Err(side.link.damaged("deeper than names are long"));
    }
    if node.len() == 0 && halves > 0 {
        let reason = "no entries where the node above has some";
        return Err(side.link.damaged(reason));
    }
    Ok(())
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

/// Entries of several trees in the order of their names, read side by side.
struct Lists<I, T, const K: usize> {
    lists: [Option<I>; K],
    heads: [Option<T>; K],
}

impl<'a, N: Ord, I: Iterator<Item = (N, Slot<'a>)>, const K: usize> Lists<I, (N, Slot<'a>), K> {
    fn new(mut lists: [Option<I>; K]) -> Self {
        let heads = std::array::from_fn(|index| lists[index].as_mut()?.next());
        Self { lists, heads }
    }

    /// Takes the smallest name, with what each tree has of it.
    fn next(&mut self) -> Option<(N, [Option<Slot<'a>>; K])> {
        // The trees that have it: mostly all, so that each pair of names is compared once.
        let mut first: Option<&N> = None;
        let mut has = [false; K];
        for index in 0..K {
            let Some((name, _)) = &self.heads[index] else {
                continue;
            };
            let order = first.map_or(Ordering::Less, |first| name.cmp(first));
            if order == Ordering::Less {
                has = [false; K];
                first = Some(name);
            }
            has[index] = order != Ordering::Greater;
        }
        let mut found = None;
        let slots = std::array::from_fn(|index| {
            let list = self.lists[index].as_mut().filter(|_| has[index])?;
            let (name, slot) = std::mem::replace(&mut self.heads[index], list.next())?;
            found = Some(name);
            Some(slot)
        });
        Some((found?, slots))
    }
}

/// Returns all entries of a part of a directory with their names, in order; `name` leads to it.
fn all_slots<'a>(
    root: LinkRef<'a>,
    store: &Store,
    name: NameBuf,
) -> Result<Vec<(Vec<u8>, Slot<'a>)>> {
    let mut slots = Vec::new();
    let mut stack = vec![(root, name)];
    while let Some((link, mut name)) = stack.pop() {
        let inner = match link.node(store)?.see() {
            Seen::Inner(inner) => inner,
            Seen::Bucket(bucket) => {
                let named = |slot: Slot<'a>| (name.with_suffix(slot.suffix), slot);
                slots.extend(bucket.slots().map(named));
                continue;
            }
        };
        name.extend(inner.prefix);
        if name.nibbles() >= 2 * STEP_BYTES_MAX {
            return Err(link.damaged("deeper than names are long"));
        }
        if let Some(slot) = inner.terminal().slots().next() {
            slots.push((name.whole_bytes().to_vec(), slot));
        }
        let children: Vec<_> = inner.children().collect();
        let links: Vec<_> = children.iter().map(|child| child.link).collect();
        load_all(store, &links)?;
        for child in children.into_iter().rev() {
            if child.link.node(store)?.len() != child.len {
                return Err(child.link.damaged(WRONG_COUNT));
            }
            let mut below = name.clone();
            below.push(child.branch);
            stack.push((child.link, below));
        }
    }
    Ok(slots)
}

/// Tells whether two trees have the same under one name, as far as that is known without hashing.
pub(super) fn same_slot<const K: usize>(
    slots: &[Option<Slot<'_>>; K],
    left: usize,
    right: usize,
) -> bool {
    let (left, right) = match (&slots[left], &slots[right]) {
        (None, None) => return true,
        (Some(left), Some(right)) => (left, right),
        _ => return false,
    };
    match (left.sub(), right.sub()) {
        (None, None) => left.mode == right.mode && left.raw() == right.raw(),
        (Some(Sub::Blob(old)), Some(Sub::Blob(new))) => left.mode == right.mode && old.id == new.id,
        (Some(Sub::Dir(old)), Some(Sub::Dir(new))) => Arc::ptr_eq(old, new) || old.same(new),
        _ => false,
    }
}
