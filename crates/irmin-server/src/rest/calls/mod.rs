//! The operations.

mod admin;
mod batch;
mod changes;
mod contents;
mod documents;
mod log;
mod merge;
mod names;
mod repositories;
mod tokens;
mod trees;
mod upload;
mod watch;

use super::api::Api;
use super::operation::Operation;

/// All operations.
pub(super) fn all() -> Api {
    let api = contents::add(Api::default());
    let api = upload::add(api);
    let api = trees::add(api);
    let api = documents::add(api);
    let api = batch::add(api);
    let api = log::add(api);
    let api = changes::add(api);
    let api = names::add(api);
    let api = merge::add(api);
    let api = watch::add(api);
    let api = repositories::add(api);
    let api = admin::add(api);
    let api = tokens::add(api);
    let document = Operation::new("server", "getDocument", "This document").answer(
        200,
        "It.",
        serde_json::json!({"application/json": {"schema": {"type": "object"}}}),
    );
    api.describe("GET", "/openapi.json", document)
}
