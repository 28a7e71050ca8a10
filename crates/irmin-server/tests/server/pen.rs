//! A client of GraphQL: by posts, or over a WebSocket.

use bytes::Bytes;
use hyper::Request;
use serde_json::{Value, json};

use super::faulty::{TRIES_MAX, Way};
use super::plain::{Plain, request};
use super::socket::Socket;

pub(crate) struct Pen {
    is: Is,
    retries: u64,
}

enum Is {
    Posts(Box<Plain>),
    Socket(Box<Socket>),
}

impl Pen {
    pub(crate) fn posts(way: Way) -> Self {
        let is = Is::Posts(Box::new(Plain::new(way)));
        Self { is, retries: 0 }
    }

    pub(crate) fn socket(way: Way) -> Self {
        let is = Is::Socket(Box::new(Socket::new(way)));
        Self { is, retries: 0 }
    }

    /// Returns how often requests were sent again, all in all.
    pub(crate) const fn retries(&self) -> u64 {
        self.retries
    }

    /// Asks until an answer comes.
    pub(crate) async fn ask(&mut self, query: &str, variables: &Value) -> Value {
        for _ in 0..TRIES_MAX {
            if let Some(answer) = self.ask_once(query, variables).await {
                return answer;
            }
            self.retries += 1;
        }
        panic!("no answer came to {query}");
    }

    /// Asks once. `None`: the answer was lost, and who knows what came of the request.
    pub(crate) async fn ask_once(&mut self, query: &str, variables: &Value) -> Option<Value> {
        let payload = json!({"query": query, "variables": variables});
        match &mut self.is {
            Is::Socket(socket) => socket.ask_once(&payload).await,
            Is::Posts(plain) => {
                let answer = plain.ask_once(&posted(&payload)).await?;
                assert_eq!(answer.status, 200, "{answer:?}");
                Some(answer.json())
            }
        }
    }
}

fn posted(payload: &Value) -> Request<Bytes> {
    let request = request("POST", "/graphql").header("content-type", "application/json");
    let body = payload.to_string().into();
    request.body(body).expect("a request")
}
