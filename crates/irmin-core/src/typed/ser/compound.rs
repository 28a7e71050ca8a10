//! What becomes a directory: sequences, maps, structs, and the variants that hold such.

use serde::Serialize;
use serde::ser;

use super::key::KeySerializer;
use super::{Serializer, blob, only};
use crate::typed::TypedError;
use crate::typed::depth::Depth;
use crate::typed::text::{index_name, name};
use crate::{Blob, Entry, Path, Step, Tree};

/// A directory in the making.
pub(in crate::typed) struct Dir {
    tree: Tree,
    /// Of the entries.
    depth: Depth,
    /// Of an enum, which adds a directory around.
    variant: Option<&'static str>,
}

impl Dir {
    fn new(depth: Depth, variant: Option<&'static str>) -> Result<Self, TypedError> {
        let depth = match variant {
            Some(_) => depth.below()?,
            None => depth,
        };
        Ok(Self {
            tree: Tree::empty(),
            depth: depth.below()?,
            variant,
        })
    }

    fn put<T: ?Sized + Serialize>(&mut self, step: Step, value: &T) -> Result<(), TypedError> {
        let depth = self.depth;
        let entry = value.serialize(Serializer { depth });
        let entry = entry.map_err(|error| self.locate(error.inside(&step)))?;
        self.tree.set(&Path::from(step), entry)?;
        Ok(())
    }

    /// Names the place of an error as seen from outside the variant.
    fn locate(&self, error: TypedError) -> TypedError {
        match self.variant.and_then(|variant| Step::new(variant).ok()) {
            Some(step) => error.inside(&step),
            None => error,
        }
    }

    /// Returns the directory, or `empty` instead of one that cannot exist.
    fn end(self, empty: &str) -> Result<Entry, TypedError> {
        let entry = if self.tree.is_empty()? {
            blob(empty)
        } else {
            self.tree.into()
        };
        self.variant
            .map_or(Ok(entry.clone()), |variant| only(variant, entry))
    }
}

/// Writes the elements of a sequence or tuple.
pub(in crate::typed) struct Elements {
    dir: Dir,
    next: u64,
}

impl Elements {
    pub(super) fn new(depth: Depth) -> Result<Self, TypedError> {
        let dir = Dir::new(depth, None)?;
        Ok(Self { dir, next: 0 })
    }

    pub(super) fn of_variant(depth: Depth, variant: &'static str) -> Result<Self, TypedError> {
        let dir = Dir::new(depth, Some(variant))?;
        Ok(Self { dir, next: 0 })
    }

    fn push<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TypedError> {
        let step = Step::new(index_name(self.next))?;
        self.next += 1;
        self.dir.put(step, value)
    }

    fn finish(self) -> Result<Entry, TypedError> {
        self.dir.end("[]")
    }
}

impl ser::SerializeSeq for Elements {
    type Ok = Entry;
    type Error = TypedError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TypedError> {
        self.push(value)
    }

    fn end(self) -> Result<Entry, TypedError> {
        self.finish()
    }
}

impl ser::SerializeTuple for Elements {
    type Ok = Entry;
    type Error = TypedError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TypedError> {
        self.push(value)
    }

    fn end(self) -> Result<Entry, TypedError> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Elements {
    type Ok = Entry;
    type Error = TypedError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TypedError> {
        self.push(value)
    }

    fn end(self) -> Result<Entry, TypedError> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Elements {
    type Ok = Entry;
    type Error = TypedError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TypedError> {
        self.push(value)
    }

    fn end(self) -> Result<Entry, TypedError> {
        self.finish()
    }
}

/// Writes the entries of a map or the fields of a struct.
pub(in crate::typed) enum Fields {
    Dir {
        dir: Dir,
        /// The key whose value comes next.
        key: Option<Step>,
    },
    /// The text of a number that `serde_json` dresses up as a struct.
    JsonNumber(Vec<u8>),
}

impl Fields {
    pub(super) fn new(depth: Depth) -> Result<Self, TypedError> {
        let dir = Dir::new(depth, None)?;
        Ok(Self::Dir { dir, key: None })
    }

    pub(super) fn of_variant(depth: Depth, variant: &'static str) -> Result<Self, TypedError> {
        let dir = Dir::new(depth, Some(variant))?;
        Ok(Self::Dir { dir, key: None })
    }

    pub(super) const fn json_number() -> Self {
        Self::JsonNumber(Vec::new())
    }

    fn field<T: ?Sized + Serialize>(&mut self, key: &str, value: &T) -> Result<(), TypedError> {
        match self {
            Self::Dir { dir, .. } => {
                let step = checked(dir, key.as_bytes())?;
                dir.put(step, value)
            }
            Self::JsonNumber(text) => {
                *text = value.serialize(KeySerializer)?;
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Entry, TypedError> {
        match self {
            Self::Dir { dir, .. } => dir.end("{}"),
            Self::JsonNumber(text) => Ok(Blob::new(text).into()),
        }
    }
}

/// Returns a key as a step that the directory does not have yet.
fn checked(dir: &Dir, key: &[u8]) -> Result<Step, TypedError> {
    let step = name(key).map_err(|error| dir.locate(error))?;
    if dir.tree.kind(&Path::from(step.clone()))?.is_some() {
        let reason = "another key of the same map has the same text";
        return Err(dir.locate(TypedError::key(step.to_string(), reason)));
    }
    Ok(step)
}

impl ser::SerializeMap for Fields {
    type Ok = Entry;
    type Error = TypedError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TypedError> {
        let Self::Dir { dir, key } = self else {
            return Err(out_of_turn());
        };
        let text = value.serialize(KeySerializer);
        let text = text.map_err(|error| dir.locate(error))?;
        *key = Some(checked(dir, &text)?);
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), TypedError> {
        match self {
            Self::Dir {
                dir,
                key: key @ Some(_),
            } => key.take().map_or(Ok(()), |step| dir.put(step, value)),
            _ => Err(out_of_turn()),
        }
    }

    fn end(self) -> Result<Entry, TypedError> {
        self.finish()
    }
}

fn out_of_turn() -> TypedError {
    TypedError::mismatch("a map's value was serialized before its key")
}

impl ser::SerializeStruct for Fields {
    type Ok = Entry;
    type Error = TypedError;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        self.field(key, value)
    }

    fn end(self) -> Result<Entry, TypedError> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Fields {
    type Ok = Entry;
    type Error = TypedError;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        self.field(key, value)
    }

    fn end(self) -> Result<Entry, TypedError> {
        self.finish()
    }
}
