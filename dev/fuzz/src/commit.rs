//! Commits.

use bytes::Bytes;
use irmin_core::CommitData;

/// A commit that was decoded encodes to the bytes that it came from.
pub(crate) fn run(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let Ok(commit) = CommitData::decode(&bytes) else {
        return;
    };
    let again = commit.encode().expect("what was decoded is within limits");
    assert_eq!(again.bytes, bytes);
    assert_eq!(again.links.len(), commit.parents.len() + 1);
    assert!(!commit.info.subject().contains('\n'));
}
