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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use tokio::io::duplex;
    use tokio::time::Instant;

    use super::*;
    use crate::flow::WithPeer;
    use crate::listen::options::EventSink;
    use crate::peer::{Peer, PeerAddress};
    use crate::{Endpoint, ListenOptions};

    /// Gives what the script says, then nothing more.
    struct Script(VecDeque<io::Result<&'static str>>);

    impl Socket for Script {
        fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
            match self.0.pop_front() {
                None => Poll::Pending,
                Some(Err(error)) => Poll::Ready(Err(error)),
                Some(Ok(name)) => {
                    let peer = Peer::at(PeerAddress::Pipe(name.to_owned()));
                    Poll::Ready(Ok(WithPeer::boxed(duplex(1).0, peer)))
                }
            }
        }
    }

    /// When each event came, and what it said.
    type Log = Arc<Mutex<Vec<(u64, String)>>>;

    fn start(scripts: Vec<Vec<io::Result<&'static str>>>) -> (mpsc::Receiver<BoxFlow>, Log) {
        let (begin, log) = (Instant::now(), Log::default());
        let events = Arc::clone(&log);
        let options = ListenOptions {
            events: Some(EventSink::new(move |event| {
                let after = u64::try_from(begin.elapsed().as_millis()).unwrap();
                events.lock().unwrap().push((after, event.to_string()));
            })),
            ..ListenOptions::default()
        };
        let shared = Arc::new(Shared::new(options));
        let plan = Plan::new(Endpoint::Pipe("a".into()), None, Arc::clone(&shared)).unwrap();
        let (sender, ready) = mpsc::channel(8);
        let sockets = scripts.into_iter().map(|script| {
            let socket: Box<dyn Socket> = Box::new(Script(script.into()));
            socket
        });
        let sockets = sockets.collect();
        tokio::spawn(Acceptor::new(sockets, plan, sender, shared).run());
        (ready, log)
    }

    fn too_many_files() -> io::Error {
        io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error())
    }

    #[tokio::test(start_paused = true)]
    async fn errors_that_stay_are_tried_again_after_growing_pauses() {
        let mut script: Vec<_> = (0..10).map(|_| Err(too_many_files())).collect();
        script.push(Ok("a"));
        script.push(Err(too_many_files()));
        script.push(Ok("b"));
        let (mut ready, log) = start(vec![script]);
        assert_eq!(ready.recv().await.unwrap().peer().to_string(), "pipe:a");
        assert_eq!(ready.recv().await.unwrap().peer().to_string(), "pipe:b");
        let log = log.lock().unwrap();
        let times: Vec<_> = log.iter().map(|(after, _)| *after).collect();
        // 10, 20, 40, … 640 ms, then 1 s; and from the beginning after a success.
        assert_eq!(
            times,
            [0, 10, 30, 70, 150, 310, 630, 1270, 2270, 3270, 4270]
        );
        assert!(log[0].1.contains("next try in 10ms"), "{}", log[0].1);
        assert!(log[10].1.contains("next try in 10ms"), "{}", log[10].1);
    }

    #[tokio::test(start_paused = true)]
    async fn errors_of_one_client_cost_the_next_one_nothing() {
        let gone = || Err(io::ErrorKind::ConnectionAborted.into());
        let begin = Instant::now();
        let (mut ready, log) = start(vec![vec![gone(), gone(), Ok("a")]]);
        assert!(ready.recv().await.is_some());
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert_eq!(log.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn sockets_take_turns() {
        let (mut ready, _) = start(vec![vec![Ok("a"), Ok("a")], vec![Ok("b"), Ok("b")]]);
        for name in ["pipe:a", "pipe:b", "pipe:a", "pipe:b"] {
            assert_eq!(ready.recv().await.unwrap().peer().to_string(), name);
        }
    }
}
