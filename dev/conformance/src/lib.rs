//! What every engine of Irminsule has to pass.
//!
//! [`suite`] runs the named properties of one file per theme, the random scripts of `script`
//! beside the naive model of [`model`], racing transactions of `race` and the history checker of
//! [`checker`]. An engine passes in five lines:
//!
//! ```
//! use std::sync::Arc;
//! use irmin_conformance::{Place, objects};
//! use irmin_core::{Engine, MemoryStore};
//!
//! struct Memory(Arc<MemoryStore>);
//! impl Place for Memory {
//!     fn open(&self) -> Arc<dyn Engine> {
//!         Arc::clone(&self.0) as Arc<dyn Engine>
//!     }
//! }
//! // All of it, in a test: irmin_conformance::suite(&|| Box::new(Memory(Arc::default())));
//! for (_, check) in objects::CHECKS {
//!     check(&|| Box::new(Memory(Arc::default())));
//! }
//! ```
// A suite panics where a property does not hold: that is its job.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod branches;
pub mod checker;
pub mod collect;
mod compare;
pub mod deep;
pub mod engines;
pub mod history;
pub mod merges;
pub mod model;
pub mod names;
pub mod objects;
mod place;
mod probe;
mod race;
mod script;
mod suite;
pub mod sync;
pub mod transactions;
pub mod trees;
pub mod watch;
pub mod wide;

pub use place::{Open, Place};
pub use probe::Probe;
pub use suite::{Check, suite};
