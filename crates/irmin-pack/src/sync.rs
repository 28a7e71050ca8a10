//! Who syncs, and who waits for it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use irmin_core::StoreError;

use crate::lock::lock;
use crate::poison::Poison;

/// How much of the log is durable. Threads that wait for a sync at the same time share one: the
/// first becomes the leader and syncs for all that was written by then.
#[derive(Debug)]
pub(crate) struct SyncPoint {
    progress: Mutex<Progress>,
    done: Condvar,
}

#[derive(Debug)]
struct Progress {
    /// A position in the log: all before is durable.
    synced: u64,
    is_running: bool,
}

impl SyncPoint {
    pub(crate) fn new(synced: u64) -> Self {
        Self {
            progress: Mutex::new(Progress {
                synced,
                is_running: false,
            }),
            done: Condvar::new(),
        }
    }

    /// Returns up to where the log is durable.
    pub(crate) fn synced(&self) -> u64 {
        lock(&self.progress).synced
    }

    /// Notes that all before `position` is durable.
    pub(crate) fn advance(&self, position: u64) {
        let mut progress = lock(&self.progress);
        progress.synced = progress.synced.max(position);
        drop(progress);
        self.done.notify_all();
    }

    /// Returns when all before `position` is durable. `sync` makes what was written durable and
    /// returns its end; it is called only when nobody else is about it.
    pub(crate) fn wait(
        &self,
        position: u64,
        poison: &Poison,
        sync: &dyn Fn() -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let mut progress = lock(&self.progress);
        loop {
            if progress.synced >= position {
                return Ok(());
            }
            poison.check()?;
            if !progress.is_running {
                break;
            }
            progress = self
                .done
                .wait(progress)
                .unwrap_or_else(PoisonError::into_inner);
        }
        progress.is_running = true;
        drop(progress);
        let reached = poison.note(sync());
        let mut progress = lock(&self.progress);
        progress.is_running = false;
        if let Ok(reached) = reached {
            progress.synced = progress.synced.max(reached);
        }
        drop(progress);
        self.done.notify_all();
        reached.map(|_| ())
    }
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
