//! Work that no caller waits for: making durable what was written, and completing what a change of
//! segment began.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use irmin_core::StoreError;

use crate::damage;
use crate::lock::{lock, read};
use crate::sealed::Sealed;
use crate::store::Inner;

/// Who does the work of a store that nobody waits for, as [`Files::background`](crate::Files::background)
/// says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// A thread of the store, which is started when there is something to do for the first time.
    Thread,
    /// Whoever writes, before the frame after so many more: what happens depends on nothing but the
    /// calls, as tests want it. With 0 at once.
    Frames(u32),
}

/// What is to be done, and who does it.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// The handle, for the thread.
    inner: Weak<Inner>,
    /// Held by whoever works.
    working: Mutex<()>,
    /// The segment whose sidecar is to be written. At most one.
    sealing: Mutex<Option<Arc<Sealed>>>,
    /// Whether there is something to do.
    is_due: AtomicBool,
    bell: Mutex<Bell>,
    rung: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Bell {
    is_stopped: bool,
    /// How many frames are written before the work is done; `None`: there is none.
    frames_left: Option<u32>,
}

impl Tasks {
    pub(crate) fn set_inner(&mut self, inner: Weak<Inner>) {
        self.inner = inner;
    }

    /// Has the tables of a complete segment written.
    pub(crate) fn seal(&self, sealed: Arc<Sealed>) {
        *lock(&self.sealing) = Some(sealed);
    }

    /// Ends the thread, when it has done what it is about.
    pub(crate) fn stop(&self) {
        lock(&self.bell).is_stopped = true;
        self.rung.notify_all();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // A panic of that thread has been reported by its hook; there is nothing to add.
            let _ = thread.join();
        }
    }

    /// Sleeps until there is something to do: `true`, or until [`stop`](Self::stop): `false`.
    fn wait(&self) -> bool {
        let mut bell = lock(&self.bell);
        loop {
            if bell.is_stopped {
                return false;
            }
            if self.is_due.swap(false, Ordering::SeqCst) {
                return true;
            }
            bell = self.rung.wait(bell).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes the thread, which is started the first time; `false` without one.
    fn ring(&self) -> bool {
        let mut thread = lock(&self.thread);
        if lock(&self.bell).is_stopped {
            return false;
        }
        if thread.is_none() {
            let Some(inner) = self.inner.upgrade() else {
                return false;
            };
            let work = move || {
                while inner.tasks.wait() {
                    // A failure poisons the handle, which tells the next writer.
                    let _ = inner.work();
                }
            };
            let named = std::thread::Builder::new().name("irmin-pack-work".to_owned());
            match named.spawn(work) {
                Ok(handle) => *thread = Some(handle),
                Err(_) => return false,
            }
        }
        drop(thread);
        // After the lock, so that the thread is not between its look and its sleep.
        drop(lock(&self.bell));
        self.rung.notify_one();
        true
    }
}

impl Inner {
    /// Notes that there is something to do.
    pub(crate) fn want_work(&self) -> Result<(), StoreError> {
        if self.tasks.is_due.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        match self.options.files.background() {
            Background::Thread if self.tasks.ring() => Ok(()),
            Background::Frames(frames) if frames > 0 => {
                lock(&self.tasks.bell).frames_left = Some(frames);
                Ok(())
            }
            _ => self.work(),
        }
    }

    /// Notes that a frame is about to be written. Called by the holder of the writer's lock.
    pub(crate) fn tick(&self) -> Result<(), StoreError> {
        if !self.tasks.is_due.load(Ordering::Relaxed)
            || self.options.files.background() == Background::Thread
        {
            return Ok(());
        }
        let mut bell = lock(&self.tasks.bell);
        bell.frames_left = bell.frames_left.map(|left| left.saturating_sub(1));
        let is_time = bell.frames_left == Some(0);
        drop(bell);
        if is_time { self.work() } else { Ok(()) }
    }

    /// Does all that is to be done, or waits until another thread has: the log is durable, its
    /// newest segment has its name, and complete segments have their sidecars.
    pub(crate) fn work(&self) -> Result<(), StoreError> {
        let _working = lock(&self.tasks.working);
        lock(&self.tasks.bell).frames_left = None;
        self.tasks.is_due.store(false, Ordering::SeqCst);
        // A sidecar says that the segment is durable.
        let end = read(&self.state).active.log_end();
        self.sync_to(end)?;
        damage::unless_full(self.name_segment())?;
        let sealing = lock(&self.tasks.sealing).clone();
        if let Some(sealed) = sealing {
            sealed.seal(&self.poison)?;
            *lock(&self.tasks.sealing) = None;
        }
        Ok(())
    }

    /// Returns when no change of segment is under way any more.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        if self.is_changing() {
            self.work()?;
        }
        Ok(())
    }

    /// Tells whether a change of segment is under way.
    pub(crate) fn is_changing(&self) -> bool {
        let is_sealing = lock(&self.tasks.sealing).is_some();
        is_sealing || read(&self.state).active.before.is_some()
    }
}
