//! The thread that tells all watches of a repository that something has changed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use irminsule::{Branch, Engine};
use tokio::sync::watch as signal;

use super::error::{Result, ServiceError};
use super::feed::Feed;

/// How long the thread of a repository waits before it looks whether anybody watches still.
pub(crate) const LOOK: Duration = Duration::from_millis(250);

/// Tells all watchers of a repository when a name in it has changed: one thread for all, which runs
/// while anybody watches.
pub(crate) struct Hub {
    engine: Arc<dyn Engine>,
    told: signal::Sender<u64>,
    /// What watches of a branch share, by its name, while there are any.
    feeds: Mutex<HashMap<String, Weak<Feed>>>,
    /// Whether the thread goes on, and the one that was begun last.
    thread: Mutex<(bool, Option<JoinHandle<()>>)>,
    is_stopped: AtomicBool,
}

impl Hub {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Arc<Self> {
        Arc::new(Self {
            told: signal::Sender::new(engine.changes()),
            engine,
            feeds: Mutex::default(),
            thread: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// Ends all watches of the repository.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.told
            .send_modify(|count| *count = count.wrapping_add(1));
        for feed in self.feeds() {
            feed.stop();
        }
    }

    /// Returns what watches of a branch share. For those who have [subscribed](Self::subscribe): the
    /// thread moves it.
    pub(crate) fn feed(&self, branch: Branch) -> Result<Arc<Feed>> {
        let name = branch.name().to_string();
        let mut feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&name).and_then(Weak::upgrade) {
            return Ok(feed);
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed::new(branch)?);
        feeds.insert(name, Arc::downgrade(&feed));
        drop(feeds);
        // What the thread told of, or whether it stopped, before this feed was among those it tells.
        feed.update(self.engine.changes());
        if self.is_stopped() {
            feed.stop();
        }
        Ok(feed)
    }

    fn feeds(&self) -> Vec<Arc<Feed>> {
        let feeds = self.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.values().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Returns what is told of each change, and makes sure that somebody waits for them.
    pub(crate) fn subscribe(self: &Arc<Self>) -> Result<signal::Receiver<u64>> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.told.subscribe();
        if !thread.0 {
            let hub = Arc::downgrade(self);
            let named = thread::Builder::new().name("watch hub".to_owned());
            let seen = self.engine.changes();
            self.told.send_replace(seen);
            let spawned = named.spawn(move || wait(&hub, seen)).map_err(|error| {
                ServiceError::unavailable(format!("no thread to be had: {error}"), LOOK)
            })?;
            *thread = (true, Some(spawned));
        }
        Ok(receiver)
    }

    /// Tells whether the thread goes on.
    fn goes_on(&self) -> bool {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.0 = !self.is_stopped() && self.told.receiver_count() > 0;
        thread.0
    }

    /// Ends all watches, and waits until the thread has let go of the engine: at most a quarter of a
    /// second.
    pub(crate) fn stop_and_wait(&self) {
        self.stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let ending = thread.1.take();
        drop(thread);
        if let Some(ending) = ending {
            // It tells nothing but that it has ended.
            let _ = ending.join();
        }
    }
}

/// Waits for changes and tells of them, as long as anybody watches.
fn wait(hub: &Weak<Hub>, mut seen: u64) {
    while let Some(hub) = hub.upgrade().filter(|hub| hub.goes_on()) {
        match hub.engine.wait_for_changes(seen, LOOK) {
            Ok(now) if now == seen => {}
            Ok(now) => {
                seen = now;
                hub.feeds().iter().for_each(|feed| feed.update(now));
                hub.told.send_replace(now);
            }
            Err(_) => hub.stop(),
        }
    }
}
