//! Turns: who commits to a branch next, and who would wait for that for ever.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Mutex;

use crate::lock::lock;
use crate::queue::{Queue, QueueTurn};

/// A [`Queue`] of threads, none of which waits for itself.
#[derive(Default)]
pub(crate) struct Turns {
    queue: Queue,
}

/// The turn; ends when dropped, by the thread that took it.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    _turn: QueueTurn<'a>,
    _not_send: PhantomData<*const ()>,
}

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
        let turn = match holds.is_empty() {
            true => self.wait(),
            false => self.wait_holding(holds)?,
        };
        HELD.with_borrow_mut(|held| held.push(self.address()));
        Ok(Turn {
            turns: self,
            _turn: turn,
            _not_send: PhantomData,
        })
    }

    fn wait(&self) -> QueueTurn<'_> {
        let turn = self.queue.enter(usize::MAX);
        turn.expect("because there is no limit to how many wait")
    }

    /// Waits while others may wait for this thread, unless that would never end.
    fn wait_holding(&self, holds: Vec<usize>) -> Result<QueueTurn<'_>, Refused> {
        let mut nested = lock(&NESTED);
        if leads_back(&nested, self.address(), &holds) {
            return Err(Refused::Deadlock);
        }
        let wants = self.address();
        let first = holds.first().copied();
        nested.push(Nested { holds, wants });
        drop(nested);
        let turn = self.wait();
        // A turn is held by one thread, so the first one tells which entry is this thread's.
        lock(&NESTED).retain(|other| other.holds.first().copied() != first);
        Ok(turn)
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

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let ended = self.turns.address();
        HELD.with_borrow_mut(|held| held.retain(|&turn| turn != ended));
    }
}

#[cfg(test)]
mod tests {
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
