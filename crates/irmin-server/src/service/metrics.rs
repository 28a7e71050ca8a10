//! What the server counts. Turning it into text is another's work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::access::Transport;
use super::error::ErrorKind;
use super::verb::Verb;

/// A number that only grows, or one that goes up and down.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes from it.
    pub fn sub(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// Returns it.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many durations fell into each of some ranges. 150 bytes; noting one costs two additions.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [Counter; Self::BOUNDS_US.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    /// The upper ends of the ranges in microseconds; above the last one is one range more.
    pub const BOUNDS_US: [u64; 16] = [
        50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 10_000_000,
    ];

    /// Notes a duration.
    pub fn note(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let range = Self::BOUNDS_US.partition_point(|&bound| bound < us);
        if let Some(count) = self.counts.get(range) {
            count.add(1);
        }
        self.sum_us.add(us);
    }

    /// Returns how many fell into each range.
    pub fn counts(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().map(Counter::get)
    }

    /// Returns the sum of all, in microseconds.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum_us.get()
    }
}

/// What came of requests.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Requests that succeeded.
    pub ok: Counter,
    /// Requests that failed, by kind, in the order of [`ErrorKind::TABLE`].
    pub failed: [Counter; ErrorKind::TABLE.len()],
}

/// What was asked of one verb.
#[derive(Debug, Default)]
pub struct VerbMetrics {
    /// What came of it, by door, in the order of [`Transport::ALL`].
    pub doors: [Outcomes; Transport::ALL.len()],
    /// How long requests ran.
    pub time: Histogram,
}

impl VerbMetrics {
    /// Returns how many requests succeeded, through all doors.
    #[must_use]
    pub fn ok(&self) -> u64 {
        self.doors.iter().map(|door| door.ok.get()).sum()
    }
}

/// All that a server counts. Engines count for themselves: see
/// [`Repos::stats`](super::Repos::stats).
#[derive(Debug, Default)]
pub struct Metrics {
    verbs: [VerbMetrics; Verb::ALL.len()],
    /// Requests by door, in the order of [`Transport::ALL`].
    pub doors: [Counter; Transport::ALL.len()],
    /// Requests that run now.
    pub running: Counter,
    /// Requests that wait now.
    pub waiting: Counter,
    /// How long requests waited.
    pub wait: Histogram,
    /// Requests that were sent away because too many waited.
    pub refused: Counter,
    /// Streams that run now.
    pub streams: Counter,
    /// Streams that were ended because their clients stalled.
    pub stalled: Counter,
    /// Bytes of values that came in.
    pub bytes_in: Counter,
    /// Bytes of values that went out.
    pub bytes_out: Counter,
    /// Commits that were made.
    pub commits: Counter,
    /// Requests with a key that had been answered before.
    pub repeated: Counter,
    /// Watches that are open now.
    pub watchers: Counter,
    /// Events that were told.
    pub events: Counter,
    /// Sessions that are open now.
    pub sessions: Counter,
    /// Failures to authenticate.
    pub unauthenticated: Counter,
}

impl Metrics {
    /// Returns what is counted of a verb.
    #[must_use]
    pub fn verb(&self, verb: Verb) -> &VerbMetrics {
        &self.verbs[verb as usize]
    }

    /// Notes a request that ran.
    pub(crate) fn ran(
        &self,
        verb: Verb,
        via: Transport,
        failed: Option<ErrorKind>,
        time: Duration,
    ) {
        let of = self.verb(verb);
        of.time.note(time);
        let Some(door) = of.doors.get(via as usize) else {
            return;
        };
        let row = failed.and_then(|kind| ErrorKind::TABLE.iter().position(|row| row.0 == kind));
        match row {
            Some(row) => door.failed[row].add(1),
            None => door.ok.add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_range_that_ends_at_or_above_it() {
        let histogram = Histogram::default();
        for us in [0, 50, 51, 10_000_000, 10_000_001] {
            histogram.note(Duration::from_micros(us));
        }
        let counts: Vec<u64> = histogram.counts().collect();
        assert_eq!((counts[0], counts[1], counts[15], counts[16]), (2, 1, 1, 1));
        assert_eq!(histogram.sum_us(), 20_000_102);
    }

    #[test]
    fn every_verb_is_in_the_list_of_all_at_its_own_place() {
        for (place, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb as usize, place, "{}", verb.name());
        }
    }

    #[test]
    fn what_ran_is_counted_by_verb_door_and_outcome() {
        let metrics = Metrics::default();
        let (grpc, rest) = (Transport::Grpc, Transport::Rest);
        metrics.ran(Verb::Get, grpc, None, Duration::ZERO);
        metrics.ran(Verb::Get, rest, Some(ErrorKind::NotFound), Duration::ZERO);
        let doors = &metrics.verb(Verb::Get).doors;
        let counted = [grpc, rest].map(|via| {
            let door = &doors[via as usize];
            (door.ok.get(), door.failed[0].get())
        });
        assert_eq!(counted, [(1, 0), (0, 1)]);
        assert_eq!(metrics.verb(Verb::List).ok(), 0);
    }

    #[test]
    fn every_door_is_in_the_list_of_all_at_its_own_place() {
        for (place, via) in Transport::ALL.into_iter().enumerate() {
            assert_eq!(via as usize, place, "{}", via.name());
        }
    }
}
