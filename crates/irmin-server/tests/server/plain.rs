//! A client that speaks HTTP/1.1, over a network that may be bad.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::request::Builder;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::faulty::{TRIES_MAX, Way};

/// An answer that came as a whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Reads the body; `Null` if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Begins a request.
pub(crate) fn request(method: &str, uri: &str) -> Builder {
    let builder = Request::builder().method(method).uri(uri);
    builder.header("host", "irmin")
}

/// A connection that is made again when it breaks.
pub(crate) struct Plain {
    way: Way,
    sender: Option<SendRequest<Full<Bytes>>>,
    retries: u64,
}

impl Plain {
    pub(crate) const fn new(way: Way) -> Self {
        Self {
            way,
            sender: None,
            retries: 0,
        }
    }

    /// Returns how often requests were sent again, all in all.
    pub(crate) const fn retries(&self) -> u64 {
        self.retries
    }

    /// Sends a request until an answer comes.
    pub(crate) async fn ask(&mut self, request: &Request<Bytes>) -> Answer {
        for _ in 0..TRIES_MAX {
            if let Some(answer) = self.ask_once(request).await {
                return answer;
            }
            self.retries += 1;
        }
        panic!("no answer came from {}", self.way.endpoint);
    }

    /// Sends a request once. `None`: the answer was lost, and who knows what came of the request.
    pub(crate) async fn ask_once(&mut self, request: &Request<Bytes>) -> Option<Answer> {
        let response = self.begin(request).await?;
        let (head, body) = response.into_parts();
        match body.collect().await {
            Ok(body) => Some(Answer {
                status: head.status.as_u16(),
                body: body.to_bytes(),
            }),
            Err(_) => {
                self.sender = None;
                None
            }
        }
    }

    /// Sends a request once, and returns the beginning of the answer.
    pub(crate) async fn begin(&mut self, request: &Request<Bytes>) -> Option<Response<Incoming>> {
        self.connected().await;
        let request = request.clone().map(Full::new);
        match self.sender.as_mut()?.send_request(request).await {
            Ok(response) => Some(response),
            Err(_) => {
                self.sender = None;
                None
            }
        }
    }

    /// Drops a connection that is of no more use.
    pub(crate) fn forget(&mut self) {
        self.sender = None;
    }

    /// Connects, unless the server cannot be reached now.
    async fn connected(&mut self) {
        if let Some(sender) = &mut self.sender
            && sender.ready().await.is_ok()
        {
            return;
        }
        self.sender = None;
        let Some(flow) = self.way.flow().await else {
            return;
        };
        if let Ok((sender, connection)) = handshake(TokioIo::new(flow)).await {
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
    }
}
