//! Every transport carries bytes alike.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

mod matrix;
