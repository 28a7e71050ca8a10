//! Writers: each counts up in one value, each step on condition of the one before, until told to stop.
//! A step that is done twice, or lost after it was acknowledged, cannot go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyper::Request;
use irmin_proto::v1;
use irmin_proto::v1::commit_response::Outcome;
use irminsule::Blob;
use serde_json::json;
use tokio::sync::mpsc;

use super::{Commits, id};
use crate::faulty::{Line, Way};
use crate::pen::Pen;
use crate::plain::{Plain, request};
use crate::rest::support::MAIN;
use crate::support::{Wire, bytes, commit, set};

/// Whom a writer tells of each step, and who tells it to stop.
pub(super) struct Orders {
    pub(super) stop: Arc<AtomicBool>,
    pub(super) tell: mpsc::UnboundedSender<()>,
}

/// How a writer takes a step.
enum Hand {
    Grpc(Line),
    Rest(Plain),
    GraphQl(Pen),
}

pub(super) async fn write(number: usize, way: Way, orders: Orders) -> Commits {
    let mut hand = match number % 4 {
        0 => Hand::Grpc(Line::new(way)),
        1 => Hand::Rest(Plain::new(way)),
        2 => Hand::GraphQl(Pen::posts(way)),
        _ => Hand::GraphQl(Pen::socket(way)),
    };
    let place = format!("w{number}");
    let mut made = Commits::new();
    while !orders.stop.load(Ordering::Relaxed) {
        let step = made.len();
        made.push(match &mut hand {
            Hand::Grpc(line) => by_grpc(line, &place, step).await,
            Hand::Rest(plain) => by_rest(plain, &place, step).await,
            Hand::GraphQl(pen) => by_graphql(pen, &place, step).await,
        });
        let _ = orders.tell.send(());
    }
    made
}

/// Returns what a value is before a step.
fn before(step: usize) -> Option<String> {
    (step > 0).then(|| step.to_string())
}

fn after(step: usize) -> String {
    (step + 1).to_string()
}

async fn by_grpc(line: &mut Line, place: &str, step: usize) -> Vec<u8> {
    use v1::precondition::{Absent, Content, What, content::Is};
    let mut request = commit("main", vec![set(place, &after(step))]);
    request.idempotency_key = format!("{place}.{step}");
    request.preconditions = vec![v1::Precondition {
        what: Some(What::Content(Content {
            path: bytes(place),
            is: Some(match before(step) {
                None => Is::Absent(Absent {}),
                Some(before) => Is::Data(bytes(&before)),
            }),
        })),
    }];
    let answer = line
        .call(async |wire: Wire| wire.transactions().commit(request.clone()).await)
        .await
        .expect("it commits");
    match answer.outcome {
        Some(Outcome::Committed(done)) => {
            let commit = done.commit.expect("a commit");
            commit.id.expect("it has one").sha256.to_vec()
        }
        other => panic!("{place} at {step}: {other:?}"),
    }
}

async fn by_rest(plain: &mut Plain, place: &str, step: usize) -> Vec<u8> {
    let request = request("PUT", &format!("{MAIN}/contents/main/{place}"))
        .header("idempotency-key", format!("{place}.{step}"));
    let request = match before(step) {
        None => request.header("if-none-match", "*"),
        Some(before) => request.header("if-match", format!("\"{}\"", Blob::new(before).id())),
    };
    let request: Request<Bytes> = request.body(after(step).into()).expect("a request");
    let answer = plain.ask(&request).await;
    assert_eq!(answer.status, 200, "{place} at {step}: {answer:?}");
    id(&answer.json()["commit"])
}

async fn by_graphql(pen: &mut Pen, place: &str, step: usize) -> Vec<u8> {
    let query = "mutation ($path: Path!, $test: Value, $set: Value, $request: String) {
        made: test_and_set(path: $path, test: $test, set: $set, info: {request: $request}) { hash } }";
    let variables = json!({
        "path": place, "test": before(step), "set": after(step),
        "request": format!("{place}.{step}"),
    });
    let answer = pen.ask(query, &variables).await;
    assert_eq!(answer.get("errors"), None, "{place} at {step}: {answer}");
    id(&answer["data"]["made"]["hash"])
}
