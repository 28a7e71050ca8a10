//! A browser shows pages of all sites, and sends what they ask it to: over a socket, with `curl`.

use super::curl::{Served, bash};

/// What came of a request that a browser sends for somebody: its status.
async fn status(served: &Served, dir: &std::path::Path, arguments: &str) -> u16 {
    let script = format!("curl -sS -o answer -w '%{{http_code}}' {arguments}");
    let output = bash(&script, &served.url, dir).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.parse()
        .unwrap_or_else(|_| panic!("{script}: {output:?}"))
}

/// What a page can make a browser send without asking first, and what it would have to ask for.
const WRITES: [&str; 6] = [
    r#"--data-raw '{"lines":[{"op":"set","path":"evil","value":"1"}]}' $MAIN/batches/main"#,
    r#"--data-raw '{"theirs":"main"}' $MAIN/merges/main"#,
    "-X POST $MAIN/collect",
    "-X PUT --data-raw 1 $MAIN/contents/main/evil",
    r#"--json '{"query":"mutation { set(path: \"evil\", value: \"1\") { hash } }"}' $URL/graphql"#,
    r#"-H 'content-type: application/graphql' --data-raw 'mutation { set(path: "evil", value: "1") { hash } }' $URL/graphql"#,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_cannot_write() {
    let served = Served::open("tcp://127.0.0.1:0").await;
    let dir = tempfile::tempdir().expect("a directory");
    let status = async |arguments: &str| status(&served, dir.path(), arguments).await;
    assert_eq!(status("-X PUT -d 1 $MAIN/contents/main/a").await, 200);
    for from in [
        "-H 'origin: http://evil.example'",
        "-H 'origin: null'",
        "-H 'origin: http://localhost:1'",
        "-H 'sec-fetch-site: cross-site'",
        "-H 'sec-fetch-site: same-site'",
    ] {
        for write in WRITES {
            for kind in ["-H 'content-type: text/plain'", ""] {
                let arguments = format!("{from} {kind} {write}");
                assert_eq!(status(&arguments).await, 403, "{arguments}");
            }
        }
    }
    assert_eq!(status("$MAIN/contents/main/evil").await, 404);
    let ours = r#"-H "origin: $URL" -H 'sec-fetch-site: same-origin'"#;
    let lines = r#"{"lines":[{"op":"set","path":"ours","value":"1"}]}"#;
    let write = format!("{ours} --json '{lines}' $MAIN/batches/main");
    assert_eq!(status(&write).await, 200);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_whose_name_was_pointed_to_this_machine_gets_nothing_from_an_open_server() {
    let served = Served::open("tcp://127.0.0.1:0").await;
    let dir = tempfile::tempdir().expect("a directory");
    let status = async |arguments: &str| status(&served, dir.path(), arguments).await;
    assert_eq!(status("-X PUT -d 1 $MAIN/contents/main/a").await, 200);
    let asked = [
        "$MAIN/contents/main/a",
        "-X PUT -d 2 $MAIN/contents/main/a",
        "-G --data-urlencode 'query={ main { name } }' $URL/graphql",
        "$URL/r/main",
        "-H 'content-type: application/grpc' -d '' $URL/irmin.v1.Repositories/List",
    ];
    for ask in asked {
        let evil = format!("-H 'host: evil.example' -H 'origin: http://evil.example' {ask}");
        let refused = format!("{evil}; grep -q evil.example answer");
        match ask.contains("grpc") {
            // It answers 200, with a status of its own and no message.
            true => {
                let seen = format!("-D headers {evil}; grep -qi '^grpc-status: 7' headers");
                assert_eq!(status(&seen).await, 200);
            }
            false => assert_eq!(status(&refused).await, 403, "{ask}"),
        }
        for local in ["localhost:8080", "irmin", "[::1]:1", "127.0.0.1"] {
            let arguments = format!("-H 'host: {local}' {ask}");
            assert_eq!(status(&arguments).await, 200, "{arguments}");
        }
    }
    served.stop().await;
}
