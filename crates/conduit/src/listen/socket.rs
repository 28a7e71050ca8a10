//! The sockets that are listened at.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::connect::set_options;
use crate::flow::{BoxFlow, WithPeer};
use crate::peer::{Peer, PeerAddress};
use crate::pipe::PipeListener;
use crate::unix::UnixSocket;

/// A socket that is listened at.
pub(crate) trait Socket: Send {
    /// Accepts the next connection.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>>;
}

/// A TCP socket.
pub(super) struct TcpSocket {
    pub(super) listener: TcpListener,
    pub(super) keepalive: Option<Duration>,
}

impl Socket for TcpSocket {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
        let (stream, address) = ready!(self.listener.poll_accept(cx))?;
        // Fails only for a client that is gone; then reading tells.
        let _ = set_options(&stream, self.keepalive);
        let peer = Peer::at(PeerAddress::Tcp(address));
        Poll::Ready(Ok(WithPeer::boxed(stream, peer)))
    }
}

impl Socket for UnixSocket {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
        Self::poll_accept(self, cx)
    }
}

impl Socket for PipeListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
        Self::poll_accept(self, cx)
    }
}
