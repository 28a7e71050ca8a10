//! `irmin serve` as a process: start, signals, end, and what is told meanwhile.

mod backup;
mod metrics;
mod reload;
mod signals;
mod start;
mod support;
mod systemd;
