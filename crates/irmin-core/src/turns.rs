//! Turns: who commits to a branch next. First come, first served, but for a few who pass.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A lock that nobody waits for in vain: who waits longest goes first, but for a few who find it free
/// and pass by. Were nobody let pass, each turn would cost a change of threads: with 64 threads that
/// commit durably, and a sync of 0.2 ms, that halves what they do.
#[derive(Default)]
pub(crate) struct Turns {
    line: Mutex<Line>,
}

#[derive(Default)]
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

/// The turn; ends when dropped, by the thread that took it.
pub(crate) struct Turn<'a>(&'a Turns, PhantomData<*const ()>);

/// Why a thread does not get the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It has the turn already, and would wait for itself.
    Held,
    /// It would wait for a thread that waits for a turn which this one has.
    Deadlock,
}

/// A thread that has turns and waits for another one. Turns are told apart by their addresses.
struct Nested {
    holds: Vec<usize>,
    wants: usize,
}

/// The threads that have turns and wait for others. Whoever is part of a deadlock is here.
static NESTED: Mutex<Vec<Nested>> = Mutex::new(Vec::new());

thread_local! {
    /// The turns that this thread has.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Turns {
    /// Waits for the turn.
    pub(crate) fn take(&self) -> Result<Turn<'_>, Refused> {
        let holds = HELD.with_borrow(Clone::clone);
        if holds.contains(&self.address()) {
            return Err(Refused::Held);
        }
        if holds.is_empty() {
            self.wait();
        } else {
            self.wait_holding(holds)?;
        }
        HELD.with_borrow_mut(|held| held.push(self.address()));
        Ok(Turn(self, PhantomData))
    }

    fn wait(&self) {
        let mut line = lock(&self.line);
        if !line.is_taken && (line.waiting.is_empty() || line.passed < PASSED_MAX) {
            line.is_taken = true;
            line.passed += u32::from(!line.waiting.is_empty());
            return;
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
                return;
            }
        }
    }

    /// Calls the first one who waits, unless it is on its way.
    fn pass_on(&self) {
        let mut line = lock(&self.line);
        line.is_taken = false;
        let next = match line.is_called {
            true => None,
            false => line.waiting.front().cloned(),
        };
        line.is_called |= next.is_some();
        drop(line);
        // Without the lock, which the thread that is woken takes first.
        if let Some(next) = next {
            next.notify_one();
        }
    }

    /// Waits while others may wait for this thread, unless that would never end.
    fn wait_holding(&self, holds: Vec<usize>) -> Result<(), Refused> {
        let mut nested = lock(&NESTED);
        if leads_back(&nested, self.address(), &holds) {
            return Err(Refused::Deadlock);
        }
        let wants = self.address();
        let first = holds.first().copied();
        nested.push(Nested { holds, wants });
        drop(nested);
        self.wait();
        // A turn is held by one thread, so the first one tells which entry is this thread's.
        lock(&NESTED).retain(|other| other.holds.first().copied() != first);
        Ok(())
    }

    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

/// Tells whether a turn is had by a thread that waits, maybe for one that waits, …, for a turn in
/// `holds`. Each thread waits for one turn, so this is a line, and has no loop as none was let in.
fn leads_back(nested: &[Nested], mut wanted: usize, holds: &[usize]) -> bool {
    while let Some(holder) = nested.iter().find(|other| other.holds.contains(&wanted)) {
        wanted = holder.wants;
        if holds.contains(&wanted) {
            return true;
        }
    }
    false
}

/// How many may pass the first one who waits, before it is its turn whatever comes.
const PASSED_MAX: u32 = 16;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held.retain(|&turn| turn != self.0.address()));
        self.0.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_that_has_the_turn_does_not_wait_for_itself() {
        let turns = Turns::default();
        let turn = turns.take();
        assert!(turn.is_ok());
        assert_eq!(turns.take().err(), Some(Refused::Held));
        drop(turn);
        assert!(turns.take().is_ok());
    }

    #[test]
    fn of_threads_that_would_wait_for_each_other_one_is_refused() {
        let turns = [Turns::default(), Turns::default(), Turns::default()];
        let (all_hold, holding) = mpsc::channel();
        let refused: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|first| {
                    let (turns, all_hold) = (&turns, all_hold.clone());
                    let (go, wait) = mpsc::channel();
                    let thread = scope.spawn(move || {
                        let _turn = turns[first].take().ok();
                        all_hold.send(()).unwrap();
                        wait.recv().unwrap();
                        usize::from(turns[(first + 1) % 3].take().is_err())
                    });
                    (go, thread)
                })
                .collect();
            holding.iter().take(3).for_each(drop);
            threads.iter().for_each(|(go, _)| go.send(()).unwrap());
            let refused = threads
                .into_iter()
                .map(|(_, thread)| thread.join().unwrap());
            refused.sum()
        });
        assert_eq!(refused, 1);
    }

    #[test]
    fn those_who_wait_get_the_turn_in_the_order_in_which_they_came() {
        const WAITING: usize = 5;
        let (turns, order) = (Turns::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            let turn = turns.take();
            for number in 0..WAITING {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = turns.take();
                    lock(order).push(number);
                });
                while lock(&turns.line).waiting.len() <= number {
                    thread::yield_now();
                }
            }
            drop(turn);
        });
        assert_eq!(*lock(&order), (0..WAITING).collect::<Vec<_>>());
        assert!(!lock(&turns.line).is_taken);
    }

    #[test]
    fn nobody_is_passed_without_end() {
        let (turns, taken) = (Turns::default(), AtomicU32::new(0));
        thread::scope(|scope| {
            let turn = turns.take();
            let waiter = scope.spawn(|| {
                let _turn = turns.take();
                taken.load(Ordering::Relaxed)
            });
            while lock(&turns.line).waiting.is_empty() {
                thread::yield_now();
            }
            drop(turn);
            // As greedy as can be.
            for _ in 0..10_000 {
                let _turn = turns.take();
                taken.fetch_add(1, Ordering::Relaxed);
            }
            let passed = waiter.join().unwrap();
            assert!(passed <= PASSED_MAX, "{passed}");
        });
    }

    #[test]
    fn a_panic_gives_the_turn_back() {
        let turns = Turns::default();
        thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _turn = turns.take();
                panic!("in the middle of a turn");
            });
            assert!(panics.join().is_err());
        });
        assert!(turns.take().is_ok());
    }
}
