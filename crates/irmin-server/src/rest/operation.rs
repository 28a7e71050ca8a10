//! An operation as the document describes it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

use super::problem::{MEDIA_TYPE, Problem};
use super::write::KEY_HEADER;
use crate::service::ErrorKind;

/// The description of an operation. Built beside its route.
pub(super) struct Operation {
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    description: String,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    pub(super) schemas: BTreeMap<String, Value>,
}

/// What any operation may answer.
const ALWAYS: [ErrorKind; 9] = [
    ErrorKind::Invalid,
    ErrorKind::Unauthenticated,
    ErrorKind::PermissionDenied,
    ErrorKind::NotFound,
    ErrorKind::TooLarge,
    ErrorKind::RateLimited,
    ErrorKind::Internal,
    ErrorKind::Unavailable,
    ErrorKind::DeadlineExceeded,
];

impl Operation {
    /// Begins the description: the group, the name for programs, and what it does in a few words.
    pub(super) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        let operation = Self {
            tag,
            id,
            summary,
            description: String::new(),
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            schemas: BTreeMap::new(),
        };
        ALWAYS.into_iter().fold(operation, |operation, kind| {
            operation.problem(
                kind.http_status(),
                &format!("A problem of kind `{}`.", kind.name()),
            )
        })
    }

    /// Says more about it.
    pub(super) fn about(mut self, text: &str) -> Self {
        self.description.push_str(text);
        self
    }

    /// It takes these parameters after the question mark.
    pub(super) fn params<T: IntoParams>(mut self) -> Self {
        for parameter in T::into_params(|| Some(ParameterIn::Query)) {
            let mut parameter = json!(parameter);
            // Absent is how an optional one is left out: no text means null.
            if let Some(schema) = parameter.get_mut("schema") {
                without_null(schema);
            }
            self.parameters.push(parameter);
        }
        self
    }

    /// It looks at a header.
    pub(super) fn header(mut self, name: &str, description: &str, schema: &Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": schema,
        }));
        self
    }

    /// It takes the headers of conditional reads.
    pub(super) fn conditional(self) -> Self {
        let text = json!({"type": "string"});
        self.header(
            "If-None-Match",
            "ETags that the client has: the answer is 304 then.",
            &text,
        )
        .answer(304, "The client has it.", Value::Null)
        .answer_header(200, "ETag", "The id, in quotes.")
    }

    /// It takes the headers that make a write a test-and-set.
    pub(super) fn test_and_set(self) -> Self {
        let text = json!({"type": "string"});
        self.header(
            "If-Match",
            "The ETag of what has to be there: an id in quotes, or `*`.",
            &text,
        )
        .header("If-None-Match", "`*`: nothing may be there.", &text)
        .problem(412, "Something else is there than the header expects.")
    }

    /// It takes the headers that make what moves a name a test-and-set.
    pub(super) fn test_and_set_head(self) -> Self {
        let text = json!({"type": "string"});
        self.header(
            "If-Match",
            "The id of the commit that it has to be at, in quotes; `*`: it has to exist.",
            &text,
        )
        .header("If-None-Match", "`*`: it may not exist.", &text)
        .problem(412, "It is elsewhere than the header expects.")
    }

    /// It commits: the client may name the request.
    pub(super) fn commits(self) -> Self {
        let key = json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"});
        let about = "The client's name for the request: sent twice, it is done once.";
        self.header(KEY_HEADER, about, &key).problem(
            409,
            "Others kept changing the same, or the request cannot be done as things are.",
        )
    }

    /// It takes a JSON body.
    pub(super) fn json_body<T: ToSchema>(mut self) -> Self {
        let schema = self.schema::<T>();
        self.body = Some(json!({
            "required": true, "content": {"application/json": {"schema": schema}},
        }));
        self
    }

    /// It takes any bytes, or any JSON.
    pub(super) fn any_body(mut self, media_type: &str) -> Self {
        let schema = match media_type {
            "application/json" => json!({}),
            _ => json!({"type": "string", "format": "binary"}),
        };
        self.body = Some(json!({"required": true, "content": {media_type: {"schema": schema}}}));
        self
    }

    /// It answers 200 with JSON.
    pub(super) fn gives<T: ToSchema>(mut self, description: &str) -> Self {
        let schema = self.schema::<T>();
        self.answer(
            200,
            description,
            json!({"application/json": {"schema": schema}}),
        )
    }

    /// It answers with a status and some content; null: none.
    pub(super) fn answer(mut self, status: u16, description: &str, content: Value) -> Self {
        let mut answer = json!({"description": description});
        if !content.is_null() {
            answer["content"] = content;
        }
        self.answers.insert(status, answer);
        self
    }

    /// An answer has a header.
    pub(super) fn answer_header(mut self, status: u16, name: &str, description: &str) -> Self {
        let answer = self
            .answers
            .entry(status)
            .or_insert_with(|| json!({"description": ""}));
        answer["headers"][name] = json!({
            "description": description, "schema": {"type": "string"},
        });
        self
    }

    /// It gives pages, with `Link` to the next.
    pub(super) fn pages(self) -> Self {
        self.answer_header(
            200,
            "Link",
            "Where the next page is (`rel=\"next\"`); absent on the last one.",
        )
    }

    /// It answers with a problem.
    pub(super) fn problem(mut self, status: u16, description: &str) -> Self {
        let schema = self.schema::<Problem>();
        self.answer(status, description, json!({MEDIA_TYPE: {"schema": schema}}))
    }

    /// The document describes a type that a text of the answer has.
    pub(super) fn schema_of<T: ToSchema>(mut self) -> Self {
        self.schema::<T>();
        self
    }

    fn schema<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.schemas.entry(name).or_insert_with(|| json!(schema));
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// Writes it down, as it is at an address.
    pub(super) fn written(self, path: &str) -> Value {
        let mut parameters = path_parameters(path);
        parameters.extend(self.parameters);
        let mut written = Map::new();
        written.insert("tags".into(), json!([self.tag]));
        written.insert("operationId".into(), self.id.into());
        written.insert("summary".into(), self.summary.into());
        if !self.description.is_empty() {
            written.insert("description".into(), self.description.into());
        }
        if !parameters.is_empty() {
            written.insert("parameters".into(), parameters.into());
        }
        if let Some(body) = self.body {
            written.insert("requestBody".into(), body);
        }
        let answers = self.answers.into_iter();
        let answers: Map<String, Value> = answers
            .map(|(status, answer)| (status.to_string(), answer))
            .collect();
        written.insert("responses".into(), answers.into());
        written.into()
    }
}

/// Takes `null` out of the types of a schema.
fn without_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
}

/// Describes what stands in braces in an address.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    let described = names.map(|name| {
        let about = match name {
            "repo" => "The repository.",
            "revision" => "A branch, a tag, an id or its beginning, `main~2`, `main@2026-11-01`; slashes escaped as `%2F`.",
            "branch" => "The branch; slashes escaped as `%2F`.",
            "tag" => "The tag; slashes escaped as `%2F`.",
            "path" => "The path, such as `a/b`; any bytes, escaped.",
            _ => "The id.",
        };
        json!({
            "name": name, "in": "path", "required": true, "description": about,
            "schema": {"type": "string", "minLength": 1},
        })
    });
    described.collect()
}
