//! The loop that accepts.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::active::Active;
use super::drain::{Counted, Phase, Room, Shared};
use super::handshake::Plan;
use super::options::Event;
use super::socket::Socket;
use crate::flow::BoxFlow;

/// The pauses after errors that stay: without one the loop would spin, since the connection that could not be accepted waits.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Accepts from all sockets of a listener, as one task.
pub(super) struct Acceptor {
    sockets: Vec<Box<dyn Socket>>,
    /// Which socket is asked first: they take turns.
    turn: usize,
    plan: Arc<Plan>,
    ready: mpsc::Sender<BoxFlow>,
    shared: Arc<Shared>,
}

impl Acceptor {
    pub(super) fn new(
        sockets: Vec<Box<dyn Socket>>,
        plan: Plan,
        ready: mpsc::Sender<BoxFlow>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            sockets,
            turn: 0,
            plan: Arc::new(plan),
            ready,
            shared,
        }
    }

    /// Runs until the listener is closed.
    pub(super) async fn run(mut self) {
        let closed = self.shared.reached(Phase::Draining);
        tokio::select! {
            biased;
            () = closed => {}
            () = self.accept_all() => {}
        }
    }

    async fn accept_all(&mut self) {
        let mut pause = PAUSE_MIN;
        while let Some(room) = self.shared.admit().await {
            match self.accept().await {
                Ok(flow) => {
                    pause = PAUSE_MIN;
                    self.begin(flow, room);
                }
                Err(error) if is_of_one_client(&error) => self.shared.send(&Event::Gone { error }),
                Err(error) => {
                    self.shared.send(&Event::AcceptFailed { error, pause });
                    drop(room);
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Shakes hands beside other connections.
    fn begin(&self, flow: BoxFlow, room: Room) {
        let counted = Counted::new(Arc::clone(&self.shared), room);
        let plan = Arc::clone(&self.plan);
        let ready = self.ready.clone();
        tokio::spawn(async move {
            let closed = counted.shared.reached(Phase::Draining);
            let peer = flow.peer().clone();
            // Nobody has been answered yet: clients try again elsewhere.
            let agreed = tokio::select! {
                biased;
                () = closed => return,
                agreed = plan.run(flow) => agreed,
            };
            match agreed {
                Ok(flow) => {
                    // An error is a listener that was dropped.
                    let _ = ready.send(Active::boxed(flow, counted)).await;
                }
                Err(error) => counted.shared.send(&Event::HandshakeFailed { peer, error }),
            }
        });
    }

    async fn accept(&mut self) -> io::Result<BoxFlow> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
        let count = self.sockets.len();
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            let Some(socket) = self.sockets.get_mut(index) else {
                continue;
            };
            if let Poll::Ready(result) = socket.poll_accept(cx) {
                self.turn = index + 1;
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }
}

/// Tells whether an error belongs to one client, and the next one may do better: Linux hands errors of the new connection to
/// who accepts it (`accept(2)`).
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let of_network = matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::TimedOut
            | Kind::BrokenPipe
            | Kind::PermissionDenied
    );
    of_network || error.raw_os_error() == Some(rustix::io::Errno::PROTO.raw_os_error())
}
