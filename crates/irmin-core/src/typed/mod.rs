//! Values of any `serde` type as parts of a tree, so that two people who change two fields merge.
//!
//! A struct, map, sequence or variant with data is a directory with one entry for each field, key
//! or element; everything else is a blob of text. [`to_entry`] and [`from_entry`] go there and
//! back without loss. Reading is lazy: fields that the type does not have are listed, not read.
//!
//! | value | entry |
//! |---|---|
//! | struct, map | a directory, one entry for each field or key; without any, the blob `{}` |
//! | sequence, tuple, tuple struct | a directory with the entries `@0` to `@9`, `@a10` to `@a99`, `@b100` …; without any, the blob `[]` |
//! | unit variant | the variant's name, as a string |
//! | newtype, tuple, struct variant | a directory with one entry, called as the variant: the value, sequence or map |
//! | newtype struct, `Some` | what is inside |
//! | `None`, unit, unit struct | the blob `null` |
//! | `Some` of what is written `null` | a directory with the one entry `Some`: `null`; likewise around that |
//! | bool | `true`, `false` |
//! | integer | decimal digits, after `-` if negative |
//! | float | the shortest decimal that reads as the same number, with `.` or an exponent; `NaN`, `inf`, `-inf` |
//! | string, char | its bytes; but JSON text in quotes if it starts with `"`, is a number by JSON's grammar, or is one of `null`, `true`, `false`, `NaN`, `inf`, `-inf`, `{}`, `[]` |
//! | bytes | as they are |
//! | key of a map | as text, without quotes: string, char, bool, integer, finite float, unit variant; bytes as they are |
//!
//! What a directory or blob is to a reader without a type in mind (JSON, untagged and internally
//! tagged enums, flattened fields) follows from the table read backwards: a directory with an entry
//! `@0` is a sequence, any other a map; a blob is a number, `null` and so on if it reads as one, a
//! string if it is UTF-8, bytes otherwise. A string type reads any UTF-8 blob, in quotes or not, so
//! `irmin set config/name 12` loads as a string and as a number.
//!
//! What cannot be written is refused with its path: a key that is no [`Step`](crate::Step) (empty,
//! `.`, `..`, with `/` or NUL, over 255 bytes), a key `@0`, two keys with the same text, a key that
//! is not finite or does not print, more than [`TYPED_DEPTH_MAX`] levels. What cannot come back as
//! it was: the sign and payload of a NaN; bytes where no type asks for bytes (below `flatten` or
//! `untagged`); nested options there. A merge may take an element out of the middle of a sequence;
//! the others keep their order and are read.

mod at;
mod de;
mod depth;
mod error;
mod json;
mod ser;
mod source;
mod text;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use depth::TYPED_DEPTH_MAX;
pub use error::TypedError;
pub use json::{entry_to_json, json_to_entry};
pub use source::Loaded;

use crate::Entry;

/// Makes an entry of a value. In memory; O(size of the value).
///
/// ```
/// use irmin_core::{Path, from_entry, to_entry};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, PartialEq, Debug)]
/// struct Server {
///     name: String,
///     port: u16,
///     tags: Vec<String>,
/// }
///
/// let server = Server { name: "alpha".into(), port: 8080, tags: vec!["eu".into()] };
/// let entry = to_entry(&server)?;
/// assert_eq!(from_entry::<Server>(&entry)?, server);
///
/// let tree = entry.into_tree().unwrap();
/// assert_eq!(tree.get_bytes(&Path::parse("port")?)?.unwrap(), "8080");
/// assert_eq!(tree.get_bytes(&Path::parse("tags/@0")?)?.unwrap(), "eu");
/// # Ok::<(), irmin_core::Error>(())
/// ```
///
/// # Errors
/// [`TypedError`] with the place inside the value that cannot be part of a tree, and what the
/// value's own `Serialize` reports.
pub fn to_entry<T: Serialize + ?Sized>(value: &T) -> Result<Entry, TypedError> {
    value.serialize(ser::Serializer::default())
}

/// Reads a value from an entry. Reads the directories that make up the value and the blobs of the
/// fields that the type has, nothing else. Entries that the type does not know are ignored unless
/// the type denies them.
///
/// For types that borrow, see [`Loaded`].
///
/// # Errors
/// [`TypedError`] with the place that is not what the type needs, or that cannot be read.
pub fn from_entry<T: DeserializeOwned>(entry: &Entry) -> Result<T, TypedError> {
    de::owned(entry)
}

#[cfg(test)]
mod tests;
