//! What all answers together have to be.

use std::collections::{HashMap, HashSet};

use super::client::{DidAll, Step};
use super::doors::nothing_read;
use super::history::Past;
use super::{REGISTERS, register};
use crate::linear::{Call, Did, is_linearizable};

/// Each register by itself is linearizable.
pub(super) fn registers(steps: &[Step]) {
    for each in 0..REGISTERS {
        let mut history = Vec::new();
        for step in steps {
            let own = step.did.iter().filter(|(at, _)| *at == each);
            history.extend(own.map(|&(_, did)| Call {
                began: step.began,
                ended: step.ended,
                did,
            }));
        }
        assert!(!history.is_empty());
        assert!(
            is_linearizable(&history),
            "{}: {history:#?}",
            register(each)
        );
    }
}

/// Each request made the one commit that its client was told, in an order that fits their times, and
/// what was read in one call is the state of the commit that was told.
pub(super) fn history(steps: &[Step], history: &[Past]) {
    let mut keys = HashMap::new();
    let mut keyless = HashSet::new();
    for past in history {
        match &past.key {
            Some(key) => {
                let before = keys.insert(key.clone(), past.id.clone());
                assert_eq!(before, None, "{key} was done twice");
            }
            None => assert!(keyless.insert(past.id.clone())),
        }
    }
    let placed = placed(steps, history);
    for (step, place) in &placed {
        let id = &history[*place].id;
        match &step.key {
            Some(key) => assert_eq!(keys.remove(key).as_ref(), Some(id), "{key}"),
            None if step.is_made => assert!(keyless.remove(id), "{step:?}"),
            None => {}
        }
        state(step, *place, history);
    }
    assert!(keys.is_empty(), "commits that nobody was told of: {keys:?}");
    assert!(
        keyless.is_empty(),
        "commits that nobody asked for, or done twice: {keyless:?}"
    );
    times(&placed);
}

/// Finds the commits that steps are about. What was lost and never happened has none.
fn placed<'a>(steps: &'a [Step], history: &[Past]) -> Vec<(&'a Step, usize)> {
    let places = history.iter().enumerate();
    let places: HashMap<_, _> = places.map(|(place, past)| (&past.id, place)).collect();
    let place = |step: &Step| match (&step.commit, step.ended) {
        (Some(commit), _) => Some(places[commit]),
        (None, None) => first_with(written(step), history),
        (None, Some(_)) => None,
    };
    let placed = steps.iter().filter_map(|step| Some((step, place(step)?)));
    placed.collect()
}

/// Returns what a step wrote where.
fn written(step: &Step) -> (usize, Did) {
    let mut writes = step.did.iter().filter_map(|(register, did)| match *did {
        Did::Write(value) | Did::Swap(_, value) => Some((*register, Did::Read(Some(value)))),
        Did::Read(_) | Did::Refused(_) => None,
    });
    writes.next_back().expect("it writes")
}

/// Finds the commit that wrote a value: values are never written twice.
fn first_with(written: (usize, Did), history: &[Past]) -> Option<usize> {
    let mut states = history.iter().map(|past| past.state[written.0]);
    states.position(|state| state == written)
}

/// What a step did fits the commit that it is about, and the one before.
fn state(step: &Step, place: usize, history: &[Past]) {
    let nothing = nothing_read();
    let at =
        |place: Option<usize>| -> &DidAll { place.map_or(&nothing, |place| &history[place].state) };
    for (register, did) in &step.did {
        let before = at(place.checked_sub(1))[*register].1;
        let now = at(Some(place))[*register].1;
        match *did {
            // In a session, which writes something else.
            Did::Read(_) if step.is_made => assert_eq!(before, *did),
            Did::Read(_) => assert_eq!(now, *did),
            Did::Write(value) => assert_eq!(now, Did::Read(Some(value))),
            Did::Swap(seen, value) => {
                assert_eq!((before, now), (Did::Read(seen), Did::Read(Some(value))));
            }
            Did::Refused(_) => panic!("it made no commit"),
        }
    }
}

/// What ended before something else began is not behind it in the branch's history.
fn times(placed: &[(&Step, usize)]) {
    for (first, place) in placed {
        let Some(ended) = first.ended else { continue };
        for (second, later) in placed {
            if ended < second.began {
                let is_ordered = match second.is_made {
                    true => place < later,
                    false => place <= later,
                };
                assert!(is_ordered, "{first:?} {second:?}");
            }
        }
    }
}
