//! Looking at entries: `irmin ls`, `irmin get --json`.

use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use irminsule::{Entry, Id, Step};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::body::json;
use crate::rest::conditions::{Conditions, Verdict, etag};
use crate::rest::operation::Operation;
use crate::rest::pages::{cursor, limit, next, page, read_cursor};
use crate::rest::params::Params;
use crate::rest::place::{Call, Place};
use crate::rest::problem::Result;
use crate::rest::shapes::{EntryShape, NamedEntry, PlacedEntry, Text, given_path, show_path};
use crate::service::{Cursor, Scope, ServiceError};

/// The largest value that is a part of JSON.
const VALUE_BYTES: u64 = 1 << 20;

pub(super) fn add(api: Api) -> Api {
    let entry = Operation::new("contents", "getEntry", "Tell what a path leads to")
        .gives::<PlacedEntry>("What is there, and its bytes if it is a value of at most 1 MiB.")
        .conditional();
    let list = Operation::new("contents", "listTree", "List a directory")
        .params::<TreeParams>()
        .gives::<EntryPage>("A page of its entries, by name.")
        .pages()
        .conditional();
    api.add(
        "GET /repositories/{repo}/entries/{revision}/{path}",
        entry,
        get,
    )
    .add(
        "GET /repositories/{repo}/trees/{revision}",
        list,
        self::list,
    )
}

/// A page of a directory.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct EntryPage {
    items: Vec<NamedEntry>,
    /// Where the next page is; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TreeParams {
    /// The directory; absent: the root.
    path: Option<String>,
    /// The directory, if its path is not UTF-8.
    path_base64: Option<String>,
    /// Where the page begins: what the address of the next page has; absent: at the start.
    cursor: Option<String>,
    /// At most so many; the server's limit if that is less.
    #[param(minimum = 1)]
    limit: Option<i32>,
}

async fn get(call: Call, headers: HeaderMap) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let (id, shape) = call.run(placed).await?;
    let shape = shape.as_ref();
    Ok(unless_same(&conditions, id, || json(&shape)))
}

fn placed(scope: &Scope, place: &Place) -> Result<(Id, Option<PlacedEntry>), ServiceError> {
    let at = scope.resolve(&place.name)?;
    let entry = scope.get(&at, &place.path)?.ok_or_else(|| absent(place))?;
    let value = match &entry {
        Entry::Blob(blob) if blob.size() <= VALUE_BYTES => Some(Text::of(&blob.bytes()?)),
        _ => None,
    };
    let (path, value) = (
        Text::of_path(&place.path),
        value.unwrap_or(Text {
            text: None,
            base64: None,
        }),
    );
    let shape = PlacedEntry {
        path: path.text,
        path_base64: path.base64,
        entry: EntryShape::of(&entry)?,
        value: value.text,
        value_base64: value.base64,
    };
    Ok((entry.id()?, Some(shape)))
}

pub(super) fn absent(place: &Place) -> ServiceError {
    ServiceError::not_found(format!("there is nothing at '{}'", show_path(&place.path)))
}

/// Answers 304 to a client that has it already.
pub(super) fn unless_same(
    conditions: &Conditions,
    id: Id,
    answer: impl FnOnce() -> Response,
) -> Response {
    let mut response = match conditions.verdict(Some(&id.to_string())) {
        Verdict::Same => StatusCode::NOT_MODIFIED.into_response(),
        _ => answer(),
    };
    response.headers_mut().insert(ETAG, etag(id));
    response
}

async fn list(
    mut call: Call,
    Params(params): Params<TreeParams>,
    headers: HeaderMap,
) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    call.place.path = given_path(params.path.as_ref(), params.path_base64.as_ref())?;
    let (id, listed) = call
        .run(move |scope, place| listed(scope, place, &params))
        .await?;
    let response = page(&listed, listed.next.as_ref())?;
    Ok(unless_same(&conditions, id, || response))
}

fn listed(
    scope: &Scope,
    place: &Place,
    params: &TreeParams,
) -> Result<(Id, EntryPage), ServiceError> {
    let at = scope.resolve(&place.name)?;
    let after = read_cursor(params.cursor.as_ref())?.map(Step::new);
    let after = after.transpose()?;
    let limit = limit(params.limit)?;
    let id = match scope.get(&at, &place.path)? {
        Some(entry) => entry.id()?,
        None => return Err(absent(place)),
    };
    let found = scope.list(&at, &place.path, &Cursor { after, limit })?;
    let last = found.items.last().filter(|_| found.more);
    let next = last.map(|(step, _)| {
        let params = [
            ("path", params.path.clone()),
            ("path_base64", params.path_base64.clone()),
            ("cursor", Some(cursor(step.as_bytes()))),
            ("limit", params.limit.map(|limit| limit.to_string())),
        ];
        next(
            &["repositories", &place.repo, "trees", &at.id().to_string()],
            &params,
        )
    });
    let items = found.items.iter().map(|(step, entry)| {
        let name = Text::of(step.as_bytes());
        Ok(NamedEntry {
            name: name.text,
            name_base64: name.base64,
            entry: EntryShape::of(entry)?,
        })
    });
    let items = items.collect::<Result<_, ServiceError>>()?;
    Ok((id, EntryPage { items, next }))
}
