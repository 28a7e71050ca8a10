//! The servers that are measured, each a process, and connections to them.

mod etcd;
mod redis;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use irmin_proto::v1;
use irmin_proto::v1::contents_client::ContentsClient;
use irmin_proto::v1::transactions_client::TransactionsClient;

use crate::Result;
use crate::wire::{Wire, origin};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Irmin,
    Etcd,
    Redis,
}

impl Kind {
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "irmin" => Ok(Self::Irmin),
            "etcd" => Ok(Self::Etcd),
            "redis" => Ok(Self::Redis),
            _ => Err(format!("{name} is none of irmin, etcd, redis").into()),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Irmin => "irmin",
            Self::Etcd => "etcd",
            Self::Redis => "redis, appendfsync always",
        }
    }

    fn command(self, dir: &str, port: u16) -> Result<Command> {
        let (program, args) = match self {
            Self::Irmin => {
                let own = std::env::current_exe()?.display().to_string();
                (own, format!("--serve {dir} {port}"))
            }
            Self::Etcd => ("etcd".to_owned(), etcd::arguments(dir, port, free_port()?)),
            Self::Redis => ("redis-server".to_owned(), redis::arguments(dir, port)),
        };
        let mut command = Command::new(program);
        command.args(args.split(' ')).stdout(Stdio::null());
        Ok(command)
    }
}

/// A server that runs, in a directory of its own; both end with this value.
pub(crate) struct Running {
    pub(crate) kind: Kind,
    pub(crate) port: u16,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Running {
    pub(crate) async fn start(kind: Kind, dir: &std::path::Path) -> Result<Self> {
        let (dir, port) = (tempfile::tempdir_in(dir)?, free_port()?);
        let mut command = kind.command(&dir.path().display().to_string(), port)?;
        let child = command
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", kind.name()))?;
        let running = Self {
            kind,
            port,
            child,
            _dir: dir,
        };
        for _ in 0..200 {
            if let Ok(mut connection) = running.connect().await
                && connection.put("ready", b"").await.is_ok()
            {
                return Ok(running);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{} does not answer", kind.name()).into())
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        Ok(match self.kind {
            Kind::Irmin => Connection::Irmin(Wire::connect(self.port).await?),
            Kind::Etcd => Connection::Etcd(etcd::Etcd::new(Wire::connect(self.port).await?)),
            Kind::Redis => Connection::Redis(redis::Redis::connect(self.port).await?),
        })
    }

    /// Returns the processor time of the server so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let mut fields = after_name.split_whitespace().skip(11);
        let mut ticks = 0.0;
        for _ in 0..2 {
            ticks += fields.next().unwrap_or("0").parse::<f64>()?;
        }
        Ok(ticks / 100.0)
    }

    /// Returns the resident memory of the server that is no page of a file, in bytes.
    pub(crate) fn own_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        Ok(kib.unwrap_or("0").parse::<u64>()? * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A client of a server.
pub(crate) enum Connection {
    Irmin(Wire),
    Etcd(etcd::Etcd),
    Redis(redis::Redis),
}

impl Connection {
    /// Writes a value, durably.
    pub(crate) async fn put(&mut self, key: &str, value: &[u8]) -> Result<()> {
        match self {
            Self::Irmin(wire) => commit(wire, key, value).await,
            Self::Etcd(etcd) => etcd.put(key, value).await,
            Self::Redis(redis) => redis.put(key, value).await,
        }
    }

    /// Reads a value that is there.
    pub(crate) async fn get(&mut self, key: &str) -> Result<Bytes> {
        let found = match self {
            Self::Irmin(wire) => get(wire, key).await?,
            Self::Etcd(etcd) => etcd.get(key).await?,
            Self::Redis(redis) => redis.get(key).await?,
        };
        found.ok_or_else(|| format!("{key} is not there").into())
    }
}

async fn commit(wire: &Wire, key: &str, value: &[u8]) -> Result<()> {
    let set = v1::SetBlob {
        data: Bytes::copy_from_slice(value),
        mode: 0,
    };
    let request = v1::CommitRequest {
        branch: "main".to_owned(),
        writes: vec![v1::Write {
            path: Bytes::copy_from_slice(key.as_bytes()),
            what: Some(v1::write::What::Set(set)),
        }],
        allow_empty: true,
        ..v1::CommitRequest::default()
    };
    let mut client = TransactionsClient::with_origin(wire.clone(), origin());
    let answer = client.commit(request).await?.into_inner();
    match answer.outcome {
        Some(v1::commit_response::Outcome::Committed(_)) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

async fn get(wire: &Wire, key: &str) -> Result<Option<Bytes>> {
    let request = v1::GetRequest {
        paths: vec![Bytes::copy_from_slice(key.as_bytes())],
        data_limit: 1 << 20,
        ..v1::GetRequest::default()
    };
    let mut client = ContentsClient::with_origin(wire.clone(), origin());
    let found = client.get(request).await?.into_inner().found.pop();
    let is = found
        .and_then(|found| found.entry)
        .and_then(|entry| entry.is);
    Ok(match is {
        Some(v1::entry::Is::Blob(blob)) => blob.data,
        _ => None,
    })
}
