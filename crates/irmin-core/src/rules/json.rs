//! `json`: documents, merged by structure.
//!
//! Objects are merged key by key at every depth. Everything else, arrays included, is one value:
//! changed by one side or by both alike, otherwise a conflict, as are a change of kind on one side
//! against another change, and a change against a removal. The reason names every such place as a
//! JSON pointer. Values are compared by structure, so blanks and the order of keys do not matter;
//! numbers are compared and kept as they were written, at any precision (`1` and `1.0` differ).
//!
//! A merged document has its keys in the order of their bytes, two blanks a level and one line end
//! at the end, so that every machine writes the same bytes. Documents nest at most 128 levels.

use super::json_value::{DEPTH_MAX, Value};
use super::{MergeRule, RuleConflict, settled};

/// Merges objects key by key, at every depth.
///
/// ```
/// use irmin_core::rules::{MergeRule, json::Json};
/// let merged = Json.merge(
///     Some(br#"{"size": {"w": 1, "h": 1}}"#),
///     br#"{"size": {"w": 2, "h": 1}}"#,
///     br#"{"size": {"w": 1, "h": 3}, "new": 1.50}"#,
/// )?;
/// assert_eq!(merged, b"{\n  \"new\": 1.50,\n  \"size\": {\n    \"h\": 3,\n    \"w\": 2\n  }\n}\n");
/// # Ok::<(), irmin_core::rules::RuleConflict>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl MergeRule for Json {
    fn name(&self) -> &'static str {
        "json"
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
        let read =
            |side, bytes| Value::parse(bytes).map_err(|e| RuleConflict::unreadable(side, &e));
        let base = base.map(|bytes| read("base", bytes)).transpose()?;
        let (ours, theirs) = (read("ours", ours)?, read("theirs", theirs)?);
        merge_documents(base.as_ref(), ours, theirs, DEPTH_MAX)
    }
}

/// Merges two versions; objects key by key down to this many levels, values below as one.
pub(super) fn merge_documents(
    base: Option<&Value>,
    ours: Value,
    theirs: Value,
    levels: usize,
) -> Result<Vec<u8>, RuleConflict> {
    let mut merger = Merger::default();
    let merged = merger.value(base, Some(ours), Some(theirs), levels);
    match merged {
        Some(value) if merger.conflicts.is_empty() => Ok(value.to_bytes()),
        _ => Err(RuleConflict::both_changed(&merger.conflicts)),
    }
}

type Entries = Vec<(String, Value)>;

#[derive(Default)]
struct Merger {
    /// The place being merged, as a JSON pointer.
    pointer: String,
    conflicts: Vec<String>,
}

impl Merger {
    /// Merges two versions of a value; `None` is absence. Recursion: at most `levels`.
    fn value(
        &mut self,
        base: Option<&Value>,
        ours: Option<Value>,
        theirs: Option<Value>,
        levels: usize,
    ) -> Option<Value> {
        if ours == theirs || base == theirs.as_ref() {
            return ours;
        }
        if base == ours.as_ref() {
            return theirs;
        }
        let base = match base {
            None => Some(&[][..]),
            Some(Value::Object(entries)) => Some(entries.as_slice()),
            Some(_) => None,
        };
        match (base, ours, theirs) {
            (Some(base), Some(Value::Object(ours)), Some(Value::Object(theirs))) if levels > 0 => {
                Some(Value::Object(self.objects(base, ours, theirs, levels - 1)))
            }
            _ => {
                let pointer = self.pointer.escape_debug().take(POINTER_SHOWN_MAX);
                self.conflicts
                    .push(format!("'{}'", pointer.collect::<String>()));
                None
            }
        }
    }

    fn objects(
        &mut self,
        base: &[(String, Value)],
        ours: Entries,
        theirs: Entries,
        levels: usize,
    ) -> Entries {
        let mut merged = Vec::with_capacity(ours.len().max(theirs.len()));
        let mut ours = ours.into_iter().peekable();
        let mut theirs = theirs.into_iter().peekable();
        while let Some(key) = match (ours.peek(), theirs.peek()) {
            (Some((one, _)), Some((other, _))) => Some(one.min(other).clone()),
            (one, other) => one.or(other).map(|(key, _)| key.clone()),
        } {
            let base = base
                .binary_search_by(|(other, _)| other.cmp(&key))
                .ok()
                .map(|at| &base[at].1);
            let one = ours
                .next_if(|(other, _)| *other == key)
                .map(|(_, value)| value);
            let other = theirs
                .next_if(|(other, _)| *other == key)
                .map(|(_, value)| value);
            let length = self.pointer.len();
            self.pointer.push('/');
            self.pointer
                .push_str(&key.replace('~', "~0").replace('/', "~1"));
            if let Some(value) = self.value(base, one, other, levels) {
                merged.push((key, value));
            }
            self.pointer.truncate(length);
        }
        merged
    }
}

/// The longest JSON pointer in the reason of a conflict, in characters.
const POINTER_SHOWN_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(base: &str, ours: &str, theirs: &str) -> Result<String, String> {
        let merged = Json.merge(Some(base.as_bytes()), ours.as_bytes(), theirs.as_bytes());
        let merged = merged.map_err(|conflict| conflict.reason)?;
        Ok(String::from_utf8(merged).unwrap().replace(['\n', ' '], ""))
    }

    #[test]
    fn changes_of_different_keys_are_both_kept_at_any_depth() {
        let merged = merge(
            r#"{"a":{"x":1,"y":[1]},"gone":0,"b":true}"#,
            r#"{"a":{"x":2,"y":[1]},"b":true,"n":{"p":1}}"#,
            r#"{"b":false,"a":{"y":[1,2],"x":1},"gone":0,"n":{"q":2}}"#,
        );
        assert_eq!(
            merged.unwrap(),
            r#"{"a":{"x":2,"y":[1,2]},"b":false,"n":{"p":1,"q":2}}"#
        );
    }

    #[test]
    fn every_conflict_is_named_as_a_pointer() {
        let reason = merge(
            r#"{"a":1,"b":[1],"c":{"d/e":1},"f":1,"g":1}"#,
            r#"{"a":2,"b":[2],"c":{"d/e":2},"g":{}}"#,
            r#"{"a":3,"b":[3],"c":{"d/e":3},"f":2,"g":[]}"#,
        );
        assert_eq!(
            reason.unwrap_err(),
            "both sides changed '/a', '/b', '/c/d~1e', '/f', '/g'"
        );
        assert_eq!(merge("1", "2", "3").unwrap_err(), "both sides changed ''");
    }

    #[test]
    fn values_are_compared_by_structure_and_numbers_as_written() {
        assert_eq!(
            merge(r#"{"a":1,"b":2}"#, r#"{"b":2, "a":1}"#, r#"{"a":1,"b":3}"#).unwrap(),
            r#"{"a":1,"b":3}"#
        );
        let long = "0.12345678901234567890123456789";
        let merged = merge(
            "{}",
            &format!(r#"{{"a":{long}}}"#),
            r#"{"b":18446744073709551616}"#,
        );
        assert_eq!(
            merged.unwrap(),
            format!(r#"{{"a":{long},"b":18446744073709551616}}"#)
        );
    }

    #[test]
    fn what_is_no_json_is_named_with_side_and_place() {
        assert_eq!(
            merge("{}", "{\"a\":1}", "{\"b\":}").unwrap_err(),
            "theirs: bad JSON at byte 5: a value expected"
        );
    }

    #[test]
    fn documents_of_the_greatest_depth_are_merged() {
        let nested = |leaf: &str| "{\"a\":".repeat(127) + "{" + leaf + "}" + &"}".repeat(127);
        let merged = merge(&nested(""), &nested("\"x\":1"), &nested("\"y\":1"));
        assert_eq!(merged.unwrap(), nested("\"x\":1,\"y\":1"));
    }
}
