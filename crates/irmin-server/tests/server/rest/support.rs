//! A server in this process, asked through its router.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt;
use irmin_server::http::router;
use irmin_server::service::{
    AccessConfig, Config, Data, Entry, Limits, Pattern, Principal, Right, Rule, Rules, Server,
};
use irminsule::Path;
use serde_json::Value;
use tower::ServiceExt;

/// Where the repository is.
pub(crate) const MAIN: &str = "/api/v1/repositories/main";

/// An answer, as a whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("it is text"))
    }

    /// Returns the answer if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }
}

/// A server and its router.
#[derive(Clone)]
pub(crate) struct Rest {
    pub(crate) server: Server,
    pub(crate) router: Router,
    token: Option<String>,
}

impl Rest {
    pub(crate) fn open() -> Self {
        Self::with(Config::open_in_memory())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::with(Config {
            limits,
            ..Config::open_in_memory()
        })
    }

    pub(crate) fn with(config: Config) -> Self {
        let server = Server::open(config).expect("it opens");
        Self {
            router: router(&server),
            server,
            token: None,
        }
    }

    /// Serves what is in a directory by rules.
    pub(crate) fn with_rules(dir: &std::path::Path, rules: Vec<Rule>) -> Self {
        Self::with(Config {
            access: AccessConfig {
                rules: Rules::new(rules),
                entry: Entry::Rules,
                ..AccessConfig::default()
            },
            ..Config::new(Data::Dir(dir.to_owned()))
        })
    }

    /// Asks as a principal from now on.
    pub(crate) fn principal(&self, name: &str) -> Self {
        let tokens = self.server.access().tokens().expect("there is a directory");
        let name = Principal::new(name).expect("a good name");
        let token = tokens.create(&name, 0, None).expect("it is made").1;
        Self {
            token: Some(token),
            ..self.clone()
        }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> axum::response::Response {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(body.into()).expect("a good request");
        let answered = self.router.clone().oneshot(request).await;
        answered.expect("a router always answers")
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let (parts, body) = self.send(method, uri, headers, body).await.into_parts();
        let body = body.collect().await.expect("it comes to its end");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", &format!("{MAIN}{path}"), &[], "").await
    }

    pub(crate) async fn put(&self, path: &str, body: &'static str) -> Answer {
        self.ask("PUT", &format!("{MAIN}{path}"), &[], body).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let uri = format!("{MAIN}{path}");
        self.ask("POST", &uri, &[], body.to_string()).await
    }

    /// Puts a value on branch `main`.
    pub(crate) async fn set(&self, path: &str, value: &'static str) -> Answer {
        self.put(&format!("/contents/main/{path}"), value)
            .await
            .expect(200)
    }
}

pub(crate) fn rule(principal: &str, branch: &str, path: &str, right: Right) -> Rule {
    Rule {
        principal: Pattern::new(principal),
        repo: Pattern::new("**"),
        branch: Pattern::new(branch),
        path: Path::parse(path).expect("a good path"),
        right,
    }
}
