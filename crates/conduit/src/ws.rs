//! WebSocket as a flow of bytes.
//!
//! Bytes travel in binary messages whose bounds mean nothing. An empty message ends its direction, as a WebSocket's own
//! closing ends both; that is taken as an end, too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config, client_async_with_config};

use crate::flow::{BoxFlow, Flow, WithPeer};

/// The most bytes that are sent in one message.
const SENT_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of a message that is read.
const READ_BYTES_MAX: usize = 1024 * 1024;

/// Asks a server for a WebSocket.
pub(crate) async fn connect(flow: BoxFlow, host: &str, path: &str) -> io::Result<BoxFlow> {
    let peer = flow.peer().clone();
    let uri = format!("ws://{host}{}", crate::endpoint::escape_path(path));
    let asked = client_async_with_config(uri, flow, Some(config())).await;
    let (stream, _) = asked.map_err(into_io)?;
    Ok(WithPeer::boxed(WebSocket::new(stream), peer))
}

/// Answers a client that asks for this path.
pub(crate) async fn accept(flow: BoxFlow, path: &str) -> io::Result<BoxFlow> {
    let peer = flow.peer().clone();
    let expected = ExpectedPath(path);
    let stream = accept_hdr_async_with_config(flow, expected, Some(config())).await;
    let stream = stream.map_err(into_io)?;
    Ok(WithPeer::boxed(WebSocket::new(stream), peer))
}

/// No bytes wait for more: a message is written at once, and the next one waits for it.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(READ_BYTES_MAX))
        .max_frame_size(Some(READ_BYTES_MAX))
}

struct ExpectedPath<'a>(&'a str);

impl Callback for ExpectedPath<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let asked = crate::endpoint::unescape_path(request.uri().path());
        if asked.as_deref() == Some(self.0) {
            return Ok(response);
        }
        let mut refusal =
            ErrorResponse::new(Some(format!("no WebSocket here; ask for {}\n", self.0)));
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        Err(refusal)
    }
}

struct WebSocket {
    stream: WebSocketStream<BoxFlow>,
    /// What is left of the message that is being read.
    read: Bytes,
    has_read_end: bool,
    has_written_end: bool,
}

impl WebSocket {
    fn new(stream: WebSocketStream<BoxFlow>) -> Self {
        Self {
            stream,
            read: Bytes::new(),
            has_read_end: false,
            has_written_end: false,
        }
    }

    /// Reads the next message that has bytes, or the end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.read.is_empty() && !self.has_read_end {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => self.read = bytes,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => {
                    let problem = "a text message where bytes were expected";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, problem)));
                }
                Some(Ok(Message::Binary(_) | Message::Close(_)))
                | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed))
                | None => self.has_read_end = true,
                Some(Err(error)) => return Poll::Ready(Err(into_io(error))),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for WebSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_message(cx))?;
        let count = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.has_written_end {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let bytes = bytes.get(..SENT_BYTES_MAX).unwrap_or(bytes);
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(Pin::new(&mut self.stream).poll_ready(cx)).map_err(into_io)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        let sent = Pin::new(&mut self.stream).start_send(message);
        Poll::Ready(sent.map(|()| bytes.len()).map_err(into_io))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(flushed.or_else(unless_closed))
    }

    /// Ends what is written; when the other direction has ended, too, closes the WebSocket, so that
    /// peers of other makes see that all was well.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_written_end {
            ready!(Pin::new(&mut self.stream).poll_ready(cx)).or_else(unless_closed)?;
            self.has_written_end = true;
            let end = Message::Binary(Bytes::new());
            Pin::new(&mut self.stream)
                .start_send(end)
                .or_else(unless_closed)?;
        }
        if !self.has_read_end {
            return self.poll_flush(cx);
        }
        let closed = ready!(Pin::new(&mut self.stream).poll_close(cx));
        Poll::Ready(closed.or_else(unless_closed))
    }
}

/// Takes an end for granted where the other end has closed the WebSocket: what it does not read it does not want.
fn unless_closed(error: Error) -> io::Result<()> {
    match into_io(error) {
        error if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        error => Err(error),
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::SendAfterClosing) => io::ErrorKind::BrokenPipe.into(),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            io::ErrorKind::UnexpectedEof.into()
        }
        Error::Http(answer) => {
            let problem = format!("the server answers {}", answer.status());
            io::Error::new(io::ErrorKind::InvalidData, problem)
        }
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
