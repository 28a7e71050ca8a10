//! The network protocol of Irminsule.
//!
//! The `.proto` files beside this crate are the protocol's text, and [`v1`] is the code that is
//! generated from them: messages, clients and the traits of servers. Generated code is committed, so
//! that building needs no `protoc`; a test generates it again and compares
//! (`IRMIN_PROTO=overwrite cargo test -p irmin-proto` writes it).

#![forbid(unsafe_code)]

mod failure;
mod ids;

pub use failure::{DOMAIN, Failure};
pub use ids::ID_BYTES;

/// The first version of the protocol: one message, client or server for each in the `.proto` files.
///
/// This is the one place where generated code is exempt from the workspace's lints; what `xtask`
/// checks leaves out directories named `generated`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    rustdoc::all,
    unused_qualifications,
    elided_lifetimes_in_paths,
    reason = "the code is generated"
)]
pub mod v1 {
    include!("generated/irmin.v1.rs");
}

/// The encoded set of file descriptors of [`v1`], which a reflection service answers from.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/irmin.v1.bin");
