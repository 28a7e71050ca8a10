//! Building a tree of entries that come in order: each node once, and at once into the store.

mod outbox;
mod radix;

use std::sync::Arc;

use bytes::Bytes;

use self::outbox::{At, Outbox, Target};
use self::radix::{Radix, Value};
use super::blob::Data;
use super::bucket::Class;
use super::{Blob, Entry, INLINE_BYTES_MAX, Mode, Tree};
use crate::codec::put_varint;
use crate::error::{Error, Result};
use crate::{Key, ObjectStore, Path, Step};

/// Makes a stored tree of entries that come in the order of their paths, with little memory.
///
/// The tree is the one that [`Tree::set`] would have made, to the id, in a fraction of the time:
/// every node is encoded and hashed once, and handed to the store in batches of about a megabyte,
/// children before parents. In memory are one batch and, for each directory on the way to the last
/// entry and each of its nodes that branch there, at most 512 entries with values of at most 128
/// bytes. An entry costs some comparing and copying, O(1) however many there are.
///
/// The order is that of [`Path`]: step by step, each step by its bytes. So what is below `a` comes
/// before `a.txt`, although `.` comes before `/`.
///
/// ```
/// use std::sync::Arc;
/// use irmin_core::{MemoryStore, ObjectStore, Path, TreeBuilder};
/// let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
/// let mut builder = TreeBuilder::new(&store);
/// for number in 0..1000 {
///     builder.push_bytes(format!("log/{number:04}"), b"a line")?;
/// }
/// builder.push(&Path::parse("readme")?, "see log")?;
/// let tree = builder.finish()?;
/// assert_eq!(tree.get_bytes(&Path::parse("log/0999")?)?.unwrap(), "a line");
/// # Ok::<(), irmin_core::Error>(())
/// ```
pub struct TreeBuilder {
    outbox: Outbox,
    radix: Radix,
    /// The directories on the way to the last entry, without the root, which is `root`.
    dirs: Vec<Dir>,
    root: radix::Dir,
    /// The path of the last of them as text, each step followed by a slash.
    prefix: Vec<u8>,
}

struct Dir {
    name: Step,
    part: radix::Dir,
}

impl TreeBuilder {
    /// Begins a tree in a store.
    #[must_use]
    pub fn new(store: &Arc<dyn ObjectStore>) -> Self {
        Self {
            outbox: Outbox::new(store),
            radix: Radix::default(),
            dirs: Vec::new(),
            root: radix::Dir::default(),
            prefix: Vec::new(),
        }
    }

    /// Adds a blob or a whole tree behind all that was added before. A tree is stored if it is not;
    /// an empty one adds nothing.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] when the path does not come after the last one, or lies below it;
    /// [`Error::RootNeedsTree`] for the root; [`Error::Store`] when the store fails. Nothing was
    /// added then, and the builder can be used on.
    pub fn push(&mut self, path: &Path, entry: impl Into<Entry>) -> Result<()> {
        match entry.into() {
            Entry::Blob(blob) => self.push_blob(path, &blob),
            Entry::Tree(tree) if tree.is_empty()? => Ok(()),
            Entry::Tree(tree) => {
                self.make_room()?;
                let kept = self.check_order(path)?;
                let key = tree.persist(self.outbox.store())?;
                let tag = tag(Class::Dir, Mode::Normal);
                let (id, at) = (key.id, At::Stored(key.locator));
                self.add_object(path, kept, tag, Target { id, at }, None)
            }
        }
    }

    /// Adds a value of mode [`Normal`](Mode::Normal), at a path as [`Path::parse`] takes it. Copies
    /// the bytes; allocates nothing where the value is small and beside the last one.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`Error::Path`] when it is no path.
    pub fn push_bytes(&mut self, path: impl AsRef<[u8]>, value: &[u8]) -> Result<()> {
        let path = path.as_ref();
        if value.len() > INLINE_BYTES_MAX {
            let blob = Blob::new(Bytes::copy_from_slice(value));
            return self.push_blob(&Path::parse(path)?, &blob);
        }
        self.make_room()?;
        let value = inline(Mode::Normal, value);
        let part = self
            .dirs
            .last_mut()
            .map_or(&mut self.root, |dir| &mut dir.part);
        match path.strip_prefix(self.prefix.as_slice()) {
            Some(name)
                if name > part.last.as_slice()
                    && !name.contains(&b'/')
                    && Step::check(name).is_ok() =>
            {
                self.radix.add(part, name, value, &mut self.outbox);
                Ok(())
            }
            _ => {
                let path = Path::parse(path)?;
                let kept = self.check_order(&path)?;
                self.add(&path, kept, value)
            }
        }
    }

    /// Stores what is not stored yet, and returns the tree, ready to be committed.
    ///
    /// # Errors
    /// [`Error::Store`] when the store fails.
    pub fn finish(mut self) -> Result<Tree> {
        self.close_dirs(0);
        let root = self.radix.end(&self.root, &mut self.outbox);
        let keys = self.outbox.empty()?;
        let mut at = root.at;
        at.settle(&keys);
        let locator = match at {
            At::Stored(locator) => locator,
            At::Waiting(_) => None,
        };
        let key = Key {
            id: root.id,
            locator,
        };
        Ok(Tree::load(Arc::clone(self.outbox.store()), key))
    }

    fn push_blob(&mut self, path: &Path, blob: &Blob) -> Result<()> {
        self.make_room()?;
        let kept = self.check_order(path)?;
        let cell = match blob.data() {
            Data::Inline(bytes) => return self.add(path, kept, inline(blob.mode(), bytes)),
            Data::Object(cell, _) => cell,
        };
        let class = if cell.chunked {
            Class::Chunks
        } else {
            Class::Blob
        };
        let target = match cell.key_in(self.outbox.store().store_id()) {
            Some(key) => Target {
                id: key.id,
                at: At::Stored(key.locator),
            },
            None if cell.chunked => self.outbox.chunks(&blob.bytes()?)?,
            None => self.outbox.blob(&blob.bytes()?, Some(cell.id)),
        };
        self.add_object(path, kept, tag(class, blob.mode()), target, Some(cell.size))
    }

    /// Adds an entry that is another object: its id and, of a blob, its size.
    fn add_object(
        &mut self,
        path: &Path,
        kept: usize,
        tag: u8,
        target: Target,
        size: Option<u64>,
    ) -> Result<()> {
        let mut bytes = target.id.as_bytes().to_vec();
        if let Some(size) = size {
            put_varint(&mut bytes, size);
        }
        let at = Some(target.at);
        self.add(
            path,
            kept,
            Value {
                tag,
                bytes: &bytes,
                at,
            },
        )
    }

    /// Adds an entry at a path that is in order, and of whose directories so many are open.
    fn add(&mut self, path: &Path, kept: usize, value: Value<'_>) -> Result<()> {
        let Some((last, dirs)) = path.steps().split_last() else {
            return Err(Error::RootNeedsTree);
        };
        self.close_dirs(kept);
        for name in &dirs[kept..] {
            self.prefix.extend_from_slice(name);
            self.prefix.push(b'/');
            let (name, part) = (name.clone(), self.radix.begin());
            self.dirs.push(Dir { name, part });
        }
        let part = self
            .dirs
            .last_mut()
            .map_or(&mut self.root, |dir| &mut dir.part);
        self.radix.add(part, last, value, &mut self.outbox);
        Ok(())
    }

    /// Completes all directories on the way to the last entry but so many.
    fn close_dirs(&mut self, kept: usize) {
        while self.dirs.len() > kept
            && let Some(dir) = self.dirs.pop()
        {
            let target = self.radix.end(&dir.part, &mut self.outbox);
            let value = Value {
                tag: tag(Class::Dir, Mode::Normal),
                bytes: target.id.as_bytes(),
                at: Some(target.at),
            };
            let above = self
                .dirs
                .last_mut()
                .map_or(&mut self.root, |dir| &mut dir.part);
            self.radix.add(above, &dir.name, value, &mut self.outbox);
            self.prefix.truncate(self.prefix.len() - dir.name.len() - 1);
        }
    }

    /// Returns how many directories on the way to the last entry lie on the way to this one too.
    fn check_order(&self, path: &Path) -> Result<usize> {
        let last = self.dirs.last().map_or(&self.root, |dir| &dir.part);
        let names = self.dirs.iter().map(|dir| &*dir.name);
        let mut steps = path.steps().iter();
        for (depth, name) in names.chain([last.last.as_slice()]).enumerate() {
            match steps.next().map(|step| step.as_bytes().cmp(name)) {
                Some(std::cmp::Ordering::Greater) => return Ok(depth),
                Some(std::cmp::Ordering::Equal) => {}
                _ => break,
            }
        }
        if path.is_root() {
            return Err(Error::RootNeedsTree);
        }
        let names = self.dirs.iter().map(|dir| dir.name.clone());
        let previous = names.chain([Step::new(&last.last)?]).collect();
        Err(Error::OutOfOrder {
            path: path.clone(),
            previous: Path::from_steps(previous)?,
        })
    }

    /// Hands a full batch to the store.
    fn make_room(&mut self) -> Result<()> {
        if self.outbox.is_full() {
            let keys = self.outbox.empty()?;
            self.radix.settle(&keys);
        }
        Ok(())
    }
}

impl std::fmt::Debug for TreeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = String::from_utf8_lossy(&self.prefix);
        f.debug_struct("TreeBuilder")
            .field("in", &prefix)
            .finish_non_exhaustive()
    }
}

const fn inline(mode: Mode, bytes: &[u8]) -> Value<'_> {
    let (tag, at) = (tag(Class::Inline, mode), None);
    Value { tag, bytes, at }
}

const fn tag(class: Class, mode: Mode) -> u8 {
    ((class as u8) << 4) | mode.code()
}

#[cfg(test)]
mod tests;
