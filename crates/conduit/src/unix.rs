//! Unix sockets, of both kinds.

mod listen;
mod lock;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::sleep;

pub(crate) use listen::UnixSocket;

use crate::Endpoint;
use crate::flow::{BoxFlow, WithPeer};
use crate::peer::{Peer, PeerAddress, UnixCredentials};

/// How long to wait first, and at most, when the listener's queue is full: for a Unix socket the kernel does not wait itself.
const QUEUE_PAUSE_MIN: Duration = Duration::from_millis(1);
const QUEUE_PAUSE_MAX: Duration = Duration::from_millis(100);

/// Connects; waits as long as the listener's queue is full.
pub(crate) async fn connect(endpoint: &Endpoint) -> io::Result<BoxFlow> {
    let path = path(endpoint)?;
    let mut pause = QUEUE_PAUSE_MIN;
    let stream = loop {
        match UnixStream::connect(&path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                sleep(pause).await;
                pause = (pause * 2).min(QUEUE_PAUSE_MAX);
            }
            result => break result?,
        }
    };
    let address = PeerAddress::Unix(Some(shown(endpoint)));
    Ok(flow(stream, address))
}

/// Returns the flow of a connected stream, and who is there.
fn flow(stream: UnixStream, address: PeerAddress) -> BoxFlow {
    let mut peer = Peer::at(address);
    // A socket that was closed at once has no credentials; reading tells that soon enough.
    peer.unix = stream.peer_cred().ok().map(|credentials| UnixCredentials {
        uid: credentials.uid(),
        gid: credentials.gid(),
        pid: credentials.pid(),
    });
    WithPeer::boxed(stream, peer)
}

/// Returns the path as the standard library's clients of abstract names expect it: with a NUL before the name.
fn path(endpoint: &Endpoint) -> io::Result<PathBuf> {
    match endpoint {
        Endpoint::Unix(path) => Ok(path.clone()),
        Endpoint::Abstract(name) => {
            let bytes = [b"\0", name.as_slice()].concat();
            Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Returns the path as people write it: with `@` before an abstract name.
fn shown(endpoint: &Endpoint) -> PathBuf {
    match endpoint {
        Endpoint::Abstract(name) => {
            let bytes = [b"@", name.as_slice()].concat();
            PathBuf::from(OsStr::from_bytes(&bytes))
        }
        Endpoint::Unix(path) => path.clone(),
        _ => PathBuf::new(),
    }
}
