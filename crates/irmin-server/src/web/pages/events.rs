//! `/r/<repository>/events`: tells pages that they have changed, as server-sent events.
//!
//! With `branch` and `path`: each change there, under the place to go on from. With `names`: each
//! change of a name, under a fingerprint of all of them. A browser that lost its connection says which
//! event it had last, and hears at once whether it missed something.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use irminsule::{Id, Since};
use tokio::sync::mpsc::Sender;

use crate::service::{ErrorKind, NamesWatching, Result, ServiceError, WatchOptions, Watching};
use crate::web::failure::failed;
use crate::web::guard::Visitor;
use crate::web::place::Place;
use crate::web::{Web, stream};

/// How long nothing is said at the most, so that whoever is in between keeps the connection.
const SILENCE: Duration = Duration::from_secs(15);

/// What every stream begins with: when to come back after a loss, in milliseconds.
const BEGIN: &str = "retry: 1000\n\n";

type Pieces = Sender<Result<Bytes, ServiceError>>;

/// Follows a branch or the names.
pub(in crate::web) async fn follow(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
    place: Place,
    headers: HeaderMap,
) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let since = last
        .or_else(|| place.query.filled("since"))
        .unwrap_or_default()
        .to_owned();
    let (sender, body) = stream::body();
    let begun = match place.query.get("names") {
        Some(_) => names(&web, &visitor, &place, since, sender).await,
        None => branch(&web, &visitor, &place, &since, sender).await,
    };
    if let Err(error) = begun {
        return failed(&visitor, &error);
    }
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn branch(
    web: &Web,
    visitor: &Visitor,
    place: &Place,
    since: &str,
    sender: Pieces,
) -> Result<()> {
    let options = WatchOptions {
        branch: place.query.must("branch", "the branch")?.to_owned(),
        path: place.query.path("path")?,
        since: since.parse().unwrap_or(Since::Now),
        every_commit: false,
        changes: false,
    };
    let (server, caller) = (&web.server, &visitor.caller);
    let (watching, missed) = match server.watch(caller, &place.repo, options.clone()).await {
        // Nobody knows what was missed: the page is to be looked at again.
        Err(error) if error.kind == ErrorKind::Gone => {
            let options = WatchOptions {
                since: Since::Now,
                ..options
            };
            (server.watch(caller, &place.repo, options).await?, true)
        }
        watching => (watching?, false),
    };
    tokio::spawn(follow_branch(watching, missed, sender));
    Ok(())
}

async fn follow_branch(mut watching: Watching, missed: bool, sender: Pieces) {
    let mut is_told = say(&sender, BEGIN.to_owned()).await;
    if missed {
        is_told = is_told && say(&sender, change(&watching.cursor().to_string())).await;
    }
    while is_told {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, watching.next()) => next,
            () = sender.closed() => return,
        };
        is_told = match next {
            Ok(Ok(event)) => say(&sender, change(&event.cursor.to_string())).await,
            Ok(Err(_)) => return,
            Err(_) => say(&sender, ":\n\n".to_owned()).await,
        };
    }
}

async fn names(
    web: &Web,
    visitor: &Visitor,
    place: &Place,
    since: String,
    sender: Pieces,
) -> Result<()> {
    let watching = web
        .server
        .watch_refs(&visitor.caller, &place.repo, "")
        .await?;
    tokio::spawn(follow_names(watching, since, sender));
    Ok(())
}

async fn follow_names(mut watching: NamesWatching, mut since: String, sender: Pieces) {
    let mut names = BTreeMap::new();
    let mut is_told = say(&sender, BEGIN.to_owned()).await;
    while is_told {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, watching.next()) => next,
            () = sender.closed() => return,
        };
        let changes = match next {
            Ok(Ok(changes)) => changes,
            Ok(Err(_)) => return,
            Err(_) => {
                is_told = say(&sender, ":\n\n".to_owned()).await;
                continue;
            }
        };
        for change in changes {
            match change.after {
                Some(id) => names.insert(change.name, id),
                None => names.remove(&change.name),
            };
        }
        let now = fingerprint(names.iter().map(|(name, id)| (name.as_str(), *id)));
        if now != since {
            since = now;
            is_told = say(&sender, change(&since)).await;
        }
    }
}

/// Returns what stands for some names and where they are, in order.
pub(in crate::web) fn fingerprint<'a>(names: impl Iterator<Item = (&'a str, Id)>) -> String {
    let lines: Vec<String> = names.map(|(name, id)| format!("{name} {id}\n")).collect();
    Id::of(lines.concat().as_bytes()).short()
}

fn change(id: &str) -> String {
    format!("event: change\nid: {id}\ndata: {id}\n\n")
}

/// Says something; `false` if nobody listens any more.
async fn say(sender: &Pieces, text: String) -> bool {
    sender.send(Ok(text.into())).await.is_ok()
}
