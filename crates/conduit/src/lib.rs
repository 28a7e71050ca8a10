//! Endpoints, resolver and listeners: where somebody is, how to get there, and who comes.
//!
//! An [`Endpoint`] says in one line of text where somebody listens and how to talk to them: `tcp://[::1]:7464`,
//! `unix:///run/db.sock`, `tls+tcp://db.example:443`, `wss://db.example/stream`, `pipe:test`. A [`Context`] connects to it,
//! a [`Listener`] listens at it, and both give a [`Flow`]: bytes in both directions, and [who](Peer) is at the other end.
//! Programs above need not know which transport it is.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use conduit::{Context, Endpoint, ListenOptions, Listener};
//! use tokio::io::AsyncWriteExt;
//!
//! let context = Context::new();
//! let anywhere: Endpoint = "tcp://127.0.0.1:0".parse()?;
//! let mut listener = Listener::bind(&context, &anywhere, ListenOptions::default()).await?;
//!
//! let mut client = context.connect(&listener.endpoints()[0]).await?;
//! let server = listener.accept().await.expect("nobody has closed it");
//! println!("{} is here", server.peer());
//! client.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod certificate;
mod connect;
mod context;
mod endpoint;
mod error;
mod eyeballs;
mod fault;
mod flow;
mod layers;
mod listen;
mod peer;
mod pipe;
mod prefix;
mod proxy;
mod resolver;
mod tls;
mod unix;
#[cfg(feature = "vsock")]
mod vsock;
#[cfg(feature = "ws")]
mod ws;

pub use certificate::{Certificate, SubjectName};
pub use context::{Context, ContextBuilder};
pub use endpoint::{Endpoint, Host, HostName, HostPort, LAYERS_MAX, ParseEndpointError, Zone};
pub use error::{Attempt, Error};
pub use fault::Faults;
pub use flow::{BoxFlow, Flow};
pub use listen::{
    Drain, Drained, Event, EventSink, Incoming, ListenOptions, Listener, ListenerHandle,
    ProxyProtocol,
};
pub use peer::{Peer, PeerAddress, Proxied, TlsPeer, UnixCredentials};
pub use pipe::Pipes;
pub use prefix::Prefix;
pub use proxy::{ProxyHeader, parse_proxy_header};
pub use resolver::{Lookup, LookupFuture, NoLookup, Resolved, Resolver, SystemLookup};
pub use tls::{ClientAuth, Identity, TlsServer, Trust, TrustRoots};
