//! Progress of long work, on a terminal only.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// The shortest time between two drawings.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many letters wide the bar is.
const BAR: u64 = 24;

/// A line on stderr that says how far the work is. Erased when dropped.
pub(crate) struct Progress {
    label: &'static str,
    total: Option<u64>,
    started: Instant,
    drawn: Option<Instant>,
    visible: bool,
}

impl Progress {
    pub(crate) fn new(label: &'static str, total: Option<u64>, visible: bool) -> Self {
        Self {
            label,
            total,
            started: Instant::now(),
            drawn: None,
            visible,
        }
    }

    /// Sets how much there is to do, once that is known.
    pub(crate) fn set_total(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// Says how much is done, and optionally something more, such as a size.
    pub(crate) fn update(&mut self, done: u64, more: &str) {
        if !self.visible {
            return;
        }
        let now = Instant::now();
        // Quick work shows nothing at all.
        if now - self.drawn.unwrap_or(self.started) < INTERVAL {
            return;
        }
        self.drawn = Some(now);
        let mut line = format!("\r\x1b[K{} ", self.label);
        match self.total.filter(|&total| total > 0) {
            Some(total) => line += &bar(done.min(total), total),
            None => line += &done.to_string(),
        }
        if !more.is_empty() {
            line += &format!("  {more}");
        }
        let mut stderr = io::stderr().lock();
        // A progress bar that cannot be drawn is no reason to stop.
        let _ = stderr.write_all(line.as_bytes());
        let _ = stderr.flush();
    }
}

fn bar(done: u64, total: u64) -> String {
    let scaled = |size: u64| u128::from(done) * u128::from(size) / u128::from(total);
    let full = usize::try_from(scaled(BAR)).unwrap_or(0);
    let rest = usize::try_from(BAR).unwrap_or(0).saturating_sub(full);
    format!(
        "[{}{}] {:3} %  {done}/{total}",
        "=".repeat(full),
        " ".repeat(rest),
        scaled(100)
    )
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0, 8), format!("[{}]   0 %  0/8", " ".repeat(24)));
        assert!(bar(4, 8).starts_with(&format!("[{}{}]  50 %", "=".repeat(12), " ".repeat(12))));
        assert!(bar(8, 8).contains("100 %"));
    }
}
