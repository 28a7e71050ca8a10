//! Pushing: bringing commits to a remote and moving its names.

use std::ops::ControlFlow;

use super::bases::Near;
use super::copy::{Copy, CopyOptions, CopyProgress};
use super::error::SyncError;
use super::fetch::{RefMove, apply, check_names, hold_missing};
use crate::Id;
use crate::error::Result;
use crate::history::FastForward;
use crate::refs::RefName;
use crate::repo::Repo;
use crate::store::{Engine, RefOutcome};

/// A name of the remote that shall move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRef {
    /// The full name on the remote, such as `heads/main` or `tags/v1`.
    pub name: RefName,
    /// The commit here that it shall point to; `None` removes it.
    pub new: Option<Id>,
    /// On which condition.
    pub mode: PushMode,
}

/// On which condition a name of a remote moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PushMode {
    /// Nothing is lost by it: a branch moves to a descendant, or is removed when its commits are
    /// here; a tag is new.
    #[default]
    FastForward,
    /// The name points to this, or is not there: what the caller has seen and means to replace.
    ForceWithLease(Option<Id>),
    /// None.
    Force,
}

/// Why a name of a remote was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The remote has commits that would be lost.
    NotFastForward {
        /// Where the name points there.
        found: Id,
        /// Whether that commit is here: then a merge is missing, else a fetch before it.
        is_here: bool,
    },
    /// The name does not point to what the caller has seen.
    LeaseBroken {
        /// Where it points there.
        found: Option<Id>,
    },
    /// There is a tag of this name, and tags do not move.
    TagExists {
        /// Where it points there.
        found: Id,
    },
}

/// What came of a push. All names moved, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The remote has it all.
    Pushed {
        /// The names that changed there, in the order in which they were given.
        moved: Vec<RefMove>,
        /// What was sent.
        copied: CopyProgress,
    },
    /// Nothing was sent: these names must not move.
    Refused(Vec<(RefName, Refusal)>),
    /// Somebody else moved a name of the remote while objects were sent.
    Lost {
        /// The name.
        name: String,
        /// Where it points there now.
        found: Option<Id>,
    },
}

impl Repo {
    /// Sends what the commits lead to and `remote` lacks, and moves names there: all at once, each
    /// from the value that was seen. Then notes the new heads as `remotes/<name>/<branch>` here, if
    /// the remote has a name. See [`copy`](super::copy) for what it costs; a sync on either side.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use std::sync::Arc;
    /// use irmin_core::sync::{PushMode, PushOutcome, PushRef};
    /// use irmin_core::{Env, MemoryStore, Path, Repo};
    /// let new = || Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    /// let (here, there) = (new(), new());
    /// let main = here.branch("main")?;
    /// let head = main.set(&Path::parse("a")?, "1", "Begin")?.unwrap();
    /// let (name, new) = (main.name().full(), Some(head.id()));
    /// let refs = [PushRef { name, new, mode: PushMode::FastForward }];
    /// let go_on = &mut |_| ControlFlow::Continue(());
    /// let outcome = here.push(there.engine().as_ref(), Some("origin"), &refs, go_on)?;
    /// assert!(matches!(outcome, PushOutcome::Pushed { .. }));
    /// assert_eq!(there.branch("main")?.head_id()?, Some(head.id()));
    /// # Ok::<(), irmin_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Sync`](crate::Error::Sync); no name has moved then.
    pub fn push(
        &self,
        remote: &dyn Engine,
        name: Option<&str>,
        refs: &[PushRef],
        progress: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
    ) -> Result<PushOutcome> {
        let (mut moved, mut refused) = (Vec::new(), Vec::new());
        for one in refs {
            let old = remote.get_ref(one.name.as_str())?;
            if let Some(refusal) = self.refusal(one, old)? {
                refused.push((one.name.clone(), refusal));
            } else if old != one.new {
                let (name, new) = (one.name.clone(), one.new);
                moved.push(RefMove { name, old, new });
            }
        }
        if !refused.is_empty() {
            return Ok(PushOutcome::Refused(refused));
        }
        let names = remote.list_refs("")?.into_iter().map(|(name, _)| name);
        check_names(names, &moved)?;
        let engine = self.engine().as_ref();
        let wants: Vec<Id> = moved.iter().filter_map(|one| one.new).collect();
        let _holds = hold_missing(engine, remote, &wants)?;
        let copy = Copy::new(engine, remote, Near::Source);
        let copied = copy.run(&wants, &CopyOptions::default(), progress)?;
        if let RefOutcome::Lost { name, current } = apply(remote, &moved)? {
            let found = current;
            return Ok(PushOutcome::Lost { name, found });
        }
        if let Some(name) = name {
            self.note(name, refs)?;
        }
        Ok(PushOutcome::Pushed { moved, copied })
    }

    /// Tells why a name of a remote must not move.
    fn refusal(&self, one: &PushRef, old: Option<Id>) -> Result<Option<Refusal>> {
        match (one.mode, old) {
            (PushMode::Force, _) => Ok(None),
            (PushMode::ForceWithLease(expected), found) => {
                Ok((expected != found).then_some(Refusal::LeaseBroken { found }))
            }
            (PushMode::FastForward, None) => Ok(None),
            (PushMode::FastForward, Some(found)) if one.new == Some(found) => Ok(None),
            (PushMode::FastForward, Some(found)) => {
                if one.name.as_tag().is_some() && one.new.is_some() {
                    return Ok(Some(Refusal::TagExists { found }));
                }
                let mut here = Vec::new();
                self.engine().contains_many(&[found], &mut here)?;
                let is_here = here == [true];
                let is_lossless = match one.new {
                    _ if !is_here => false,
                    None => true,
                    Some(new) => self.history().fast_forward(found, new)? == FastForward::Possible,
                };
                let refusal = Refusal::NotFastForward { found, is_here };
                Ok((!is_lossless).then_some(refusal))
            }
        }
    }

    /// Remembers where the branches of a remote point.
    fn note(&self, remote: &str, refs: &[PushRef]) -> Result<(), SyncError> {
        let engine = self.engine().as_ref();
        for one in refs {
            let Some(branch) = one.name.as_branch() else {
                continue;
            };
            let name = RefName::remote(remote, &branch)?;
            let old = engine.get_ref(name.as_str())?;
            let new = one.new;
            if old != new {
                // Somebody who fetches meanwhile knows as much.
                let _lost = apply(engine, &[RefMove { name, old, new }])?;
            }
        }
        Ok(())
    }
}
