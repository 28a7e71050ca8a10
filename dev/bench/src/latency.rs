//! How long single operations take, at their median and at their worst.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use crate::measure::Phase;
use crate::{Result, report};

/// The times of many operations of one thread.
#[derive(Default)]
pub(crate) struct Latencies {
    all: Vec<Duration>,
    queued: Queued,
    /// The longest time, without those in which the thread waited for a processor.
    longest_served: Duration,
}

impl Latencies {
    /// Times one operation.
    pub(crate) fn time<T>(&mut self, action: impl FnOnce() -> Result<T>) -> Result<T> {
        self.queued.look();
        let start = Instant::now();
        let outcome = action()?;
        let took = start.elapsed();
        self.all.push(took);
        if took > self.longest_served {
            let queued = if took > LOOK_EVERY {
                self.queued.since_look()
            } else {
                Duration::ZERO
            };
            self.longest_served = self.longest_served.max(took.saturating_sub(queued));
        }
        Ok(outcome)
    }

    /// Returns how many operations were timed.
    pub(crate) fn count(&self) -> u64 {
        self.all.len() as u64
    }

    /// Adds median, 99th percentile and maximum to a phase, in microseconds.
    pub(crate) fn report(mut self, what: &str, phase: &mut Phase) {
        self.all.sort_unstable();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        for (name, per_mille) in [("median", 500), ("p99", 990), ("p99.9", 999), ("max", 1000)] {
            let position =
                (self.all.len() * per_mille / 1000).min(self.all.len().saturating_sub(1));
            let Some(latency) = self.all.get(position) else {
                return;
            };
            phase.add(&format!("{what}, {name}, µs"), micros(*latency));
        }
        let served = format!("{what}, max but for waiting for a processor, µs");
        phase.add(&served, micros(self.longest_served));
        phase.add(&format!("{what}, count"), report::whole(self.count()));
    }
}

/// How long the thread was ready to run while others did, as the system tells: on a busy machine, or
/// with more threads than processors, most of the longest times are such.
#[derive(Default)]
struct Queued {
    file: Option<File>,
    looked: Option<Instant>,
    then: Duration,
}

impl Queued {
    /// Looks once in a while, as a look costs a microsecond or two.
    fn look(&mut self) {
        let is_due = self
            .looked
            .is_none_or(|looked| looked.elapsed() > LOOK_EVERY);
        if is_due {
            self.then = self.read().unwrap_or_default();
            self.looked = Some(Instant::now());
        }
    }

    fn since_look(&mut self) -> Duration {
        let now = self.read().unwrap_or_default();
        now.saturating_sub(self.then)
    }

    /// `None` where the system does not tell.
    fn read(&mut self) -> Option<Duration> {
        if self.file.is_none() {
            // Names the thread that opens it.
            self.file = Some(File::open("/proc/thread-self/schedstat").ok()?);
        }
        let mut text = [0; 64];
        let length = self.file.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        let nanos = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(Duration::from_nanos(nanos))
    }
}

/// Shorter times are not looked into.
const LOOK_EVERY: Duration = Duration::from_micros(500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::time;

    #[test]
    fn the_maximum_is_the_slowest_operation_and_the_median_the_middle_one() -> Result<()> {
        let latencies = Latencies {
            all: [9, 1, 3].map(Duration::from_millis).to_vec(),
            ..Latencies::default()
        };
        let mut phase = time("test", 1, || Ok(()))?;
        latencies.report("commit", &mut phase);
        let figure = |name: &str| {
            let mut all = phase.sample.more.iter();
            all.find(|(other, _)| other == name)
                .map(|(_, figure)| *figure)
        };
        assert_eq!(figure("commit, median, µs"), Some(3000.0));
        assert_eq!(figure("commit, max, µs"), Some(9000.0));
        assert_eq!(figure("commit, count"), Some(3.0));
        Ok(())
    }
}
