//! Merkle proofs: what a tree holds, for somebody who has nothing but the id of its root.
//!
//! A proof is the objects that some reads went through. Each is named by its hash, and the root leads
//! to each, so nobody can put another answer into it: at most he can leave one out.

mod claim;
mod codec;
mod error;
mod objects;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use claim::{Claim, Found};
pub use error::ProofError;

use crate::error::{Error, Result};
use crate::repo::Commit;
use crate::{CommitData, Id, Key, Kind, ObjectStore, Path, Tree};
use objects::{Objects, Recorder};

/// The objects that prove what some reads saw, of a commit or of a tree.
///
/// ```
/// use std::sync::Arc;
/// use irmin_core::{Env, Found, MemoryStore, Path, Proof, Repo};
/// let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
/// let (hosts, none) = (Path::parse("etc/hosts")?, Path::parse("etc/none")?);
/// repo.branch("main")?.set(&hosts, "localhost", "set hosts")?;
/// let commit = repo.branch("main")?.must_have_head()?;
///
/// let proof = Proof::of_paths(&commit, &[hosts.clone(), none.clone()], false)?;
/// let bytes = proof.encode();
///
/// // Elsewhere, with no store, by somebody who trusts the commit's id:
/// let proof = Proof::decode(&bytes)?;
/// let value = proof.verify(commit.id(), |tree| tree.get_bytes(&hosts))?;
/// assert_eq!(value.unwrap(), "localhost");
/// assert!(matches!(proof.claims()?[1].found, Found::Absent));
/// assert!(proof.verify(commit.id(), |tree| tree.get(&Path::parse("other")?)).is_ok());
/// # Ok::<(), irmin_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Proof {
    root: Id,
    /// The root of the tree: `root` itself, or that of the commit.
    tree: Id,
    paths: BTreeSet<Path>,
    objects: Arc<Objects>,
}

impl Proof {
    /// Runs `reads` on a commit's tree and returns a proof of all that it saw, with what it returns.
    ///
    /// `reads` may use all that a tree can do, edits included: to replay them on the proof gives a
    /// tree with the same id. Its tree cannot be [persisted](Tree::persist).
    ///
    /// Reads the commit, and each object that `reads` touches once, also those that are loaded already;
    /// keeps them in memory.
    ///
    /// # Errors
    /// Those of `reads`; [`Error::Missing`] and [`Error::Store`] when an object cannot be had.
    pub fn record<R>(commit: &Commit, reads: impl FnOnce(Tree) -> Result<R>) -> Result<(Self, R)> {
        let tree = commit.tree();
        record(tree, commit.key(), tree.id()?, reads)
    }

    /// As [`record`](Self::record), of a tree without its commit.
    ///
    /// # Errors
    /// [`ProofError::NotStored`] when no store has the tree; else as [`record`](Self::record).
    pub fn record_tree<R>(tree: &Tree, reads: impl FnOnce(Tree) -> Result<R>) -> Result<(Self, R)> {
        let root = tree.id()?;
        record(tree, root.into(), root, reads)
    }

    /// Proves what is at each path of a commit: nothing, a directory with its id, or a value with its
    /// size, mode and id. The proof says which paths: see [`claims`](Self::claims). The bytes of values
    /// of up to 128 bytes are in it anyway, those of larger ones if `values` says so.
    ///
    /// Reads the nodes on the paths.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn of_paths(commit: &Commit, paths: &[Path], values: bool) -> Result<Self> {
        let (mut proof, ()) = Self::record(commit, |tree| {
            for path in paths {
                if let Some(blob) = tree.get_blob(path)?
                    && values
                {
                    blob.bytes()?;
                }
            }
            Ok(())
        })?;
        proof.paths = paths.iter().cloned().collect();
        Ok(proof)
    }

    /// Runs `reads` on the part of the tree that the proof has, if it is of the commit or tree `root`,
    /// whose id the caller must trust from elsewhere. What `reads` finds, or does not find, is what is
    /// in that tree. Needs no store.
    ///
    /// # Errors
    /// [`ProofError::WrongRoot`] for another root; [`ProofError::NotCovered`] when `reads` comes to
    /// something that the proof does not have; else those of `reads`.
    pub fn verify<R>(&self, root: Id, reads: impl FnOnce(Tree) -> Result<R>) -> Result<R> {
        if root != self.root && root != self.tree {
            let found = self.root;
            return Err(ProofError::WrongRoot {
                expected: root,
                found,
            }
            .into());
        }
        reads(self.tree()).map_err(not_covered)
    }

    /// Returns what is at each path that the proof was made for, in order.
    ///
    /// # Errors
    /// [`ProofError::PathNotCovered`] when it does not have what it says.
    pub fn claims(&self) -> Result<Vec<Claim>> {
        let tree = self.tree();
        let paths = self.paths.iter();
        paths.map(|path| Claim::read(&tree, path)).collect()
    }

    /// Returns the id of the commit or tree that the proof is of.
    #[must_use]
    pub const fn root(&self) -> Id {
        self.root
    }

    /// Returns the id of the tree's root.
    #[must_use]
    pub const fn tree_id(&self) -> Id {
        self.tree
    }

    /// Returns the commit; `None` in a proof of a tree.
    #[must_use]
    pub fn commit(&self) -> Option<CommitData> {
        CommitData::decode(self.objects.get(&self.root)?).ok()
    }

    /// Returns the paths that the proof was made for.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.paths.iter()
    }

    /// Returns the number of objects.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Returns the bytes to hand over, as FORMAT.md has them.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        codec::encode(self)
    }

    /// Reads a proof. Hashes each object once, and checks that the root leads to it. Copies nothing;
    /// memory is bounded by a small multiple of the bytes.
    ///
    /// # Errors
    /// [`ProofError::Format`] with the place when the bytes are no proof, or not its only encoding.
    pub fn decode(bytes: &Bytes) -> Result<Self, ProofError> {
        Ok(codec::decode(bytes)?)
    }

    /// Returns the part of the tree that there is; the rest is [`Error::Missing`].
    fn tree(&self) -> Tree {
        let objects = Arc::clone(&self.objects) as Arc<dyn ObjectStore>;
        Tree::load(objects, self.tree.into())
    }
}

fn record<R>(
    tree: &Tree,
    root: Key,
    tree_id: Id,
    reads: impl FnOnce(Tree) -> Result<R>,
) -> Result<(Proof, R)> {
    let store = tree.store().ok_or(ProofError::NotStored)?;
    let recorder = Arc::new(Recorder::new(Arc::clone(store)));
    let id = root.id;
    recorder.get(&root)?.ok_or(Error::Missing { id })?;
    let objects = Arc::clone(&recorder) as Arc<dyn ObjectStore>;
    let result = reads(Tree::load(objects, tree_id.into()))?;
    let proof = Proof {
        root: id,
        tree: tree_id,
        paths: BTreeSet::new(),
        objects: Arc::new(recorder.take()),
    };
    Ok((proof, result))
}

/// In a proof, what is missing was not covered.
fn not_covered(error: Error) -> Error {
    match error {
        Error::Missing { id } => ProofError::NotCovered { id }.into(),
        other => other,
    }
}

/// Returns what an encoded object is.
fn kind_of(object: &[u8]) -> Option<Kind> {
    object.get(1).copied().and_then(Kind::from_code)
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("root", &self.root)
            .field("paths", &self.paths)
            .field("objects", &self.objects.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
