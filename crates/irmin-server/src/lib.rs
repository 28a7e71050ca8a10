//! The server of Irminsule.
//!
//! [`service`] says once what the server can do, and to whom: synchronous, without HTTP. Transports
//! call it and nothing else.

#![forbid(unsafe_code)]

pub mod service;
pub mod web;
