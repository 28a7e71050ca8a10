//! Proofs.

use bytes::Bytes;
use irmin_core::{Error, Id, Proof};

/// Takes the bytes as they are, and with a right checksum behind them. What is accepted encodes to
/// the bytes that it came from, and answers or refuses to.
pub(crate) fn run(bytes: &[u8]) {
    let sealed = [bytes, Id::of(bytes).as_bytes()].concat();
    for bytes in [Bytes::copy_from_slice(bytes), sealed.into()] {
        let Ok(proof) = Proof::decode(&bytes) else {
            continue;
        };
        assert_eq!(proof.encode(), bytes);
        match proof.claims() {
            Ok(claims) => assert_eq!(claims.len(), proof.paths().len()),
            Err(Error::Proof(_) | Error::Decode { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
