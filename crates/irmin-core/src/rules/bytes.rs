//! `bytes`: values without structure; the default.

use super::{MergeRule, RuleConflict, settled};

/// Takes the side that changed the value; both sides must agree if both did.
///
/// ```
/// use irmin_core::rules::{MergeRule, bytes::Bytes};
/// assert_eq!(Bytes.merge(Some(b"a"), b"a", b"b")?, b"b");
/// assert!(Bytes.merge(Some(b"a"), b"b", b"c").is_err());
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes;

impl MergeRule for Bytes {
    fn name(&self) -> &'static str {
        "bytes"
    }

    fn merge(
        &self,
        base: Option<&[u8]>,
        ours: &[u8],
        theirs: &[u8],
    ) -> Result<Vec<u8>, RuleConflict> {
        settled(base, ours, theirs)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| RuleConflict::new("both sides changed the value"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_changes_or_additions_conflict() {
        assert!(Bytes.merge(Some(b"a"), b"b", b"c").is_err());
        assert!(Bytes.merge(None, b"b", b"c").is_err());
        assert_eq!(Bytes.merge(None, b"b", b"b").unwrap(), b"b");
    }
}
