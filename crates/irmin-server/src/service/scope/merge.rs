//! Merging, with conflicts as values and their settling.

use irminsule::rules::RuleTypes;
use irminsule::{
    Branch, Commit, Conflict, FastForward, Id, Merged, Moved, Path, Resolution, Tree, merge_trees,
};

use super::{CommitOptions, Scope, Snapshot};
use crate::service::error::Result;
use crate::service::requests::Answer;
use crate::service::verb::Verb;

/// How often a merge is tried when others keep moving the branch.
const ATTEMPTS_MAX: u32 = 16;

/// How a conflict is to be settled.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which one; `None`: all that are not named.
    pub path: Option<Path>,
    /// How.
    pub how: Resolution,
}

/// What is to be merged into a branch.
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// The revision of the other side.
    pub theirs: String,
    /// How conflicts are settled.
    pub settled: Vec<Settlement>,
    /// Where the branch must be; `None`: anywhere.
    pub expected_head: Option<Id>,
    /// What the revision must mean; `None`: anything.
    pub expected_theirs: Option<Id>,
    /// Make a merge commit even where the branch could move forward.
    pub always_commit: bool,
    /// Say what would come of it, and change nothing. It takes no more than to read both sides.
    pub dry_run: bool,
    /// What the merge commit says.
    pub options: CommitOptions,
}

impl MergeRequest {
    /// Returns the request to merge a revision, with nothing settled and nothing expected.
    #[must_use]
    pub fn new(theirs: impl Into<String>, options: CommitOptions) -> Self {
        Self {
            theirs: theirs.into(),
            settled: Vec::new(),
            expected_head: None,
            expected_theirs: None,
            always_commit: false,
            dry_run: false,
            options,
        }
    }
}

/// What came of a merge.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MergeAnswer {
    /// The branch has it all already; this is its head.
    UpToDate(Snapshot),
    /// The branch moved forward to the commit.
    Forwarded(Snapshot),
    /// The branch has a new commit.
    Merged(Snapshot),
    /// Nothing changed: these are not settled.
    Conflicts {
        /// The head that the merge was tried on.
        ours: Snapshot,
        /// The other side.
        theirs: Snapshot,
        /// All conflicts that are not settled, by path.
        conflicts: Vec<Conflict>,
    },
    /// Nothing changed: the branch, or the other side, is elsewhere than expected.
    Moved {
        /// Where the branch is; `None`: it does not exist.
        head: Option<Id>,
        /// Where the other side is.
        theirs: Id,
    },
    /// A dry run without conflicts: the tree that would be committed.
    Clean(Tree),
}

impl Scope {
    /// Merges a revision into a branch. One sync when something changed.
    ///
    /// A dry run takes the right to read; what the caller may not read is in neither side then.
    ///
    /// # Errors
    /// [`ServiceError`](crate::service::ServiceError) of kind `PermissionDenied` unless the caller may
    /// write the whole branch and read all of the other side; `Invalid` when something is settled that
    /// is no conflict; `NotFound` for the revision.
    pub fn merge(&self, branch: &str, request: &MergeRequest) -> Result<MergeAnswer> {
        let verb = match request.dry_run {
            true => Verb::MergePreview,
            false => Verb::Merge,
        };
        self.begin(verb, Some(branch))?;
        if request.dry_run {
            let theirs = self.resolve_for(&request.theirs)?;
            return self.preview(branch, &theirs, request);
        }
        // First of all: what was done is answered again, though what it came from may be gone by now.
        let running = match self.begin_request(branch, &request.options)? {
            Ok(running) => running,
            Err(known) => return self.merged_before(branch, known),
        };
        let theirs = self.resolve_for(&request.theirs)?;
        self.must_be_whole(&theirs)?;
        let answer = self.try_merge(branch, &theirs, request)?;
        if let Some(running) = running {
            match &answer {
                MergeAnswer::Merged(made) | MergeAnswer::Forwarded(made) => {
                    running.end(Answer::Commit(made.id()));
                }
                MergeAnswer::UpToDate(_) => running.end(Answer::Nothing),
                _ => {}
            }
        }
        Ok(answer)
    }

    fn merged_before(&self, branch: &str, known: Answer) -> Result<MergeAnswer> {
        let done = self.repeated::<()>(branch, known)?;
        Ok(match done.commit {
            Some(commit) if commit.parents().len() > 1 => MergeAnswer::Merged(commit),
            Some(commit) => MergeAnswer::Forwarded(commit),
            None => MergeAnswer::UpToDate(self.must_have_head(branch)?),
        })
    }

    fn try_merge(
        &self,
        name: &str,
        theirs: &Snapshot,
        request: &MergeRequest,
    ) -> Result<MergeAnswer> {
        let branch = self.branch(name)?;
        for attempt in 1.. {
            self.check_time()?;
            let head = branch.head()?;
            let head_id = head.as_ref().map(Commit::id);
            if is_elsewhere(request, head_id, theirs.id()) {
                return Ok(MergeAnswer::Moved {
                    head: head_id,
                    theirs: theirs.id(),
                });
            }
            let (to, made) = match self.next_step(&branch, head.as_ref(), theirs, request)? {
                Step::Answer(answer) => return Ok(answer),
                Step::Move(to, made) => (to, made),
            };
            match branch.move_from(head_id, &to, request.options.durability)? {
                Moved::Done if made => {
                    self.server().metrics().commits.add(1);
                    return Ok(MergeAnswer::Merged(self.snapshot_on(name, to)));
                }
                Moved::Done => return Ok(MergeAnswer::Forwarded(self.snapshot_on(name, to))),
                Moved::Lost(current) if attempt >= ATTEMPTS_MAX => {
                    return Err(super::names::moved(&format!("heads/{name}"), current));
                }
                Moved::Lost(_) => {}
            }
        }
        unreachable!("because the last attempt returns")
    }

    fn next_step(
        &self,
        branch: &Branch,
        head: Option<&Commit>,
        theirs: &Snapshot,
        request: &MergeRequest,
    ) -> Result<Step> {
        let Some(ours) = head else {
            return Ok(Step::Move(theirs.commit().clone(), false));
        };
        let snapshot = || self.snapshot_on(branch.name().as_str(), ours.clone());
        match self.repo().history().fast_forward(ours.id(), theirs.id())? {
            FastForward::Contained => return Ok(Step::Answer(MergeAnswer::UpToDate(snapshot()))),
            FastForward::Possible if !request.always_commit => {
                return Ok(Step::Move(theirs.commit().clone(), false));
            }
            _ => {}
        }
        let mut merged = self.repo().merge(ours, theirs.commit())?;
        settle(&mut merged, &request.settled)?;
        if !merged.conflicts().is_empty() {
            return Ok(Step::Answer(MergeAnswer::Conflicts {
                ours: snapshot(),
                theirs: theirs.clone(),
                conflicts: merged.conflicts().to_vec(),
            }));
        }
        let parents = [ours.clone(), theirs.commit().clone()];
        let info = self.info(&request.options)?;
        let commit = self
            .repo()
            .create_commit(&merged.into_tree(), &parents, info)?;
        Ok(Step::Move(commit, true))
    }

    /// Says what a merge would do, as far as the caller may see.
    fn preview(
        &self,
        name: &str,
        theirs: &Snapshot,
        request: &MergeRequest,
    ) -> Result<MergeAnswer> {
        let Some(ours) = self.head(name)? else {
            return Ok(MergeAnswer::Forwarded(theirs.clone()));
        };
        if is_elsewhere(request, Some(ours.id()), theirs.id()) {
            return Ok(MergeAnswer::Moved {
                head: Some(ours.id()),
                theirs: theirs.id(),
            });
        }
        match self.repo().history().fast_forward(ours.id(), theirs.id())? {
            FastForward::Contained => return Ok(MergeAnswer::UpToDate(ours)),
            FastForward::Possible if !request.always_commit => {
                return Ok(MergeAnswer::Forwarded(theirs.clone()));
            }
            _ => {}
        }
        let mut merged = match ours.is_whole() && theirs.is_whole() {
            true => self.repo().merge(ours.commit(), theirs.commit())?,
            false => self.merge_seen(&ours, theirs)?,
        };
        settle(&mut merged, &request.settled)?;
        match merged.conflicts().is_empty() {
            true => Ok(MergeAnswer::Clean(merged.into_tree())),
            false => Ok(MergeAnswer::Conflicts {
                ours,
                theirs: theirs.clone(),
                conflicts: merged.conflicts().to_vec(),
            }),
        }
    }

    /// Merges what the caller may see of both sides, from what it may see of what they have in common.
    fn merge_seen(&self, ours: &Snapshot, theirs: &Snapshot) -> Result<Merged> {
        let common = self.common_ancestors(ours, theirs)?;
        let base = match common.first() {
            Some(base) => base.tree()?,
            None => Tree::empty(),
        };
        Ok(merge_trees(
            &base,
            &ours.tree()?,
            &theirs.tree()?,
            &RuleTypes::default(),
        )?)
    }

    /// Undoes on a branch what a commit changed, compared with its first parent, in a new commit.
    ///
    /// # Errors
    /// As [`merge`](Self::merge).
    pub fn revert(
        &self,
        name: &str,
        revision: &str,
        settled: &[Settlement],
        options: &CommitOptions,
    ) -> Result<MergeAnswer> {
        self.begin(Verb::Merge, Some(name))?;
        let running = match self.begin_request(name, options)? {
            Ok(running) => running,
            Err(known) => {
                return Ok(match self.merged_before(name, known)? {
                    // What undoes has one parent: it is a commit of its own all the same.
                    MergeAnswer::Forwarded(commit) => MergeAnswer::Merged(commit),
                    answer => answer,
                });
            }
        };
        let undone = self.resolve_for(revision)?;
        self.must_be_whole(&undone)?;
        let before = match undone.parents().first() {
            Some(&parent) => self.repo().must_load(parent)?.tree().clone(),
            None => Tree::empty(),
        };
        let branch = self.branch(name)?;
        for attempt in 1.. {
            self.check_time()?;
            let ours = branch.head()?.ok_or_else(|| super::no_branch(name))?;
            let after = undone.commit().tree();
            let mut merged = merge_trees(after, ours.tree(), &before, &RuleTypes::default())?;
            settle(&mut merged, settled)?;
            if !merged.conflicts().is_empty() {
                return Ok(MergeAnswer::Conflicts {
                    ours: self.snapshot_on(name, ours),
                    theirs: undone,
                    conflicts: merged.conflicts().to_vec(),
                });
            }
            let tree = merged.into_tree();
            if tree.id()? == ours.tree().id()? {
                return Ok(MergeAnswer::UpToDate(self.snapshot_on(name, ours)));
            }
            let info = self.info(options)?;
            let (commit, moved) = branch.commit(&tree, Some(&ours), info, options.durability)?;
            match moved {
                Moved::Done => {
                    if let Some(running) = running {
                        running.end(Answer::Commit(commit.id()));
                    }
                    self.server().metrics().commits.add(1);
                    return Ok(MergeAnswer::Merged(self.snapshot_on(name, commit)));
                }
                Moved::Lost(current) if attempt >= ATTEMPTS_MAX => {
                    return Err(super::names::moved(&format!("heads/{name}"), current));
                }
                Moved::Lost(_) => {}
            }
        }
        unreachable!("because the last attempt returns")
    }
}

/// What a merge does next.
enum Step {
    Answer(MergeAnswer),
    /// Move the branch to this commit, which was made for it or was there.
    Move(Commit, bool),
}

fn is_elsewhere(request: &MergeRequest, head: Option<Id>, theirs: Id) -> bool {
    request
        .expected_head
        .is_some_and(|expected| head != Some(expected))
        || request
            .expected_theirs
            .is_some_and(|expected| theirs != expected)
}

/// Settles those that are named, then the others if that is said.
fn settle(merged: &mut Merged, settled: &[Settlement]) -> Result<()> {
    for settlement in settled {
        if let Some(path) = &settlement.path {
            merged.resolve(path, settlement.how.clone())?;
        }
    }
    for settlement in settled
        .iter()
        .filter(|settlement| settlement.path.is_none())
    {
        merged.resolve_all(&settlement.how)?;
    }
    Ok(())
}
