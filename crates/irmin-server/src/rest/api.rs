//! Routes and their description, added together.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use serde_json::{Map, Value, json};

use super::BASE;
use super::document::document;
use super::operation::Operation;
use crate::service::Server;

/// What is served, and its description.
#[derive(Default)]
pub(super) struct Api {
    router: Router<Server>,
    paths: Map<String, Value>,
    schemas: BTreeMap<String, Value>,
}

impl Api {
    /// Adds an operation: `GET /repositories/{repo}/contents/{revision}/{path}`. A last `{path}` is
    /// all that follows.
    pub(super) fn add<H, T>(mut self, line: &str, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Server>,
        T: 'static,
    {
        let (method, path) = line.split_once(' ').unwrap_or(("GET", line));
        let route = path.replace("{path}", "{*path}");
        let router = self
            .router
            .route(&format!("{BASE}{route}"), on(filter(method), handler));
        self.router = router;
        self.describe(method, path, operation)
    }

    /// Describes an operation whose route is elsewhere.
    pub(super) fn describe(mut self, method: &str, path: &str, mut operation: Operation) -> Self {
        self.schemas.append(&mut operation.schemas);
        let at = self.paths.entry(path).or_insert_with(|| json!({}));
        at[method.to_lowercase()] = operation.written(path);
        self
    }

    /// Returns the routes, and the document.
    pub(super) fn finish(self) -> (Router<Server>, Value) {
        (self.router, document(self.paths, self.schemas))
    }
}

fn filter(method: &str) -> MethodFilter {
    match method {
        "PUT" => MethodFilter::PUT,
        "POST" => MethodFilter::POST,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}
