//! Sockets that were open when the program started, as systemd hands them over.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{LazyLock, Mutex, PoisonError};

use listenfd::ListenFd;

use crate::Endpoint;

/// A listening socket of either kind.
pub(super) enum Inherited {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The sockets, and their names, read from the environment once.
struct Table {
    sockets: ListenFd,
    names: Vec<String>,
}

static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(|| {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    Mutex::new(Table {
        // Takes `LISTEN_FDS` and `LISTEN_PID` out of the environment, so that no child believes they are meant for it.
        sockets: ListenFd::from_env(),
        names: names.split(':').map(str::to_owned).collect(),
    })
});

/// Takes a socket; each can be taken once.
pub(super) fn take(endpoint: &Endpoint) -> io::Result<Inherited> {
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let index = match endpoint {
        Endpoint::Inherited(index) => usize::try_from(*index).ok(),
        Endpoint::InheritedName(name) => table.names.iter().position(|known| known == name),
        _ => None,
    };
    let count = table.sockets.len();
    let missing = || {
        let problem =
            format!("it was not handed over, or is taken already ({count} were: LISTEN_FDS)");
        io::Error::new(io::ErrorKind::NotFound, problem)
    };
    let Some(index) = index else {
        return Err(missing());
    };
    let sockets = &mut table.sockets;
    // A socket of the other kind is an error here, and stays.
    if let Ok(Some(listener)) = sockets.take_tcp_listener(index) {
        return Ok(Inherited::Tcp(listener));
    }
    match sockets.take_unix_listener(index)? {
        Some(listener) => Ok(Inherited::Unix(listener)),
        None => Err(missing()),
    }
}
