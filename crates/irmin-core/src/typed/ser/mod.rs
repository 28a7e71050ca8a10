//! Values to entries. Recursion follows the value and ends at the greatest depth.

mod compound;
mod key;

use serde::Serialize;
use serde::ser;

use super::TypedError;
use super::depth::Depth;
use super::source::{NULL, SOME, Source};
use super::text::{float32, float64, name, quoted};
use crate::{Blob, Entry, Path, Tree};
use compound::{Elements, Fields};

/// The struct as which `serde_json` hands over a number of any size, where some crate has
/// switched that on.
const JSON_NUMBER: &str = "$serde_json::private::Number";

#[derive(Default)]
pub(super) struct Serializer {
    depth: Depth,
}

fn blob(text: impl Into<String>) -> Entry {
    Blob::new(text.into()).into()
}

fn null() -> Entry {
    Blob::new(NULL).into()
}

/// Returns a directory with one entry.
fn only(name_of_entry: &str, entry: Entry) -> Result<Entry, TypedError> {
    let mut tree = Tree::empty();
    tree.set(&Path::from(name(name_of_entry.as_bytes())?), entry)?;
    Ok(tree.into())
}

/// Returns `Some` of an entry: itself, unless that would read as `None`.
fn some(entry: Entry) -> Result<Entry, TypedError> {
    let inner = Source::Lazy(entry.clone());
    if !inner.is_null()? && inner.strip_some()?.is_none() {
        return Ok(entry);
    }
    let wrapped = only(SOME, entry)?;
    if Source::Lazy(wrapped.clone()).strip_some()?.is_none() {
        let path = Path::root();
        return Err(TypedError::TooDeep { path });
    }
    Ok(wrapped)
}

impl ser::Serializer for Serializer {
    type Ok = Entry;
    type Error = TypedError;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    fn serialize_bool(self, value: bool) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_i8(self, value: i8) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_i16(self, value: i16) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_i32(self, value: i32) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_i64(self, value: i64) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_i128(self, value: i128) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_u8(self, value: u8) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_u16(self, value: u16) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_u32(self, value: u32) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_u64(self, value: u64) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_u128(self, value: u128) -> Result<Entry, TypedError> {
        Ok(blob(value.to_string()))
    }

    fn serialize_f32(self, value: f32) -> Result<Entry, TypedError> {
        Ok(blob(float32(value)))
    }

    fn serialize_f64(self, value: f64) -> Result<Entry, TypedError> {
        Ok(blob(float64(value)))
    }

    fn serialize_char(self, value: char) -> Result<Entry, TypedError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Entry, TypedError> {
        Ok(blob(quoted(value)))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Entry, TypedError> {
        Ok(Blob::new(value.to_vec()).into())
    }

    fn serialize_none(self) -> Result<Entry, TypedError> {
        Ok(null())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Entry, TypedError> {
        let depth = self.depth.wrapped()?;
        some(value.serialize(Self { depth })?)
    }

    fn serialize_unit(self) -> Result<Entry, TypedError> {
        Ok(null())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Entry, TypedError> {
        Ok(null())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Entry, TypedError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Entry, TypedError> {
        let depth = self.depth.wrapped()?;
        value.serialize(Self { depth })
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Entry, TypedError> {
        let step = name(variant.as_bytes())?;
        let depth = self.depth.below()?;
        let content = value.serialize(Self { depth });
        only(variant, content.map_err(|error| error.inside(&step))?)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Elements, TypedError> {
        Elements::new(self.depth)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Elements, TypedError> {
        Elements::new(self.depth)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Elements, TypedError> {
        Elements::new(self.depth)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Elements, TypedError> {
        Elements::of_variant(self.depth, variant)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Fields, TypedError> {
        Fields::new(self.depth)
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Fields, TypedError> {
        if name == JSON_NUMBER {
            Ok(Fields::json_number())
        } else {
            Fields::new(self.depth)
        }
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields, TypedError> {
        Fields::of_variant(self.depth, variant)
    }
}
