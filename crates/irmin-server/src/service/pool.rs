//! Threads that may block. Who slept last is woken first.
//!
//! tokio's own wake the one that has slept longest, so that under a light load all take turns, each with
//! cold caches and an arena of malloc of its own (ADR 59).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::lock::lock;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run what may block; as many as run at once, and each ends when it slept for long.
#[derive(Default)]
pub(super) struct Pool(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What no thread could be started for.
    waiting: VecDeque<Job>,
    /// Those who sleep, longest first.
    asleep: Vec<Arc<Bed>>,
    threads: usize,
}

/// Where a thread sleeps.
#[derive(Default)]
struct Bed {
    job: Mutex<Option<Job>>,
    woken: Condvar,
}

impl Pool {
    /// Runs `body` on a thread that may block, in the caller's runtime; gives what it returns, or
    /// `None` if it panicked. Dropping the future does not stop it.
    pub(super) fn run<T, F>(&self, body: F) -> impl Future<Output = Option<T>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let runtime = Handle::current();
        self.give(Box::new(move || {
            let _entered = runtime.enter();
            if let Ok(done) = catch_unwind(AssertUnwindSafe(body)) {
                // Nobody may wait for it any more.
                let _ = tell.send(done);
            }
        }));
        async { told.await.ok() }
    }

    fn give(&self, job: Job) {
        let mut state = lock(&self.0);
        if let Some(bed) = state.asleep.pop() {
            drop(state);
            *lock(&bed.job) = Some(job);
            bed.woken.notify_one();
            return;
        }
        state.waiting.push_back(job);
        state.threads += 1;
        drop(state);
        let pool = Arc::downgrade(&self.0);
        let thread = thread::Builder::new().name("irmin-request".to_owned());
        if thread.spawn(move || work(&pool)).is_err() {
            self.without_a_new_thread();
        }
    }

    /// The system gives no thread: a job waits for one of those that run, or, if there is none, is done
    /// here.
    fn without_a_new_thread(&self) {
        let mut state = lock(&self.0);
        state.threads -= 1;
        let job = match state.threads {
            0 => state.waiting.pop_front(),
            _ => None,
        };
        drop(state);
        if let Some(job) = job {
            job();
        }
    }
}

/// What a thread does all its life.
fn work(pool: &Weak<Mutex<State>>) {
    let bed = Arc::new(Bed::default());
    while let Some(job) = next(pool, &bed) {
        job();
    }
}

/// Waits for something to do; `None` when the thread is to end.
fn next(pool: &Weak<Mutex<State>>, bed: &Arc<Bed>) -> Option<Job> {
    let shared = pool.upgrade()?;
    let mut state = lock(&shared);
    if let Some(job) = state.waiting.pop_front() {
        return Some(job);
    }
    state.asleep.push(Arc::clone(bed));
    drop(state);
    drop(shared);
    let slept = bed
        .woken
        .wait_timeout_while(lock(&bed.job), REST, |job| job.is_none());
    let (mut job, _) = slept.unwrap_or_else(PoisonError::into_inner);
    if let Some(job) = job.take() {
        return Some(job);
    }
    drop(job);
    leave(pool, bed)
}

/// Ends a thread that slept for long, unless it is given something in this moment.
fn leave(pool: &Weak<Mutex<State>>, bed: &Arc<Bed>) -> Option<Job> {
    let shared = pool.upgrade()?;
    let mut state = lock(&shared);
    let asleep = state.asleep.len();
    state.asleep.retain(|other| !Arc::ptr_eq(other, bed));
    if state.asleep.len() < asleep {
        state.threads -= 1;
        return None;
    }
    drop(state);
    // Whoever took it from the list is about to put something in.
    let job = bed.woken.wait_while(lock(&bed.job), |job| job.is_none());
    job.unwrap_or_else(PoisonError::into_inner).take()
}

/// How long a thread sleeps before it ends.
const REST: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn wait_for_sleepers(pool: &Pool, count: usize) {
        while lock(&pool.0).asleep.len() < count {
            thread::yield_now();
        }
    }

    #[tokio::test]
    async fn what_runs_at_once_has_a_thread_each_and_is_in_the_runtime() {
        let (pool, all) = (Pool::default(), Arc::new(Barrier::new(8)));
        let runs: Vec<_> = (0..8)
            .map(|number| {
                let all = Arc::clone(&all);
                pool.run(move || {
                    all.wait();
                    Handle::try_current().is_ok().then_some(number)
                })
            })
            .collect();
        for (run, number) in runs.into_iter().zip(0..) {
            assert_eq!(run.await, Some(Some(number)));
        }
        assert_eq!(lock(&pool.0).threads, 8);
    }

    #[tokio::test]
    async fn one_after_the_other_they_are_run_by_one_thread_while_others_sleep() {
        let (pool, all) = (Pool::default(), Arc::new(Barrier::new(4)));
        let at_once: Vec<_> = (0..4)
            .map(|_| {
                let all = Arc::clone(&all);
                pool.run(move || all.wait().is_leader())
            })
            .collect();
        for run in at_once {
            assert!(run.await.is_some());
        }
        let mut threads = std::collections::HashSet::new();
        for _ in 0..50 {
            wait_for_sleepers(&pool, 4);
            threads.insert(pool.run(|| thread::current().id()).await);
        }
        assert_eq!(threads.len(), 1);
    }

    #[tokio::test]
    async fn a_panic_is_told_and_its_thread_goes_on() {
        let pool = Pool::default();
        assert_eq!(pool.run(|| panic!("on purpose")).await, None::<()>);
        wait_for_sleepers(&pool, 1);
        assert_eq!(pool.run(|| 1).await, Some(1));
        assert_eq!(lock(&pool.0).threads, 1);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_done_nonetheless() {
        let (pool, (done, told)) = (Pool::default(), oneshot::channel());
        drop(pool.run(move || done.send(7)));
        assert_eq!(told.await, Ok(7));
    }
}
