//! The server over its transports, as clients see it.

mod calls;
mod contents;
mod crowd;
mod draining;
mod faulty;
mod graphql;
mod kills;
mod linear;
mod merges;
mod model;
mod objects;
mod pen;
mod plain;
mod rest;
mod socket;
mod support;
mod tls;
mod transactions;
mod watches;
