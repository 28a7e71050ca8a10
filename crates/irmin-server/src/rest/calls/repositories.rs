//! The repositories of the server.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::body::json as answer;
use crate::rest::operation::Operation;
use crate::rest::pages::{PageParams, cursor, limit, next, page, read_cursor};
use crate::rest::params::Params;
use crate::rest::place::Call;
use crate::rest::problem::Result;
use crate::service::{Page, ServiceError};

const REPOSITORY: &str = "/repositories/{repo}";

pub(super) fn add(api: Api) -> Api {
    let list = Operation::new("server", "listRepositories", "List repositories")
        .params::<PageParams>()
        .gives::<RepositoryPage>("A page of repositories, by name.")
        .pages();
    let create = Operation::new("server", "createRepository", "Make a repository")
        .answer(
            201,
            "It is made.",
            json!({"application/json": {"schema": {"$ref": "#/components/schemas/Repository"}}}),
        )
        .schema_of::<RepositoryShape>()
        .problem(409, "There is one already.");
    let drop = Operation::new(
        "server",
        "dropRepository",
        "Remove a repository with all that is in it",
    )
    .answer(204, "It is gone.", Value::Null);
    api.add("GET /repositories", list, self::list)
        .add(&format!("PUT {REPOSITORY}"), create, self::create)
        .add(&format!("DELETE {REPOSITORY}"), drop, self::drop)
}

/// A repository.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Repository)]
struct RepositoryShape {
    /// Its name.
    name: String,
}

/// A page of repositories.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct RepositoryPage {
    items: Vec<RepositoryShape>,
    /// Where the next page is; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn list(call: Call, Params(params): Params<PageParams>) -> Result<Response> {
    let after = read_cursor(params.cursor.as_ref())?;
    let max = call.server.limits().page;
    let count = match limit(params.limit)? {
        0 => max,
        count => count.min(max),
    };
    let names = call
        .run_server(|server, caller| Ok(server.list_repos(caller)))
        .await?;
    let behind = |name: &String| {
        after
            .as_ref()
            .is_none_or(|after| name.as_bytes() > after.as_slice())
    };
    let names: Vec<String> = names.into_iter().filter(behind).collect();
    let found = Page::cut(names, count);
    let last = found.items.last().filter(|_| found.more);
    let next = last.map(|name| {
        let params = [
            ("cursor", Some(cursor(name.as_bytes()))),
            ("limit", params.limit.map(|limit| limit.to_string())),
        ];
        next(&["repositories"], &params)
    });
    let items = found.items.into_iter().map(|name| RepositoryShape { name });
    let shape = RepositoryPage {
        items: items.collect(),
        next,
    };
    page(&shape, shape.next.as_ref())
}

async fn create(call: Call) -> Result<Response> {
    let name = call.place.repo.clone();
    let made = call.run_server(move |server, caller| {
        server.create_repo(caller, &name)?;
        Ok::<_, ServiceError>(RepositoryShape { name })
    });
    let mut response = answer(&made.await?);
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn drop(call: Call) -> Result<Response> {
    let name = call.place.repo.clone();
    call.run_server(move |server, caller| server.drop_repo(caller, &name))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
