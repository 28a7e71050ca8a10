//! The keys of maps: scalars that print.

use serde::Serialize;
use serde::ser::{self, Impossible};

use crate::typed::TypedError;
use crate::typed::text::{float32, float64};

/// Prints a key. Whether that can name an entry is checked by the caller.
pub(super) struct KeySerializer;

type Text = Result<Vec<u8>, TypedError>;
type Nothing = Impossible<Vec<u8>, TypedError>;

fn text(value: impl ToString) -> Text {
    Ok(value.to_string().into_bytes())
}

/// Refuses what does not print.
fn refuse<T>(what: &'static str) -> Result<T, TypedError> {
    let reason = "a map's key is a string, number, bool, char, bytes or unit variant";
    Err(TypedError::key(what, reason))
}

fn finite(is_finite: bool, text: String) -> Text {
    if is_finite {
        Ok(text.into_bytes())
    } else {
        Err(TypedError::key(text, "it is not a finite number"))
    }
}

impl ser::Serializer for KeySerializer {
    type Ok = Vec<u8>;
    type Error = TypedError;
    type SerializeSeq = Nothing;
    type SerializeTuple = Nothing;
    type SerializeTupleStruct = Nothing;
    type SerializeTupleVariant = Nothing;
    type SerializeMap = Nothing;
    type SerializeStruct = Nothing;
    type SerializeStructVariant = Nothing;

    fn serialize_bool(self, value: bool) -> Text {
        text(value)
    }

    fn serialize_i8(self, value: i8) -> Text {
        text(value)
    }

    fn serialize_i16(self, value: i16) -> Text {
        text(value)
    }

    fn serialize_i32(self, value: i32) -> Text {
        text(value)
    }

    fn serialize_i64(self, value: i64) -> Text {
        text(value)
    }

    fn serialize_i128(self, value: i128) -> Text {
        text(value)
    }

    fn serialize_u8(self, value: u8) -> Text {
        text(value)
    }

    fn serialize_u16(self, value: u16) -> Text {
        text(value)
    }

    fn serialize_u32(self, value: u32) -> Text {
        text(value)
    }

    fn serialize_u64(self, value: u64) -> Text {
        text(value)
    }

    fn serialize_u128(self, value: u128) -> Text {
        text(value)
    }

    fn serialize_char(self, value: char) -> Text {
        text(value)
    }

    fn serialize_f32(self, value: f32) -> Text {
        finite(value.is_finite(), float32(value))
    }

    fn serialize_f64(self, value: f64) -> Text {
        finite(value.is_finite(), float64(value))
    }

    fn serialize_str(self, value: &str) -> Text {
        text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Text {
        Ok(value.to_vec())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Text {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Text {
        text(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Text {
        value.serialize(self)
    }

    fn serialize_none(self) -> Text {
        refuse("None")
    }

    fn serialize_unit(self) -> Text {
        refuse("()")
    }

    fn serialize_unit_struct(self, name: &'static str) -> Text {
        refuse(name)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _value: &T,
    ) -> Text {
        refuse(variant)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Nothing, TypedError> {
        refuse("a sequence")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Nothing, TypedError> {
        refuse("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _len: usize,
    ) -> Result<Nothing, TypedError> {
        refuse(name)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Nothing, TypedError> {
        refuse(variant)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Nothing, TypedError> {
        refuse("a map")
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Nothing, TypedError> {
        refuse(name)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Nothing, TypedError> {
        refuse(variant)
    }
}
