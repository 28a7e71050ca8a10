//! `/r/<repository>/go?page=…&rev=…&path=…`: leads to the address that a form asks for.

use axum::Extension;
use axum::response::{IntoResponse, Redirect, Response};
use irminsule::Path;

use crate::service::{ErrorKind, Result, ServiceError};
use crate::web::failure::failed;
use crate::web::guard::Visitor;
use crate::web::place::{Place, link};
use crate::web::text::unpercent;

/// The pages that a form can lead to.
const PAGES: [&str; 2] = ["tree", "log"];

/// Leads to a page.
pub(in crate::web) async fn lead(Extension(visitor): Extension<Visitor>, place: Place) -> Response {
    match target(&place) {
        Ok(link) => Redirect::to(&link).into_response(),
        Err(error) => failed(&visitor, &error),
    }
}

fn target(place: &Place) -> Result<String> {
    let asked = place.query.must("page", "the page")?;
    let page = PAGES.into_iter().find(|page| *page == asked);
    let page =
        page.ok_or_else(|| ServiceError::new(ErrorKind::NotFound, "there is no such page"))?;
    let path = unpercent(place.query.bytes("path").unwrap_or_default());
    Ok(link(
        &place.repo,
        page,
        place.query.must("rev", "the branch")?,
        &Path::parse(path)?,
    ))
}
