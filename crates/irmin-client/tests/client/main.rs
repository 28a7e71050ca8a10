//! The client against a server in this process.

mod conformance;
mod calls;
mod faults;
mod real;
mod rounds;
mod server;
