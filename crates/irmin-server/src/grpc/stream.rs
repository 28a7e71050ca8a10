//! Answers of many messages.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::call::{Call, named};
use crate::service::{ErrorKind, Result, Scope, Server, ServiceError};

/// The stream of a call's answers.
pub(super) type Answers<T> = ReceiverStream<Result<T, Status>>;

/// How many answers wait for the connection to take them; whoever makes more waits.
const WAITING_MAX: usize = 2;

/// Where the answers go, on a thread that may block.
pub(super) struct Outlet<T>(mpsc::Sender<Result<T, Status>>);

impl<T> Outlet<T> {
    /// Sends an answer, once the client has taken those before.
    ///
    /// # Errors
    /// When the client has gone or ended the call, or did not read for too long.
    pub(super) fn send(&self, answer: T) -> Result<()> {
        self.0.blocking_send(Ok(answer)).map_err(|_| gone())
    }

    /// Tells whether the client has gone, or ended the call.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

fn gone() -> ServiceError {
    ServiceError::new(ErrorKind::Unavailable, "the client has ended the call")
}

impl Call {
    /// Runs a call that is answered with many messages: those that `body` sends.
    pub(super) fn stream<T: Send + 'static>(
        self,
        server: &Server,
        repository: &str,
        body: impl FnOnce(&Scope, &Outlet<T>) -> Result<()> + Send + 'static,
    ) -> Response<Answers<T>> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (server, repository) = (server.clone(), named(repository).to_owned());
        tokio::spawn(async move {
            let outlet = Outlet(sender.clone());
            let run = server.run_long(&self.caller, &repository, self.deadline, move |scope| {
                body(scope, &outlet)
            });
            let done = tokio::select! {
                done = run => done,
                // Dropped while it waits for its turn, it never runs.
                () = sender.closed() => return,
            };
            if let Err(error) = done {
                // A client that has gone need not know.
                let _ = sender.send(Err(error.into())).await;
            }
        });
        Response::new(ReceiverStream::new(receiver))
    }
}
