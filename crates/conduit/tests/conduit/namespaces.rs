//! IPv6 in network namespaces that are made for each test: two machines with a cable between them.
//!
//! They need root and iproute2. Where namespaces cannot be made, the tests fail if `CI` is `true`, and say aloud that they are
//! skipped if it is not.

mod addresses;
mod fallback;
mod machine;
mod proxies;
mod server;
