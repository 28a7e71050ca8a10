//! The client against a server in this process.

mod calls;
mod conformance;
mod faults;
mod real;
mod rounds;
mod server;
