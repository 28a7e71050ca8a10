//! Whose turn it is: a piece that branches and engines share.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::lock::lock;

/// A lock that nobody waits for in vain: who waits longest goes first, but for 16 at the most who find
/// it free and pass by. Were nobody let pass, each turn would cost a change of threads: with 64 threads
/// that commit durably, and a sync of 0.2 ms, that halves what they do.
#[derive(Debug, Default)]
pub struct Queue {
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    is_taken: bool,
    /// How many passed the first one who waits.
    passed: u32,
    /// Whether the first one was called, and has not looked yet.
    is_called: bool,
    /// Each is called by itself: were all woken to look whose turn it is, n threads would be woken
    /// n times for n turns.
    waiting: VecDeque<Arc<Condvar>>,
}

/// The turn, which ends when it is dropped.
#[derive(Debug)]
#[must_use = "the turn ends when it is dropped"]
pub struct QueueTurn<'a>(&'a Queue);

impl Queue {
    /// Waits for the turn.
    ///
    /// # Errors
    /// How many wait, at once, if those are as many as `waiting_max` already.
    pub fn enter(&self, waiting_max: usize) -> Result<QueueTurn<'_>, usize> {
        let mut line = lock(&self.line);
        if !line.is_taken && (line.waiting.is_empty() || line.passed < PASSED_MAX) {
            line.is_taken = true;
            line.passed += u32::from(!line.waiting.is_empty());
            return Ok(QueueTurn(self));
        }
        let waiting = line.waiting.len();
        if waiting >= waiting_max {
            return Err(waiting);
        }
        let called = Arc::new(Condvar::new());
        line.waiting.push_back(Arc::clone(&called));
        loop {
            line = called.wait(line).unwrap_or_else(PoisonError::into_inner);
            let first = line.waiting.front();
            if !first.is_some_and(|first| Arc::ptr_eq(first, &called)) {
                continue;
            }
            line.is_called = false;
            if !line.is_taken {
                line.waiting.pop_front();
                line.passed = 0;
                line.is_taken = true;
                return Ok(QueueTurn(self));
            }
        }
    }

    /// Returns how many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.line).waiting.len()
    }
}

impl Drop for QueueTurn<'_> {
    fn drop(&mut self) {
        let mut line = lock(&self.0.line);
        line.is_taken = false;
        let first = match line.is_called {
            true => None,
            false => line.waiting.front().cloned(),
        };
        line.is_called |= first.is_some();
        drop(line);
        // Without the lock, which the thread that is woken takes first.
        if let Some(first) = first {
            first.notify_one();
        }
    }
}

/// How many may pass the first one who waits, before it is its turn whatever comes.
const PASSED_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn wait_for_waiting(queue: &Queue, count: usize) {
        while queue.waiting() < count {
            std::thread::yield_now();
        }
    }

    #[test]
    fn those_who_wait_get_their_turn_in_the_order_in_which_they_came() {
        let queue = Queue::default();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let turn = queue.enter(9).unwrap();
            for number in 0..5 {
                let (queue, order) = (&queue, &order);
                scope.spawn(move || {
                    let _turn = queue.enter(9).unwrap();
                    lock(order).push(number);
                });
                wait_for_waiting(queue, number + 1);
            }
            drop(turn);
        });
        assert_eq!(*lock(&order), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn one_more_than_may_wait_is_told_so_at_once() {
        let queue = Queue::default();
        std::thread::scope(|scope| {
            let turn = queue.enter(2).unwrap();
            for number in 0..2 {
                let queue = &queue;
                scope.spawn(move || drop(queue.enter(2).unwrap()));
                wait_for_waiting(queue, number + 1);
            }
            assert_eq!(queue.enter(2).err(), Some(2));
            drop(turn);
        });
        drop(queue.enter(0).unwrap());
    }

    #[test]
    fn nobody_is_passed_without_end() {
        let queue = Queue::default();
        let turns = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let turn = queue.enter(9).unwrap();
            let waiter = scope.spawn(|| {
                let _turn = queue.enter(9).unwrap();
                turns.load(Ordering::Relaxed)
            });
            wait_for_waiting(&queue, 1);
            drop(turn);
            // As greedy as can be.
            for _ in 0..10_000 {
                let _turn = queue.enter(9).unwrap();
                turns.fetch_add(1, Ordering::Relaxed);
            }
            let passed = waiter.join().unwrap();
            assert!(passed <= PASSED_MAX as usize + 1, "{passed}");
        });
    }
}
