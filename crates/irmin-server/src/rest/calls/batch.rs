//! Many changes in one commit: `irmin batch`.

use axum::http::HeaderMap;
use axum::response::Response;
use irminsule::{Blob, Isolation, Path};
use serde::Deserialize;
use utoipa::ToSchema;

use super::upload::KindParam;
use crate::rest::api::Api;
use crate::rest::body::{JsonBody, json};
use crate::rest::conditions::Conditions;
use crate::rest::operation::Operation;
use crate::rest::place::Call;
use crate::rest::problem::{Problem, Result};
use crate::rest::shapes::{CommittedShape, given, given_path, show_path};
use crate::rest::write::{CommitParams, committed, key_of, request_key};
use crate::service::{Details, ErrorKind, ScopedView, ServiceError};

pub(super) fn add(api: Api) -> Api {
    let operation = Operation::new("contents", "postBatch", "Make many changes in one commit: all or nothing")
        .about("A line sees what the lines above it did. If a check fails, or there is nothing to remove, nothing is changed: the answer is 409 with the line's `index`. `If-Match` is about the branch's head.")
        .json_body::<BatchBody>()
        .gives::<CommittedShape>("What was committed.")
        .test_and_set_head()
        .commits();
    api.add(
        "POST /repositories/{repo}/batches/{branch}",
        operation,
        post,
    )
}

/// Changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Batch)]
struct BatchBody {
    /// What to do, in order.
    lines: Vec<Line>,
    /// The message of the commit; one is made up without it.
    #[serde(default)]
    message: Option<String>,
    /// Who wrote the change, as `Name <address>`; without it: who asks.
    #[serde(default)]
    author: Option<String>,
}

/// One thing to do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// What.
    #[schema(inline)]
    op: Op,
    /// Where: this or `path_base64`.
    #[serde(default)]
    path: Option<String>,
    /// Where, in Base64.
    #[serde(default)]
    path_base64: Option<String>,
    /// The value, of `set` and `check`: this or `value_base64`.
    #[serde(default)]
    value: Option<String>,
    /// The value, in Base64.
    #[serde(default)]
    value_base64: Option<String>,
    /// What kind of value, of `set`.
    #[serde(default)]
    #[schema(inline)]
    kind: Option<KindParam>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Op {
    /// Put a value.
    Set,
    /// Remove a value or a directory; there must be something.
    Rm,
    /// Go on only if this is the value.
    Check,
    /// Go on only if there is nothing.
    CheckAbsent,
}

/// A line that was read.
enum Step {
    Set(Path, Blob),
    Remove(Path),
    Check(Path, Vec<u8>),
    CheckAbsent(Path),
}

async fn post(call: Call, headers: HeaderMap, body: JsonBody<BatchBody>) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let BatchBody {
        lines,
        message,
        author,
    } = body.value;
    let limit = call.server.limits().paths;
    if lines.len() > limit {
        let message = format!(
            "{} lines are too many for one request; the limit is {limit}",
            lines.len()
        );
        return Err(ServiceError::new(ErrorKind::TooLarge, message).into());
    }
    let steps = lines.iter().enumerate().map(|(index, line)| {
        step(line).map_err(|error| ServiceError {
            message: format!("line {index}: {error}"),
            ..error
        })
    });
    let steps = steps.collect::<Result<Vec<_>, ServiceError>>()?;
    let made_up = format!("Batch of {} lines", steps.len());
    let options =
        CommitParams { message, author }.options(&call.server, made_up, Isolation::default())?;
    let digest = format!("{conditions:?}");
    let parts: [&[u8]; 4] = [
        b"POST batch",
        call.place.name.as_bytes(),
        digest.as_bytes(),
        body.digest.as_bytes(),
    ];
    let options = options.request(request_key(key_of(&headers).as_deref(), &parts)?);
    let done = call.run(move |scope, place| {
        let holds = |head| conditions.check_head(&place.name, head);
        let done = scope.transact_at(&place.name, &options, holds, |view| {
            for (index, step) in steps.iter().enumerate() {
                apply(view, index, step)?;
            }
            Ok(())
        })?;
        Ok(committed(&place.name, &done))
    });
    Ok(json(&done.await.map_err(Problem::of_head)?))
}

fn step(line: &Line) -> Result<Step, ServiceError> {
    let path = given_path(line.path.as_ref(), line.path_base64.as_ref())?;
    let value = given("value", line.value.as_ref(), line.value_base64.as_ref())?;
    let must =
        |value: Option<Vec<u8>>| value.ok_or_else(|| ServiceError::invalid("it needs a 'value'"));
    let must_not = |step: Step| match line.value.is_some() || line.value_base64.is_some() {
        true => Err(ServiceError::invalid("it takes no 'value'")),
        false => Ok(step),
    };
    match line.op {
        Op::Set => {
            let mode = line.kind.unwrap_or(KindParam::Blob).mode();
            Ok(Step::Set(path, Blob::new(must(value)?).with_mode(mode)))
        }
        Op::Check => Ok(Step::Check(path, must(value)?)),
        Op::Rm => must_not(Step::Remove(path)),
        Op::CheckAbsent => must_not(Step::CheckAbsent(path)),
    }
}

fn apply(view: &mut ScopedView<'_>, index: usize, step: &Step) -> Result<(), ServiceError> {
    match step {
        Step::Set(path, blob) => view.set(path, blob.clone()).map(|_| ()),
        Step::Remove(path) => match view.remove(path)? {
            true => Ok(()),
            false => Err(refused(view, index, path, "there is nothing")),
        },
        Step::Check(path, expected) => {
            let found = view.get(path)?;
            match found.is_some_and(|found| found == expected[..]) {
                true => Ok(()),
                false => Err(refused(view, index, path, "something else is")),
            }
        }
        Step::CheckAbsent(path) => match view.kind(path)? {
            None => Ok(()),
            Some(_) => Err(refused(view, index, path, "there is something")),
        },
    }
}

fn refused(view: &ScopedView<'_>, index: usize, path: &Path, what: &str) -> ServiceError {
    let path = path.clone();
    let found = view.find(&path).ok().flatten();
    let found = found.and_then(|entry| entry.id().ok());
    let message = format!(
        "line {index}: {what} at '{}'; nothing was changed",
        show_path(&path)
    );
    ServiceError::new(ErrorKind::Conflict, message).with(Details::Precondition { index, found })
}
