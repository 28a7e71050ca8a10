//! A checker of histories of one register: could these calls have happened one after the other, each
//! at some moment between its beginning and its end?
//!
//! By Wing and Gong's search, with Lowe's memory of states that were tried: a call may be next if no
//! other that is left had ended before it began. A history of several registers is linearizable if
//! and only if that of each of them is, so each is searched by itself.

use std::collections::HashSet;

/// What a call did to the register, as its caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Write(u64),
    /// It saw this; `None`: nothing is there.
    Read(Option<u64>),
    /// It saw the first and wrote the second, in one step.
    Swap(Option<u64>, u64),
    /// It did not see this, and wrote nothing.
    Refused(Option<u64>),
}

/// A call with its beginning and end on one clock. One without an end got no answer: it may have
/// happened any time since, or never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) began: u64,
    pub(crate) ended: Option<u64>,
    pub(crate) did: Did,
}

impl Did {
    const fn writes(self) -> bool {
        matches!(self, Self::Write(_) | Self::Swap(..))
    }

    /// Returns the register's next state, if this may happen in this one.
    fn on(self, state: Option<u64>) -> Option<Option<u64>> {
        match self {
            Self::Write(value) => Some(Some(value)),
            Self::Read(seen) => (seen == state).then_some(state),
            Self::Swap(seen, value) => (seen == state).then_some(Some(value)),
            Self::Refused(unseen) => (unseen != state).then_some(state),
        }
    }
}

/// A place of the search: which calls have happened, and what the register holds then.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    happened: Vec<u64>,
    state: Option<u64>,
}

impl Place {
    fn has(&self, call: usize) -> bool {
        self.happened[call / 64] >> (call % 64) & 1 == 1
    }

    fn after(&self, call: usize, state: Option<u64>) -> Self {
        let mut happened = self.happened.clone();
        happened[call / 64] |= 1 << (call % 64);
        Self { happened, state }
    }
}

/// Tells whether a history that began with an empty register is linearizable.
pub(crate) fn is_linearizable(history: &[Call]) -> bool {
    let mut calls = history.to_vec();
    calls.sort_unstable_by_key(|call| call.began);
    let first = Place {
        happened: vec![0; calls.len().div_ceil(64)],
        state: None,
    };
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(place) = open.pop() {
        let left = || (0..calls.len()).filter(|&call| !place.has(call));
        let Some(first_end) = left().filter_map(|call| calls[call].ended).min() else {
            return true;
        };
        let may_be_next = || left().take_while(|&call| calls[call].began < first_end);
        // What changes nothing and may be now, may be now whatever comes later: one way is enough.
        let unseen = may_be_next().find(|&call| {
            let did = calls[call].did;
            !did.writes() && did.on(place.state).is_some()
        });
        let next = may_be_next().filter(|&call| unseen.is_none_or(|unseen| unseen == call));
        for call in next {
            if let Some(state) = calls[call].did.on(place.state) {
                let next = place.after(call, state);
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }
    false
}

fn call(began: u64, ended: u64, did: Did) -> Call {
    let ended = Some(ended);
    Call { began, ended, did }
}

#[test]
fn calls_at_the_same_time_may_happen_in_any_order() {
    let history = [
        call(0, 10, Did::Write(1)),
        call(1, 2, Did::Read(None)),
        call(3, 4, Did::Read(Some(1))),
        call(5, 9, Did::Swap(Some(1), 2)),
        call(6, 7, Did::Refused(Some(1))),
    ];
    assert!(is_linearizable(&history));
}

#[test]
fn made_up_wrong_histories_are_found() {
    let stale = [
        call(0, 1, Did::Write(1)),
        call(2, 3, Did::Write(2)),
        call(4, 5, Did::Read(Some(1))),
    ];
    assert!(!is_linearizable(&stale));
    let back = [
        call(0, 9, Did::Write(1)),
        call(1, 2, Did::Read(Some(1))),
        call(3, 4, Did::Read(None)),
    ];
    assert!(!is_linearizable(&back));
    let lost_update = [
        call(0, 5, Did::Swap(None, 1)),
        call(1, 6, Did::Swap(None, 2)),
    ];
    assert!(!is_linearizable(&lost_update));
    let wrongly_refused = [call(0, 1, Did::Write(1)), call(2, 3, Did::Refused(Some(1)))];
    assert!(!is_linearizable(&wrongly_refused));
    let twice = [
        call(0, 1, Did::Swap(None, 1)),
        call(2, 3, Did::Swap(Some(1), 2)),
        call(4, 5, Did::Read(Some(1))),
    ];
    assert!(!is_linearizable(&twice));
}

#[test]
fn a_call_without_an_answer_may_have_happened_or_not() {
    let lost = Call {
        began: 0,
        ended: None,
        did: Did::Write(1),
    };
    for seen in [None, Some(1)] {
        assert!(is_linearizable(&[lost, call(5, 6, Did::Read(seen))]));
    }
    let both = [
        lost,
        call(5, 6, Did::Read(Some(1))),
        call(7, 8, Did::Read(None)),
    ];
    assert!(!is_linearizable(&both));
}
