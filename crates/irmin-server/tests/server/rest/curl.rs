//! `curl` does what `irmin` does, over a socket.

use std::process::{Command, Output};
use std::time::Duration;

use conduit::{Context, ListenOptions, Listener};
use irmin_server::http::{router, serve};
use irmin_server::service::{Config, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on sockets.
pub(super) struct Served {
    /// Where it is: `http://127.0.0.1:<port>`.
    pub(super) url: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<irmin_server::service::Result<()>>,
}

impl Served {
    pub(super) async fn open(endpoint: &str) -> Self {
        let server = Server::open(Config::open_in_memory()).expect("it opens");
        let context = Context::builder().build();
        let endpoint = endpoint.parse().expect("an endpoint");
        let bound = Listener::bind(&context, &endpoint, ListenOptions::default()).await;
        let listener = bound.expect("it is free");
        let at = listener.endpoints()[0].to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            let drain = Duration::from_secs(30);
            serve(&server, router(&server), vec![listener], shutdown, drain).await
        });
        Self {
            url: at.replace("tcp:", "http:"),
            stop: Some(stop),
            serving,
        }
    }

    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        self.serving.await.expect("no panic").expect("it closes");
    }
}

/// Runs a script of `bash`, which ends at the first command that fails.
pub(super) async fn bash(script: &str, url: &str, dir: &std::path::Path) -> Output {
    let mut command = Command::new("bash");
    command
        .args(["-euo", "pipefail", "-c", script])
        .env("URL", url)
        .env("MAIN", format!("{url}/api/v1/repositories/main"))
        .current_dir(dir);
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("no panic").expect("bash is there")
}

/// Runs a script and returns what it says.
async fn said(script: &str, served: &Served, dir: &std::path::Path) -> String {
    let output = bash(script, &served.url, dir).await;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    out.into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_does_each_command() {
    let served = Served::open("tcp://127.0.0.1:0").await;
    let dir = tempfile::tempdir().expect("a directory");
    let said = async |script: &str| said(script, &served, dir.path()).await;
    // set, get
    said("curl -fsS -X PUT --data-binary hello $MAIN/contents/main/greeting").await;
    assert_eq!(
        said("curl -fsS $MAIN/contents/main/greeting").await,
        "hello"
    );
    // ls
    let listed = said("curl -fsS $MAIN/trees/main").await;
    assert!(
        listed.contains(r#""name":"greeting","kind":"blob""#),
        "{listed}"
    );
    // load, dump
    said(r#"curl -fsS -X PUT -d '{"x":[1,2]}' "$MAIN/documents/main?path=config""#).await;
    assert_eq!(
        said(r#"curl -fsS "$MAIN/documents/main?path=config""#).await,
        r#"{"x":[1,2]}"#
    );
    // batch
    let batch = r#"{"lines":[{"op":"check","path":"greeting","value":"hello"},{"op":"set","path":"n","value":"1"}]}"#;
    said(&format!("curl -fsS --json '{batch}' $MAIN/batches/main")).await;
    // rm
    said("curl -fsS -X DELETE $MAIN/contents/main/config").await;
    let status = "curl -s -o /dev/null -w '%{http_code}' $MAIN/entries/main/config";
    assert_eq!(said(status).await, "404");
    // log, diff
    let log = said("curl -fsS $MAIN/log/main?limit=2").await;
    assert!(
        log.contains(r#""message":"Remove config""#) && log.contains(r#""next":"#),
        "{log}"
    );
    let diff = said("curl -fsS $MAIN/diff/main?from=main~2").await;
    assert!(diff.contains(r#""path":"n","change":"added""#), "{diff}");
    // branch, merge
    said(r#"curl -fsS -X PUT -d '{"commit":"main"}' $MAIN/branches/work"#).await;
    said("curl -fsS -X PUT --data-binary 2 $MAIN/contents/work/n").await;
    let merged = said(r#"curl -fsS --json '{"theirs":"work"}' $MAIN/merges/main"#).await;
    assert!(merged.contains(r#""outcome":"fast-forward""#), "{merged}");
    assert_eq!(said("curl -fsS $MAIN/contents/main/n").await, "2");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_goes_on_with_a_download_and_streams_an_upload_on_a_unix_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("socket");
    let served = Served::open(&format!("unix://{}", socket.display())).await;
    let script = r#"
        main=http://localhost/api/v1/repositories/main
        head -c 3000000 /dev/urandom > sent
        curl -fsS --unix-socket socket -T - $main/contents/main/large < sent
        head -c 1000000 sent > got
        curl -fsS --unix-socket socket -C - -o got $main/contents/main/large
        cmp sent got
        etag=$(curl -fsSI --unix-socket socket $main/contents/main/large | tr -d '\r' | sed -n 's/^etag: //p')
        curl -s --unix-socket socket -o /dev/null -w '%{http_code}' -H "If-None-Match: $etag" $main/contents/main/large
    "#;
    assert!(said(script, &served, dir.path()).await.ends_with("304"));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_asks_for_parts_and_on_conditions() {
    let served = Served::open("tcp://127.0.0.1:0").await;
    let dir = tempfile::tempdir().expect("a directory");
    let script = r#"
        at=$MAIN/contents/main/a
        status() { curl -sS -o answer -D headers -w '%{http_code} ' "$@"; }
        header() { tr -d '\r' < headers | sed -n "s/^$1: //p"; }
        status -X PUT -H 'If-None-Match: *' -d 0123456789 $at
        etag=$(header etag)
        status -X PUT -H 'If-None-Match: *' -d no $at
        status -r 2-4 $at; cat answer; header content-range
        status -r -2 $at; cat answer; header content-range
        status -r 10- $at; header content-range
        status -r 0-1 -H "If-Range: $etag" $at; cat answer; echo
        status -r 0-1 -H 'If-Range: "other"' $at; cat answer; echo
        status -I $at; header content-length; header accept-ranges
        [[ $(header etag) == "$etag" ]]
        status -I -H "If-None-Match: $etag" $at
        status -H "If-None-Match: \"other\", W/$etag" $at
        status -X PUT -H 'If-Match: *' -d new $at
        status -X PUT -H "If-Match: $etag" -d no $at
        status -X DELETE -H "If-Match: $etag" $at
        status -X DELETE -H 'If-Match: *' $at
        status -X PUT -H 'If-Match: *' -d no $at
        status -I $at
        branch=$MAIN/branches
        echo
        status -X PUT -H 'If-Match: *' -d '{"commit":"main"}' $branch/none
        status -X PUT -H 'If-None-Match: *' -d '{"commit":"main"}' $branch/made
        status -X PUT -H 'If-Match: *' -d '{"commit":"main"}' $branch/made
        status -X DELETE -H "If-Match: $etag" $branch/made
        status -X DELETE -H 'If-Match: *' $branch/made
    "#;
    let expected = "200 412 206 234bytes 2-4/10\n206 89bytes 8-9/10\n416 bytes */10\n\
        206 01\n200 0123456789\n200 10\nbytes\n304 304 200 412 412 200 412 404 \n\
        412 200 200 412 204 ";
    assert_eq!(said(script, &served, dir.path()).await, expected);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_follows_a_branch_and_resumes() {
    let served = Served::open("tcp://127.0.0.1:0").await;
    let dir = tempfile::tempdir().expect("a directory");
    let script = r#"
        put() { curl -fsS -o /dev/null -X PUT --data-binary "$1" $MAIN/contents/main/n; }
        put 1; put 2
        curl -fsSN "$MAIN/watches/main?since=start&wait=1" > first
        last=$(sed -n 's/^id: //p' first | tail -1)
        put 3; put 4
        curl -fsSN -H "Last-Event-ID: $last" "$MAIN/watches/main?wait=1" > second
        grep -c ^data: first second
    "#;
    assert_eq!(
        said(script, &served, dir.path()).await,
        "first:2\nsecond:2\n"
    );
    served.stop().await;
}
