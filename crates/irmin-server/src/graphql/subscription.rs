//! The subscription: what is watched is told to whoever runs it, which then sends the events.

use std::sync::{Mutex, PoisonError};

use async_graphql::{Context, Object, Result, Subscription as Subscribed};
use futures_util::Stream;
use irminsule::Since;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::commit::Commit;
use super::query::MAIN;
use super::scalars::{BranchText, CommitKey, PathText};
use crate::service::{ErrorKind, ServiceError, Snapshot, WatchOptions};

/// Between the field of a subscription and who runs it: the field says what is to be watched and gets
/// events; it never waits for anything else, so that its fields can be resolved where blocking is fine.
pub(crate) struct Mailbox(Mutex<Letters>);

enum Letters {
    /// Nobody has asked yet; the events will come from here.
    Fresh(mpsc::Receiver<Snapshot>),
    Asked(WatchOptions),
    Taken,
}

impl Mailbox {
    pub(crate) fn new(events: mpsc::Receiver<Snapshot>) -> Self {
        Self(Mutex::new(Letters::Fresh(events)))
    }

    fn ask(&self, options: WatchOptions) -> Option<mpsc::Receiver<Snapshot>> {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *letters, Letters::Taken) {
            Letters::Fresh(events) => {
                *letters = Letters::Asked(options);
                Some(events)
            }
            // A second field: what the first one asked is forgotten, too.
            _ => None,
        }
    }

    /// Takes what is to be watched, if anything is.
    pub(crate) fn asked(&self) -> Option<WatchOptions> {
        let mut letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *letters, Letters::Taken) {
            Letters::Asked(options) => Some(options),
            _ => None,
        }
    }
}

/// What can be watched.
pub(crate) struct Subscription;

#[Subscribed(rename_fields = "snake_case", rename_args = "snake_case")]
impl Subscription {
    /// Tells each commit that comes to a branch, and those that change what is at a path, if one is
    /// named: in order, each once. `since` goes on behind a commit that was told before; else it begins
    /// now. A branch that is removed tells the commit that it was at.
    async fn watch(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: Option<PathText>,
        since: Option<CommitKey>,
    ) -> Result<impl Stream<Item = Diff> + use<>> {
        use futures_util::StreamExt as _;
        let path = path.map(|path| path.0);
        let options = WatchOptions {
            branch: branch.map_or_else(|| MAIN.to_owned(), |branch| branch.0),
            // Without a path, commits that change nothing are told, too.
            every_commit: path.is_none(),
            path: path.unwrap_or_default(),
            since: since.map_or(Since::Now, |key| Since::Commit(key.0)),
            changes: false,
        };
        let mailbox = context.data_opt::<std::sync::Arc<Mailbox>>();
        let events = mailbox.and_then(|mailbox| mailbox.ask(options));
        let twice = || ServiceError::new(ErrorKind::Invalid, "a subscription has one field");
        let events = events.ok_or_else(twice)?;
        Ok(ReceiverStream::new(events).map(Diff))
    }
}

/// What happened to a branch.
pub(crate) struct Diff(Snapshot);

/// What happened to a branch.
#[Object(rename_fields = "snake_case")]
impl Diff {
    /// The commit that came to it; of a branch that was removed, the one that it was at.
    async fn commit(&self) -> Commit {
        Commit(self.0.clone())
    }
}
