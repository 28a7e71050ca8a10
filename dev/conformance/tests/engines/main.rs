//! The engines of this repository pass the conformance suite.

mod memory;
mod pack;
