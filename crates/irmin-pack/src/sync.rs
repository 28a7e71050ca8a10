//! Who syncs, and who waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use irmin_core::StoreError;

use crate::lock::lock;
use crate::poison::Poison;

/// How much of the log is durable. Threads that wait for a sync at the same time share one: the
/// first becomes the leader and syncs for all that was written by then.
#[derive(Debug)]
pub(crate) struct SyncPoint {
    /// A position in the log: all before is durable.
    synced: AtomicU64,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    is_running: bool,
    waiting: Vec<Arc<Waiting>>,
}

/// A thread that waits. It is woken when it was served, or is to be the next leader: were all woken
/// after each sync, those that came too late for it would only fight for the lock.
#[derive(Debug)]
struct Waiting {
    position: u64,
    thread: Thread,
    is_called: AtomicBool,
}

impl SyncPoint {
    pub(crate) fn new(synced: u64) -> Self {
        Self {
            synced: AtomicU64::new(synced),
            line: Mutex::default(),
        }
    }

    /// Returns up to where the log is durable.
    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Returns when all before `position` is durable. `sync` makes what was written durable and
    /// returns its end; it is called only when nobody else is about it.
    pub(crate) fn wait(
        &self,
        position: u64,
        poison: &Poison,
        sync: &dyn Fn() -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        loop {
            if self.synced() >= position {
                return Ok(());
            }
            poison.check()?;
            let mut line = lock(&self.line);
            if self.synced() >= position {
                return Ok(());
            }
            if !line.is_running {
                line.is_running = true;
                break;
            }
            let waiting = Arc::new(Waiting {
                position,
                thread: thread::current(),
                is_called: AtomicBool::new(false),
            });
            line.waiting.push(Arc::clone(&waiting));
            drop(line);
            while !waiting.is_called.load(Ordering::Acquire) {
                thread::park();
            }
        }
        let reached = poison.note(sync());
        self.hand_over(reached.as_ref().ok());
        reached.map(|_| ())
    }

    /// Calls those who are served, and one who is to lead next; all of them when nobody is served.
    fn hand_over(&self, reached: Option<&u64>) {
        let mut line = lock(&self.line);
        line.is_running = false;
        let mut called: Vec<_>;
        match reached {
            None => called = std::mem::take(&mut line.waiting),
            Some(&reached) => {
                self.synced.fetch_max(reached, Ordering::Release);
                let is_served = |waiting: &mut Arc<Waiting>| waiting.position <= reached;
                called = Vec::with_capacity(line.waiting.len());
                // First of all, as the disk has nothing to do until then.
                called.extend(next_leader(&mut line.waiting, reached));
                called.extend(line.waiting.extract_if(.., is_served));
            }
        }
        drop(line);
        for waiting in called {
            waiting.is_called.store(true, Ordering::Release);
            waiting.thread.unpark();
        }
    }
}

fn next_leader(waiting: &mut Vec<Arc<Waiting>>, reached: u64) -> Option<Arc<Waiting>> {
    let is_left = |waiting: &Arc<Waiting>| waiting.position > reached;
    let index = waiting.iter().position(is_left)?;
    Some(waiting.remove(index))
}

/// The alarm clock of deferred commits, and the thread that waits for it.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    alarm: Mutex<Alarm>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Alarm {
    due: Option<Instant>,
    is_stopped: bool,
}

impl Deferred {
    /// Sets the alarm, unless it is set already, and starts the thread the first time.
    pub(crate) fn set(
        &self,
        interval: Duration,
        start: &dyn Fn() -> std::io::Result<JoinHandle<()>>,
    ) -> std::io::Result<()> {
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            *thread = Some(start()?);
        }
        drop(thread);
        let mut alarm = lock(&self.alarm);
        if alarm.due.is_none() {
            alarm.due = Some(Instant::now() + interval);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Sleeps until the alarm is due: `true`, or until [`stop`](Self::stop): `false`.
    pub(crate) fn wait(&self) -> bool {
        let mut alarm = lock(&self.alarm);
        loop {
            if alarm.is_stopped {
                return false;
            }
            let Some(due) = alarm.due else {
                let woken = self.changed.wait(alarm);
                alarm = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                alarm.due = None;
                return true;
            }
            let woken = self.changed.wait_timeout(alarm, left);
            alarm = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(&self) {
        lock(&self.alarm).is_stopped = true;
        self.changed.notify_all();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic of that thread has been reported by its hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}
