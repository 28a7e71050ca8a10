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
    /// All before is durable when the sync ends that runs.
    reaching: AtomicU64,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    is_running: bool,
    /// Those who are served when the sync ends that runs.
    served: Option<Arc<Group>>,
    /// The first of those who came too late for it: it leads next.
    leader: Option<Arc<Leader>>,
    /// The others.
    late: Option<Arc<Group>>,
    /// The last position that one of these waits for.
    late_end: u64,
}

/// Threads that wait for the same sync. One call of the system wakes them all, where one for each took
/// longer than the commit of one entry.
#[derive(Debug, Default)]
struct Group {
    is_over: Mutex<bool>,
    over: Condvar,
}

/// A thread that waits for the sync that runs, to lead the next one. It is woken before the others,
/// as the disk has nothing to do until then.
#[derive(Debug)]
struct Leader {
    thread: Thread,
    is_called: AtomicBool,
}

impl SyncPoint {
    pub(crate) fn new(synced: u64) -> Self {
        Self {
            synced: AtomicU64::new(synced),
            reaching: AtomicU64::new(synced),
            line: Mutex::default(),
        }
    }

    /// Returns up to where the log is durable.
    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Notes up to where the log is durable when the sync ends that now begins.
    pub(crate) fn reaches(&self, end: u64) {
        self.reaching.fetch_max(end, Ordering::Release);
    }

    /// Returns when all before `position` is durable. `sync` makes what was written durable and
    /// returns its end; it is called only when nobody else is about it.
    pub(crate) fn wait(
        &self,
        position: u64,
        poison: &Poison,
        sync: &dyn Fn() -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let mut is_called = false;
        loop {
            if !is_called {
                if self.synced() >= position {
                    return Ok(());
                }
                poison.check()?;
            }
            let mut line = lock(&self.line);
            // Who was called to lead leads, also when only others need it.
            let must_lead = is_called && !line.is_running && line.served.is_some();
            if self.synced() >= position && !must_lead {
                return Ok(());
            }
            if !line.is_running {
                line.is_running = true;
                break;
            }
            if position <= self.reaching.load(Ordering::Acquire) {
                let group = Arc::clone(line.served.get_or_insert_default());
                drop(line);
                group.wait();
                continue;
            }
            line.late_end = line.late_end.max(position);
            if line.leader.is_none() {
                let leader = Arc::clone(line.leader.insert(Arc::new(Leader::new())));
                drop(line);
                leader.wait();
                is_called = true;
            } else {
                let group = Arc::clone(line.late.get_or_insert_default());
                drop(line);
                group.wait();
            }
        }
        // Whoever waits for this thread is told, too, that the handle is poisoned.
        let reached = poison.check().and_then(|()| poison.note(sync()));
        self.hand_over(reached.as_ref().ok());
        if self.synced() >= position {
            return Ok(());
        }
        reached.map(|_| ())
    }

    /// Calls the one who leads next, and then those who are served; all of them when nobody is served.
    fn hand_over(&self, reached: Option<&u64>) {
        let mut line = lock(&self.line);
        line.is_running = false;
        let leader = line.leader.take();
        let late = line.late.take();
        let mut over = [line.served.take(), None];
        let late_end = std::mem::take(&mut line.late_end);
        match reached {
            // The next sync serves them.
            Some(&reached) if reached < late_end => line.served = late,
            _ => over[1] = late,
        }
        if let Some(&reached) = reached {
            self.synced.fetch_max(reached, Ordering::Release);
        }
        drop(line);
        if let Some(leader) = leader {
            leader.is_called.store(true, Ordering::Release);
            leader.thread.unpark();
        }
        for group in over.into_iter().flatten() {
            *lock(&group.is_over) = true;
            group.over.notify_all();
        }
    }
}

impl Leader {
    fn new() -> Self {
        Self {
            thread: thread::current(),
            is_called: AtomicBool::new(false),
        }
    }

    fn wait(&self) {
        while !self.is_called.load(Ordering::Acquire) {
            thread::park();
        }
    }
}

impl Group {
    fn wait(&self) {
        let mut is_over = lock(&self.is_over);
        while !*is_over {
            let woken = self.over.wait(is_over);
            is_over = woken.unwrap_or_else(PoisonError::into_inner);
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::damage;

    const THREADS: u64 = 8;
    const COMMITS: u64 = 300;

    /// Has threads append and wait; returns how many were told that their commit is durable.
    fn run(fails_at: u32) -> (u64, u32) {
        let (point, poison) = (SyncPoint::new(0), Poison::default());
        let [written, durable, acknowledged] = [0, 0, 0].map(AtomicU64::new);
        let syncs = AtomicU32::new(0);
        let sync = || {
            thread::yield_now();
            let end = written.load(Ordering::SeqCst);
            point.reaches(end);
            thread::yield_now();
            if syncs.fetch_add(1, Ordering::SeqCst) + 1 >= fails_at {
                let source = std::io::Error::other("a broken disk");
                return Err(damage::io("sync", std::path::Path::new("log"))(source));
            }
            durable.fetch_max(end, Ordering::SeqCst);
            Ok(end)
        };
        let commit = || {
            for _ in 0..COMMITS {
                let position = written.fetch_add(1, Ordering::SeqCst) + 1;
                if point.wait(position, &poison, &sync).is_err() {
                    return;
                }
                assert!(durable.load(Ordering::SeqCst) >= position);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        };
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(commit);
            }
        });
        (acknowledged.into_inner(), syncs.into_inner())
    }

    #[test]
    fn who_waits_is_told_after_a_sync_of_all_that_it_wrote() {
        let (acknowledged, syncs) = run(u32::MAX);
        assert_eq!(acknowledged, THREADS * COMMITS);
        assert!(u64::from(syncs) <= THREADS * COMMITS);
    }

    #[test]
    fn a_sync_that_fails_leaves_nobody_waiting() {
        for fails_at in 1..40 {
            let (acknowledged, syncs) = run(fails_at);
            assert_eq!(syncs, fails_at);
            assert!(acknowledged < THREADS * COMMITS);
        }
    }
}
