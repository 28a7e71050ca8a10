//! The server that is measured, in a process of its own.

use std::path::Path;
use std::time::Duration;

use conduit::{Context, ListenOptions, Listener};
use irmin_server::http;
use irmin_server::service::{Config, Data, Entry, Server};

use crate::Result;

/// Serves a directory to anybody on a port of the loopback until the process is killed.
pub(crate) async fn serve(dir: &Path, port: u16) -> Result<()> {
    let mut config = Config::new(Data::Dir(dir.to_owned()));
    config.access.entry = Entry::Open;
    let server = Server::open(config)?;
    let endpoint = format!("tcp://127.0.0.1:{port}").parse()?;
    let listener = Listener::bind(&Context::new(), &endpoint, ListenOptions::default()).await?;
    let router = http::router(&server);
    let never = std::future::pending();
    http::serve(&server, router, vec![listener], never, Duration::ZERO).await?;
    Ok(())
}
