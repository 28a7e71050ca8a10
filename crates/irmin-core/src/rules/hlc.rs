//! Hybrid logical clocks: time stamps that follow the wall clock and never run backwards.

use std::fmt;
use std::str::FromStr;

use crate::DecodeError;

/// A stamp of a hybrid logical clock: wall time, a count within it, and who ticked.
///
/// Stamps are ordered by time, then count, then node, so that two stamps of different nodes are
/// never equal and a stamp made after seeing another is larger than it, however wrong the wall
/// clocks are. A node that hears a stamp from the far future follows it: compare
/// [`physical_ms`](Self::physical_ms) with the wall clock before believing strangers.
///
/// The text is `<physical-ms>.<logical>.<node>`, such as `1700000000000.0.laptop`.
///
/// ```
/// use irmin_core::rules::hlc::Hlc;
/// let first = Hlc::new(1_700_000_000_000, 0, "laptop")?;
/// let second = first.now(1_600_000_000_000); // the wall clock was set back
/// assert!(second > first);
/// assert_eq!(second.to_string(), "1700000000000.1.laptop");
/// assert_eq!(second.to_string().parse::<Hlc>()?, second);
/// # Ok::<(), irmin_core::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hlc {
    physical_ms: u64,
    logical: u32,
    node: String,
}

impl Hlc {
    /// The longest name of a node, in bytes.
    pub const NODE_BYTES_MAX: usize = 64;

    /// The latest wall time of a stamp, in milliseconds since 1970: beyond the year 10000.
    pub const PHYSICAL_MS_MAX: u64 = (1 << 48) - 1;

    /// Makes a stamp, such as the first one of a node.
    ///
    /// # Errors
    /// [`DecodeError`] when the time is beyond [`PHYSICAL_MS_MAX`](Self::PHYSICAL_MS_MAX), or the
    /// node is not 1 to 64 ASCII letters, digits, `-` or `_`.
    pub fn new(physical_ms: u64, logical: u32, node: &str) -> Result<Self, DecodeError> {
        if physical_ms > Self::PHYSICAL_MS_MAX {
            return Err(DecodeError::new("clock stamp", 0, "the time is too late"));
        }
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if node.is_empty() || node.len() > Self::NODE_BYTES_MAX || !node.bytes().all(good) {
            let reason = "a node has 1 to 64 letters, digits, '-' or '_'";
            return Err(DecodeError::new("clock stamp", 0, reason));
        }
        Ok(Self {
            physical_ms,
            logical,
            node: node.to_owned(),
        })
    }

    /// Returns the wall time in milliseconds since 1970.
    #[must_use]
    pub const fn physical_ms(&self) -> u64 {
        self.physical_ms
    }

    /// Returns the count of stamps within one wall time.
    #[must_use]
    pub const fn logical(&self) -> u32 {
        self.logical
    }

    /// Returns the name of the node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Returns this node's stamp for an event at this wall time, when `self` was its last one.
    ///
    /// Larger than `self`, up to the end of time at [`PHYSICAL_MS_MAX`](Self::PHYSICAL_MS_MAX).
    #[must_use]
    pub fn now(&self, physical_ms: u64) -> Self {
        self.after(self, physical_ms)
    }

    /// Returns this node's stamp for the arrival of `remote` at this wall time, when `self` was its
    /// last one. Larger than both.
    #[must_use]
    pub fn receive(&self, remote: &Self, physical_ms: u64) -> Self {
        self.after(self.max(remote), physical_ms)
    }

    fn after(&self, last: &Self, physical_ms: u64) -> Self {
        let physical_ms = physical_ms.min(Self::PHYSICAL_MS_MAX);
        let (physical_ms, logical) = match last.logical.checked_add(1) {
            _ if physical_ms > last.physical_ms => (physical_ms, 0),
            Some(logical) => (last.physical_ms, logical),
            None => ((last.physical_ms + 1).min(Self::PHYSICAL_MS_MAX), 0),
        };
        Self {
            physical_ms,
            logical,
            node: self.node.clone(),
        }
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.physical_ms, self.logical, self.node)
    }
}

impl FromStr for Hlc {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let bad = |offset| {
            let reason = "<milliseconds>.<count>.<node> expected";
            DecodeError::new("clock stamp", offset, reason)
        };
        let (physical, rest) = text.split_once('.').ok_or(bad(0))?;
        let (logical, node) = rest.split_once('.').ok_or(bad(physical.len() + 1))?;
        let stamp = Self::new(
            physical.parse().map_err(|_| bad(0))?,
            logical.parse().map_err(|_| bad(physical.len() + 1))?,
            node,
        )?;
        // One stamp, one text: no signs and no leading zeros.
        if stamp.to_string() == text {
            Ok(stamp)
        } else {
            Err(bad(0))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn stamp() -> impl Strategy<Value = Hlc> {
        let times = prop_oneof![0..5u64, Just(Hlc::PHYSICAL_MS_MAX - 1)];
        let counts = prop_oneof![0..3u32, Just(u32::MAX)];
        (times, counts, "[ab]").prop_map(|(ms, count, node)| Hlc::new(ms, count, &node).unwrap())
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn a_later_stamp_is_larger_whatever_the_wall_clock_says(
            own in stamp(), remote in stamp(), wall in 0..8u64,
        ) {
            prop_assert!(own.now(wall) > own);
            let received = own.receive(&remote, wall);
            prop_assert!(received > own && received > remote);
            prop_assert!(received.physical_ms() >= wall);
            prop_assert_eq!(received.node(), own.node());
        }

        #[test]
        fn text_round_trips(one in stamp()) {
            prop_assert_eq!(one.to_string().parse::<Hlc>().unwrap(), one);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[0-9.a+-]{0,30}") {
            if let Ok(stamp) = text.parse::<Hlc>() {
                prop_assert_eq!(stamp.to_string(), text);
            }
        }
    }

    #[test]
    fn other_writings_of_a_stamp_are_refused() {
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.",
            "+1.2.n",
            "01.2.n",
            "1.2.a b",
            "1.2.n\u{fc}",
            "-1.0.n",
        ] {
            assert!(bad.parse::<Hlc>().is_err(), "{bad}");
        }
        assert!(Hlc::new(1 << 48, 0, "n").is_err());
        assert!(Hlc::new(0, 0, &"n".repeat(65)).is_err());
    }
}
