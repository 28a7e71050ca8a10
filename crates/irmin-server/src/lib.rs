//! The server of Irminsule.
//!
//! [`service`] says once what the server can do, and to whom: synchronous, without HTTP. Transports
//! call it and nothing else. [`http`] puts them on one router and serves it over connections.

#![forbid(unsafe_code)]

pub mod graphql;
mod grpc;
pub mod http;
pub mod service;
