//! Every transport carries bytes alike; listeners keep their limits and end as they should.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

mod drain;
mod faults;
mod inherited;
mod limits;
mod matrix;
mod namespaces;
mod tcp;
mod tls;
mod unix;
mod vsock;
#[cfg(feature = "ws")]
mod ws;
