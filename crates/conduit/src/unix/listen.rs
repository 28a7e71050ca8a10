//! Listening at a Unix socket.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, ready};

use rustix::fs::Mode;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use super::lock::{PathLock, in_use};
use crate::flow::BoxFlow;
use crate::peer::PeerAddress;

/// A Unix socket that listens. The file is removed when this is dropped.
pub(crate) struct UnixSocket {
    // Dropped in this order: the file goes while the lock is held.
    listener: UnixListener,
    _file: Option<SocketFile>,
}

impl UnixSocket {
    /// Listens at a path, with this mode of the file; replaces a socket file that nobody listens at.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there; `AlreadyExists` when something else than a socket is there.
    pub(crate) fn bind(path: &Path, mode: u32, backlog: i32) -> io::Result<Self> {
        let lock = PathLock::take(path)?;
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Linux gives the file the mode of the socket, less the umask: it is never open wider than wanted,
        // not even between these two calls.
        rustix::fs::fchmod(&socket, Mode::from_raw_mode(mode))?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile::new(path, lock)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        socket.listen(backlog)?;
        let mut bound = Self::inherited(StdListener::from(std::os::fd::OwnedFd::from(socket)))?;
        bound._file = Some(file);
        Ok(bound)
    }

    /// Listens at an abstract name.
    pub(crate) fn bind_abstract(name: &[u8], backlog: i32) -> io::Result<Self> {
        let address = SocketAddr::from_abstract_name(name)?;
        let listener = StdListener::bind_addr(&address)?;
        // The standard library has chosen a backlog; a second call changes it.
        rustix::net::listen(&listener, backlog)?;
        Self::inherited(listener)
    }

    /// Takes a socket that listens already.
    pub(crate) fn inherited(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        Ok(Self {
            listener,
            _file: None,
        })
    }

    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
        let (stream, address) = ready!(self.listener.poll_accept(cx))?;
        let path = address.as_pathname().map(Path::to_owned);
        Poll::Ready(Ok(super::flow(stream, PeerAddress::Unix(path))))
    }
}

/// The file of a socket.
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
    _lock: PathLock,
}

impl SocketFile {
    fn new(path: &Path, lock: PathLock) -> io::Result<Self> {
        let metadata = std::fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            id: (metadata.dev(), metadata.ino()),
            _lock: lock,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let there = std::fs::symlink_metadata(&self.path);
        // Somebody may have put another file there in spite of the lock.
        if there.is_ok_and(|there| (there.dev(), there.ino()) == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket file that nobody listens at. The lock is held: nobody who takes it binds meanwhile.
fn remove_stale(path: &Path) -> io::Result<()> {
    let there = match std::fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !there.file_type().is_socket() {
        let problem = "there is something else than a socket; it is not replaced";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem));
    }
    match is_listened_at(path)? {
        true => Err(in_use("another process listens there")),
        false => std::fs::remove_file(path),
    }
}

/// Asks by connecting, without waiting: a full queue is somebody's, too.
fn is_listened_at(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => {
            drop(StdStream::from(std::os::fd::OwnedFd::from(socket)));
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}
