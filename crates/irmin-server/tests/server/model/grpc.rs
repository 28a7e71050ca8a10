//! gRPC: each call is sent again until an answer comes, commits with their key.

use irmin_proto::v1;
use irmin_proto::v1::commit_response::Outcome;

use super::client::{Ask, Clock, DidAll, Told};
use super::doors::seen_and_written;
use super::{REGISTERS, number, register, text};
use crate::faulty::Line;
use crate::linear::Did;
use crate::support::{at, bytes, commit, info, set};

/// Asks, and says when that began.
pub(super) async fn ask(line: &mut Line, ask: &Ask, key: &str, clock: &Clock) -> (u64, Told) {
    let began = clock.tick();
    match ask {
        Ask::Read => (began, read(line).await),
        Ask::Write(register_of, value) => {
            let mut request = commit("main", vec![set(&register(*register_of), &text(*value))]);
            request.idempotency_key = key.to_owned();
            let did = vec![(*register_of, Did::Write(*value))];
            (began, told(did, apply(line, request).await))
        }
        Ask::Swap(register_of, expected, value) => {
            let mut request = commit("main", vec![set(&register(*register_of), &text(*value))]);
            request.idempotency_key = key.to_owned();
            request.preconditions = vec![holds(&register(*register_of), *expected)];
            let answer = apply(line, request).await;
            if let Outcome::Failed(_) = answer {
                let did = vec![(*register_of, Did::Refused(*expected))];
                return (began, Told::Done(did, None));
            }
            let did = vec![(*register_of, Did::Swap(*expected, *value))];
            (began, told(did, answer))
        }
        Ask::Session(from, to, value) => session(line, *from, *to, *value, key, clock).await,
    }
}

async fn read(line: &mut Line) -> Told {
    let (did, commit) = read_at(line, "").await;
    Told::Done(did, commit)
}

/// Reads all registers at a revision.
pub(super) async fn read_at(line: &mut Line, revision: &str) -> (DidAll, Option<Vec<u8>>) {
    let request = v1::GetRequest {
        at: at(revision),
        paths: (0..REGISTERS).map(|each| bytes(&register(each))).collect(),
        data_limit: 100,
    };
    let answer = line
        .call(async |wire| wire.contents().get(request.clone()).await)
        .await
        .expect("it reads");
    let found = answer.found.into_iter().enumerate();
    let did = found.map(|(each, found)| (each, Did::Read(value_of(found))));
    (did.collect(), answer.commit.map(id_of))
}

pub(super) fn id_of(commit: v1::Commit) -> Vec<u8> {
    commit.id.expect("it has one").sha256.to_vec()
}

fn value_of(found: v1::Found) -> Option<u64> {
    match found.entry?.is.expect("one of two") {
        v1::entry::Is::Blob(blob) => Some(number(&blob.data.expect("it is short"))),
        v1::entry::Is::Directory(_) => panic!("nobody made it"),
    }
}

fn holds(place: &str, expected: Option<u64>) -> v1::Precondition {
    use v1::precondition::{Absent, Content, What, content::Is};
    let is = match expected {
        None => Is::Absent(Absent {}),
        Some(value) => Is::Data(bytes(&text(value))),
    };
    let content = Content {
        path: bytes(place),
        is: Some(is),
    };
    v1::Precondition {
        what: Some(What::Content(content)),
    }
}

async fn apply(line: &mut Line, request: v1::CommitRequest) -> Outcome {
    let answer = line
        .call(async |wire| wire.transactions().commit(request.clone()).await)
        .await;
    answer.expect("it commits").outcome.expect("one")
}

fn told(did: DidAll, answer: Outcome) -> Told {
    match answer {
        Outcome::Committed(done) => {
            let commit = done.commit.expect("a new value changes something");
            Told::Done(did, Some(id_of(commit)))
        }
        Outcome::Stale(_) => Told::Nothing,
        other => panic!("{other:?}"),
    }
}

/// Reads one register and writes another in a session. What it read must still hold when it commits,
/// so the whole counts as one step within the last call.
async fn session(
    line: &mut Line,
    from: usize,
    to: usize,
    value: u64,
    key: &str,
    clock: &Clock,
) -> (u64, Told) {
    let (session, seen) = prepared(line, from, to, value).await;
    let request = v1::CommitSessionRequest {
        session,
        info: info("test"),
        idempotency_key: key.to_owned(),
        ..v1::CommitSessionRequest::default()
    };
    let began = clock.tick();
    let answer = line
        .call(async |wire| wire.transactions().commit_session(request.clone()).await)
        .await;
    match answer {
        Ok(answer) => {
            let did = seen_and_written(from, seen, to, value);
            (began, told(did, answer.outcome.expect("one")))
        }
        // The answer that it was stale was lost on the way, and the session ended with it.
        Err(status) if line.has_retried() && status.code() == tonic::Code::NotFound => {
            (began, Told::Nothing)
        }
        Err(status) => panic!("{status:?}"),
    }
}

/// Begins a session, reads one register and writes another in it.
async fn prepared(
    line: &mut Line,
    from: usize,
    to: usize,
    value: u64,
) -> (bytes::Bytes, Option<u64>) {
    let request = v1::BeginRequest {
        branch: "main".to_owned(),
        ttl_seconds: 60,
        ..v1::BeginRequest::default()
    };
    let begun = line
        .call(async |wire| wire.transactions().begin(request.clone()).await)
        .await;
    let session = begun.expect("it begins").session;
    let request = v1::SessionReadRequest {
        session: session.clone(),
        paths: vec![bytes(&register(from))],
        data_limit: 100,
        ..v1::SessionReadRequest::default()
    };
    let mut answer = line
        .call(async |wire| wire.transactions().read(request.clone()).await)
        .await
        .expect("it reads");
    let seen = value_of(answer.found.remove(0));
    let request = v1::SessionWriteRequest {
        session: session.clone(),
        writes: vec![set(&register(to), &text(value))],
        ..v1::SessionWriteRequest::default()
    };
    line.call(async |wire| wire.transactions().write(request.clone()).await)
        .await
        .expect("it writes");
    (session, seen)
}
