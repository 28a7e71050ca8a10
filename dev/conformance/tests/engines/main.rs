//! The engines of this repository pass the conformance suite.
// A place that cannot be opened fails the test.
#![allow(clippy::unwrap_used)]

mod memory;
mod pack;
mod reader;
