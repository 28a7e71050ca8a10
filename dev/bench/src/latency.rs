//! How long single operations take, at their median and at their worst.

use std::time::{Duration, Instant};

use crate::measure::Phase;
use crate::{Result, report};

/// The times of many operations.
#[derive(Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    /// Times one operation.
    pub(crate) fn time<T>(&mut self, action: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let outcome = action()?;
        self.0.push(start.elapsed());
        Ok(outcome)
    }

    /// Returns how many operations were timed.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Adds median, 99th percentile and maximum to a phase, in microseconds.
    pub(crate) fn report(mut self, what: &str, phase: &mut Phase) {
        self.0.sort_unstable();
        for (name, per_mille) in [("median", 500), ("p99", 990), ("p99.9", 999), ("max", 1000)] {
            let position = (self.0.len() * per_mille / 1000).min(self.0.len().saturating_sub(1));
            let Some(latency) = self.0.get(position) else {
                return;
            };
            phase.add(&format!("{what}, {name}, µs"), latency.as_secs_f64() * 1e6);
        }
        phase.add(&format!("{what}, count"), report::whole(self.count()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::time;

    #[test]
    fn the_maximum_is_the_slowest_operation_and_the_median_the_middle_one() -> Result<()> {
        let latencies = Latencies([9, 1, 3].map(Duration::from_millis).to_vec());
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
