//! Pieces that engines share: a count of changes that can be waited for, and holds on commits.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::Id;
use crate::lock::lock;

/// A count of changes that threads can wait for.
#[derive(Debug, Default)]
pub struct Signal {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Signal {
    /// Returns the count.
    #[must_use]
    pub fn get(&self) -> u64 {
        *lock(&self.count)
    }

    /// Adds one to the count and wakes all who wait.
    pub fn notify(&self) {
        *lock(&self.count) += 1;
        self.changed.notify_all();
    }

    /// Waits until the count is another one than `seen`, or for `timeout`; returns the count.
    #[must_use]
    pub fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        let is_seen = |count: &mut u64| *count == seen;
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.count), timeout, is_seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Keeps a commit from being collected until it is dropped.
pub struct Hold(
    #[expect(dead_code, reason = "what counts is when it is dropped")] Box<dyn Any + Send + Sync>,
);

impl Hold {
    /// Returns a hold that ends when `guard` is dropped.
    #[must_use]
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

/// The commits that a process holds.
#[derive(Clone, Debug, Default)]
pub struct Holds(Arc<Mutex<BTreeMap<Id, usize>>>);

impl Holds {
    /// Adds one.
    #[must_use]
    pub fn hold(&self, commit: Id) -> Hold {
        *lock(&self.0).entry(commit).or_default() += 1;
        Hold::new(Held {
            holds: self.clone(),
            commit,
        })
    }

    /// Returns all that are held, each once, in order.
    #[must_use]
    pub fn list(&self) -> Vec<Id> {
        lock(&self.0).keys().copied().collect()
    }
}

struct Held {
    holds: Holds,
    commit: Id,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut holds = lock(&self.holds.0);
        if let Some(count) = holds.get_mut(&self.commit) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&self.commit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_change_hears_of_it() {
        let signal = Signal::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| signal.wait(0, Duration::from_secs(600)));
            signal.notify();
            assert_eq!(waiting.join().unwrap(), 1);
        });
        assert_eq!(signal.wait(1, Duration::ZERO), 1);
    }

    #[test]
    fn a_commit_is_held_until_the_last_hold_is_dropped() {
        let holds = Holds::default();
        let id = Id::of(b"a commit");
        let (first, second) = (holds.hold(id), holds.hold(id));
        drop(first);
        assert_eq!(holds.list(), [id]);
        drop(second);
        assert!(holds.list().is_empty());
    }
}
