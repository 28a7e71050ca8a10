//! The embedded engine on a disk that fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod campaign;
mod collect;
mod damage;
mod delta;
mod durability;
mod failures;
mod full;
mod group;
mod place;
mod power;
mod readers;
mod reads;
mod salvage;
mod salvage_partial;
mod whole;
