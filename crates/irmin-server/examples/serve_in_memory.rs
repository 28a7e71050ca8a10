//! Serves a repository in memory to anybody on this machine, until standard input ends: for trying
//! clients. Prints the address. `cargo run --example serve_in_memory -p irmin-server`.

use std::error::Error;
use std::io::{Read, Write};
use std::time::Duration;

use conduit::{Context, ListenOptions, Listener};
use irmin_server::http::{router, serve};
use irmin_server::service::{Caller, CommitOptions, Config, Server};
use irminsule::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let server = Server::open(Config::open_in_memory())?;
    fill(&server)?;
    let context = Context::builder().build();
    let any = "tcp://127.0.0.1:0".parse()?;
    let listener = Listener::bind(&context, &any, ListenOptions::default()).await?;
    for endpoint in listener.endpoints() {
        let url = endpoint.to_string().replace("tcp:", "http:");
        writeln!(std::io::stdout(), "{url}")?;
    }
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    let shutdown = async move { drop(end.await) };
    let drain = Duration::from_secs(5);
    serve(&server, router(&server), vec![listener], shutdown, drain).await?;
    Ok(())
}

/// Makes two branches that disagree, and a tag.
fn fill(server: &Server) -> Result<(), Box<dyn Error>> {
    let scope = server.scope(&Caller::local(), "main")?;
    let set = |branch: &str, path: &str, value: &'static str| {
        let path = Path::parse(path)?;
        let options = CommitOptions::new(format!("Set {path}"));
        scope.transact(branch, &options, |view| view.set(&path, value))?;
        Ok::<_, Box<dyn Error>>(())
    };
    set("main", "a", "1")?;
    set("main", "b/c", "2")?;
    let head = scope.must_have_head("main")?;
    scope.create_branch("other", &head)?;
    scope.create_tag("v1", &head)?;
    set("main", "a", "ours")?;
    set("other", "a", "theirs")
}
