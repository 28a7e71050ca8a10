//! History: `irmin log`, and one commit.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::trees::unless_same;
use crate::rest::api::Api;
use crate::rest::body::json;
use crate::rest::conditions::Conditions;
use crate::rest::operation::Operation;
use crate::rest::pages::{limit, next, page};
use crate::rest::params::Params;
use crate::rest::place::{Call, Place};
use crate::rest::problem::Result;
use crate::rest::shapes::{CommitShape, given_path};
use crate::service::{LogRequest, Scope, ServiceError};

pub(super) fn add(api: Api) -> Api {
    let log = Operation::new("history", "listCommits", "List commits, newest first")
        .about("A page may be empty and not the last, where many commits are passed over.")
        .params::<LogParams>()
        .gives::<CommitPage>("A page of commits.")
        .pages();
    let commit = Operation::new("history", "getCommit", "Get one commit")
        .gives::<CommitShape>("The commit.")
        .conditional();
    api.add("GET /repositories/{repo}/log/{revision}", log, list)
        .add("GET /repositories/{repo}/commits/{revision}", commit, get)
}

/// A page of a log.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct CommitPage {
    items: Vec<CommitShape>,
    /// Where the next page is; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogParams {
    /// Only commits that changed what is there; absent: all.
    path: Option<String>,
    /// The same, if the path is not UTF-8.
    path_base64: Option<String>,
    /// Not what this revision leads to.
    exclude: Option<String>,
    /// Follow first parents only.
    first_parent: Option<bool>,
    /// Where the page begins: what the address of the next page has; absent: at the newest.
    cursor: Option<i64>,
    /// At most so many; the server's limit if that is less.
    #[param(minimum = 1)]
    limit: Option<i32>,
}

async fn list(call: Call, Params(params): Params<LogParams>) -> Result<Response> {
    let found = call
        .run(move |scope, place| listed(scope, place, &params))
        .await?;
    page(&found, found.next.as_ref())
}

fn listed(scope: &Scope, place: &Place, params: &LogParams) -> Result<CommitPage, ServiceError> {
    let head = scope.resolve(&place.name)?;
    let exclude = params
        .exclude
        .as_ref()
        .map(|revision| scope.resolve(revision));
    let exclude = exclude.transpose()?.map(|commit| commit.id());
    let start = u64::try_from(params.cursor.unwrap_or(0))
        .map_err(|_| ServiceError::invalid("'cursor' is not one that an answer gave"))?;
    let found = scope.log(
        &head,
        &LogRequest {
            path: given_path(params.path.as_ref(), params.path_base64.as_ref())?,
            exclude: exclude.into_iter().collect(),
            first_parent: params.first_parent == Some(true),
            start,
            limit: limit(params.limit)?,
        },
    )?;
    // The next page begins at the same commits, wherever the branch is by then.
    let next = found.next.map(|position| {
        let params = [
            ("path", params.path.clone()),
            ("path_base64", params.path_base64.clone()),
            ("exclude", exclude.map(|id| id.to_string())),
            (
                "first_parent",
                params.first_parent.map(|only| only.to_string()),
            ),
            ("cursor", Some(position.to_string())),
            ("limit", params.limit.map(|limit| limit.to_string())),
        ];
        next(
            &["repositories", &place.repo, "log", &head.id().to_string()],
            &params,
        )
    });
    let items = found.commits.iter().map(CommitShape::of).collect();
    Ok(CommitPage { items, next })
}

async fn get(call: Call, headers: HeaderMap) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let found = call.run(|scope, place| {
        let commit = scope.resolve(&place.name)?;
        Ok((commit.id(), CommitShape::of(&commit)))
    });
    let (id, shape) = found.await?;
    Ok(unless_same(&conditions, id, || json(&shape)))
}
