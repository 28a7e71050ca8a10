//! `register`: any value, of which the one written last wins.
//!
//! A value is one line `hlc <physical-ms>.<logical>.<node>` and then the bytes themselves. The
//! larger stamp wins, under one stamp the larger value. Taking the largest is commutative,
//! associative and idempotent: replicas converge in any order of merging.

use super::hlc::Hlc;
use super::{MergeRule, RuleConflict, settled};
use crate::DecodeError;

/// Takes the side with the larger clock stamp.
///
/// ```
/// use irmin_core::rules::{MergeRule, hlc::Hlc, register::{self, Register}};
/// let early = register::encode(&Hlc::new(1000, 0, "phone")?, b"red");
/// let late = register::encode(&Hlc::new(2000, 0, "laptop")?, b"green");
/// assert_eq!(late, b"hlc 2000.0.laptop\ngreen");
/// assert_eq!(Register.merge(None, &late, &early)?, late);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Register;

impl MergeRule for Register {
    fn name(&self) -> &'static str {
        "register"
    }

    fn merge(
        &self,
        base: Option<&[u8]>,
        ours: &[u8],
        theirs: &[u8],
    ) -> Result<Vec<u8>, RuleConflict> {
        if let Some(side) = settled(base, ours, theirs) {
            return Ok(side.to_vec());
        }
        let read = |side, bytes| decode(bytes).map_err(|e| RuleConflict::unreadable(side, &e));
        let ours_wins = read("ours", ours)? > read("theirs", theirs)?;
        Ok(if ours_wins { ours } else { theirs }.to_vec())
    }
}

/// Writes a value with its stamp.
#[must_use]
pub fn encode(stamp: &Hlc, value: &[u8]) -> Vec<u8> {
    let mut bytes = format!("hlc {stamp}\n").into_bytes();
    bytes.extend_from_slice(value);
    bytes
}

/// Reads the stamp and the value. Copies no value.
///
/// # Errors
/// [`DecodeError`] when the bytes do not start with a line `hlc <stamp>`.
pub fn decode(bytes: &[u8]) -> Result<(Hlc, &[u8]), DecodeError> {
    let bad = DecodeError::new("register", 0, "a first line 'hlc <stamp>' expected");
    let rest = bytes.strip_prefix(PREFIX).ok_or(bad.clone())?;
    let end = rest.iter().position(|&byte| byte == b'\n');
    let (stamp, value) = rest
        .split_at_checked(end.ok_or(bad.clone())?)
        .ok_or(bad.clone())?;
    let stamp: Hlc =
        str::from_utf8(stamp)
            .map_err(|_| bad)?
            .parse()
            .map_err(|e: DecodeError| {
                DecodeError::new("register", PREFIX.len() + e.offset, e.reason)
            })?;
    Ok((stamp, value.get(1..).unwrap_or_default()))
}

const PREFIX: &[u8] = b"hlc ";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn register() -> impl Strategy<Value = Vec<u8>> {
        (0..3u64, 0..2u32, "[ab]", "[xy\n]{0,2}").prop_map(|(ms, count, node, value)| {
            encode(&Hlc::new(ms, count, &node).unwrap(), value.as_bytes())
        })
    }

    fn merge(ours: &[u8], theirs: &[u8]) -> Vec<u8> {
        Register.merge(None, ours, theirs).unwrap()
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn replicas_converge_in_any_order(a in register(), b in register(), c in register()) {
            prop_assert_eq!(merge(&merge(&a, &b), &c), merge(&a, &merge(&b, &c)));
            prop_assert_eq!(merge(&a, &b), merge(&b, &a));
        }

        #[test]
        fn the_value_round_trips(value in prop::collection::vec(any::<u8>(), 0..20)) {
            let stamp = Hlc::new(5, 1, "n").unwrap();
            let bytes = encode(&stamp, &value);
            prop_assert_eq!(decode(&bytes).unwrap(), (stamp, value.as_slice()));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in "(hlc )?[0-9.a\n]{0,12}") {
            let _ = decode(bytes.as_bytes());
        }
    }

    #[test]
    fn the_node_and_then_the_value_break_ties() {
        assert_eq!(merge(b"hlc 5.0.a\nz", b"hlc 5.0.b\na"), b"hlc 5.0.b\na");
        assert_eq!(merge(b"hlc 5.0.a\nz", b"hlc 5.0.a\na"), b"hlc 5.0.a\nz");
        assert_eq!(merge(b"hlc 5.10.a\nx", b"hlc 5.9.a\ny"), b"hlc 5.10.a\nx");
    }

    #[test]
    fn bytes_without_a_stamp_are_a_conflict() {
        let conflict = Register.merge(None, b"hlc 5.0.a\nz", b"green").unwrap_err();
        assert!(
            conflict
                .reason
                .starts_with("theirs: bad register at byte 0")
        );
        for bad in [
            "",
            "hlc",
            "hlc 1.0.a",
            "hlc x.0.a\n",
            "hlc 1.0.\u{fc}\n",
            "HLC 1.0.a\n",
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
