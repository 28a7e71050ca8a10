//! Watching a branch: `irmin watch`, as server-sent events.

use std::time::Duration;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use irminsule::{Since, WatchKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::rest::api::Api;
use crate::rest::body::{Pieces, streamed};
use crate::rest::operation::Operation;
use crate::rest::params::Params;
use crate::rest::place::Call;
use crate::rest::problem::{Problem, Result};
use crate::rest::shapes::{ChangeShape, CommitShape, given_path};
use crate::service::{Result as ServiceResult, ServiceError, WatchOptions, Watched, Watching};

/// How long nothing is said at the most, so that whoever is in between keeps the connection.
const SILENCE: Duration = Duration::from_secs(15);

/// What every stream begins with: when to come back after a loss, in milliseconds.
const BEGIN: &str = "retry: 1000\n\n";

pub(super) fn add(api: Api) -> Api {
    let stream = json!({"text/event-stream": {"schema": {"type": "string"}}});
    let text = json!({"type": "string"});
    let operation = Operation::new("watches", "watchBranch", "Follow a branch, as server-sent events")
        .about("Each event has the name `commit`, `created`, `reset` or `removed`, the place to go on from as its id (of a commit: its id), and a `Event` as its data. Comments keep the connection. An event `problem` with a `Problem` is the last one. A client that comes back with `Last-Event-ID` misses nothing and gets nothing twice.")
        .params::<WatchParams>()
        .header("Last-Event-ID", "The id of the last event that the client had.", &text)
        .answer(200, "The events.", stream)
        .schema_of::<EventShape>()
        .problem(410, "The commit to go on from is not kept any more: begin anew.");
    api.add(
        "GET /repositories/{repo}/watches/{branch}",
        operation,
        follow,
    )
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WatchParams {
    /// Only what is at and below this path; absent: all.
    path: Option<String>,
    /// The same, if the path is not UTF-8.
    path_base64: Option<String>,
    /// From where on: `now`, `start`, `absent`, or the id of a commit; absent: `now`. `Last-Event-ID`
    /// goes before.
    since: Option<String>,
    /// Tell of commits, too, that change nothing there.
    every_commit: Option<bool>,
    /// Say what changed; absent: yes.
    changes: Option<bool>,
    /// End when nothing was to tell for so many seconds. Absent: never.
    #[param(minimum = 1)]
    wait: Option<i32>,
}

/// Something that happened to a branch.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Event)]
struct EventShape {
    /// `commit`, `created`, `reset` or `removed`.
    event: String,
    /// The branch.
    branch: String,
    /// The place to go on from behind this event.
    since: String,
    /// The id of the commit that the branch was at.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// Where the branch is.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<CommitShape>,
    /// What changed, by path.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeShape>>,
    /// More changed than an event tells: ask for the difference.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

async fn follow(
    call: Call,
    Params(params): Params<WatchParams>,
    headers: HeaderMap,
) -> Result<Response> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let since = last.or(params.since.as_deref()).unwrap_or("now");
    let since = since
        .parse::<Since>()
        .map_err(|error| ServiceError::invalid(error.to_string()))?;
    let options = WatchOptions {
        branch: call.place.name.clone(),
        path: given_path(params.path.as_ref(), params.path_base64.as_ref())?,
        since,
        every_commit: params.every_commit == Some(true),
        changes: params.changes != Some(false),
    };
    let patience = params.wait.map(seconds).transpose()?;
    let tells_changes = options.changes;
    let branch = options.branch.clone();
    let watching = call
        .server
        .watch(&call.caller, &call.place.repo, options)
        .await?;
    let (pieces, body) = streamed();
    let telling = Telling {
        watching,
        branch,
        tells_changes,
        patience,
        wait: patience,
        pieces,
    };
    tokio::spawn(telling.tell());
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn seconds(count: i32) -> Result<Duration> {
    let count = u64::try_from(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| Problem::invalid("'wait' is at least 1"))?;
    Ok(Duration::from_secs(count))
}

/// A watch and its client.
struct Telling {
    watching: Watching,
    branch: String,
    tells_changes: bool,
    /// How long a client waits in silence; starts anew with each event.
    patience: Option<Duration>,
    /// What is left of that.
    wait: Option<Duration>,
    pieces: Pieces,
}

/// What comes next.
enum Next {
    Event(Box<ServiceResult<Watched>>),
    Silence,
    Over,
}

impl Telling {
    async fn tell(mut self) {
        let mut goes_on = self.say(BEGIN.to_owned()).await;
        while goes_on {
            goes_on = match self.next().await {
                Next::Over => return,
                Next::Silence => self.say(":\n\n".to_owned()).await,
                Next::Event(event) => match event.and_then(|event| self.written(&event)) {
                    Ok(text) => self.say(text).await,
                    Err(error) => {
                        self.say(problem(&error)).await;
                        return;
                    }
                },
            };
        }
    }

    async fn next(&mut self) -> Next {
        let limit = self.wait.map_or(SILENCE, |wait| wait.min(SILENCE));
        tokio::select! {
            biased;
            () = self.pieces.closed() => Next::Over,
            next = tokio::time::timeout(limit, self.watching.next()) => match next {
                Ok(event) => {
                    self.wait = self.patience;
                    Next::Event(Box::new(event))
                }
                Err(_) if self.is_over(limit) => Next::Over,
                Err(_) => Next::Silence,
            },
        }
    }

    /// Counts silence against the client's patience.
    fn is_over(&mut self, silence: Duration) -> bool {
        let Some(wait) = &mut self.wait else {
            return false;
        };
        *wait = wait.saturating_sub(silence);
        wait.is_zero()
    }

    fn written(&self, event: &Watched) -> ServiceResult<String> {
        let shape = EventShape {
            event: word(event.kind).to_owned(),
            branch: self.branch.clone(),
            since: event.cursor.to_string(),
            before: event.before.map(|id| id.to_string()),
            commit: event.commit.as_ref().map(CommitShape::of),
            changes: match self.tells_changes && !event.more {
                true => Some(ChangeShape::of_all(&event.changes)?),
                false => None,
            },
            more: event.more,
        };
        let data = serde_json::to_string(&shape).unwrap_or_default();
        Ok(format!(
            "event: {}\nid: {}\ndata: {data}\n\n",
            shape.event, shape.since
        ))
    }

    /// Says something; `false` if nobody listens any more.
    async fn say(&self, text: String) -> bool {
        self.pieces.send(Ok(text.into())).await.is_ok()
    }
}

fn problem(error: &ServiceError) -> String {
    let data = serde_json::to_string(&Problem::from(error.clone())).unwrap_or_default();
    format!("event: problem\ndata: {data}\n\n")
}

fn word(kind: WatchKind) -> &'static str {
    match kind {
        WatchKind::Created => "created",
        WatchKind::Reset => "reset",
        WatchKind::Removed => "removed",
        _ => "commit",
    }
}
