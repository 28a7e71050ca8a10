//! Turns: who commits to a branch next. First come, first served.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// A lock that is given in the order in which it was asked for.
#[derive(Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    serving: u64,
    owner: Option<ThreadId>,
}

/// The turn; ends when dropped.
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits for the turn; `None` if this thread has it already, and would wait for itself.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        let me = thread::current().id();
        let mut state = self.lock();
        if state.owner == Some(me) {
            return None;
        }
        let ticket = state.next;
        state.next += 1;
        while state.serving != ticket {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.owner = Some(me);
        Some(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.serving += 1;
        state.owner = None;
        drop(state);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_has_the_turn_does_not_wait_for_itself() {
        let turns = Turns::default();
        let turn = turns.take();
        assert!(turn.is_some());
        assert!(turns.take().is_none());
        drop(turn);
        assert!(turns.take().is_some());
    }
}
