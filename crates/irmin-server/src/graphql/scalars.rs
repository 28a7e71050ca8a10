//! The scalars: text, and a form for bytes that are no text.

use async_graphql::{
    InputType, InputValueError, InputValueResult, Name, Scalar, ScalarType, Value,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use irminsule::{Id, Mode, Path, Step};

/// The key of bytes that are not UTF-8: `{"base64": "…"}`.
const BASE64: &str = "base64";

fn to_value(bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => {
            let text = Value::String(STANDARD.encode(bytes));
            Value::Object([(Name::new(BASE64), text)].into_iter().collect())
        }
    }
}

fn from_value(value: Value) -> Result<Bytes, String> {
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Object(fields) if fields.len() == 1 => match fields.get(BASE64) {
            Some(Value::String(text)) => {
                let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
                Ok(bytes.into())
            }
            _ => Err(expected()),
        },
        _ => Err(expected()),
    }
}

fn expected() -> String {
    "a string is expected, or {base64: \"…\"} for bytes that are not UTF-8".to_owned()
}

fn bad<T: InputType>(reason: impl std::fmt::Display) -> InputValueError<T> {
    InputValueError::custom(reason)
}

fn text<T: InputType>(value: Value) -> Result<String, InputValueError<T>> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(InputValueError::expected_type(other)),
    }
}

/// A path. Answers begin with a `/`; empty steps are passed over, so that `/a/b`, `a/b` and `a//b/`
/// are one. One that is not UTF-8 is `{"base64": "…"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathText(pub(crate) Path);

#[Scalar(name = "Path")]
impl ScalarType for PathText {
    fn parse(value: Value) -> InputValueResult<Self> {
        let bytes = from_value(value).map_err(bad)?;
        let steps = bytes.split(|byte| *byte == b'/');
        let steps = steps.filter(|step| !step.is_empty()).map(Step::new);
        let steps: Result<Vec<Step>, _> = steps.collect();
        let path = steps.and_then(Path::from_steps).map_err(bad)?;
        Ok(Self(path))
    }

    fn to_value(&self) -> Value {
        let mut bytes = Vec::new();
        for step in self.0.steps() {
            bytes.push(b'/');
            bytes.extend_from_slice(step.as_bytes());
        }
        match bytes.is_empty() {
            true => Value::String("/".to_owned()),
            false => to_value(&bytes),
        }
    }
}

/// A value: a string, or `{"base64": "…"}` for one that is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content(pub(crate) Bytes);

#[Scalar(name = "Value")]
impl ScalarType for Content {
    fn parse(value: Value) -> InputValueResult<Self> {
        from_value(value).map(Self).map_err(bad)
    }

    fn to_value(&self) -> Value {
        to_value(&self.0)
    }
}

/// What kind of value it is: `normal`, `exec` or `link`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata(pub(crate) Mode);

#[Scalar]
impl ScalarType for Metadata {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = text(value)?;
        Ok(Self(match text.as_str() {
            // The empty one is what clients of a store without metadata send.
            "" | "normal" | "everybody" => Mode::Normal,
            "exec" | "executable" => Mode::Executable,
            "link" => Mode::Link,
            _ => return Err(bad("'normal', 'exec' or 'link' is expected")),
        }))
    }

    fn to_value(&self) -> Value {
        let text = match self.0 {
            Mode::Normal => "normal",
            Mode::Executable => "exec",
            Mode::Link => "link",
        };
        Value::String(text.to_owned())
    }
}

/// The name of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BranchText(pub(crate) String);

#[Scalar(name = "BranchName")]
impl ScalarType for BranchText {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text: String = text(value)?;
        irminsule::BranchName::new(&text).map_err(bad)?;
        Ok(Self(text))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

fn id<T: InputType>(value: Value) -> Result<Id, InputValueError<T>> {
    text(value)?.parse().map_err(bad)
}

/// An id: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) Id);

#[Scalar]
impl ScalarType for Hash {
    fn parse(value: Value) -> InputValueResult<Self> {
        id(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// The key of a commit: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitKey(pub(crate) Id);

#[Scalar]
impl ScalarType for CommitKey {
    fn parse(value: Value) -> InputValueResult<Self> {
        id(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// The key of a directory: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeKey(pub(crate) Id);

#[Scalar]
impl ScalarType for NodeKey {
    fn parse(value: Value) -> InputValueResult<Self> {
        id(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// The key of a value: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentsKey(pub(crate) Id);

#[Scalar]
impl ScalarType for ContentsKey {
    fn parse(value: Value) -> InputValueResult<Self> {
        id(value).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}
