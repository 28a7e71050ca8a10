//! Visiting all entries of a tree.

use std::ops::RangeInclusive;

use super::{Entry, Listing, Tree};
use crate::error::Result;
use crate::{Path, Step};

/// In which order a walk visits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// A directory before what is below it; names in order.
    #[default]
    Before,
    /// A directory after what is below it; names in order.
    After,
}

/// What a walk visits.
#[derive(Clone, Debug)]
pub struct WalkOptions {
    /// Directories first or last.
    pub order: Order,
    /// Only entries with so many steps are returned; nothing deeper is read.
    pub depth: RangeInclusive<usize>,
    /// Only this path and what is below it. Paths stay those from the root.
    pub prefix: Path,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self {
            order: Order::Before,
            depth: 1..=usize::MAX,
            prefix: Path::root(),
        }
    }
}

impl Tree {
    /// Visits blobs and directories in the order of their paths, each once. Loads nodes as it goes;
    /// memory is bounded by the depth, apart from what the tree keeps loaded.
    ///
    /// ```
    /// use irmin_core::{Path, Tree, WalkOptions};
    /// let mut tree = Tree::empty();
    /// tree.set(&Path::parse("a/b")?, "1")?;
    /// let paths: Result<Vec<_>, _> =
    ///     tree.walk(WalkOptions::default()).map(|found| found.map(|(path, _)| path.to_string())).collect();
    /// assert_eq!(paths?, ["a", "a/b"]);
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    #[must_use]
    pub fn walk(&self, options: WalkOptions) -> Walk {
        let start = Start {
            tree: self.clone(),
            prefix: options.prefix.clone(),
        };
        Walk {
            options,
            start: Some(start),
            stack: Vec::new(),
            path: Vec::new(),
            entered: None,
        }
    }
}

/// An ongoing walk; see [`Tree::walk`].
pub struct Walk {
    options: WalkOptions,
    start: Option<Start>,
    stack: Vec<Level>,
    path: Vec<Step>,
    /// A directory that was returned and will be entered next, unless the caller prunes it.
    entered: Option<Tree>,
}

struct Start {
    tree: Tree,
    prefix: Path,
}

struct Level {
    tree: Tree,
    listing: Listing,
}

impl Walk {
    /// Leaves out what is below the directory that was returned last. Only in [`Order::Before`].
    pub fn prune(&mut self) {
        if self.entered.take().is_some() {
            self.path.pop();
        }
    }

    fn begin(&mut self, start: Start) -> Result<Option<(Path, Entry)>> {
        let Some(entry) = start.tree.get(&start.prefix)? else {
            return Ok(None);
        };
        self.path = start.prefix.steps().to_vec();
        if self.path.is_empty() {
            self.enter(start.tree)?;
            return Ok(None);
        }
        self.visit(entry)
    }

    fn enter(&mut self, tree: Tree) -> Result<()> {
        let listing = tree.entries()?;
        self.stack.push(Level { tree, listing });
        Ok(())
    }

    /// Takes an entry whose step was just added to the path.
    fn visit(&mut self, entry: Entry) -> Result<Option<(Path, Entry)>> {
        let deeper = self.path.len() < *self.options.depth.end();
        if let (Entry::Tree(tree), true) = (&entry, deeper) {
            if self.options.order == Order::After {
                // Checks the depth on the way down: what comes after it may have no end.
                Path::from_steps(self.path.clone())?;
                self.enter(tree.clone())?;
                return Ok(None);
            }
            let found = self.found(entry.clone())?;
            self.entered = Some(tree.clone());
            return Ok(found);
        }
        let found = self.found(entry)?;
        self.path.pop();
        Ok(found)
    }

    fn found(&self, entry: Entry) -> Result<Option<(Path, Entry)>> {
        let path = Path::from_steps(self.path.clone())?;
        let wanted = self.options.depth.contains(&self.path.len());
        Ok(wanted.then_some((path, entry)))
    }

    /// Leaves a directory that has no more entries.
    fn leave(&mut self) -> Result<Option<(Path, Entry)>> {
        let Some(level) = self.stack.pop() else {
            return Ok(None);
        };
        let at_root = self.path.is_empty();
        let last = self.options.order == Order::After && !at_root;
        let found = if last {
            self.found(level.tree.into())?
        } else {
            None
        };
        self.path.pop();
        Ok(found)
    }

    fn advance(&mut self) -> Result<Option<(Path, Entry)>> {
        if let Some(tree) = self.entered.take() {
            self.enter(tree)?;
        }
        match self.stack.last_mut().map(|level| level.listing.next()) {
            None => Ok(None),
            Some(None) => self.leave(),
            Some(Some(next)) => {
                let (step, entry) = next?;
                self.path.push(step);
                self.visit(entry)
            }
        }
    }

    fn fail(&mut self) {
        self.stack.clear();
        self.entered = None;
    }
}

impl Iterator for Walk {
    type Item = Result<(Path, Entry)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut found = self.start.take().map(|start| self.begin(start));
        loop {
            match found {
                Some(Err(error)) => {
                    self.fail();
                    return Some(Err(error));
                }
                Some(Ok(Some(found))) => return Some(Ok(found)),
                Some(Ok(None)) | None if self.stack.is_empty() && self.entered.is_none() => {
                    return None;
                }
                Some(Ok(None)) | None => found = Some(self.advance()),
            }
        }
    }
}
