//! What differs between two revisions: `irmin diff`.

use axum::response::Response;
use irminsule::Path;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::operation::Operation;
use crate::rest::pages::{cursor, limit, next, page, read_cursor};
use crate::rest::params::Params;
use crate::rest::place::{Call, Place};
use crate::rest::problem::Result;
use crate::rest::shapes::{ChangeShape, given_path, path_bytes};
use crate::service::{Cursor, Scope, ServiceError, Snapshot};

pub(super) fn add(api: Api) -> Api {
    let operation = Operation::new(
        "history",
        "listChanges",
        "List the values that differ between two revisions",
    )
    .params::<DiffParams>()
    .gives::<ChangePage>("A page of changes, by path.")
    .pages();
    api.add("GET /repositories/{repo}/diff/{revision}", operation, list)
}

/// A page of changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ChangePage {
    items: Vec<ChangeShape>,
    /// Where the next page is; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DiffParams {
    /// The older revision; absent: the first parent.
    from: Option<String>,
    /// What is at and below this path; absent: all.
    path: Option<String>,
    /// The same, if the path is not UTF-8.
    path_base64: Option<String>,
    /// Where the page begins: what the address of the next page has; absent: at the start.
    cursor: Option<String>,
    /// At most so many; the server's limit if that is less.
    #[param(minimum = 1)]
    limit: Option<i32>,
}

async fn list(call: Call, Params(params): Params<DiffParams>) -> Result<Response> {
    let found = call
        .run(move |scope, place| listed(scope, place, &params))
        .await?;
    page(&found, found.next.as_ref())
}

fn listed(scope: &Scope, place: &Place, params: &DiffParams) -> Result<ChangePage, ServiceError> {
    let to = scope.resolve(&place.name)?;
    let from = match &params.from {
        Some(revision) => Some(scope.resolve(revision)?),
        None => parent(scope, &to)?,
    };
    let path = given_path(params.path.as_ref(), params.path_base64.as_ref())?;
    let after = read_cursor(params.cursor.as_ref())?.map(Path::parse);
    let after = after.transpose()?;
    let limit = limit(params.limit)?;
    let found = scope.diff(from.as_ref(), &to, &path, &Cursor { after, limit })?;
    let last = found.items.last().filter(|_| found.more);
    let next = last.map(|change| {
        let params = [
            ("from", from.as_ref().map(|from| from.id().to_string())),
            ("path", params.path.clone()),
            ("path_base64", params.path_base64.clone()),
            ("cursor", Some(cursor(&path_bytes(&change.path)))),
            ("limit", params.limit.map(|limit| limit.to_string())),
        ];
        next(
            &["repositories", &place.repo, "diff", &to.id().to_string()],
            &params,
        )
    });
    let items = ChangeShape::of_all(&found.items)?;
    Ok(ChangePage { items, next })
}

fn parent(scope: &Scope, commit: &Snapshot) -> Result<Option<Snapshot>, ServiceError> {
    let parent = commit.parents().first().copied();
    parent.map(|id| scope.resolve(&id.to_string())).transpose()
}
