//! Merge rules: how the two changed versions of one value become one.
//!
//! The merge of two trees settles by itself what only one side changed. Where both sides changed
//! the same blob it asks the rule of the path, which is a pure function of three byte strings.
//! Which path has which rule is written in the repository itself, in the file [`RULES_PATH`], so
//! that every replica merges alike: see [`Rules`].
//!
//! | type | a value is | both sides changed it |
//! |---|---|---|
//! | [`bytes`] | anything | conflict, unless both made it the same (the default) |
//! | [`counter`] | a decimal integer of 64 bits | both additions count |
//! | [`max`], [`min`] | a decimal number | the larger, the smaller |
//! | [`register`] | a clock stamp and any bytes | the last writer wins |
//! | [`set`] | lines | additions and removals of both sides |
//! | [`map`] | a JSON object | key by key; a conflict where both changed one key |
//! | [`json`] | a JSON document | objects key by key at every depth |
//! | [`log`] | lines that only grow | the new lines of both, in the order of their stamps |
//! | [`queue`] | lines, pushed at the end and popped at the front | pops and pushes of both |
//! | [`text`] | lines | line by line; a conflict where changes overlap |
//!
//! # Laws
//! For every rule here, every base `b` and all sides `x` and `y`, byte for byte:
//! * `merge(b, b, y) = y` and `merge(b, x, b) = x`: a change of one side is taken as it is;
//! * `merge(b, x, y) = merge(b, y, x)`: it does not matter who merges whom;
//! * `merge(b, x, x) = x`, except for rules that [add up](MergeRule::adds_up).
//!
//! ```
//! use irmin_core::rules::{Rules, MergeRule};
//! use irmin_core::Path;
//!
//! let rules = Rules::parse(b"hits/** counter\n**/*.md text\n")?;
//! let rule = rules.rule_for(&Path::parse("hits/home")?);
//! assert_eq!(rule.merge(Some(b"10"), b"12", b"15")?, b"17");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::Debug;

use crate::DecodeError;

pub mod bytes;
pub mod counter;
mod decimal;
mod diff3;
pub mod hlc;
pub mod json;
mod json_value;
#[cfg(test)]
mod laws;
mod lines;
pub mod log;
pub mod map;
pub mod max;
pub mod min;
mod pattern;
pub mod queue;
pub mod register;
pub mod set;
mod shortest_edit;
mod table;
pub mod text;
pub mod textdiff;

pub use pattern::{PATTERN_BYTES_MAX, Pattern, PatternError};
pub use table::{RULES_PATH, RuleTypes, Rules, RulesError};

/// A way to merge two changed versions of a value.
///
/// A rule must be a pure function: the same bytes give the same result on every machine and for
/// ever, otherwise replicas drift apart. It should not depend on which side is "ours".
///
/// ```
/// use irmin_core::rules::{MergeRule, RuleConflict, RuleTypes};
/// use irmin_core::Path;
/// use std::sync::Arc;
///
/// /// The longer value wins, the larger among equally long ones.
/// #[derive(Debug)]
/// struct Longest;
///
/// impl MergeRule for Longest {
///     fn name(&self) -> &str {
///         "longest"
///     }
///
///     fn merge(&self, _: Option<&[u8]>, a: &[u8], b: &[u8]) -> Result<Vec<u8>, RuleConflict> {
///         Ok(if (a.len(), a) >= (b.len(), b) { a } else { b }.to_vec())
///     }
/// }
///
/// let types = RuleTypes::default().with(Arc::new(Longest));
/// let rules = types.parse(b"** longest\n")?;
/// let rule = rules.rule_for(&Path::parse("motto")?);
/// assert_eq!(rule.merge(None, b"on", b"onwards")?, b"onwards");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait MergeRule: Send + Sync + Debug {
    /// Returns the name of the content type, as it is written in [`RULES_PATH`]: one word.
    fn name(&self) -> &str;

    /// Merges two versions of a value that both come from `base`; `None`: the value is new on both
    /// sides.
    ///
    /// The merge of trees calls this only when neither side equals the base and, unless the rule
    /// [adds up](Self::adds_up), the sides differ.
    ///
    /// # Errors
    /// [`RuleConflict`] when a person has to decide, or when bytes are not of this type.
    fn merge(
        &self,
        base: Option<&[u8]>,
        ours: &[u8],
        theirs: &[u8],
    ) -> Result<Vec<u8>, RuleConflict>;

    /// Tells whether the same change made on both sides counts twice, as with a counter that both
    /// sides raised from 5 to 6. Then two equal sides that differ from the base are no reason to
    /// skip the rule. See [`Rules::adds_up`].
    fn adds_up(&self) -> bool {
        false
    }
}

/// Why a rule leaves the decision to a person. A value, not a failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RuleConflict {
    /// What both sides did, or which side is not of the type and where; one line for people.
    pub reason: String,
}

impl RuleConflict {
    /// Builds a conflict with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }

    /// Says that the value of one side is not of the type.
    fn unreadable(side: &str, error: &DecodeError) -> Self {
        Self::new(format!("{side}: {error}"))
    }

    /// Says which places both sides changed: the first few by name, the others counted.
    fn both_changed(places: &[String]) -> Self {
        let shown = places.len().min(PLACES_SHOWN_MAX);
        let mut reason = format!("both sides changed {}", places[..shown].join(", "));
        if places.len() > shown {
            reason += &format!(" and {} more", places.len() - shown);
        }
        Self::new(reason)
    }
}

/// Returns the result when nobody, one side, or both sides alike changed the value.
fn settled<'a>(base: Option<&[u8]>, ours: &'a [u8], theirs: &'a [u8]) -> Option<&'a [u8]> {
    if ours == theirs {
        return Some(ours);
    }
    one_sided(base, ours, theirs)
}

/// Returns the result when at most one side changed the value.
fn one_sided<'a>(base: Option<&[u8]>, ours: &'a [u8], theirs: &'a [u8]) -> Option<&'a [u8]> {
    match base {
        Some(base) if base == ours => Some(theirs),
        Some(base) if base == theirs => Some(ours),
        _ => None,
    }
}

/// The most places that the reason of a conflict names.
const PLACES_SHOWN_MAX: usize = 5;
