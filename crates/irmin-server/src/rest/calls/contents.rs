//! Values: `irmin get`.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::rest::api::Api;
use crate::rest::body::download;
use crate::rest::conditions::{Conditions, Verdict, etag};
use crate::rest::operation::Operation;
use crate::rest::place::Call;
use crate::rest::problem::{Problem, Result};
use crate::rest::range::{Wanted, wanted};
use crate::rest::shapes::mode_word;
use crate::service::{BlobHead, ErrorKind};

pub(super) const CONTENTS: &str = "/repositories/{repo}/contents/{revision}/{path}";

/// The media type of values: they are bytes, whatever they say.
const BYTES: &str = "application/octet-stream";

pub(super) fn add(api: Api) -> Api {
    api.add(&format!("GET {CONTENTS}"), description("getContents"), get)
        .describe("HEAD", CONTENTS, description("headContents"))
}

fn description(id: &'static str) -> Operation {
    let bytes = json!({BYTES: {"schema": {"type": "string", "format": "binary"}}});
    let text = json!({"type": "string"});
    Operation::new("contents", id, "Get the value at a path")
        .about("A single range of bytes may be asked for; anything else in `Range` is ignored.")
        .header(
            "Range",
            "The bytes that are wanted, such as `bytes=0-99`.",
            &text,
        )
        .header("If-Range", "The ETag that the range is for.", &text)
        .header("If-Match", "The ETag that the value has to have.", &text)
        .answer(200, "The bytes.", bytes.clone())
        .answer(206, "The bytes that were asked for.", bytes)
        .answer_header(206, "Content-Range", "Which ones they are, of how many.")
        .answer_header(206, "ETag", "The id, in quotes.")
        .answer_header(200, "Irmin-Kind", "`blob`, `executable` or `link`.")
        .answer_header(200, "Irmin-Commit", "The commit that it was found in.")
        .problem(412, "The value is another one.")
        .problem(
            416,
            "There are no such bytes; `content-range` says how many there are.",
        )
        .conditional()
}

/// How a request for a value is to be answered.
enum Answer {
    All,
    Part(Range<u64>),
    Beyond,
    Same,
    Another,
}

fn answer(headers: &HeaderMap, conditions: &Conditions, head: &BlobHead) -> Answer {
    let tag = head.id.to_string();
    match conditions.verdict(Some(&tag)) {
        Verdict::Failed => return Answer::Another,
        Verdict::Same => return Answer::Same,
        Verdict::Holds => {}
    }
    match wanted(headers, &tag, head.size) {
        Wanted::All => Answer::All,
        Wanted::Part(range) => Answer::Part(range),
        Wanted::Beyond => Answer::Beyond,
    }
}

async fn get(call: Call, method: Method, headers: HeaderMap) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let (asked, expected) = (headers.clone(), conditions.clone());
    let is_head = method == Method::HEAD;
    let place = &call.place;
    let found = call.server.download(
        &call.caller,
        &place.repo,
        &place.name,
        &place.path,
        move |head| match answer(&asked, &expected, head) {
            _ if is_head => None,
            Answer::All => Some(0..head.size),
            Answer::Part(range) => Some(range),
            Answer::Beyond | Answer::Same | Answer::Another => None,
        },
    );
    let (head, bytes) = found.await?;
    Ok(match answer(&headers, &conditions, &head) {
        Answer::All => sent(&head, 0..head.size, download(bytes)),
        Answer::Part(range) => {
            let (first, last) = (range.start, range.end.saturating_sub(1));
            let mut response = sent(&head, range, download(bytes));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            put(
                &mut response,
                &format!("bytes {first}-{last}/{}", head.size),
            );
            response
        }
        Answer::Same => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            response.headers_mut().insert(ETAG, etag(head.id));
            response
        }
        Answer::Another => Problem::new(ErrorKind::Conflict, "the value is another one")
            .with_status(StatusCode::PRECONDITION_FAILED)
            .into_response(),
        Answer::Beyond => {
            let message = format!("the value has {} bytes", head.size);
            let mut response = Problem::invalid(message)
                .with_status(StatusCode::RANGE_NOT_SATISFIABLE)
                .into_response();
            put(&mut response, &format!("bytes */{}", head.size));
            response
        }
    })
}

fn put(response: &mut Response, range: &str) {
    if let Ok(range) = HeaderValue::from_str(range) {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
}

fn sent(head: &BlobHead, range: Range<u64>, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(BYTES));
    // Whatever it is, a browser runs nothing of it.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
    headers.insert(ETAG, etag(head.id));
    headers.insert("irmin-kind", HeaderValue::from_static(mode_word(head.mode)));
    if let Ok(commit) = HeaderValue::from_str(&head.commit.to_string()) {
        headers.insert("irmin-commit", commit);
    }
    response
}
