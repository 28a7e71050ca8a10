//! `map`: a JSON object of which each key holds one value.
//!
//! Keys are merged one by one: added, changed and removed by either side. A value, whatever its
//! depth, is taken as a whole, so nobody gets a mixture of two people's values; a key that both
//! sides changed differently, or one changed and the other removed, is a conflict that names the
//! key. For documents whose inner objects should be merged too there is [`json`](super::json); the
//! result is written as described there.

use super::json::merge_documents;
use super::json_value::Value;
use super::{MergeRule, RuleConflict, settled};
use crate::DecodeError;

/// Merges an object key by key, each value as a whole.
///
/// ```
/// use irmin_core::rules::{MergeRule, map::Map};
/// let merged = Map.merge(Some(br#"{"a": 1}"#), br#"{"a": 1, "b": 2}"#, br#"{"a": 3}"#)?;
/// assert_eq!(merged, b"{\n  \"a\": 3,\n  \"b\": 2\n}\n");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Map;

impl MergeRule for Map {
    fn name(&self) -> &'static str {
        "map"
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
        let base = base.map(|bytes| object("base", bytes)).transpose()?;
        let (ours, theirs) = (object("ours", ours)?, object("theirs", theirs)?);
        merge_documents(base.as_ref(), ours, theirs, 1)
    }
}

fn object(side: &str, bytes: &[u8]) -> Result<Value, RuleConflict> {
    let value = match Value::parse(bytes) {
        Ok(Value::Object(entries)) => Ok(Value::Object(entries)),
        Ok(_) => Err(DecodeError::new("map", 0, "a JSON object expected")),
        Err(error) => Err(error),
    };
    value.map_err(|error| RuleConflict::unreadable(side, &error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn merge(base: &str, ours: &str, theirs: &str) -> Result<String, String> {
        let merged = Map.merge(Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
        let merged = merged.map_err(|conflict| conflict.reason)?;
        Ok(String::from_utf8(merged).unwrap().replace(['\n', ' '], ""))
    }

    fn map() -> impl Strategy<Value = String> {
        prop::collection::btree_map("[a-c]", 0..3u8, 0..3).prop_map(|entries| {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            format!("{{{}}}", entries.join(","))
        })
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn replicas_converge_in_any_order_unless_they_conflict(
            base in map(), a in map(), b in map(), c in map(),
        ) {
            let left = merge(&base, &a, &b).and_then(|ab| merge(&base, &ab, &c));
            let right = merge(&base, &b, &c).and_then(|bc| merge(&base, &a, &bc));
            if let (Ok(left), Ok(right)) = (left, right) {
                prop_assert_eq!(left, right);
            }
        }
    }

    #[test]
    fn values_are_taken_as_a_whole() {
        let reason = merge(r#"{"a":{}}"#, r#"{"a":{"x":1}}"#, r#"{"a":{"y":1}}"#).unwrap_err();
        assert_eq!(reason, "both sides changed '/a'");
        assert_eq!(
            merge("{}", r#"{"a":{"x":1}}"#, r#"{"b":[]}"#).unwrap(),
            r#"{"a":{"x":1},"b":[]}"#
        );
    }

    #[test]
    fn a_change_against_a_removal_conflicts() {
        assert!(merge(r#"{"a":1}"#, "{}", r#"{"a":2}"#).is_err());
        assert_eq!(
            merge(r#"{"a":1,"b":1}"#, r#"{"b":1}"#, r#"{"a":1}"#).unwrap(),
            "{}"
        );
    }

    #[test]
    fn what_is_no_object_is_a_conflict() {
        assert!(
            merge("{}", r#"{"a":1}"#, "[1]")
                .unwrap_err()
                .starts_with("theirs: bad map")
        );
    }
}
