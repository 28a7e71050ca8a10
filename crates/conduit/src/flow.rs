//! A flow: bytes in both directions, and who is at the other end.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Peer;

/// Bytes in both directions.
///
/// On every transport `shutdown` ends one direction only: the other end reads what was written and then the end, and
/// may go on writing. A writer that is faster than the other end reads has to wait.
///
/// A flow that is dropped without `shutdown` is cut: TLS and WebSocket tell that from an end (`UnexpectedEof`), the bare
/// transports may not.
pub trait Flow: AsyncRead + AsyncWrite + Send + Unpin {
    /// Returns who is at the other end.
    fn peer(&self) -> &Peer;
}

/// Any flow.
pub type BoxFlow = Box<dyn Flow>;

/// Shows who is at the other end.
impl fmt::Debug for dyn Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flow({})", self.peer())
    }
}

impl Flow for BoxFlow {
    fn peer(&self) -> &Peer {
        (**self).peer()
    }
}

/// A stream of bytes, and who is at its other end.
pub(crate) struct WithPeer<S> {
    pub(crate) stream: S,
    pub(crate) peer: Peer,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> WithPeer<S> {
    pub(crate) fn boxed(stream: S, peer: Peer) -> BoxFlow {
        Box::new(Self { stream, peer })
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Flow for WithPeer<S> {
    fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WithPeer<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WithPeer<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
