//! What a caller may not read is absent.

use irmin_server::service::Right;
use serde_json::json;

use super::support::{MAIN, Rest, rule};

#[tokio::test]
async fn what_is_hidden_is_not_there_and_what_may_not_be_written_is_forbidden() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = vec![
        rule("admin", "**", "", Right::Admin),
        rule("eve", "main", "open", Right::Read),
        rule("eve", "main", "mine", Right::Write),
    ];
    let rest = Rest::with_rules(dir.path(), rules);
    let (admin, eve) = (rest.principal("admin"), rest.principal("eve"));
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
