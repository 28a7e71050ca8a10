//! JSON documents as entries.

use serde_json::{Map, Number, Value};

use super::TypedError;
use super::de::check_index;
use super::depth::Depth;
use super::source::{Content, Dir, Source};
use super::text::{Scalar, describe, unquoted};
use super::to_entry;
use crate::Entry;

/// Makes an entry of a JSON value: an object becomes a directory, an array one with numbered
/// entries, a scalar a blob. The same as [`to_entry`]; [`entry_to_json`] gives the same value back.
///
/// ```
/// use irmin_core::{entry_to_json, json_to_entry};
/// let json = serde_json::json!({ "name": "12", "size": 12, "tags": [], "owner": null });
/// assert_eq!(entry_to_json(&json_to_entry(&json)?)?, json);
/// # Ok::<(), irmin_core::TypedError>(())
/// ```
///
/// # Errors
/// [`TypedError::Key`] for a key that cannot name an entry, [`TypedError::TooDeep`].
pub fn json_to_entry(json: &Value) -> Result<Entry, TypedError> {
    to_entry(json)
}

/// Reads an entry, and all below it, as a JSON value.
///
/// # Errors
/// [`TypedError::NotJson`] for bytes that are not UTF-8, for `NaN` and `inf`, and for a number
/// that JSON values of this build cannot hold exactly; [`TypedError::Mismatch`] for a sequence with
/// a foreign entry; [`TypedError::TooDeep`]; [`TypedError::Tree`] when it cannot be read.
pub fn entry_to_json(entry: &Entry) -> Result<Value, TypedError> {
    value(Source::Lazy(entry.clone()), Depth::default())
}

/// Recursion ends at the greatest depth.
fn value(source: Source<'_>, depth: Depth) -> Result<Value, TypedError> {
    match source.read()? {
        Content::Blob(raw) => scalar(raw.bytes()),
        Content::Tree(dir) if dir.is_sequence()? => array(&dir, depth.below()?),
        Content::Tree(dir) => object(&dir, depth.below()?),
    }
}

fn array(dir: &Dir<'_>, depth: Depth) -> Result<Value, TypedError> {
    let mut values = Vec::new();
    for found in dir.entries()? {
        let (name, source) = found?;
        check_index(&name)?;
        values.push(value(source, depth).map_err(|error| error.inside(name.step()))?);
    }
    Ok(values.into())
}

fn object(dir: &Dir<'_>, depth: Depth) -> Result<Value, TypedError> {
    let mut fields = Map::new();
    for found in dir.entries()? {
        let (name, source) = found?;
        let inside = |error: TypedError| error.inside(name.step());
        let key = str::from_utf8(name.step())
            .map_err(|_| inside(TypedError::not_json("the name is not UTF-8")))?;
        fields.insert(key.to_owned(), value(source, depth).map_err(inside)?);
    }
    Ok(fields.into())
}

fn scalar(bytes: &[u8]) -> Result<Value, TypedError> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Err(TypedError::not_json("the bytes are not UTF-8"));
    };
    Ok(match describe(bytes) {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => value.into(),
        Scalar::EmptyMap => Map::new().into(),
        Scalar::EmptySequence => Vec::<Value>::new().into(),
        Scalar::Text | Scalar::Bytes => unquoted(bytes).unwrap_or_else(|| text.to_owned()).into(),
        Scalar::Unsigned(value) => value.into(),
        Scalar::Signed(value) => value.into(),
        number => exact_number(text, number)?.into(),
    })
}

/// Returns a number that is not a small integer. `serde_json` keeps more than floats only where
/// some crate of the build has switched that on.
fn exact_number(text: &str, described: Scalar) -> Result<Number, TypedError> {
    if let Some(number) = text.parse::<Number>().ok()
        && number.to_string() == text
    {
        return Ok(number);
    }
    let Scalar::Float(float) = described else {
        let reason = "the number has more digits than a JSON value holds here";
        return Err(TypedError::not_json(reason));
    };
    Number::from_f64(float).ok_or_else(|| TypedError::not_json("JSON has no such number"))
}
