//! The embedded engine on a disk that fails.

mod damage;
mod failures;
mod model;
mod power;
