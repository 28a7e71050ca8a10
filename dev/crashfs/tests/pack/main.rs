//! The embedded engine on a disk that fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod campaign;
mod damage;
mod failures;
mod full;
mod place;
mod power;
mod reads;
