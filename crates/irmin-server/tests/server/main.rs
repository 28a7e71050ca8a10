//! The server over its transports, as clients see it.

mod calls;
mod contents;
mod draining;
mod graphql;
mod merges;
mod objects;
mod support;
mod transactions;
mod watches;
