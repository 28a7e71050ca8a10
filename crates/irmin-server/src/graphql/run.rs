//! Running requests: each as a whole on one thread that may block.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Data, Executor, Request, Response, ServerError, Value};
use futures_util::FutureExt as _;
use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::desk::Desk;
use super::errors::{explain, say};
use super::schema::Api;
use super::subscription::Mailbox;
use super::vet;
use crate::service::{
    Caller, Deadline, ErrorKind, Result, Server, ServiceError, Snapshot, Watched, Watching,
};

/// How many requests one WebSocket may have under way.
const OPERATIONS_MAX: usize = 100;

/// Who asks of which repository.
#[derive(Clone)]
pub(crate) struct Runner {
    pub(crate) server: Server,
    pub(crate) api: Api,
    pub(crate) caller: Caller,
    pub(crate) repo: Arc<str>,
    /// Requests of this connection that are under way.
    running: Arc<AtomicUsize>,
}

impl Runner {
    pub(crate) fn new(server: &Server, api: &Api, caller: Caller, repo: &str) -> Self {
        Self {
            server: server.clone(),
            api: api.clone(),
            caller,
            repo: repo.into(),
            running: Arc::default(),
        }
    }

    /// Runs a query or mutation: one hop.
    ///
    /// # Errors
    /// As [`Server::run`], for what failed as a whole.
    pub(crate) async fn run(&self, request: Request) -> Result<Response> {
        let (server, api) = (self.server.clone(), self.api.clone());
        let run = move |scope: &crate::service::Scope| {
            let desk = Arc::new(Desk::new(server, scope.clone()));
            let executed = api.execute(request.data(desk));
            let mut response = Handle::current().block_on(executed);
            explain(&mut response);
            Ok(response)
        };
        self.server
            .run(&self.caller, &self.repo, Deadline::never(), run)
            .await
    }

    async fn answer(&self, request: Request) -> Response {
        self.run(request)
            .await
            .unwrap_or_else(|error| refusal(&error))
    }

    /// Begins a subscription: what is to be watched is found in one hop, and another one looks where
    /// the watch begins.
    async fn subscribe(&self, request: Request) -> Result<Begun> {
        let (events, mailbox) = mpsc::channel(1);
        let mailbox = Arc::new(Mailbox::new(mailbox));
        let (server, api, letters) = (self.server.clone(), self.api.clone(), Arc::clone(&mailbox));
        let begin = move |scope: &crate::service::Scope| {
            let desk = Arc::new(Desk::new(server, scope.clone()));
            let request = request.data(Arc::clone(&desk)).data(letters);
            let mut responses = api.execute_stream(request).boxed();
            // There are no events yet: what comes now is an error.
            let first = responses.next().now_or_never().flatten();
            Ok((desk, responses, first))
        };
        let (desk, responses, first) = self
            .server
            .run(&self.caller, &self.repo, Deadline::never(), begin)
            .await?;
        if let Some(mut first) = first {
            explain(&mut first);
            return Ok(Err(first));
        }
        let nothing = || ServiceError::new(ErrorKind::Invalid, "a subscription has one field");
        let options = mailbox.asked().ok_or_else(nothing)?;
        let watching = self.server.watch(&self.caller, &self.repo, options).await?;
        Ok(Ok(Live {
            desk,
            responses,
            events,
            watching,
        }))
    }

    /// Waits for the next event and resolves its fields: a hop for each.
    async fn next(&self, live: Live) -> Result<Option<(Response, Live)>> {
        let Live {
            desk,
            mut responses,
            events,
            mut watching,
        } = live;
        loop {
            let Watched { commit, before, .. } = watching.next().await?;
            let (desk_of, sender) = (Arc::clone(&desk), events.clone());
            let resolve = move |scope: &crate::service::Scope| {
                let told: Option<Snapshot> = match (commit, before) {
                    (Some(commit), _) => Some(commit),
                    (None, Some(before)) => super::query::find(scope, before)?,
                    (None, None) => None,
                };
                let Some(told) = told else {
                    return Ok((responses, None));
                };
                desk_of.renew(scope.clone());
                // It holds one, and each is taken before the next is sent.
                let _ = sender.try_send(told);
                let mut response = Handle::current().block_on(responses.next());
                response.iter_mut().for_each(explain);
                Ok((responses, Some(response)))
            };
            let resolved;
            (responses, resolved) = self
                .server
                .run(&self.caller, &self.repo, Deadline::never(), resolve)
                .await?;
            if let Some(response) = resolved {
                let live = Live {
                    desk,
                    responses,
                    events,
                    watching,
                };
                return Ok(response.map(|response| (response, live)));
            }
        }
    }
}

/// A subscription that runs, or why it does not.
type Begun = std::result::Result<Live, Response>;

struct Live {
    desk: Arc<Desk>,
    responses: BoxStream<'static, Response>,
    events: mpsc::Sender<Snapshot>,
    watching: Watching,
}

enum State {
    Begins(Box<Request>),
    Runs(Box<Live>),
    Ended,
}

impl Executor for Runner {
    async fn execute(&self, request: Request) -> Response {
        self.answer(request).await
    }

    fn execute_stream(
        &self,
        mut request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let mut runner = self.clone();
        if let Some(caller) = session.as_deref().and_then(caller_of) {
            runner.caller = caller;
        }
        let turn = Turn::new(&self.running);
        let checked = match turn.number >= OPERATIONS_MAX {
            true => Err(too_many()),
            false => kind(&mut request),
        };
        let start = match checked {
            Ok(kind) => (State::Begins(Box::new(request)), kind, None),
            Err(error) => (State::Ended, OperationType::Query, Some(refusal(&error))),
        };
        let (state, kind, refused) = start;
        let refused = futures_util::stream::iter(refused);
        let answers = unfold(
            (state, runner, turn),
            move |(state, runner, turn)| async move {
                let (response, state) = step(&runner, state, kind).await?;
                Some((response, (state, runner, turn)))
            },
        );
        refused.chain(answers).boxed()
    }
}

fn caller_of(data: &Data) -> Option<Caller> {
    let caller = data.get(&std::any::TypeId::of::<Caller>())?;
    caller.downcast_ref().cloned()
}

async fn step(runner: &Runner, state: State, kind: OperationType) -> Option<(Response, State)> {
    let live = match state {
        State::Ended => return None,
        State::Runs(live) => *live,
        State::Begins(request) if kind != OperationType::Subscription => {
            return Some((runner.answer(*request).await, State::Ended));
        }
        State::Begins(request) => match runner.subscribe(*request).await {
            Ok(Ok(live)) => live,
            Ok(Err(response)) => return Some((response, State::Ended)),
            Err(error) => return Some((refusal(&error), State::Ended)),
        },
    };
    match runner.next(live).await {
        Ok(next) => next.map(|(response, live)| (response, State::Runs(Box::new(live)))),
        Err(error) => Some((refusal(&error), State::Ended)),
    }
}

/// Counts a request of a connection until it is dropped.
struct Turn {
    running: Arc<AtomicUsize>,
    number: usize,
}

impl Turn {
    fn new(running: &Arc<AtomicUsize>) -> Self {
        Self {
            number: running.fetch_add(1, Ordering::Relaxed),
            running: Arc::clone(running),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

fn too_many() -> ServiceError {
    let message = format!("a connection has at most {OPERATIONS_MAX} requests under way");
    ServiceError::new(ErrorKind::RateLimited, message)
}

/// Checks a request and tells what kind of operation it asks for.
pub(crate) fn kind(request: &mut Request) -> Result<OperationType> {
    vet::text(&request.query)?;
    let name = request.operation_name.clone();
    let parsed = request.parsed_query();
    let document = parsed.map_err(|error| {
        let place = error.locations.first();
        let place = place.map_or(String::new(), |place| format!("{place}: "));
        ServiceError::new(ErrorKind::Invalid, format!("{place}{}", error.message))
    })?;
    vet::document(document)?;
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(one), _) => Some(one),
        (DocumentOperations::Multiple(all), Some(name)) => all.get(name.as_str()),
        (DocumentOperations::Multiple(all), None) => all.values().next().filter(|_| all.len() == 1),
    };
    let none = || ServiceError::new(ErrorKind::Invalid, "'operationName' names none of them");
    Ok(operation.ok_or_else(none)?.node.ty)
}

/// Answers for a request that failed as a whole.
pub(crate) fn refusal(error: &ServiceError) -> Response {
    let mut told = ServerError::new(error.message.clone(), None);
    say(error, told.extensions.get_or_insert_default());
    let mut response = Response::new(Value::Null);
    response.errors.push(told);
    response
}
