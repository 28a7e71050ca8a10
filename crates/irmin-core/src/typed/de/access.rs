//! The entries of a directory as elements, as fields, and as the content of a variant.

use serde::Deserialize;
use serde::de::{
    self, DeserializeSeed, Deserializer as _, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor,
};

use super::Deserializer;
use super::key::KeyDeserializer;
use crate::typed::TypedError;
use crate::typed::depth::Depth;
use crate::typed::source::{Dir, Entries, Name, Source};
use crate::typed::text::is_index;

/// The elements of a sequence in order. Indices may be missing: a merge can take an element out
/// of the middle.
pub(super) struct Elements<'de> {
    entries: Entries<'de>,
    depth: Depth,
    left: u64,
}

impl<'de> Elements<'de> {
    pub(super) fn new(dir: &Dir<'de>, depth: Depth) -> Result<Self, TypedError> {
        Ok(Self {
            entries: dir.entries()?,
            depth,
            left: dir.len()?,
        })
    }

    /// Checks that every element was taken.
    pub(super) fn end(mut self) -> Result<(), TypedError> {
        match self.entries.next().transpose()? {
            None => Ok(()),
            Some(_) => Err(TypedError::custom("the sequence has too many elements")),
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = TypedError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, TypedError> {
        let Some((name, source)) = self.entries.next().transpose()? else {
            return Ok(None);
        };
        self.left = self.left.saturating_sub(1);
        check_index(&name)?;
        let depth = self.depth;
        let value = seed.deserialize(Deserializer { source, depth });
        value.map(Some).map_err(|error| error.inside(name.step()))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

/// Refuses an entry that is no element.
pub(in crate::typed) fn check_index(name: &Name<'_>) -> Result<(), TypedError> {
    if is_index(name.step()) {
        return Ok(());
    }
    let reason = format!("the entry '{}' is no element of a sequence", name.step());
    Err(TypedError::custom(reason))
}

/// The entries of a map or the fields of a struct.
pub(super) struct Fields<'de> {
    entries: Entries<'de>,
    depth: Depth,
    left: u64,
    /// The entry whose name was taken and whose value was not.
    open: Option<(Name<'de>, Source<'de>)>,
}

impl<'de> Fields<'de> {
    pub(super) fn new(dir: &Dir<'de>, depth: Depth) -> Result<Self, TypedError> {
        Ok(Self {
            entries: dir.entries()?,
            depth,
            left: dir.len()?,
            open: None,
        })
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = TypedError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, TypedError> {
        let Some((name, source)) = self.entries.next().transpose()? else {
            return Ok(None);
        };
        self.left = self.left.saturating_sub(1);
        let key = seed.deserialize(KeyDeserializer(name.clone()));
        let key = key.map_err(|error| error.inside(name.step()))?;
        self.open = Some((name, source));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, TypedError> {
        let Some((name, source)) = self.open.take() else {
            let reason = "a map's value was asked for before its key";
            return Err(TypedError::custom(reason));
        };
        let depth = self.depth;
        let value = seed.deserialize(Deserializer { source, depth });
        value.map_err(|error| error.inside(name.step()))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

/// A variant with its content: the only entry of a directory.
pub(super) struct VariantContent<'de> {
    name: Name<'de>,
    source: Source<'de>,
    depth: Depth,
}

impl<'de> VariantContent<'de> {
    pub(super) fn only_of(dir: &Dir<'de>, depth: Depth, of: &str) -> Result<Self, TypedError> {
        let count = dir.len()?;
        match dir.entries()?.next().transpose()? {
            Some((name, source)) if count == 1 => Ok(Self {
                name,
                source,
                depth,
            }),
            _ => {
                let reason = format!("a variant of {of} is one entry, but there are {count}");
                Err(TypedError::custom(reason))
            }
        }
    }

    /// Reads the content, and says in errors that they are inside the variant.
    fn read<T>(
        self,
        read: impl FnOnce(Deserializer<'de>) -> Result<T, TypedError>,
    ) -> Result<T, TypedError> {
        let Self {
            name,
            source,
            depth,
        } = self;
        read(Deserializer { source, depth }).map_err(|error| error.inside(name.step()))
    }
}

impl<'de> EnumAccess<'de> for VariantContent<'de> {
    type Error = TypedError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), TypedError> {
        let variant = seed.deserialize(KeyDeserializer(self.name.clone()))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for VariantContent<'de> {
    type Error = TypedError;

    fn unit_variant(self) -> Result<(), TypedError> {
        self.read(<()>::deserialize)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, TypedError> {
        self.read(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.read(|content| content.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.read(|content| content.deserialize_any(visitor))
    }
}
