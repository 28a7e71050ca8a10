//! What a caller may not read is absent.

use irmin_server::service::Right;
use serde_json::json;

use super::support::{Answer, MAIN, Rest, rule};

/// Serves to somebody who may do everything, and to eve, who may read and write parts of a branch.
fn admin_and_eve(dir: &std::path::Path) -> [Rest; 2] {
    let rules = vec![
        rule("admin", "**", "", Right::Admin),
        rule("eve", "main", "open", Right::Read),
        rule("eve", "main", "mine", Right::Write),
    ];
    let rest = Rest::with_rules(dir, rules);
    [rest.principal("admin"), rest.principal("eve")]
}

#[tokio::test]
async fn what_is_hidden_is_not_there_and_what_may_not_be_written_is_forbidden() {
    let dir = tempfile::tempdir().expect("a directory");
    let [admin, eve] = admin_and_eve(dir.path());
    admin.set("open/a", "1").await;
    admin.set("secret/b", "2").await;
    admin.put("/contents/hidden/c", "3").await.expect(200);
    eve.get("/contents/main/open/a").await.expect(200);
    for hidden in [
        "/contents/main/secret/b",
        "/entries/main/secret",
        "/contents/hidden/c",
        "/branches/hidden",
        "/commits/hidden",
        "/log/hidden",
        "/watches/hidden",
    ] {
        let answer = eve.get(hidden).await.expect(404);
        assert_eq!(answer.json()["kind"], "not_found", "{hidden}");
    }
    let listed = eve.get("/trees/main").await.expect(200).json();
    let names: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["name"])
        .collect();
    assert_eq!(names, [&json!("open")]);
    let log = eve.get("/log/main").await.expect(200).json();
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
    let branches = eve.get("/branches").await.expect(200).json();
    assert_eq!(branches["items"].as_array().unwrap().len(), 1);
    let refused = eve
        .put("/contents/main/open/a", "4")
        .await
        .expect(403)
        .json();
    assert_eq!(refused["details"]["path"], "open/a");
    let target = json!({"commit": "main"});
    eve.ask(
        "PUT",
        &format!("{MAIN}/branches/x"),
        &[],
        target.to_string(),
    )
    .await
    .expect(403);
    eve.get("/stats").await.expect(403);
    eve.post("/verify", &json!({})).await.expect(403);
    eve.ask("GET", "/api/v1/tokens", &[], "").await.expect(403);
    eve.ask("DELETE", MAIN, &[], "").await.expect(403);
    admin.get("/stats").await.expect(200);
}

#[tokio::test]
async fn who_is_nobody_sees_no_repository_and_a_bad_token_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let rest = Rest::with_rules(dir.path(), vec![rule("admin", "**", "", Right::Admin)]);
    rest.get("/branches").await.expect(404);
    let listed = rest
        .ask("GET", "/api/v1/repositories", &[], "")
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"], json!([]));
    let bad = [("authorization", "Bearer nonsense")];
    let refused = rest.ask("GET", MAIN, &bad, "").await.expect(401);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    assert_eq!(refused.json()["status"], 401);
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let dir = tempfile::tempdir().expect("a directory");
    let rest = Rest::with_rules(dir.path(), vec![rule("admin", "**", "", Right::Admin)]);
    let admin = rest.principal("admin");
    let wanted = json!({"principal": "bob", "expires": 4_102_444_800_u64}).to_string();
    let made = admin
        .ask("POST", "/api/v1/tokens", &[], wanted)
        .await
        .expect(201)
        .json();
    assert_eq!(made["principal"], "bob");
    let listed = admin
        .ask("GET", "/api/v1/tokens", &[], "")
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert!(listed["items"][0].get("token").is_none());
    let uri = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    admin.ask("DELETE", &uri, &[], "").await.expect(204);
    admin.ask("DELETE", &uri, &[], "").await.expect(404);
}

#[tokio::test]
async fn repositories_are_made_listed_and_dropped() {
    let rest = Rest::open();
    rest.ask("PUT", "/api/v1/repositories/second", &[], "")
        .await
        .expect(201);
    rest.ask("PUT", "/api/v1/repositories/second", &[], "")
        .await
        .expect(409);
    rest.ask("PUT", "/api/v1/repositories/.bad", &[], "")
        .await
        .expect(400);
    let page = rest
        .ask("GET", "/api/v1/repositories?limit=1", &[], "")
        .await
        .expect(200)
        .json();
    assert_eq!(page["items"], json!([{"name": "main"}]));
    let next = rest
        .ask("GET", page["next"].as_str().unwrap(), &[], "")
        .await
        .expect(200)
        .json();
    assert_eq!(next, json!({"items": [{"name": "second"}]}));
    rest.ask("DELETE", "/api/v1/repositories/second", &[], "")
        .await
        .expect(204);
    rest.ask("GET", "/api/v1/repositories/second/branches", &[], "")
        .await
        .expect(404);
}

/// Returns all that an answer says: its headers, and its body.
fn words(answer: &Answer) -> String {
    format!(
        "{:?} {}",
        answer.headers,
        String::from_utf8_lossy(&answer.body)
    )
}

/// Returns what somebody asks who wants to know what is hidden, with ids that are known somehow.
fn asked(first: &str, hidden: &str, directory: &str) -> Vec<String> {
    vec![
        "/trees/main".to_owned(),
        "/trees/main?path=secret".to_owned(),
        format!("/trees/{hidden}"),
        "/documents/main".to_owned(),
        "/documents/main?path=secret".to_owned(),
        "/entries/main/secret/b".to_owned(),
        "/contents/main/secret/b".to_owned(),
        "/log/main".to_owned(),
        "/log/main?path=secret".to_owned(),
        format!("/commits/{hidden}"),
        format!("/diff/main?from={first}"),
        format!("/diff/{hidden}?from={first}"),
        format!("/diff/main?from={hidden}&path=secret"),
        format!("/watches/main?since={first}&wait=1"),
        "/watches/main?since=start&path=secret&wait=1".to_owned(),
        format!("/trees/{directory}"),
        "/branches".to_owned(),
        "/branches/work".to_owned(),
        "/diff/main?from=work".to_owned(),
    ]
}

#[tokio::test]
async fn nothing_that_is_said_tells_of_what_is_hidden() {
    let dir = tempfile::tempdir().expect("a directory");
    let [admin, eve] = admin_and_eve(dir.path());
    let set = async |branch: &str, path: &str, value: &'static str| {
        let put = format!("/contents/{branch}/{path}?message=sets+{value}");
        let put = admin.put(&put, value).await.expect(200).json();
        put["commit"].as_str().expect("an id").to_owned()
    };
    let first = set("main", "open/a", "1").await;
    let hidden = set("main", "secret/b", "password").await;
    let blob = admin.get("/contents/main/secret/b").await;
    let blob = blob.header("etag").trim_matches('"').to_owned();
    let directory = admin.get("/entries/main/secret").await.json()["id"].clone();
    let directory = directory.as_str().expect("an id").to_owned();
    let root = admin.get("/trees/main").await.header("etag").to_owned();
    let listed = eve.get("/trees/main").await.header("etag").to_owned();
    let log = eve.get("/log/main").await.body;
    set("main", "secret/b", "another").await;
    set("work", "secret/b", "theirs").await;
    let last = set("main", "open/a", "2").await;
    let asked = asked(&first, &hidden, &directory);
    for ask in &asked {
        let said = words(&eve.get(ask).await);
        for word in ["\"secret", "password", "another", &blob, &root] {
            assert!(!said.contains(word), "{ask}: {word}: {said}");
        }
        if !ask.contains(&directory) {
            assert!(!said.contains(&directory), "{ask}: {said}");
        }
    }
    // A commit beside what eve may read is known by its id only, and by its time.
    let beside = eve.get(&format!("/commits/{hidden}")).await.expect(200);
    assert_eq!(beside.json()["message"], "");
    assert!(!words(&beside).contains("admin"), "{}", words(&beside));
    let seen = eve.get(&format!("/commits/{last}")).await.expect(200);
    assert_eq!(seen.json()["message"], "sets 2");
    // The ETag is of what is seen, and stands still as long as that does.
    let changed = eve.get(&format!("/trees/{hidden}")).await;
    assert_eq!(changed.header("etag"), listed);
    let since = format!("/diff/{hidden}?from={first}");
    assert_eq!(eve.get(&since).await.expect(200).json()["items"], json!([]));
    let before = eve.get(&format!("/log/{hidden}")).await;
    assert_eq!(before.body, log);
    for every in ["false", "true"] {
        let watch = format!("/watches/main?since={first}&wait=1&every_commit={every}");
        let told = eve.get(&watch).await;
        let told = String::from_utf8_lossy(&told.body).into_owned();
        let ids: Vec<_> = told
            .lines()
            .filter(|line| line.starts_with("id:"))
            .collect();
        assert_eq!(ids, [format!("id: {last}")], "every commit: {every}");
    }
}

/// Serves something that eve may see, and something that it may not; returns both principals.
async fn with_secrets(dir: &std::path::Path) -> [Rest; 2] {
    let [admin, eve] = admin_and_eve(dir);
    admin.set("open/a", "1").await;
    admin.set("secret/b", "password").await;
    admin.put("/contents/hidden/c", "3").await.expect(200);
    [admin, eve]
}

/// Asks; returns the status, and all that the answer says but for the request's id.
async fn told(
    who: &Rest,
    method: &str,
    resource: &str,
    header: (&str, &str),
    body: &str,
) -> (u16, String) {
    let uri = format!("{MAIN}{resource}");
    let answer = who.ask(method, &uri, &[header], body.to_owned()).await;
    let said = words(&answer).replace(answer.header("x-request-id"), "");
    (answer.status.as_u16(), said)
}

/// Returns an ETag that nothing has.
fn guess() -> String {
    format!("\"{}\"", "0".repeat(64))
}

#[tokio::test]
async fn no_condition_or_check_tells_whether_something_hidden_is_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let [admin, eve] = with_secrets(dir.path()).await;
    let real = admin.get("/contents/main/secret/b").await;
    let real = real.header("etag").to_owned();
    let guess = guess();
    let ask = async |method: &str, uri: &str, header: (&str, &str), body: &str| {
        told(&eve, method, uri, header, body).await
    };
    // What is there and what is not are answered alike.
    let twins = [("secret/b", "secret/x"), ("secret/b", "absent/b")];
    for (there, absent) in twins {
        for tag in [real.as_str(), guess.as_str(), "*"] {
            for name in ["if-match", "if-none-match"] {
                for method in ["GET", "HEAD", "PUT", "DELETE"] {
                    let at = |path| format!("/contents/main/{path}");
                    let one = ask(method, &at(there), (name, tag), "v").await;
                    let other = ask(method, &at(absent), (name, tag), "v").await;
                    assert_eq!(
                        (one.0, one.1.replace(there, absent)),
                        other,
                        "{method} {name} {tag}"
                    );
                    assert!(one.0 >= 400, "{one:?}");
                }
            }
        }
        for value in ["password", "no"] {
            let batch = |path: &str| {
                json!({"lines": [{"op": "check", "path": path, "value": value}, {"op": "set", "path": "mine/a", "value": "1"}]})
                    .to_string()
            };
            let none = ("accept", "*/*");
            let one = ask("POST", "/batches/main", none, &batch(there)).await;
            let other = ask("POST", "/batches/main", none, &batch(absent)).await;
            assert_eq!((one.0, one.1.replace(there, absent)), other);
            assert_eq!(one.0, 409);
        }
    }
}

#[tokio::test]
async fn no_condition_tells_where_a_branch_is_that_is_hidden() {
    let dir = tempfile::tempdir().expect("a directory");
    let [admin, eve] = with_secrets(dir.path()).await;
    let head = admin
        .get("/branches/hidden")
        .await
        .header("etag")
        .to_owned();
    let guess = guess();
    let ask = async |method: &str, uri: &str, header: (&str, &str), body: &str| {
        told(&eve, method, uri, header, body).await
    };
    let lines = json!({"lines": [{"op": "set", "path": "mine/a", "value": "1"}]}).to_string();
    let merge = json!({"theirs": "main"}).to_string();
    let target = json!({"commit": "main"}).to_string();
    for tag in [head.as_str(), guess.as_str(), "*"] {
        for (method, resource, body) in [
            ("POST", "batches", &lines),
            ("POST", "merges", &merge),
            ("PUT", "branches", &target),
            ("DELETE", "branches", &lines),
        ] {
            for name in ["if-match", "if-none-match"] {
                let at = |branch| format!("/{resource}/{branch}");
                let one = ask(method, &at("hidden"), (name, tag), body).await;
                let other = ask(method, &at("absent"), (name, tag), body).await;
                assert_eq!(
                    (one.0, one.1.replace("hidden", "absent")),
                    other,
                    "{method} {resource} {name} {tag}"
                );
                assert!(one.0 >= 400, "{one:?}");
            }
        }
    }
    // A merge that would tell by its conflicts what is hidden is not for eve.
    let merge = json!({"theirs": "hidden"}).to_string();
    let (status, said) = ask("POST", "/merges/main", ("accept", "*/*"), &merge).await;
    assert!(matches!(status, 403 | 404), "{said}");
    assert!(!said.contains("secret") && !said.contains(head.trim_matches('"')));
}
