//! Entries to values. What a type does not ask for is not read. Recursion ends at the greatest
//! depth.

mod access;
mod key;

use serde::de::{self, Deserialize, DeserializeOwned, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::TypedError;
use super::depth::Depth;
use super::source::{Content, Dir, Loaded, Raw, Source};
use super::text::{OUT_OF_RANGE, Scalar, describe, parse_float, unquoted};
use crate::Entry;
pub(super) use access::check_index;
use access::{Elements, Fields, VariantContent};

/// Reads a value.
pub(super) fn owned<T: DeserializeOwned>(entry: &Entry) -> Result<T, TypedError> {
    T::deserialize(Deserializer {
        source: Source::Lazy(entry.clone()),
        depth: Depth::default(),
    })
}

impl Loaded {
    /// Reads a value that may borrow strings and bytes from here.
    ///
    /// # Errors
    /// [`TypedError`] when what is here is not what the type needs.
    pub fn value<'de, T: Deserialize<'de>>(&'de self) -> Result<T, TypedError> {
        T::deserialize(Deserializer {
            source: Source::Loaded(&self.0),
            depth: Depth::default(),
        })
    }
}

struct Deserializer<'de> {
    source: Source<'de>,
    depth: Depth,
}

impl<'de> Deserializer<'de> {
    /// Returns the deserializer of what is inside an option or newtype.
    fn wrapped(self, source: Source<'de>) -> Result<Self, TypedError> {
        let depth = self.depth.wrapped()?;
        Ok(Self { source, depth })
    }
}

impl<'de> de::Deserializer<'de> for Deserializer<'de> {
    type Error = TypedError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.source.read()? {
            Content::Blob(raw) => visit_scalar(&raw, visitor),
            Content::Tree(dir) => visit_dir(&dir, self.depth, visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_unit()
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.source.read()? {
            Content::Blob(raw) => visit_text(&raw, visitor),
            Content::Tree(dir) => visit_dir(&dir, self.depth, visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.source.read()? {
            Content::Blob(raw) => visit_bytes(&raw, visitor),
            Content::Tree(dir) => visit_dir(&dir, self.depth, visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.source.read()? {
            Content::Blob(raw) => match parse_float(raw.bytes())? {
                Some(float) => visitor.visit_f32(float),
                None => visit_scalar(&raw, visitor),
            },
            Content::Tree(dir) => visit_dir(&dir, self.depth, visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.source.read()? {
            Content::Blob(raw) => match parse_float(raw.bytes())? {
                Some(float) => visitor.visit_f64(float),
                None => visit_scalar(&raw, visitor),
            },
            Content::Tree(dir) => visit_dir(&dir, self.depth, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        if self.source.is_null()? {
            return visitor.visit_none();
        }
        let inner = self.source.strip_some()?;
        let source = inner.unwrap_or_else(|| self.source.clone());
        visitor.visit_some(self.wrapped(source)?)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        let source = self.source.clone();
        visitor.visit_newtype_struct(self.wrapped(source)?)
    }

    /// An empty directory is as good as an empty sequence: the root of a tree may be one.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match self.source.read()? {
            Content::Blob(raw) => visit_scalar(&raw, visitor),
            Content::Tree(dir) if dir.len()? == 0 => visit_elements(&dir, self.depth, visitor),
            Content::Tree(dir) => visit_dir(&dir, self.depth, visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        match self.source.read()? {
            Content::Blob(raw) => visitor.visit_enum(text_of(&raw)?.into_deserializer()),
            Content::Tree(dir) => {
                let content = VariantContent::only_of(&dir, self.depth.below()?, name)?;
                visitor.visit_enum(content)
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 unit unit_struct map struct
    }
}

/// Hands over what the bytes say that they are.
fn visit_scalar<'de, V: Visitor<'de>>(raw: &Raw<'de>, visitor: V) -> Result<V::Value, TypedError> {
    match describe(raw.bytes()) {
        Scalar::Null => visitor.visit_unit(),
        Scalar::Bool(value) => visitor.visit_bool(value),
        Scalar::Unsigned(value) => visitor.visit_u64(value),
        Scalar::Signed(value) => visitor.visit_i64(value),
        Scalar::BigUnsigned(value) => visitor.visit_u128(value),
        Scalar::BigSigned(value) => visitor.visit_i128(value),
        Scalar::Float(value) => visitor.visit_f64(value),
        Scalar::Huge => Err(TypedError::custom(OUT_OF_RANGE)),
        Scalar::EmptyMap => visit_fields(&Dir::EMPTY, Depth::default(), visitor),
        Scalar::EmptySequence => visit_elements(&Dir::EMPTY, Depth::default(), visitor),
        Scalar::Text => visit_text(raw, visitor),
        Scalar::Bytes => visit_bytes(raw, visitor),
    }
}

/// Hands over a string: borrowed from what is loaded, or made for the purpose.
fn visit_text<'de, V: Visitor<'de>>(raw: &Raw<'de>, visitor: V) -> Result<V::Value, TypedError> {
    match raw {
        Raw::Loaded(blob) => match blob.text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_borrowed_bytes(blob.bytes()),
        },
        Raw::Held(bytes) => match (unquoted(bytes), str::from_utf8(bytes)) {
            (Some(text), _) => visitor.visit_string(text),
            (None, Ok(text)) => visitor.visit_str(text),
            (None, Err(_)) => visitor.visit_bytes(bytes),
        },
    }
}

fn visit_bytes<'de, V: Visitor<'de>>(raw: &Raw<'de>, visitor: V) -> Result<V::Value, TypedError> {
    match raw {
        Raw::Loaded(blob) => visitor.visit_borrowed_bytes(blob.bytes()),
        Raw::Held(bytes) => visitor.visit_bytes(bytes),
    }
}

/// Returns the name of a unit variant.
fn text_of(raw: &Raw<'_>) -> Result<String, TypedError> {
    let bytes = raw.bytes();
    match unquoted(bytes) {
        Some(text) => Ok(text),
        None => String::from_utf8(bytes.to_vec())
            .map_err(|_| TypedError::custom("the name of a variant is not UTF-8")),
    }
}

fn visit_dir<'de, V: Visitor<'de>>(
    dir: &Dir<'de>,
    depth: Depth,
    visitor: V,
) -> Result<V::Value, TypedError> {
    if dir.is_sequence()? {
        visit_elements(dir, depth, visitor)
    } else {
        visit_fields(dir, depth, visitor)
    }
}

fn visit_fields<'de, V: Visitor<'de>>(
    dir: &Dir<'de>,
    depth: Depth,
    visitor: V,
) -> Result<V::Value, TypedError> {
    visitor.visit_map(Fields::new(dir, depth.below()?)?)
}

fn visit_elements<'de, V: Visitor<'de>>(
    dir: &Dir<'de>,
    depth: Depth,
    visitor: V,
) -> Result<V::Value, TypedError> {
    let mut elements = Elements::new(dir, depth.below()?)?;
    let value = visitor.visit_seq(&mut elements)?;
    elements.end()?;
    Ok(value)
}
