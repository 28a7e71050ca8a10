//! The client against a server in this process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calls;
mod conformance;
mod faults;
mod real;
mod rounds;
mod server;
