//! REST over HTTP/1.1: each request is sent again until an answer comes, writes with their key.

use bytes::Bytes;
use hyper::Request;
use hyper::http::request::Builder;
use irminsule::Blob;
use serde_json::json;

use super::client::{Ask, Clock, Told};
use super::doors::{all_read, id, nothing_read, seen_and_written};
use super::{REGISTERS, number, register, text};
use crate::linear::Did;
use crate::plain::{Answer, Plain, request};
use crate::rest::support::MAIN;

/// Asks, and says when that began.
pub(super) async fn ask(plain: &mut Plain, ask: &Ask, key: &str, clock: &Clock) -> (u64, Told) {
    let began = clock.tick();
    match *ask {
        Ask::Read => (began, read(plain).await),
        Ask::Write(to, value) => {
            let request = put(to, key);
            let did = vec![(to, Did::Write(value))];
            (began, Told::done(did, &write(plain, request, value).await))
        }
        Ask::Swap(to, expected, value) => {
            let request = when(put(to, key), expected);
            let answer = write(plain, request, value).await;
            if answer.status == 412 {
                let did = vec![(to, Did::Refused(expected))];
                return (began, Told::Done(did, None));
            }
            let did = vec![(to, Did::Swap(expected, value))];
            (began, Told::done(did, &answer))
        }
        Ask::Session(from, to, value) => {
            let seen = value_at(plain, "main", from).await;
            let began = clock.tick();
            (began, batch(plain, (from, seen), (to, value), key).await)
        }
    }
}

impl Told {
    fn done(did: Vec<(usize, Did)>, answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::Done(did, Some(id(&answer.json()["commit"])))
    }
}

/// Reads all registers at one commit.
async fn read(plain: &mut Plain) -> Told {
    let answer = get(plain, "commits/main").await;
    if answer.status == 404 {
        return Told::Done(nothing_read(), None);
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    let commit = answer.json()["id"].clone();
    let mut seen = [None; REGISTERS];
    for (each, seen) in seen.iter_mut().enumerate() {
        *seen = value_at(plain, commit.as_str().expect("an id"), each).await;
    }
    Told::Done(all_read(seen), Some(id(&commit)))
}

async fn get(plain: &mut Plain, place: &str) -> Answer {
    let request = request("GET", &format!("{MAIN}/{place}")).body(Bytes::new());
    plain.ask(&request.expect("a request")).await
}

async fn value_at(plain: &mut Plain, revision: &str, each: usize) -> Option<u64> {
    let place = format!("contents/{revision}/{}", register(each));
    let answer = get(plain, &place).await;
    match answer.status {
        200 => Some(number(&answer.body)),
        404 => None,
        _ => panic!("{answer:?}"),
    }
}

fn put(to: usize, key: &str) -> Builder {
    let uri = format!("{MAIN}/contents/main/{}", register(to));
    request("PUT", &uri).header("idempotency-key", key)
}

/// Adds the header that asks for what is to be there.
fn when(request: Builder, expected: Option<u64>) -> Builder {
    match expected {
        None => request.header("if-none-match", "*"),
        Some(value) => {
            let id = Blob::new(text(value).into_bytes()).id();
            request.header("if-match", format!("\"{id}\""))
        }
    }
}

async fn write(plain: &mut Plain, request: Builder, value: u64) -> Answer {
    let request: Request<Bytes> = request.body(text(value).into()).expect("a request");
    plain.ask(&request).await
}

/// Writes one register if another is what was seen.
async fn batch(
    plain: &mut Plain,
    (from, seen): (usize, Option<u64>),
    (to, value): (usize, u64),
    key: &str,
) -> Told {
    let check = match seen {
        None => json!({"op": "check-absent", "path": register(from)}),
        Some(seen) => json!({"op": "check", "path": register(from), "value": text(seen)}),
    };
    let set = json!({"op": "set", "path": register(to), "value": text(value)});
    let body = json!({"lines": [check, set]}).to_string();
    let request = request("POST", &format!("{MAIN}/batches/main"))
        .header("idempotency-key", key)
        .header("content-type", "application/json")
        .body(body.into());
    let answer = plain.ask(&request.expect("a request")).await;
    if answer.status == 409 {
        assert_eq!(answer.json()["details"]["index"], 0, "{answer:?}");
        return Told::Done(vec![(from, Did::Refused(seen))], None);
    }
    Told::done(seen_and_written(from, seen, to, value), &answer)
}
