//! The client against a server in this process.

mod conformance;
mod faults;
mod rounds;
mod server;
