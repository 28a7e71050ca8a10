//! Putting and removing values: `irmin set`, `irmin rm`.

use std::io::Read;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, ETAG};
use axum::response::Response;
use irminsule::{EntryKind, Id, Isolation, Mode};
use serde::Deserialize;
use tokio_stream::StreamExt;
use utoipa::{IntoParams, ToSchema};

use super::contents::CONTENTS;
use crate::rest::api::Api;
use crate::rest::body::{broken_off, collect, json};
use crate::rest::conditions::{Conditions, etag};
use crate::rest::operation::Operation;
use crate::rest::params::Params;
use crate::rest::place::{Call, Place};
use crate::rest::problem::{Problem, Result};
use crate::rest::shapes::{CommittedShape, path_bytes, show_path};
use crate::rest::write::{CommitParams, committed, key_of, request_key};
use crate::service::{
    ByteSender, CommitOptions, ErrorKind, Scope, ScopedView, ServiceError, byte_stream_in,
};

/// Up to so many bytes, a value is taken as a whole: it needs no thread of its own while it comes.
const SMALL_BYTES: usize = 256 << 10;

pub(super) fn add(api: Api) -> Api {
    let put = Operation::new("contents", "putContents", "Put a value at a path and commit")
        .about("The revision is the name of a branch, which is made if there is none. The body is streamed: memory is bounded, whatever its size.")
        .params::<PutParams>()
        .any_body("application/octet-stream")
        .gives::<CommittedShape>("What was committed.")
        .answer_header(200, "ETag", "The id of the value, in quotes.")
        .test_and_set()
        .commits();
    let delete = Operation::new(
        "contents",
        "deleteContents",
        "Remove a value or a directory and commit",
    )
    .about("The revision is the name of a branch.")
    .params::<CommitParams>()
    .gives::<CommittedShape>("What was committed.")
    .test_and_set()
    .commits();
    api.add(&format!("PUT {CONTENTS}"), put, self::put).add(
        &format!("DELETE {CONTENTS}"),
        delete,
        self::delete,
    )
}

/// What kind of value.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ValueKind)]
pub(super) enum KindParam {
    Blob,
    Executable,
    Link,
}

impl KindParam {
    pub(super) const fn mode(self) -> Mode {
        match self {
            Self::Blob => Mode::Normal,
            Self::Executable => Mode::Executable,
            Self::Link => Mode::Link,
        }
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PutParams {
    /// The message of the commit; one is made up without it.
    message: Option<String>,
    /// Who wrote the change, as `Name <address>`; without it: who asks.
    author: Option<String>,
    /// What kind of value: `blob` unless said.
    #[param(inline)]
    kind: Option<KindParam>,
    /// Whether a directory may be replaced, with all below it.
    replace: Option<bool>,
}

/// A value on its way.
struct Put {
    conditions: Conditions,
    options: CommitOptions,
    key: Option<String>,
    digest: String,
    mode: Mode,
    replaces: bool,
}

async fn put(
    call: Call,
    Params(params): Params<PutParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let commit = CommitParams {
        message: params.message,
        author: params.author,
    };
    let message = format!("Set {}", show_path(&call.place.path));
    let kind = params.kind.unwrap_or(KindParam::Blob);
    let put = Put {
        options: commit.options(&call.server, message, isolation(&conditions))?,
        digest: format!(
            "{} {kind:?} {:?} {conditions:?}",
            commit.digest(),
            params.replace
        ),
        key: key_of(&headers),
        mode: kind.mode(),
        replaces: params.replace == Some(true),
        conditions,
    };
    let conditional = !put.conditions.are_none();
    let done = match length(&headers) {
        Some(length) if length <= SMALL_BYTES => {
            let bytes = collect(body, SMALL_BYTES).await?;
            let run = call.run(move |scope, place| store(scope, place, put, &mut &bytes[..]));
            run.await
        }
        _ => put_large(&call, put, body).await,
    };
    let (id, shape) = done.map_err(|problem| when(conditional, problem))?;
    let mut response = json(&shape);
    response.headers_mut().insert(ETAG, etag(id));
    Ok(response)
}

/// A write that depends on nothing cannot conflict.
fn isolation(conditions: &Conditions) -> Isolation {
    match conditions.are_none() {
        true => Isolation::Overwrite,
        false => Isolation::default(),
    }
}

fn when(conditional: bool, problem: Problem) -> Problem {
    match conditional {
        true => problem.of_conditions(),
        false => problem,
    }
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn put_large(call: &Call, put: Put, body: Body) -> Result<(Id, CommittedShape)> {
    let (sender, mut reader) = byte_stream_in(&call.server);
    let run = call.run_long(move |scope, place| store(scope, place, put, &mut reader));
    tokio::pin!(run);
    // The hop may end before all has come: then what it says counts, and the rest is not read.
    tokio::select! {
        biased;
        done = &mut run => done,
        fed = feed(sender, body) => match fed {
            Ok(()) => run.await,
            Err(problem) => Err(problem),
        },
    }
}

/// Passes a body on. That nobody reads it any more is for the reader to explain.
async fn feed(sender: ByteSender, body: Body) -> Result<()> {
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| broken_off(&error))?;
        if sender.send(piece).await.is_err() {
            return Ok(());
        }
    }
    let _ = sender.finish().await;
    Ok(())
}

fn store(
    scope: &Scope,
    place: &Place,
    put: Put,
    reader: &mut dyn Read,
) -> Result<(Id, CommittedShape), ServiceError> {
    let path = &place.path;
    let blob = scope.write_blob(&place.name, path, put.mode, reader)?;
    let id = blob.id();
    let path_bytes = path_bytes(path);
    let parts: [&[u8]; 5] = [
        b"PUT contents",
        place.name.as_bytes(),
        &path_bytes,
        put.digest.as_bytes(),
        id.as_bytes(),
    ];
    let options = put
        .options
        .clone()
        .request(request_key(put.key.as_deref(), &parts)?);
    let done = scope.transact(&place.name, &options, |view| {
        hold(view, place, &put.conditions)?;
        if !put.replaces && view.kind(path)? == Some(EntryKind::Tree) {
            let message =
                format!("'{path}' is a directory; 'replace=true' replaces it and all below it");
            return Err(ServiceError::new(ErrorKind::Conflict, message));
        }
        view.set(path, blob.clone())
    })?;
    Ok((id, committed(&place.name, &done)))
}

/// Fails unless conditions hold at a path.
pub(super) fn hold(
    view: &ScopedView<'_>,
    place: &Place,
    conditions: &Conditions,
) -> Result<(), ServiceError> {
    if conditions.are_none() {
        return Ok(());
    }
    let found = view.find(&place.path)?;
    conditions.check(found.map(|entry| entry.id()).transpose()?)
}

async fn delete(
    call: Call,
    Params(params): Params<CommitParams>,
    headers: HeaderMap,
) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let message = format!("Remove {}", show_path(&call.place.path));
    let options = params.options(&call.server, message, Isolation::default())?;
    let digest = format!("{} {conditions:?}", params.digest());
    let path = path_bytes(&call.place.path);
    let parts: [&[u8]; 4] = [
        b"DELETE contents",
        call.place.name.as_bytes(),
        &path,
        digest.as_bytes(),
    ];
    let options = options.request(request_key(key_of(&headers).as_deref(), &parts)?);
    let conditional = !conditions.are_none();
    let done = call.run(move |scope, place| {
        let done = scope.transact(&place.name, &options, |view| {
            hold(view, place, &conditions)?;
            match view.remove(&place.path)? {
                true => Ok(()),
                false => {
                    let message = format!("there is nothing at '{}'", show_path(&place.path));
                    Err(ServiceError::not_found(message))
                }
            }
        })?;
        Ok(committed(&place.name, &done))
    });
    let shape = done.await.map_err(|problem| when(conditional, problem))?;
    Ok(json(&shape))
}
