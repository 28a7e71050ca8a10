//! Values: conditions, ranges, kinds, requests that are sent twice.

use serde_json::json;

use super::support::{MAIN, Rest};

const A: &str = "/api/v1/repositories/main/contents/main/a";

#[tokio::test]
async fn a_value_comes_back_with_its_id_as_etag() {
    let rest = Rest::open();
    let put = rest.set("a", "hello").await;
    let got = rest.get("/contents/main/a").await.expect(200);
    assert_eq!(got.body, "hello");
    assert_eq!(got.header("etag"), put.header("etag"));
    assert_eq!(got.header("irmin-kind"), "blob");
    assert_eq!(got.header("irmin-commit"), put.json()["commit"]);
    assert!(!got.header("x-request-id").is_empty());
    let head = rest.ask("HEAD", A, &[], "").await.expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), "5");
    rest.get("/contents/main/b").await.expect(404);
    rest.get("/contents/nowhere/a").await.expect(404);
}

#[tokio::test]
async fn who_has_a_value_is_not_sent_it_again() {
    let rest = Rest::open();
    let tag = rest.set("a", "1").await.header("etag").to_owned();
    let same = rest.ask("GET", A, &[("if-none-match", &tag)], "").await;
    assert_eq!(same.expect(304).header("etag"), tag);
    rest.ask("GET", A, &[("if-none-match", "\"x\"")], "")
        .await
        .expect(200);
    rest.ask("GET", A, &[("if-match", "\"x\"")], "")
        .await
        .expect(412);
    for resource in [
        "/entries/main/a",
        "/trees/main",
        "/commits/main",
        "/branches/main",
        "/documents/main",
    ] {
        let uri = format!("{MAIN}{resource}");
        let tag = rest
            .ask("GET", &uri, &[], "")
            .await
            .expect(200)
            .header("etag")
            .to_owned();
        rest.ask("GET", &uri, &[("if-none-match", &tag)], "")
            .await
            .expect(304);
    }
}

#[tokio::test]
async fn if_match_is_test_and_set() {
    let rest = Rest::open();
    let none = [("if-none-match", "*")];
    let tag = rest
        .ask("PUT", A, &none, "1")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let failed = rest.ask("PUT", A, &none, "2").await.expect(412);
    assert_eq!(failed.header("content-type"), "application/problem+json");
    assert_eq!(failed.json()["kind"], "conflict");
    assert_eq!(
        format!(
            "\"{}\"",
            failed.json()["details"]["found"].as_str().unwrap()
        ),
        tag
    );
    let matching = [("if-match", tag.as_str())];
    rest.ask("PUT", A, &matching, "2").await.expect(200);
    rest.ask("PUT", A, &matching, "3").await.expect(412);
    rest.ask("DELETE", A, &matching, "").await.expect(412);
    assert_eq!(rest.get("/contents/main/a").await.body, "2");
    rest.ask("DELETE", A, &[("if-match", "*")], "")
        .await
        .expect(200);
    rest.get("/contents/main/a").await.expect(404);
    rest.ask("DELETE", A, &[], "").await.expect(404);
}

#[tokio::test]
async fn a_part_of_a_value_is_sent_and_one_that_is_not_there_is_416() {
    let rest = Rest::open();
    let tag = rest.set("a", "0123456789").await.header("etag").to_owned();
    let part = async |range, headers: &[(&str, &str)]| {
        let mut all = vec![("range", range)];
        all.extend_from_slice(headers);
        rest.ask("GET", A, &all, "").await
    };
    let got = part("bytes=2-4", &[]).await.expect(206);
    assert_eq!(
        (got.body.as_ref(), got.header("content-range")),
        (b"234".as_slice(), "bytes 2-4/10")
    );
    assert_eq!(got.header("content-length"), "3");
    assert_eq!(part("bytes=-1", &[]).await.expect(206).body, "9");
    let beyond = part("bytes=10-", &[]).await.expect(416);
    assert_eq!(beyond.header("content-range"), "bytes */10");
    assert_eq!(
        part("bytes=0-1,3-4", &[]).await.expect(200).body,
        "0123456789"
    );
    part("bytes=0-1", &[("if-range", &tag)]).await.expect(206);
    part("bytes=0-1", &[("if-range", "\"x\"")])
        .await
        .expect(200);
}

#[tokio::test]
async fn a_request_that_is_sent_twice_is_done_once() {
    let rest = Rest::open();
    let key = [("idempotency-key", "k1")];
    let first = rest.ask("PUT", A, &key, "1").await.expect(200);
    rest.set("a", "2").await;
    let again = rest.ask("PUT", A, &key, "1").await.expect(200);
    assert_eq!(first.json(), again.json());
    assert_eq!(rest.get("/contents/main/a").await.body, "2");
    rest.ask("PUT", A, &key, "other").await.expect(400);
    rest.ask("PUT", A, &[("idempotency-key", "no good")], "1")
        .await
        .expect(400);
    let line = json!({"lines": [{"op": "set", "path": "n", "value": "1"}]}).to_string();
    let uri = format!("{MAIN}/batches/main");
    let key = [("idempotency-key", "k2")];
    let first = rest.ask("POST", &uri, &key, line.clone()).await.expect(200);
    assert_eq!(
        rest.ask("POST", &uri, &key, line).await.expect(200).json(),
        first.json()
    );
}

#[tokio::test]
async fn a_directory_is_replaced_only_where_that_is_said() {
    let rest = Rest::open();
    rest.set("d/x", "1").await;
    rest.put("/contents/main/d", "2").await.expect(409);
    rest.put("/contents/main/d?replace=true", "2")
        .await
        .expect(200);
    rest.put("/contents/main/e?kind=executable", "#!")
        .await
        .expect(200);
    let entry = rest.get("/entries/main/e").await.expect(200).json();
    assert_eq!(
        (&entry["kind"], &entry["value"], &entry["size"]),
        (&json!("executable"), &json!("#!"), &json!(2))
    );
}

#[tokio::test]
async fn paths_of_any_bytes_have_an_address() {
    let rest = Rest::open();
    rest.set("d/%ff%20x", "1").await;
    assert_eq!(
        rest.get("/contents/main/d%2F%FF%20x")
            .await
            .expect(200)
            .body,
        "1"
    );
    let listed = rest.get("/trees/main?path=d").await.expect(200).json();
    assert_eq!(listed["items"][0]["name_base64"], "/yB4");
    let entry = rest
        .get("/entries/main/d%2F%FF%20x")
        .await
        .expect(200)
        .json();
    assert_eq!(entry["path_base64"], "ZC//IHg=");
    let dumped = rest
        .get("/documents/main?path_base64=ZC%2F%2FIHg%3D")
        .await
        .expect(200);
    assert_eq!(dumped.json(), json!(1));
    rest.get("/documents/main?path=%ff").await.expect(400);
}

#[tokio::test]
async fn a_batch_is_done_whole_or_not_at_all() {
    let rest = Rest::open();
    rest.set("n", "1").await;
    let lines = |expected: &str| {
        json!({"message": "count", "author": "Ada <ada@example.org>", "lines": [
            {"op": "set", "path": "log/1", "value_base64": "/w=="},
            {"op": "check", "path": "n", "value": expected},
            {"op": "check-absent", "path": "m"},
            {"op": "rm", "path": "log"},
            {"op": "set", "path": "n", "value": "2"},
        ]})
    };
    let refused = rest
        .post("/batches/main", &lines("7"))
        .await
        .expect(409)
        .json();
    assert_eq!(refused["details"]["index"], 1);
    assert_eq!(rest.get("/contents/main/n").await.body, "1");
    rest.post("/batches/main", &lines("1")).await.expect(200);
    assert_eq!(rest.get("/contents/main/n").await.body, "2");
    rest.get("/entries/main/log").await.expect(404);
    let commit = rest.get("/commits/main").await.json();
    assert_eq!(
        (&commit["author"]["name"], &commit["message"]),
        (&json!("Ada"), &json!("count"))
    );
    for bad in [
        json!({}),
        json!({"lines": [{"op": "set", "path": "a"}]}),
        json!({"lines": [], "x": 1}),
    ] {
        rest.post("/batches/main", &bad).await.expect(400);
    }
}

#[tokio::test]
async fn a_batch_with_if_match_is_test_and_set_on_the_head_of_the_branch() {
    let rest = Rest::open();
    let uri = format!("{MAIN}/batches/main");
    let lines = json!({"lines": [{"op": "set", "path": "n", "value": "1"}]}).to_string();
    let send = async |header: (&str, &str), status: u16| {
        let answer = rest.ask("POST", &uri, &[header], lines.clone()).await;
        answer.expect(status).json()
    };
    let absent = send(("if-match", "*"), 412).await;
    assert_eq!(absent["details"]["name"], "heads/main");
    rest.get("/branches/main").await.expect(404);
    send(("if-none-match", "*"), 200).await;
    send(("if-none-match", "*"), 412).await;
    let first = rest.get("/branches/main").await.header("etag").to_owned();
    send(("if-match", "*"), 200).await;
    rest.set("elsewhere", "2").await;
    let head = rest.get("/branches/main").await.header("etag").to_owned();
    let moved = send(("if-match", &first), 412).await;
    let current = moved["details"]["current"].as_str().expect("an id");
    assert_eq!(format!("\"{current}\""), head);
    assert_eq!(rest.get("/branches/main").await.header("etag"), head);
    send(("if-match", &format!("{first}, {head}")), 200).await;
    send(("if-match", "nonsense"), 400).await;
    // A line that does not hold is no header that does not.
    let lines = json!({"lines": [{"op": "check", "path": "n", "value": "7"}]}).to_string();
    let failed = rest.ask("POST", &uri, &[("if-match", "*")], lines).await;
    assert_eq!(failed.expect(409).json()["details"]["index"], 0);
}

#[tokio::test]
async fn a_batch_with_if_match_loses_to_who_was_faster() {
    let rest = Rest::open();
    rest.set("n", "0").await;
    let head = rest.get("/branches/main").await.header("etag").to_owned();
    let uri = format!("{MAIN}/batches/main");
    let tries = (0..8).map(|number| {
        let lines = json!({"lines": [{"op": "set", "path": number.to_string(), "value": "1"}]});
        let (rest, uri, head) = (rest.clone(), uri.clone(), head.clone());
        tokio::spawn(async move {
            let headers = [("if-match", head.as_str())];
            rest.ask("POST", &uri, &headers, lines.to_string()).await
        })
    });
    let mut statuses = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        statuses.push(one.await.expect("no panic").status.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn documents_are_directories() {
    let rest = Rest::open();
    let document = json!({"name": "x", "list": [1, "2", null, {"a": true}], "empty": {}});
    let uri = format!("{MAIN}/documents/main?path=doc");
    let put = rest
        .ask("PUT", &uri, &[], document.to_string())
        .await
        .expect(200);
    assert!(put.json()["commit"].is_string());
    assert_eq!(
        rest.get("/documents/main?path=doc")
            .await
            .expect(200)
            .json(),
        document
    );
    assert_eq!(
        rest.get("/contents/main/doc/name").await.expect(200).body,
        "x"
    );
    let again = rest
        .ask("PUT", &uri, &[], document.to_string())
        .await
        .expect(200);
    assert!(again.json()["commit"].is_null());
    rest.ask("PUT", &uri, &[], "{").await.expect(400);
    rest.set("doc/name", "\u{1}").await;
    rest.ask("PUT", &format!("{MAIN}/contents/main/raw"), &[], vec![0xff])
        .await
        .expect(200);
    rest.get("/documents/main?path=raw").await.expect(409);
}
