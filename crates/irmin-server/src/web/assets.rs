//! The files that pages use, which are a part of the program.
//!
//! Their names have a hash of their bytes in them, so that browsers may keep them for ever and never
//! show a page with a style or a script of another version.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use irminsule::Id;

/// A file, by the name that pages know it by.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    name: String,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    let asset = |stem, extension, media_type, bytes: &'static [u8]| Asset {
        name: format!("{stem}-{}.{extension}", Id::of(bytes).short()),
        stem,
        extension,
        media_type,
        bytes,
    };
    [
        asset(
            "style",
            "css",
            "text/css; charset=utf-8",
            include_bytes!("assets/style.css"),
        ),
        asset(
            "script",
            "js",
            "text/javascript; charset=utf-8",
            include_bytes!("assets/script.js"),
        ),
        asset(
            "icon",
            "svg",
            "image/svg+xml",
            include_bytes!("assets/icon.svg"),
        ),
    ]
});

/// Returns the address of a file such as `style.css`.
pub(super) fn url(file: &str) -> String {
    let is_it = |asset: &&Asset| {
        let name = file
            .strip_suffix(asset.extension)
            .and_then(|name| name.strip_suffix('.'));
        name == Some(asset.stem)
    };
    let name = ASSETS
        .iter()
        .find(is_it)
        .map_or(file, |asset| asset.name.as_str());
    format!("/assets/{name}")
}

/// Serves a file.
pub(super) fn serve(name: &str) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    let media_type = HeaderValue::from_static(asset.media_type);
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, forever),
    ];
    (headers, asset.bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_the_address_that_pages_give_and_no_other() {
        for file in ["style.css", "script.js", "icon.svg"] {
            let url = url(file);
            let name = url.strip_prefix("/assets/").unwrap();
            assert_ne!(name, file);
            assert_eq!(serve(name).status(), StatusCode::OK);
            assert_eq!(serve(file).status(), StatusCode::NOT_FOUND);
        }
    }
}
