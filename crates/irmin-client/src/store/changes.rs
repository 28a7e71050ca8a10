//! A count of changes of names, kept up to date by the server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use irmin_core::Signal;
use irmin_proto::v1;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::locked;
use crate::connection::Connection;
use crate::error::{ClientError, Result};
use crate::waiter::Waiter;

const CALL: &str = "Watches.WatchRefs";

/// Follows the names of a repository from the first question on.
#[derive(Default)]
pub(super) struct Changes {
    signal: Arc<Signal>,
    follower: Mutex<Option<Follower>>,
}

struct Follower {
    task: JoinHandle<()>,
    state: watch::Receiver<State>,
}

/// How the stream of changes is.
#[derive(Clone, Debug)]
enum State {
    Connecting,
    Follows,
    /// It cannot be, and asking again does not help.
    Refused(ClientError),
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Changes {
    /// Notes a change of one's own.
    pub(super) fn notify(&self) {
        self.signal.notify();
    }

    /// Returns the count. The first call waits until the server tells of changes, or for the deadline.
    pub(super) fn get(&self, connection: &Connection, waiter: &Waiter) -> u64 {
        // Who cannot be told of changes hears of it when it waits for one.
        let _state = self.follow(connection, waiter, connection.options().deadline);
        self.signal.get()
    }

    pub(super) fn wait(
        &self,
        connection: &Connection,
        waiter: &Waiter,
        seen: u64,
        timeout: Duration,
    ) -> Result<u64> {
        if let State::Refused(error) = self.follow(connection, waiter, timeout) {
            return Err(error);
        }
        Ok(self.signal.wait(seen, timeout))
    }

    fn follow(&self, connection: &Connection, waiter: &Waiter, limit: Duration) -> State {
        let mut state = {
            let mut follower = locked(&self.follower);
            if matches!(&*follower, Some(old) if matches!(*old.state.borrow(), State::Refused(_))) {
                *follower = None;
            }
            let Some(handle) = waiter.handle() else {
                return State::Connecting;
            };
            let follower = follower.get_or_insert_with(|| {
                let (sender, state) = watch::channel(State::Connecting);
                let signal = Arc::clone(&self.signal);
                let task = handle.spawn(follow(connection.clone(), signal, sender));
                Follower { task, state }
            });
            follower.state.clone()
        };
        if matches!(*state.borrow(), State::Connecting) {
            let ready = state.wait_for(|state| !matches!(state, State::Connecting));
            // A server that is away for now is waited for by whoever waits for a change.
            let _late = waiter.wait(async { tokio::time::timeout(limit, ready).await.is_err() });
        }
        state.borrow().clone()
    }
}

/// Has the count go on with each change that the server tells of, through all connections.
async fn follow(connection: Connection, signal: Arc<Signal>, state: watch::Sender<State>) {
    let mut failures = 0;
    loop {
        connection.count();
        let Err(status) = listen(&connection, &signal, &state, &mut failures).await else {
            continue;
        };
        let error = connection.failed(CALL, &status);
        if !error.is_transient() {
            state.send_replace(State::Refused(error));
            // Those who wait ask again, and hear why.
            signal.notify();
            return;
        }
        failures += 1;
        connection.back_off(failures).await;
    }
}

async fn listen(
    connection: &Connection,
    signal: &Signal,
    state: &watch::Sender<State>,
    failures: &mut u32,
) -> Result<(), tonic::Status> {
    let request = v1::WatchRefsRequest {
        repository: connection.repository(),
        prefix: String::new(),
    };
    let mut events = connection.watches().watch_refs(request).await?.into_inner();
    while let Some(_event) = events.message().await? {
        *failures = 0;
        // Also for the first message: names may have moved while nobody listened.
        signal.notify();
        state.send_replace(State::Follows);
    }
    Err(tonic::Status::unavailable("the server ended the watch"))
}
