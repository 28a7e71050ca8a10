//! The pages, one in each file.

pub(super) mod branches;
pub(super) mod commit;
pub(super) mod compare;
pub(super) mod edit;
pub(super) mod events;
pub(super) mod go;
pub(super) mod home;
pub(super) mod log;
pub(super) mod login;
pub(super) mod merge;
pub(super) mod raw;
pub(super) mod remove;
pub(super) mod repo;
pub(super) mod search;
pub(super) mod stats;
pub(super) mod tree;

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::assets;

/// Serves a file of the pages.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    assets::serve(&name)
}

/// Says where the icon is to those who look for it in the old place.
pub(super) async fn icon() -> Response {
    Redirect::permanent(&assets::url("icon.svg")).into_response()
}
