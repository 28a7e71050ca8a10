//! `/r/<repository>/raw/<revision>/<path>`: the bytes of a value, which a browser may save and not
//! run: whatever they are, they are no page of ours.

use axum::Extension;
use axum::extract::State;
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::service::BlobHead;
use crate::web::Web;
use crate::web::failure::failed;
use crate::web::guard::Visitor;
use crate::web::place::Place;
use crate::web::stream::download;
use crate::web::text::percent;
use crate::web::value::image_type;

/// Nothing in it runs, loads anything, or counts as ours.
const POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// How many bytes tell an image from something else.
const PROBED: u64 = 64;

/// Sends a value: to be saved, or to be drawn where a page has it as an image.
pub(in crate::web) async fn serve(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
    place: Place,
) -> Response {
    let is_image = place.query.get("image").is_some();
    match answer(&web, &visitor, &place, is_image).await {
        Ok(response) => response,
        Err(error) => failed(&visitor, &error),
    }
}

async fn answer(
    web: &Web,
    visitor: &Visitor,
    place: &Place,
    is_image: bool,
) -> crate::service::Result<Response> {
    let media_type = match is_image {
        true => probe(web, visitor, place).await?,
        false => None,
    };
    let (server, caller) = (&web.server, &visitor.caller);
    let all = |head: &BlobHead| Some(0..head.size);
    let (head, bytes) = server
        .download(caller, &place.repo, &place.rev, &place.path, all)
        .await?;
    let mut response = download(bytes).into_response();
    let headers = response.headers_mut();
    let name = place
        .path
        .steps()
        .last()
        .map(|step| percent(step.as_bytes()))
        .unwrap_or_default();
    let name = HeaderValue::from_str(&format!("attachment; filename*=UTF-8''{name}"));
    let media_type = media_type.unwrap_or("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, head.size.into());
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        name.unwrap_or(HeaderValue::from_static("attachment")),
    );
    Ok(response)
}

/// Returns the media type of a value that is an image.
async fn probe(
    web: &Web,
    visitor: &Visitor,
    place: &Place,
) -> crate::service::Result<Option<&'static str>> {
    let first = |head: &BlobHead| Some(0..head.size.min(PROBED));
    let (server, caller) = (&web.server, &visitor.caller);
    let (_, mut bytes) = server
        .download(caller, &place.repo, &place.rev, &place.path, first)
        .await?;
    let mut probed = Vec::new();
    while let Some(piece) = bytes.next().await {
        probed.extend_from_slice(&piece?);
    }
    Ok(image_type(&probed))
}
