//! JSON documents as directories: `irmin load`, `irmin dump`.

use axum::http::HeaderMap;
use axum::http::header::ETAG;
use axum::response::Response;
use irminsule::{Entry, Isolation, entry_to_json, json_to_entry};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::trees::{absent, unless_same};
use super::upload::hold;
use crate::rest::api::Api;
use crate::rest::body::{JsonBody, json as answer};
use crate::rest::conditions::{Conditions, etag};
use crate::rest::operation::Operation;
use crate::rest::params::Params;
use crate::rest::place::{Call, Place};
use crate::rest::problem::Result;
use crate::rest::shapes::{CommittedShape, given_path, path_bytes, show_path};
use crate::rest::write::{CommitParams, committed, key_of, request_key};
use crate::service::{ErrorKind, Scope, ServiceError};

const DOCUMENTS: &str = "/repositories/{repo}/documents/{revision}";

/// How many entries are listed at once while a document is measured.
const LISTED: usize = 1000;

/// About what an entry takes beside its bytes, in JSON and in memory.
const ENTRY_BYTES: u64 = 64;

pub(super) fn add(api: Api) -> Api {
    let any = json!({"application/json": {"schema": {}}});
    let get = Operation::new("documents", "getDocumentAt", "Print what is at a path and below it as one JSON value")
        .about("At most as large as the largest request; ask for parts of what is larger.")
        .params::<PathParams>()
        .answer(200, "The value: the reverse of putting it there.", any)
        .conditional()
        .problem(409, "What is there is no JSON document: bytes that are not UTF-8, or a foreign entry in a list.");
    let put = Operation::new(
        "documents",
        "putDocumentAt",
        "Put a JSON value at a path, as a directory with an entry for each field, and commit",
    )
    .about("The revision is the name of a branch. Replaces what was at the path.")
    .params::<PutParams>()
    .any_body("application/json")
    .gives::<CommittedShape>("What was committed.")
    .answer_header(200, "ETag", "The id of the entry, in quotes.")
    .test_and_set()
    .commits();
    api.add(&format!("GET {DOCUMENTS}"), get, self::get).add(
        &format!("PUT {DOCUMENTS}"),
        put,
        self::put,
    )
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PathParams {
    /// The path; absent: the root.
    path: Option<String>,
    /// The path, if it is not UTF-8.
    path_base64: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PutParams {
    /// The path; absent: the root.
    path: Option<String>,
    /// The path, if it is not UTF-8.
    path_base64: Option<String>,
    /// The message of the commit; one is made up without it.
    message: Option<String>,
    /// Who wrote the change, as `Name <address>`; without it: who asks.
    author: Option<String>,
}

async fn get(
    mut call: Call,
    Params(params): Params<PathParams>,
    headers: HeaderMap,
) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    call.place.path = given_path(params.path.as_ref(), params.path_base64.as_ref())?;
    let dump = |scope: &Scope, place: &Place| {
        let at = scope.resolve(&place.name)?;
        let entry = scope.get(&at, &place.path)?.ok_or_else(|| absent(place))?;
        measure(scope, &entry)?;
        let value = entry_to_json(&entry).map_err(typed)?;
        Ok((entry.id()?, value))
    };
    let (id, value) = call.run(dump).await?;
    Ok(unless_same(&conditions, id, || answer(&value)))
}

/// What is there is not what was asked for, or the request's value cannot be stored.
fn typed(error: irminsule::TypedError) -> ServiceError {
    let error = ServiceError::from(irminsule::Error::from(error));
    match error.kind {
        // Stored bytes that are no JSON are no damage.
        ErrorKind::Invalid | ErrorKind::Internal => {
            ServiceError::new(ErrorKind::Conflict, error.message)
        }
        _ => error,
    }
}

/// Fails when an entry, with all below it, is more than one answer holds.
fn measure(scope: &Scope, entry: &Entry) -> Result<(), ServiceError> {
    let max = u64::try_from(scope.limits().request_bytes).unwrap_or(u64::MAX);
    let mut bytes = 0_u64;
    let mut waiting = vec![entry.clone()];
    while let Some(entry) = waiting.pop() {
        scope.check_time()?;
        match entry {
            Entry::Blob(blob) => bytes = bytes.saturating_add(blob.size() + ENTRY_BYTES),
            Entry::Tree(tree) => {
                let mut after = None;
                loop {
                    let listed = tree.list(after.as_ref(), LISTED)?;
                    let is_last = listed.len() < LISTED;
                    after = listed.last().map(|(step, _)| step.clone());
                    bytes = bytes.saturating_add(ENTRY_BYTES * listed.len() as u64);
                    waiting.extend(listed.into_iter().map(|(_, entry)| entry));
                    if is_last || bytes > max {
                        break;
                    }
                }
            }
        }
        if bytes > max {
            let message = format!("this is more than {max} bytes of JSON; ask for parts of it");
            return Err(ServiceError::new(ErrorKind::TooLarge, message));
        }
    }
    Ok(())
}

async fn put(
    mut call: Call,
    Params(params): Params<PutParams>,
    headers: HeaderMap,
    body: JsonBody<Value>,
) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    call.place.path = given_path(params.path.as_ref(), params.path_base64.as_ref())?;
    let commit = CommitParams {
        message: params.message,
        author: params.author,
    };
    let isolation = match conditions.are_none() {
        true => Isolation::Overwrite,
        false => Isolation::default(),
    };
    let message = format!("Load {}", show_path(&call.place.path));
    let options = commit.options(&call.server, message, isolation)?;
    let digest = format!("{} {conditions:?}", commit.digest());
    let path = path_bytes(&call.place.path);
    let parts: [&[u8]; 5] = [
        b"PUT document",
        call.place.name.as_bytes(),
        &path,
        digest.as_bytes(),
        body.digest.as_bytes(),
    ];
    let options = options.request(request_key(key_of(&headers).as_deref(), &parts)?);
    let conditional = !conditions.are_none();
    let run = call.run(move |scope, place| {
        let entry =
            json_to_entry(&body.value).map_err(|error| ServiceError::invalid(error.to_string()))?;
        let done = scope.transact(&place.name, &options, |view| {
            hold(view, place, &conditions)?;
            view.set(&place.path, entry.clone())
        })?;
        Ok((entry.id()?, committed(&place.name, &done)))
    });
    let (id, shape) = run.await.map_err(|problem| match conditional {
        true => problem.of_conditions(),
        false => problem,
    })?;
    let mut response = answer(&shape);
    response.headers_mut().insert(ETAG, etag(id));
    Ok(response)
}
