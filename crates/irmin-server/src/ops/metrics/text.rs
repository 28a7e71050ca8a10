//! Writing the text format.

use std::fmt::Write;

use super::bounds;
use crate::service::Histogram;

/// What a family of figures is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many fell into which range.
    Histogram,
}

/// Text that grows family by family. Writing to a string does not fail.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a family: all its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Writes a family of one sample.
    pub(super) fn one(&mut self, name: &str, kind: Kind, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// Writes a sample.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.raw(name, labels, &value.to_string());
    }

    /// Writes a quotient with three digits; of nothing by nothing, 0.
    pub(super) fn ratio(&mut self, name: &str, part: u64, whole: u64) {
        let thousandths = part.saturating_mul(1000) / whole.max(1);
        let value = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        self.raw(name, &[], &value);
    }

    /// Writes a histogram of times.
    pub(super) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], times: &Histogram) {
        let (bucket, mut sum) = (format!("{name}_bucket"), 0);
        for (bound, count) in bounds().zip(times.counts()) {
            sum += count;
            let mut all = labels.to_vec();
            all.push(("le", &bound));
            self.sample(&bucket, &all, sum);
        }
        self.raw(&format!("{name}_sum"), labels, &seconds(times.sum_us()));
        self.sample(&format!("{name}_count"), labels, sum);
    }

    fn raw(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        self.0.push_str(name);
        for (position, (label, text)) in labels.iter().enumerate() {
            let before = if position == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escape(text));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}

/// Writes microseconds as seconds.
pub(super) fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_histogram_counts_all_that_is_not_above_each_bound() {
        let times = Histogram::default();
        for us in [50, 60, 2_000_000, 60_000_000] {
            times.note(Duration::from_micros(us));
        }
        let mut text = Text::default();
        text.histogram("t", &[("verb", "a\"\\\n")], &times);
        let text = text.into_string();
        let verb = r#"verb="a\"\\\n""#;
        for line in [
            format!("t_bucket{{{verb},le=\"0.00005\"}} 1"),
            format!("t_bucket{{{verb},le=\"0.0001\"}} 2"),
            format!("t_bucket{{{verb},le=\"2.5\"}} 3"),
            format!("t_bucket{{{verb},le=\"+Inf\"}} 4"),
            format!("t_sum{{{verb}}} 62.00011"),
            format!("t_count{{{verb}}} 4"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }

    #[test]
    fn seconds_and_quotients_are_decimal_numbers() {
        assert_eq!([0, 50, 1_500_000].map(seconds), ["0", "0.00005", "1.5"]);
        let mut text = Text::default();
        text.ratio("r", 7, 2);
        text.ratio("r", 0, 0);
        assert_eq!(text.into_string(), "r 3.500\nr 0.000\n");
    }
}
