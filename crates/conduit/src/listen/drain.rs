//! Ending: what a listener and its connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::options::{Event, ListenOptions};

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// Nobody is accepted any more; who is there may finish.
    Draining,
    /// Whoever is still there is cut off.
    Cut,
}

/// What a listener, its connections and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: ListenOptions,
    permits: Arc<Semaphore>,
    active: AtomicU32,
    phase: watch::Sender<Phase>,
}

impl Shared {
    pub(super) fn new(options: ListenOptions) -> Self {
        let permits = usize::try_from(options.max_active.max(1)).unwrap_or(usize::MAX);
        Self {
            permits: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            active: AtomicU32::new(0),
            phase: watch::Sender::new(Phase::Open),
            options,
        }
    }

    pub(super) fn close(&self) {
        self.advance(Phase::Draining);
    }

    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let is_later = *phase < to;
            *phase = to.max(*phase);
            is_later
        });
    }

    /// Waits until the end has come so far.
    pub(super) fn reached(&self, phase: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.phase.subscribe();
        async move {
            // An error is a sender that is gone, and with it the listener, its handles and connections.
            let _ = receiver.wait_for(|reached| *reached >= phase).await;
        }
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits for room for one more connection. `None` is never returned: the semaphore is not closed.
    pub(super) async fn admit(self: &Arc<Self>) -> Option<Room> {
        let _permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        Some(Room { _permit })
    }

    pub(super) fn send(&self, event: &Event) {
        if let Some(events) = &self.options.events {
            events.send(event);
        }
    }
}

/// Room for one connection.
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
}

/// One connection that counts, until it is dropped.
pub(super) struct Counted {
    pub(super) shared: Arc<Shared>,
    _room: Room,
}

impl Counted {
    pub(super) fn new(shared: Arc<Shared>, room: Room) -> Self {
        shared.active.fetch_add(1, Ordering::Relaxed);
        Self {
            shared,
            _room: room,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handle to a [`Listener`](super::Listener). Cheap to clone.
#[derive(Clone, Debug)]
pub struct ListenerHandle(Arc<Shared>);

impl ListenerHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Returns how many connections there are, those that shake hands included.
    pub fn active(&self) -> u32 {
        self.0.active.load(Ordering::Relaxed)
    }

    /// Stops listening. Connections stay, and are told ([`Drain`]).
    pub fn close(&self) {
        self.0.close();
    }

    /// Stops listening, waits until all connections have ended, and cuts those off that have not by then: their
    /// reads and writes fail with `ConnectionAborted`.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.close();
        let all = u32::try_from(self.0.permits_max()).unwrap_or(u32::MAX);
        let ended = timeout(deadline, self.0.permits.acquire_many(all)).await;
        let cut = match ended {
            Ok(_) => 0,
            Err(_) => self.active(),
        };
        self.0.advance(Phase::Cut);
        Drained { cut }
    }

    /// Returns what tells a connection that it is to end.
    pub fn draining(&self) -> Drain {
        Drain(self.0.phase.subscribe())
    }
}

impl Shared {
    fn permits_max(&self) -> usize {
        let max = usize::try_from(self.options.max_active.max(1)).unwrap_or(usize::MAX);
        max.min(Semaphore::MAX_PERMITS)
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// How many connections had to be cut off.
    pub cut: u32,
}

/// Tells a connection's handler that it is to finish what it has begun. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Drain(watch::Receiver<Phase>);

impl Drain {
    /// Waits until the listener is closed. Safe to cancel.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|phase| *phase >= Phase::Draining).await;
    }

    /// Tells whether the listener is closed.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }
}
