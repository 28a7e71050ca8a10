//! How clients reach the server.

use std::sync::atomic::Ordering;

use irmin_server::service::Server;

use super::client::{Ask, Clock, DidAll, Told};
use super::{REGISTERS, graphql, grpc, rest, service};
use crate::faulty::Line;
use crate::linear::Did;
use crate::pen::Pen;
use crate::plain::Plain;

/// How a client reaches the server.
pub(super) enum Door {
    Service(Server),
    Grpc(Box<Line>),
    Rest(Box<Plain>),
    GraphQl(Pen),
    /// GraphQL without keys, as clients of the predecessor speak it: what is lost stays so.
    Keyless(Pen),
}

impl Door {
    pub(super) const fn has_keys(&self) -> bool {
        !matches!(self, Self::Keyless(_))
    }

    /// Asks, and says when that began.
    pub(super) async fn ask(&mut self, ask: &Ask, key: &str, clock: &Clock) -> (u64, Told) {
        let before = self.retries();
        let told = match self {
            Self::Service(server) => (clock.tick(), service::ask(server, ask, key).await),
            Self::Grpc(line) => grpc::ask(line, ask, key, clock).await,
            Self::Rest(plain) => rest::ask(plain, ask, key, clock).await,
            Self::GraphQl(pen) => graphql::ask(pen, ask, Some(key), clock).await,
            Self::Keyless(pen) => graphql::ask(pen, ask, None, clock).await,
        };
        let retries = self.retries() - before;
        clock.retried.fetch_add(retries, Ordering::Relaxed);
        told
    }

    fn retries(&self) -> u64 {
        match self {
            Self::Service(_) => 0,
            Self::Grpc(line) => line.retries(),
            Self::Rest(plain) => plain.retries(),
            Self::GraphQl(pen) | Self::Keyless(pen) => pen.retries(),
        }
    }
}

/// What a read of a branch that is not there yet says.
pub(super) fn nothing_read() -> DidAll {
    all_read([None; REGISTERS])
}

/// What a read of all registers says.
pub(super) fn all_read(seen: [Option<u64>; REGISTERS]) -> DidAll {
    let all = seen.into_iter().enumerate();
    all.map(|(each, seen)| (each, Did::Read(seen))).collect()
}

/// What a session did that saw one register and wrote one.
pub(super) fn seen_and_written(from: usize, seen: Option<u64>, to: usize, value: u64) -> DidAll {
    match from == to {
        true => vec![(to, Did::Swap(seen, value))],
        false => vec![(from, Did::Read(seen)), (to, Did::Write(value))],
    }
}

/// Reads an id as it is written in JSON.
pub(super) fn id(value: &serde_json::Value) -> Vec<u8> {
    let id = value.as_str().expect("an id").parse::<irminsule::Id>();
    id.expect("64 digits").as_bytes().to_vec()
}
