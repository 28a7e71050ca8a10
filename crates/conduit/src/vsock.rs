//! Sockets between a virtual machine and its host (Linux).
//!
//! A connected socket is handed to tokio as a Unix stream: reading, writing and shutting down are the same system calls, and
//! nothing else is asked of it. A listening one is handed to it alike, for its readiness only.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::Endpoint;
use crate::flow::{BoxFlow, WithPeer};
use crate::listen::Socket as ListeningSocket;
use crate::peer::{Peer, PeerAddress};

pub(crate) async fn connect(cid: u32, port: u32) -> io::Result<BoxFlow> {
    let socket = open()?;
    match socket.connect(&SockAddr::vsock(cid, port)) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
        Err(error) => return Err(error),
    }
    let stream = stream(socket)?;
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) => Err(error),
        None => Ok(flow(stream, cid, port)),
    }
}

/// Listens; returns where, with the port that was taken.
pub(crate) fn listen(cid: u32, port: u32, backlog: i32) -> io::Result<(VsockSocket, Endpoint)> {
    let socket = open()?;
    socket.bind(&SockAddr::vsock(cid, port))?;
    socket.listen(backlog)?;
    let (cid, port) = address(&socket.local_addr()?)?;
    let endpoint = Endpoint::Vsock { cid, port };
    Ok((VsockSocket(stream(socket)?), endpoint))
}

/// A socket that listens.
pub(crate) struct VsockSocket(UnixStream);

impl ListeningSocket for VsockSocket {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<BoxFlow>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            let accept = || SockRef::from(&self.0).accept();
            let (socket, from) = match self.0.try_io(Interest::READABLE, accept) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                accepted => accepted?,
            };
            socket.set_nonblocking(true)?;
            let (cid, port) = address(&from)?;
            return Poll::Ready(Ok(flow(stream(socket)?, cid, port)));
        }
    }
}

const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

fn open() -> io::Result<Socket> {
    let socket = Socket::new(Domain::VSOCK, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn stream(socket: Socket) -> io::Result<UnixStream> {
    UnixStream::from_std(std::os::unix::net::UnixStream::from(OwnedFd::from(socket)))
}

fn address(address: &SockAddr) -> io::Result<(u32, u32)> {
    let address = address.as_vsock_address();
    address.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn flow(stream: UnixStream, cid: u32, port: u32) -> BoxFlow {
    WithPeer::boxed(stream, Peer::at(PeerAddress::Vsock { cid, port }))
}
