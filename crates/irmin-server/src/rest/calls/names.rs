//! Branches and tags: `irmin branch`, `irmin reset`, `irmin tag`.

use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::trees::unless_same;
use crate::rest::api::Api;
use crate::rest::body::{JsonBody, json};
use crate::rest::conditions::{Conditions, etag};
use crate::rest::operation::Operation;
use crate::rest::pages::{PageParams, cursor, limit, next, page, read_cursor};
use crate::rest::params::Params;
use crate::rest::place::Call;
use crate::rest::problem::{Problem, Result};
use crate::service::{Cursor, ServiceError};

const BRANCH: &str = "/repositories/{repo}/branches/{branch}";
const TAG: &str = "/repositories/{repo}/tags/{tag}";

pub(super) fn add(api: Api) -> Api {
    let list = |id, summary| {
        Operation::new("names", id, summary)
            .params::<PageParams>()
            .gives::<NamePage>("A page of names, in order.")
            .pages()
    };
    let get = |id, summary| {
        Operation::new("names", id, summary)
            .gives::<NameShape>("Where it points.")
            .conditional()
    };
    let delete = |id, summary| {
        Operation::new("names", id, summary)
            .answer(204, "It is gone; the commits stay.", Value::Null)
            .problem(409, "It is moved all the time.")
            .test_and_set_head()
    };
    let put = Operation::new(
        "names",
        "putBranch",
        "Point a branch to a commit; make it if need be",
    )
    .json_body::<Target>()
    .gives::<NameShape>("Where it points.")
    .answer_header(200, "ETag", "The commit's id, in quotes.")
    .problem(409, "It is moved all the time.")
    .test_and_set_head();
    let put_tag = Operation::new("names", "putTag", "Make a tag")
        .json_body::<Target>()
        .gives::<NameShape>("Where it points.")
        .answer_header(200, "ETag", "The commit's id, in quotes.")
        .problem(409, "There is such a tag already: tags do not move.");
    api.add(
        "GET /repositories/{repo}/branches",
        list("listBranches", "List branches"),
        list_branches,
    )
    .add(
        "GET /repositories/{repo}/tags",
        list("listTags", "List tags"),
        list_tags,
    )
    .add(
        &format!("GET {BRANCH}"),
        get("getBranch", "Tell where a branch points"),
        get_branch,
    )
    .add(
        &format!("GET {TAG}"),
        get("getTag", "Tell where a tag points"),
        get_tag,
    )
    .add(&format!("PUT {BRANCH}"), put, put_branch)
    .add(&format!("PUT {TAG}"), put_tag, self::put_tag)
    .add(
        &format!("DELETE {BRANCH}"),
        delete("deleteBranch", "Remove a branch"),
        delete_branch,
    )
    .add(
        &format!("DELETE {TAG}"),
        delete("deleteTag", "Remove a tag"),
        delete_tag,
    )
}

/// A name.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Name)]
struct NameShape {
    /// The name.
    name: String,
    /// The id of the commit that it points to.
    commit: String,
}

/// A page of names.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct NamePage {
    items: Vec<NameShape>,
    /// Where the next page is; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Where a name is to point.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Target {
    /// A revision.
    commit: String,
}

async fn list_branches(call: Call, Params(params): Params<PageParams>) -> Result<Response> {
    list(call, params, "heads/", "branches").await
}

async fn list_tags(call: Call, Params(params): Params<PageParams>) -> Result<Response> {
    list(call, params, "tags/", "tags").await
}

async fn list(
    call: Call,
    params: PageParams,
    prefix: &'static str,
    resource: &'static str,
) -> Result<Response> {
    let found = call.run(move |scope, place| {
        let after = read_cursor(params.cursor.as_ref())?;
        let after = after.map(String::from_utf8).transpose();
        let after =
            after.map_err(|_| ServiceError::invalid("'cursor' is not one that an answer gave"))?;
        let limit = limit(params.limit)?;
        let found = scope.refs(prefix, &Cursor { after, limit })?;
        let last = found.items.last().filter(|_| found.more);
        let next = last.map(|(name, _)| {
            let params = [
                ("cursor", Some(cursor(name.as_bytes()))),
                ("limit", params.limit.map(|limit| limit.to_string())),
            ];
            next(&["repositories", &place.repo, resource], &params)
        });
        let items = found.items.into_iter().map(|(name, id)| NameShape {
            name: name.strip_prefix(prefix).unwrap_or(&name).to_owned(),
            commit: id.to_string(),
        });
        Ok(NamePage {
            items: items.collect(),
            next,
        })
    });
    let found = found.await?;
    page(&found, found.next.as_ref())
}

async fn get_branch(call: Call, headers: HeaderMap) -> Result<Response> {
    get(call, headers, "heads/").await
}

async fn get_tag(call: Call, headers: HeaderMap) -> Result<Response> {
    get(call, headers, "tags/").await
}

async fn get(call: Call, headers: HeaderMap, prefix: &'static str) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let found = call.run(move |scope, place| {
        let found = scope.get_ref(&format!("{prefix}{}", place.name))?;
        let name = place.name.clone();
        let id = found.ok_or_else(|| {
            ServiceError::not_found(format!("there is no '{}'", name.escape_debug()))
        })?;
        let commit = id.to_string();
        Ok((id, NameShape { name, commit }))
    });
    let (id, shape) = found.await?;
    Ok(unless_same(&conditions, id, || json(&shape)))
}

async fn put_branch(call: Call, headers: HeaderMap, body: JsonBody<Target>) -> Result<Response> {
    let expected = Conditions::of(&headers)?.expected()?;
    let run = call.run(move |scope, place| {
        let at = scope.resolve(&body.value.commit)?;
        scope.reset_branch(&place.name, &at, expected)?;
        Ok((place.name.clone(), at.id()))
    });
    let (name, id) = run.await.map_err(Problem::of_conditions)?;
    Ok(pointed(name, id))
}

async fn put_tag(call: Call, body: JsonBody<Target>) -> Result<Response> {
    let run = call.run(move |scope, place| {
        let at = scope.resolve(&body.value.commit)?;
        scope.create_tag(&place.name, &at)?;
        Ok((place.name.clone(), at.id()))
    });
    let (name, id) = run.await?;
    Ok(pointed(name, id))
}

fn pointed(name: String, id: irminsule::Id) -> Response {
    let commit = id.to_string();
    let mut response = json(&NameShape { name, commit });
    response.headers_mut().insert(ETAG, etag(id));
    response
}

async fn delete_branch(call: Call, headers: HeaderMap) -> Result<Response> {
    let expected = Conditions::of(&headers)?.expected()?;
    let run = call.run(move |scope, place| scope.delete_branch(&place.name, expected));
    run.await.map_err(Problem::of_conditions)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn delete_tag(call: Call, headers: HeaderMap) -> Result<Response> {
    let expected = Conditions::of(&headers)?.expected()?;
    let run = call.run(move |scope, place| scope.delete_tag(&place.name, expected));
    run.await.map_err(Problem::of_conditions)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
