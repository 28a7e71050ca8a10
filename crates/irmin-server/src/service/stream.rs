//! Bytes on their way between a socket and a thread that may block, a few pieces at a time.

use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::{Buf, Bytes};
use irminsule::{Id, Mode, Path};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::access::Caller;
use super::error::{ErrorKind, Result, ServiceError};
use super::hop::Deadline;
use super::server::Server;

/// How many pieces may be on their way.
const PIECES: usize = 4;

/// The largest piece that is sent, in bytes.
const PIECE_BYTES: usize = 256 << 10;

enum Piece {
    Bytes(Bytes),
    End(Result<()>),
}

/// The end that takes an upload from a socket. Dropped without [`finish`](Self::finish), the reader
/// fails, so that half of an upload is never taken for all of it.
pub struct ByteSender(mpsc::Sender<Piece>);

impl ByteSender {
    /// Sends a piece; waits while the reader has enough.
    ///
    /// # Errors
    /// [`ServiceError`] when nobody reads any more: ask what came of the request.
    pub async fn send(&self, bytes: Bytes) -> Result<()> {
        self.0.send(Piece::Bytes(bytes)).await.map_err(|_| nobody())
    }

    /// Says that this was all.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn finish(self) -> Result<()> {
        self.0.send(Piece::End(Ok(()))).await.map_err(|_| nobody())
    }
}

fn nobody() -> ServiceError {
    ServiceError::new(ErrorKind::Unavailable, "nobody reads what is sent any more")
}

/// The end of an upload that a thread reads, which may block.
pub struct StreamReader {
    pieces: mpsc::Receiver<Piece>,
    runtime: Handle,
    stall: Duration,
    current: Bytes,
    is_over: bool,
}

impl io::Read for StreamReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.is_over {
            let next = async { tokio::time::timeout(self.stall, self.pieces.recv()).await };
            match self.runtime.block_on(next) {
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the client stalls")),
                Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Some(Piece::Bytes(bytes))) => self.current = bytes,
                Ok(Some(Piece::End(_))) => self.is_over = true,
            }
        }
        let count = buffer.len().min(self.current.len());
        let (now, _) = buffer.split_at_mut(count);
        now.copy_from_slice(&self.current[..count]);
        self.current.advance(count);
        Ok(count)
    }
}

/// The end of a download that a thread writes to, which may block. Sends a part of what is written, if
/// that is asked for.
pub struct StreamWriter {
    pieces: mpsc::Sender<Piece>,
    runtime: Handle,
    stall: Duration,
    skip: u64,
    left: u64,
}

impl StreamWriter {
    /// Sends only these bytes of what is written.
    #[must_use]
    pub fn only(self, range: &Range<u64>) -> Self {
        Self {
            skip: range.start,
            left: range.end.saturating_sub(range.start),
            ..self
        }
    }

    /// Tells whether all that was asked for has been sent.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Says that this was all, or what went wrong.
    pub fn finish(self, done: Result<()>) {
        // If nobody reads any more, nobody wants to know.
        let _ = self.send(Piece::End(done));
    }

    fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = async { self.pieces.send_timeout(piece, self.stall).await };
        self.runtime.block_on(sent).map_err(|error| match error {
            mpsc::error::SendTimeoutError::Timeout(_) => {
                io::Error::new(io::ErrorKind::TimedOut, "the client stalls")
            }
            mpsc::error::SendTimeoutError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }
}

impl io::Write for StreamWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            // Nothing of what follows is wanted: whoever writes can stop.
            return Err(io::ErrorKind::WriteZero.into());
        }
        let skipped = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.skip -= skipped as u64;
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        let rest = bytes.get(skipped..).unwrap_or_default();
        for piece in rest[..rest.len().min(wanted)].chunks(PIECE_BYTES) {
            self.send(Piece::Bytes(Bytes::copy_from_slice(piece)))?;
            self.left -= piece.len() as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The end of a download that is sent to a socket.
pub struct ByteReceiver {
    pieces: mpsc::Receiver<Piece>,
    is_over: bool,
}

impl ByteReceiver {
    /// Returns the next piece; `None` behind the last one. After an error nothing follows, and what
    /// came before is not all.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        if self.is_over {
            return None;
        }
        match self.pieces.recv().await {
            Some(Piece::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Piece::End(done)) => {
                self.is_over = true;
                done.err().map(Err)
            }
            None => {
                self.is_over = true;
                Some(Err(ServiceError::new(
                    ErrorKind::Internal,
                    "the answer was cut off",
                )))
            }
        }
    }
}

/// Makes the two ends of an upload. Inside a tokio runtime; at most 4 pieces are on their way, each of
/// the size that it came in.
#[must_use]
pub fn byte_stream_in(server: &Server) -> (ByteSender, StreamReader) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let reader = StreamReader {
        pieces,
        runtime: Handle::current(),
        stall: server.limits().stall_time,
        current: Bytes::new(),
        is_over: false,
    };
    (ByteSender(sender), reader)
}

/// Makes the two ends of a download. Inside a tokio runtime; at most a mebibyte is on its way.
#[must_use]
pub fn byte_stream_out(server: &Server) -> (StreamWriter, ByteReceiver) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let writer = StreamWriter {
        pieces: sender,
        runtime: Handle::current(),
        stall: server.limits().stall_time,
        skip: 0,
        left: u64::MAX,
    };
    let receiver = ByteReceiver {
        pieces,
        is_over: false,
    };
    (writer, receiver)
}

/// What is known of a value before its bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobHead {
    /// The id of its content.
    pub id: Id,
    /// How many bytes it has.
    pub size: u64,
    /// Its mode.
    pub mode: Mode,
    /// The commit that it was found in.
    pub commit: Id,
}

impl Server {
    /// Finds a value and sends it, or a part of it, as fast as it is taken: one thread while it lasts,
    /// and a mebibyte. A client that takes nothing for [`Limits::stall_time`] is cut off.
    ///
    /// `range` is told the head and says which bytes are wanted; `None`: no bytes at all.
    ///
    /// # Errors
    /// As [`Scope::blob`](super::Scope::blob), before anything is sent.
    ///
    /// [`Limits::stall_time`]: super::Limits::stall_time
    pub async fn download(
        &self,
        caller: &Caller,
        repo: &str,
        revision: &str,
        path: &Path,
        range: impl FnOnce(&BlobHead) -> Option<Range<u64>> + Send + 'static,
    ) -> Result<(BlobHead, ByteReceiver)> {
        let (writer, receiver) = byte_stream_out(self);
        let (tell, told) = oneshot::channel();
        let (server, caller) = (self.clone(), caller.clone());
        let (repo, revision, path) = (repo.to_owned(), revision.to_owned(), path.clone());
        let sending = tokio::spawn(async move {
            let metrics = server.clone();
            let body = move |scope: &super::Scope| {
                let at = scope.resolve(&revision)?;
                let blob = scope.blob(&at, &path)?;
                let head = BlobHead {
                    id: blob.id(),
                    size: blob.size(),
                    mode: blob.mode(),
                    commit: at.id(),
                };
                let wanted = range(&head);
                // If the transport has gone, so has the reader, and the first piece finds out.
                let _ = tell.send(head);
                send(&metrics, &blob, wanted, writer);
                Ok(())
            };
            server
                .run_long(&caller, &repo, Deadline::never(), body)
                .await
        });
        match told.await {
            Ok(head) => Ok((head, receiver)),
            Err(_) => {
                let ended = || ServiceError::new(ErrorKind::Internal, "the request ended early");
                Err(sending
                    .await
                    .map_err(|_| ended())?
                    .err()
                    .unwrap_or_else(ended))
            }
        }
    }
}

fn send(server: &Server, blob: &irminsule::Blob, wanted: Option<Range<u64>>, writer: StreamWriter) {
    let metrics = server.metrics();
    let wanted = wanted.unwrap_or(0..0);
    let mut writer = writer.only(&wanted);
    let done = match writer.is_full() {
        true => Ok(()),
        false => blob.copy_to(&mut writer),
    };
    metrics
        .bytes_out
        .add(wanted.end - wanted.start - writer.left);
    let is_stalled = matches!(
        &done,
        Err(irminsule::Error::Write(error)) if error.kind() == io::ErrorKind::TimedOut
    );
    if is_stalled {
        metrics.stalled.add(1);
    }
    let done = match done {
        Err(_) if writer.is_full() => Ok(()),
        done => done.map_err(ServiceError::from),
    };
    writer.finish(done);
}
