//! IPv6 in network namespaces that are made for each test: two machines with a cable between them.
//!
//! They need root and iproute2. Where namespaces cannot be made, the tests fail if `CI` is `true`, and say aloud that they are
//! skipped if it is not.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod machine;
mod server;

mod addresses;
mod fallback;
mod proxies;
