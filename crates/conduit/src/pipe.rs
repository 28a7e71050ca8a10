//! Pipes in one process, by name.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::flow::{BoxFlow, WithPeer};
use crate::peer::{Peer, PeerAddress};

/// How many bytes a pipe holds in each direction before its writer waits.
const PIPE_BYTES: usize = 64 * 1024;

/// How many clients may wait at a pipe until they are accepted; more wait to get that far.
const PIPE_BACKLOG: usize = 128;

/// The names of pipes. Clones share them; those of [`Pipes::of_process`] are shared by the whole process.
///
/// ```
/// use conduit::{Context, Pipes};
///
/// // A test that runs beside others has names of its own.
/// let context = Context::builder().pipes(Pipes::new()).build();
/// ```
#[derive(Clone, Default)]
pub struct Pipes {
    listeners: Arc<Mutex<HashMap<String, mpsc::Sender<DuplexStream>>>>,
}

impl std::fmt::Debug for Pipes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

impl Pipes {
    /// Returns an empty name space.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the name space of this process.
    pub fn of_process() -> Self {
        static PIPES: LazyLock<Pipes> = LazyLock::new(Pipes::new);
        PIPES.clone()
    }

    pub(crate) fn listen(&self, name: &str) -> io::Result<PipeListener> {
        let (sender, clients) = mpsc::channel(PIPE_BACKLOG);
        match self.lock().entry(name.to_owned()) {
            Entry::Occupied(entry) if !entry.get().is_closed() => {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            Entry::Occupied(mut entry) => drop(entry.insert(sender)),
            Entry::Vacant(entry) => drop(entry.insert(sender)),
        }
        Ok(PipeListener {
            name: name.to_owned(),
            clients,
            pipes: self.clone(),
        })
    }

    pub(crate) async fn connect(&self, name: &str) -> io::Result<BoxFlow> {
        let sender = self.lock().get(name).cloned();
        let sender = sender.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (ours, theirs) = duplex(PIPE_BYTES);
        let sent = sender.send(theirs).await;
        sent.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(flow(ours, name))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::Sender<DuplexStream>>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The listening end of a name, which is free again when this is dropped.
pub(crate) struct PipeListener {
    name: String,
    clients: mpsc::Receiver<DuplexStream>,
    pipes: Pipes,
}

impl PipeListener {
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
        self.clients.poll_recv(cx).map(|client| {
            let client = client.ok_or(io::ErrorKind::NotConnected)?;
            Ok(flow(client, &self.name))
        })
    }
}

impl Drop for PipeListener {
    fn drop(&mut self) {
        // Closed first: whoever listens next under this name may already stand there.
        self.clients.close();
        let mut listeners = self.pipes.lock();
        if listeners
            .get(&self.name)
            .is_some_and(mpsc::Sender::is_closed)
        {
            listeners.remove(&self.name);
        }
    }
}

fn flow(stream: DuplexStream, name: &str) -> BoxFlow {
    let peer = Peer::at(PeerAddress::Pipe(name.to_owned()));
    WithPeer::boxed(stream, peer)
}
