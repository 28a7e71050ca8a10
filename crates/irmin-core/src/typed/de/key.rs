//! The names of entries as keys of maps, fields of structs and variants of enums.

use serde::de::{self, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::typed::TypedError;
use crate::typed::source::Name;
use crate::typed::text::{Scalar, describe};

/// Reads a name: as text unless the type asks for a number, a bool or bytes.
pub(super) struct KeyDeserializer<'de>(pub(super) Name<'de>);

impl<'de> KeyDeserializer<'de> {
    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match &self.0 {
            Name::Loaded(step) => match str::from_utf8(step) {
                Ok(text) => visitor.visit_borrowed_str(text),
                Err(_) => visitor.visit_borrowed_bytes(step),
            },
            Name::Held(step) => match str::from_utf8(step) {
                Ok(text) => visitor.visit_str(text),
                Err(_) => visitor.visit_bytes(step),
            },
        }
    }

    /// Reads a number or bool; anything else is text, which the visitor refuses.
    fn visit_scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match describe(self.0.step()) {
            Scalar::Bool(value) => visitor.visit_bool(value),
            Scalar::Unsigned(value) => visitor.visit_u64(value),
            Scalar::Signed(value) => visitor.visit_i64(value),
            Scalar::BigUnsigned(value) => visitor.visit_u128(value),
            Scalar::BigSigned(value) => visitor.visit_i128(value),
            Scalar::Float(value) if value.is_finite() => visitor.visit_f64(value),
            _ => self.visit_text(visitor),
        }
    }
}

/// Forwards what is asked for by a type that prints as a number or bool.
macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
            self.visit_scalar(visitor)
        })*
    };
}

impl<'de> de::Deserializer<'de> for KeyDeserializer<'de> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.visit_text(visitor)
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match &self.0 {
            Name::Loaded(step) => visitor.visit_borrowed_bytes(step),
            Name::Held(step) => visitor.visit_bytes(step),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        visitor.visit_enum(self.0.step().to_string().into_deserializer())
    }

    forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
