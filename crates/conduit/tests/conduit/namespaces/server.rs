//! A server that says who its client is, and sends back what it is sent.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use conduit::{Attempt, BoxFlow, Context, Drain, Endpoint, Error, Host, ListenOptions, Listener};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::oneshot;

use super::machine::Machine;

/// A server in a machine; ends when it is dropped.
pub(crate) struct Server {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) skipped: Vec<Attempt>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(machine: &Machine, text: &str) -> Self {
        Self::with(machine, Context::new(), text, ListenOptions::default())
    }

    pub(crate) fn with(
        machine: &Machine,
        context: Context,
        text: &str,
        options: ListenOptions,
    ) -> Self {
        let (sender, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let endpoint: Endpoint = text.parse().unwrap();
        let thread = machine.spawn(async move || {
            let listener = Listener::bind(&context, &endpoint, options).await.unwrap();
            let skipped = listener.skipped().to_vec();
            sender
                .send((listener.endpoints().to_vec(), skipped))
                .unwrap();
            let shutdown = async { drop(stopped.await) };
            listener.serve(echo, shutdown, Duration::ZERO).await;
        });
        let (endpoints, skipped) = started.recv().unwrap();
        Self {
            endpoints,
            skipped,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Returns the port that all its sockets have.
    pub(crate) fn port(&self) -> u16 {
        let ports = self
            .endpoints
            .iter()
            .map(|endpoint| host_and_port(endpoint).1);
        let ports: Vec<_> = ports.collect();
        assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
        ports[0]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

pub(crate) fn host_and_port(endpoint: &Endpoint) -> (Host, u16) {
    match endpoint.carrier() {
        Endpoint::Tcp(hosts) => (hosts[0].host.clone(), hosts[0].port),
        other => panic!("{other}"),
    }
}

async fn echo(mut flow: BoxFlow, _: Drain) {
    let hello = format!("{}\n", flow.peer());
    flow.write_all(hello.as_bytes()).await.unwrap();
    let (mut read, mut write) = tokio::io::split(flow);
    let _ = tokio::io::copy(&mut read, &mut write).await;
    let _ = write.shutdown().await;
}

/// Connects from a machine; returns who the server says that this is.
pub(crate) fn ask(machine: &Machine, context: &Context, text: &str) -> Result<String, Error> {
    let endpoint = text.parse().unwrap();
    machine.run(async move || {
        let flow = context.connect(&endpoint).await?;
        Ok(exchange(flow, b"", b"some bytes").await)
    })
}

/// Sends a beginning, and then bytes which must come back; returns who the server says that this is.
pub(crate) async fn exchange(mut flow: BoxFlow, beginning: &[u8], bytes: &[u8]) -> String {
    flow.write_all(beginning).await.unwrap();
    let (read, mut write) = tokio::io::split(flow);
    let mut read = BufReader::new(read);
    let mut hello = String::new();
    read.read_line(&mut hello).await.unwrap();
    let send = async {
        write.write_all(bytes).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let ((), all) = tokio::join!(send, read.read_to_end(&mut back));
    all.unwrap();
    assert!(
        back == bytes,
        "{} of {} bytes came back",
        back.len(),
        bytes.len()
    );
    hello.trim_end().to_owned()
}
