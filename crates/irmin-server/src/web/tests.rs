//! Pages over a real connection, and in a real browser.

mod access;
mod browser;
mod every_page;
mod flows;
mod http;
mod safety;
mod updates;

use std::net::SocketAddr;

use irminsule::{Blob, Env, Path, Resolution};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::http::router;
use crate::service::{
    Caller, CommitOptions, Config, Deadline, MergeRequest, Result, Scope, Server, Settlement,
};

/// A server with pages on a port of its own, until it is dropped.
struct Site {
    server: Server,
    address: SocketAddr,
    _runtime: Runtime,
}

impl Site {
    /// Serves an empty repository in memory, open to all.
    fn empty() -> Self {
        Self::with(Config {
            env: Env::fixed(1_790_000_000),
            ..Config::open_in_memory()
        })
    }

    /// Serves a repository with some of everything.
    fn full() -> Self {
        let site = Self::empty();
        site.here(fill);
        site
    }

    fn with(config: Config) -> Self {
        let server = Server::open(config).unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = runtime.block_on(async { router(&server) });
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            server,
            address,
            _runtime: runtime,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Does something in repository `main`, as the server's own program.
    fn here<T>(&self, body: impl FnOnce(&Scope) -> Result<T>) -> T {
        self.server
            .run_here(&Caller::local(), "main", Deadline::never(), body)
            .unwrap()
    }

    fn set(&self, branch: &str, at: &str, value: &str) {
        self.here(|scope| set(scope, branch, at, value.as_bytes(), "Change it"));
    }

    fn get(&self, branch: &str, at: &str) -> Option<String> {
        self.here(|scope| {
            let Some(head) = scope.head(branch)? else {
                return Ok(None);
            };
            let bytes = head.tree()?.get_bytes(&path(at))?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        })
    }
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn set(scope: &Scope, branch: &str, at: &str, value: &[u8], message: &str) -> Result<()> {
    scope.transact(branch, &CommitOptions::new(message), |view| {
        view.set(&path(at), Blob::new(value.to_vec())).map(|_| ())
    })?;
    Ok(())
}

/// The smallest PNG: one grey dot.
const DOT: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cch\0\0\0\x82\0\x81w\xcdr\xb6\0\0\0\0IEND\xaeB`\x82";

/// Makes some history: values of all kinds, two branches that were merged, and one that conflicts.
fn fill(scope: &Scope) -> Result<()> {
    fill_values(scope)?;
    let head = || scope.must_have_head("main");
    scope.create_branch("feature/lists", &head()?)?;
    for (number, word) in ["one", "two", "three"].into_iter().enumerate() {
        let (list, name) = (format!("lists/{number}"), format!("names/{word}"));
        set(
            scope,
            "feature/lists",
            &list,
            word.as_bytes(),
            &format!("Add {word}"),
        )?;
        set(scope, "main", &name, b"x", &format!("Name {word}"))?;
    }
    let lists = MergeRequest::new("feature/lists", CommitOptions::new("Merge the lists"));
    scope.merge("main", &lists)?;
    scope.create_branch("draft", &head()?)?;
    let theirs = b"An irminsul is a tree.\n";
    set(scope, "draft", "docs/readme.txt", theirs, "Call it a tree")?;
    let renamed = br#"{"name": "draft"}"#;
    set(scope, "draft", "config/server.json", renamed, "Rename it")?;
    let ours = "An irminsul was a great pillar.\n\nIt stood for what holds the world together.\n";
    set(
        scope,
        "main",
        "docs/readme.txt",
        ours.as_bytes(),
        "Call it great",
    )?;
    scope.create_tag("v1", &head()?)
}

/// Adds a value of each kind.
fn fill_values(scope: &Scope) -> Result<()> {
    let text = "An irminsul was a pillar.\n\nIt stood for what holds the world together.\n";
    let json = br#"{"name":"irminsule","ports":[8080,4711],"tls":{"on":true,"names":["a","b"]},"limit":1e3}"#;
    let noise: Vec<u8> = (0..=255).cycle().take(700).collect();
    let page = b"<!doctype html><script>document.title = 'it ran'</script><h1>evil</h1>";
    let drawing =
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>document.title = 'it ran'</script></svg>";
    let configure = "Configure the server\n\nWith two ports, for now.";
    let values: [(&str, &[u8], &str); 6] = [
        ("docs/readme.txt", text.as_bytes(), "Say what it is"),
        ("config/server.json", json, configure),
        ("images/dot.png", DOT, "Add a dot"),
        ("data/noise", &noise, "Add noise"),
        ("data/page.html", page, "Keep a page"),
        ("data/drawing.svg", drawing, "Keep a drawing"),
    ];
    for (at, value, message) in values {
        set(scope, "main", at, value, message)?;
    }
    Ok(())
}

/// Settles all conflicts of a merge with the other side.
fn theirs_wins(from: &str) -> MergeRequest {
    MergeRequest {
        settled: vec![Settlement {
            path: None,
            how: Resolution::Theirs,
        }],
        ..MergeRequest::new(from, CommitOptions::new("Take theirs"))
    }
}
