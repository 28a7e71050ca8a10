//! Redis: as much of its protocol as putting and getting need.

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::Result;

pub(super) fn arguments(dir: &str, port: u16) -> String {
    format!(
        "--port {port} --bind 127.0.0.1 --dir {dir} --appendonly yes --appendfsync always \
         --daemonize no --loglevel warning"
    )
}

pub(crate) struct Redis(BufReader<TcpStream>);

impl Redis {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub(super) async fn put(&mut self, key: &str, value: &[u8]) -> Result<()> {
        self.ask(&[b"SET", key.as_bytes(), value]).await?;
        Ok(())
    }

    pub(super) async fn get(&mut self, key: &str) -> Result<Option<Bytes>> {
        self.ask(&[b"GET", key.as_bytes()]).await
    }

    /// Sends a command; returns its answer if that is a value.
    async fn ask(&mut self, words: &[&[u8]]) -> Result<Option<Bytes>> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend(*word);
            request.extend(b"\r\n");
        }
        self.0.get_mut().write_all(&request).await?;
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        match line.trim_end().split_at_checked(1) {
            Some(("+", _)) => Ok(None),
            Some(("$", "-1")) => Ok(None),
            Some(("$", bytes)) => {
                let mut value = vec![0; bytes.parse::<usize>()? + 2];
                self.0.read_exact(&mut value).await?;
                value.truncate(value.len() - 2);
                Ok(Some(value.into()))
            }
            _ => Err(format!("redis says: {line}").into()),
        }
    }
}
