//! Budgets: what operations cost in bytes, syncs, hashes, objects read and allocations. These
//! figures depend on no machine, so each is asserted, about a tenth above what it was measured to
//! be. A change that costs more has to raise a budget here and say why; one that costs less lowers
//! it. `cargo test -p irmin-bench --test budgets -- --nocapture` prints what is measured.

mod blobs;
mod commits;
mod counted;
mod finds;
mod merges;
mod upkeep;

/// What a test of a budget comes to.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
