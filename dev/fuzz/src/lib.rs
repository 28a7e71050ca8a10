//! What a fuzzer calls: one function for each parser of foreign bytes.
//!
//! Each function takes any bytes, must not panic, and asserts what must hold of what was read: that
//! a canonical encoding comes back byte for byte, that what is printed reads back as the same, that
//! the merge rules keep their laws. `fuzz/` builds a libFuzzer program of each (nightly Rust and
//! cargo-fuzz); the test of this crate replays `fuzz/corpus/` with mutations on stable Rust.
//!
//! ```
//! let (name, target) = irmin_fuzz::TARGETS[0];
//! target(b"any bytes at all");
//! # assert_eq!(name, "commit");
//! ```

mod budget;
mod bundle;
mod chunks;
mod commit;
mod conduit;
mod input;
mod merges;
mod names;
mod pack;
mod proof;
mod received;
mod tree;
mod typed;

/// A function to fuzz.
pub type Target = fn(&[u8]);

/// All functions by the names of their directories in `fuzz/corpus/`.
pub const TARGETS: [(&str, Target); 17] = [
    ("commit", commit::run),
    ("tree", tree::run),
    ("chunks", chunks::run),
    ("revision", names::revision),
    ("path", names::path),
    ("ref_name", names::ref_name),
    ("json", typed::json),
    ("rules", merges::rules),
    ("merges", merges::merges),
    ("proof", proof::run),
    ("bundle", bundle::run),
    ("received", received::run),
    ("pack_frame", pack::frame),
    ("pack_store", pack::store),
    ("endpoint", conduit::endpoint),
    ("proxy_header", conduit::proxy_header),
    ("certificate", conduit::certificate),
];

/// Runs the function with this name.
///
/// # Panics
/// When there is none, or when the bytes show a bug.
pub fn run(name: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, target) = found.unwrap_or_else(|| panic!("no target '{name}'"));
    target(bytes);
}
