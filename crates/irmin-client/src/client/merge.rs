//! Merges on the server.

use bytes::Bytes;
use irmin_core::{Durability, Id, Path};
use irmin_proto::v1;

use super::Client;
use super::commit::info;
use crate::connection::Again;
use crate::error::{ClientError, Result};
use crate::values::{RemoteCommit, RemoteConflicts};
use crate::wire;

/// What shall be where both sides changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// What our side has.
    Ours,
    /// What their side has.
    Theirs,
    /// What the common ancestor had.
    Base,
    /// A value with these bytes.
    Data(Bytes),
    /// Nothing.
    Removed,
}

/// A merge of a revision into a branch.
#[derive(Clone, Debug, Default)]
pub struct MergeRequest {
    /// Ours: what moves.
    pub branch: String,
    /// Theirs.
    pub revision: String,
    /// The message of the commit; empty: the server's.
    pub message: String,
    /// What shall be at paths in conflict. The root stands for all that are not named, with a side.
    pub settled: Vec<(Path, Settle)>,
    /// Fail if the branch is not here any more.
    pub expected_head: Option<Id>,
    /// Fail if the revision means another commit.
    pub expected_theirs: Option<Id>,
    /// Make a commit with two parents also where the branch could go forward.
    pub always_commit: bool,
    /// Only tell what would come of it.
    pub dry_run: bool,
    /// What the commit may still lose.
    pub durability: Durability,
}

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeOutcome {
    /// A new commit was made.
    Merged(RemoteCommit),
    /// The branch went forward to theirs.
    Forwarded(RemoteCommit),
    /// Theirs is in the branch already.
    UpToDate(RemoteCommit),
    /// Both sides changed the same; nothing was changed.
    Conflicts(RemoteConflicts),
    /// Somebody was faster than what was expected; nothing was changed.
    Moved {
        /// Where the branch is; `None`: it does not exist.
        head: Option<Id>,
    },
    /// A dry run found no conflict: the id of the tree.
    Clean(Id),
}

fn settled((path, with): &(Path, Settle)) -> v1::Settled {
    use v1::settled::{Removed, Side, With};
    let with = match with {
        Settle::Ours => With::Side(Side::Ours.into()),
        Settle::Theirs => With::Side(Side::Theirs.into()),
        Settle::Base => With::Side(Side::Base.into()),
        Settle::Data(data) => With::Data(data.clone()),
        Settle::Removed => With::Removed(Removed {}),
    };
    v1::Settled {
        path: wire::to_path(path),
        with: Some(with),
    }
}

fn outcome(answer: v1::MergeResponse) -> Result<MergeOutcome, String> {
    use v1::merge_response::Outcome;
    match answer.outcome.ok_or("a merge without an outcome")? {
        Outcome::Merged(commit) => RemoteCommit::read(commit).map(MergeOutcome::Merged),
        Outcome::Forwarded(commit) => RemoteCommit::read(commit).map(MergeOutcome::Forwarded),
        Outcome::UpToDate(commit) => RemoteCommit::read(commit).map(MergeOutcome::UpToDate),
        Outcome::Conflicts(conflicts) => Ok(MergeOutcome::Conflicts(RemoteConflicts {
            ours: wire::maybe_id(answer.ours.as_ref())?,
            theirs: wire::maybe_id(answer.theirs.as_ref())?,
            ..RemoteConflicts::read(conflicts)?
        })),
        Outcome::Moved(moved) => Ok(MergeOutcome::Moved {
            head: wire::maybe_id(moved.head.as_ref())?,
        }),
        Outcome::Clean(tree) => wire::id(&tree).map(MergeOutcome::Clean),
    }
}

impl Client {
    /// Merges a revision into a branch. Conflicts are an answer, and may be settled by a second call.
    /// Applied once, however often it had to be sent.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn merge(&self, merge: &MergeRequest) -> Result<MergeOutcome> {
        const CALL: &str = "Merges.Merge";
        let request = v1::MergeRequest {
            repository: self.repository(),
            branch: merge.branch.clone(),
            revision: merge.revision.clone(),
            info: (!merge.message.is_empty())
                .then(|| info(&merge.message))
                .flatten(),
            settled: merge.settled.iter().map(settled).collect(),
            expected_head: merge.expected_head.as_ref().map(wire::object_id),
            expected_theirs: merge.expected_theirs.as_ref().map(wire::object_id),
            always_commit: merge.always_commit,
            dry_run: merge.dry_run,
            durability: wire::durability(merge.durability),
            idempotency_key: self.0.options().chance.key(),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.merges(), request.clone());
            async move { Ok(client.merge(request).await?.into_inner()) }
        });
        let answer = answer.await.map_err(ClientError::may_have_happened)?;
        self.read(CALL, outcome(answer))
    }

    /// Undoes, by a new commit on a branch, what a commit changed.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn revert(&self, branch: &str, revision: &str) -> Result<MergeOutcome> {
        const CALL: &str = "Merges.Revert";
        let request = v1::RevertRequest {
            repository: self.repository(),
            branch: branch.to_owned(),
            revision: revision.to_owned(),
            info: None,
            settled: Vec::new(),
            idempotency_key: self.0.options().chance.key(),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.merges(), request.clone());
            async move { Ok(client.revert(request).await?.into_inner()) }
        });
        let answer = answer.await.map_err(ClientError::may_have_happened)?;
        self.read(CALL, outcome(answer))
    }

    /// Tells the best common ancestors of two revisions.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn common_ancestors(&self, ours: &str, theirs: &str) -> Result<Vec<RemoteCommit>> {
        const CALL: &str = "Merges.CommonAncestors";
        let request = v1::CommonAncestorsRequest {
            repository: self.repository(),
            ours: ours.to_owned(),
            theirs: theirs.to_owned(),
        };
        let answer = self.0.call(CALL, Again::Safe, |_| {
            let (mut client, request) = (self.0.merges(), request.clone());
            async move { Ok(client.common_ancestors(request).await?.into_inner()) }
        });
        let commits = answer.await?.commits.into_iter().map(RemoteCommit::read);
        self.read(CALL, commits.collect())
    }
}
