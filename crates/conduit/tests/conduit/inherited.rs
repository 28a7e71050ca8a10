//! Sockets that were open when the program started: this program starts itself with one.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use conduit::{Context, Endpoint, ListenOptions, Listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Tells the child what to listen at.
const ENDPOINT: &str = "CONDUIT_TEST_INHERITED";

/// Runs this program's test `child` with a socket as file 3, as systemd would.
fn run_child(socket: OwnedFd, endpoint: &str) -> std::process::Child {
    let program = std::env::current_exe().unwrap();
    Command::new("sh")
        .arg("-c")
        .arg("exec 3<&0 </dev/null; LISTEN_PID=$$ exec \"$0\" --exact inherited::child --nocapture")
        .arg(program)
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "web:other")
        .env(ENDPOINT, endpoint)
        .stdin(socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does nothing unless a test has started it.
#[tokio::test]
async fn child() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        return;
    };
    let context = Context::new();
    let endpoint: Endpoint = endpoint.parse().unwrap();
    let listener = Listener::bind(&context, &endpoint, ListenOptions::default()).await;
    let mut listener = listener.unwrap();
    // A socket can be taken once.
    let again = Listener::bind(&context, &endpoint, ListenOptions::default()).await;
    assert!(
        again
            .unwrap_err()
            .to_string()
            .contains("taken already (1 were: LISTEN_FDS)")
    );
    let mut flow = listener.accept().await.unwrap();
    let said = format!(
        "{} {}",
        listener.endpoints()[0],
        flow.read_u8().await.unwrap()
    );
    flow.write_all(said.as_bytes()).await.unwrap();
    flow.shutdown().await.unwrap();
}

async fn ask(at: &Endpoint) -> String {
    let mut client = Context::new().connect(at).await.unwrap();
    client.write_u8(7).await.unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    said
}

#[tokio::test]
async fn a_tcp_socket_is_taken_by_number_and_by_name() {
    for text in ["inherited:0", "inherited:web"] {
        let socket = std::net::TcpListener::bind("[::1]:0").unwrap();
        let at: Endpoint = format!("tcp://{}", socket.local_addr().unwrap())
            .parse()
            .unwrap();
        let mut child = run_child(socket.into(), text);
        assert_eq!(ask(&at).await, format!("{at} 7"));
        assert!(child.wait().unwrap().success());
    }
}

#[tokio::test]
async fn a_unix_socket_is_taken_and_its_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let at = Endpoint::Unix(path.clone());
    let mut child = run_child(socket.into(), "inherited:0");
    assert_eq!(ask(&at).await, format!("{at} 7"));
    assert!(child.wait().unwrap().success());
    // It belongs to who made it.
    assert!(path.exists());
}

#[tokio::test]
async fn what_was_not_handed_over_is_an_error() {
    let context = Context::new();
    for text in ["inherited:9", "inherited:nosuch"] {
        let endpoint: Endpoint = text.parse().unwrap();
        let error = Listener::bind(&context, &endpoint, ListenOptions::default()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("not handed over"), "{error}");
    }
    let error = context
        .connect(&"inherited:0".parse().unwrap())
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("only listens"), "{error}");
}
