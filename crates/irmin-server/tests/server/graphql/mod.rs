//! GraphQL, as clients see it.

mod clients;
mod fields;
mod limits;
mod model;
mod rights;
mod subscriptions;

use http_body_util::BodyExt as _;
use hyper::Request;
use serde_json::{Value, json};
use tonic::body::Body;
use tower::Service as _;

use crate::support::Wire;

/// Posts a request; returns the status and the answer.
async fn post(wire: &Wire, path: &str, kind: &str, body: String) -> (u16, Value) {
    let request = Request::post(format!("http://irmin{path}"))
        .header("content-type", kind)
        .body(Body::new(http_body_util::Full::new(body.into())))
        .expect("a request");
    answer(wire, request).await
}

async fn answer(wire: &Wire, request: Request<Body>) -> (u16, Value) {
    let response = wire.clone().call(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("all of it");
    let body = body.to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn ask_with(wire: &Wire, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables });
    let (status, answer) = post(wire, "/graphql", "application/json", body.to_string()).await;
    assert_eq!(status, 200, "{query}: {answer}");
    answer
}

/// Asks for what there is to be an answer to; returns its data.
async fn ask(wire: &Wire, query: &str) -> Value {
    let answer = ask_with(wire, query, json!({})).await;
    assert_eq!(answer.get("errors"), None, "{query}: {answer}");
    answer["data"].clone()
}

/// Asks for what is refused; returns the first error.
async fn fail(wire: &Wire, query: &str) -> Value {
    let answer = ask_with(wire, query, json!({})).await;
    assert!(answer.get("errors").is_some(), "{query}: {answer}");
    answer["errors"][0].clone()
}

fn code(error: &Value) -> &str {
    error["extensions"]["code"].as_str().unwrap_or_default()
}

/// Sets a value on `main`; returns the commit's id.
async fn set(wire: &Wire, path: &str, value: &str) -> String {
    set_on(wire, "main", path, value).await
}

async fn set_on(wire: &Wire, branch: &str, path: &str, value: &str) -> String {
    let query = format!(
        r#"mutation {{ set(branch: "{branch}", path: "{path}", value: "{value}") {{ hash }} }}"#
    );
    let made = ask(wire, &query).await;
    made["set"]["hash"].as_str().expect("an id").to_owned()
}
