//! The server of Irminsule.
//!
//! [`service`] says once what the server can do, and to whom: synchronous, without HTTP. Transports
//! call it and nothing else. [`http`] puts them on one router and serves it over connections. [`config`]
//! is what a server is told, [`ops`] runs one from its start to its end.

#![forbid(unsafe_code)]

pub mod config;
pub mod graphql;
mod grpc;
pub mod http;
pub mod ops;
mod rest;
pub mod service;
mod web;
