//! etcd: as much of its protocol, version 3, as putting and getting need.

use bytes::Bytes;
use hyper::http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;

use crate::Result;
use crate::wire::{Wire, origin};

#[derive(Clone, PartialEq, Message)]
struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct PutResponse {}

#[derive(Clone, PartialEq, Message)]
struct RangeRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    found: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
}

pub(super) fn arguments(dir: &str, port: u16, peer_port: u16) -> String {
    let (client, peer) = (
        format!("http://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{peer_port}"),
    );
    format!(
        "--data-dir {dir} --listen-client-urls {client} --advertise-client-urls {client} \
         --listen-peer-urls {peer} --initial-advertise-peer-urls {peer} \
         --initial-cluster default={peer} --logger zap --log-level error"
    )
}

pub(crate) struct Etcd(Grpc<Wire>);

impl Etcd {
    pub(super) fn new(wire: Wire) -> Self {
        Self(Grpc::with_origin(wire, origin()))
    }

    pub(super) async fn put(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let request = PutRequest {
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::copy_from_slice(value),
        };
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Put");
        let codec = ProstCodec::<_, PutResponse>::default();
        self.0.ready().await?;
        self.0
            .unary(tonic::Request::new(request), path, codec)
            .await?;
        Ok(())
    }

    pub(super) async fn get(&mut self, key: &str) -> Result<Option<Bytes>> {
        let request = RangeRequest {
            key: Bytes::copy_from_slice(key.as_bytes()),
        };
        let path = PathAndQuery::from_static("/etcdserverpb.KV/Range");
        let codec = ProstCodec::<_, RangeResponse>::default();
        self.0.ready().await?;
        let answer = self
            .0
            .unary(tonic::Request::new(request), path, codec)
            .await?;
        Ok(answer.into_inner().found.pop().map(|found| found.value))
    }
}
