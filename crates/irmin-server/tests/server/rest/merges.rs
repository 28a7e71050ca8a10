//! Merging, with conflicts as values.

use serde_json::json;

use super::support::{MAIN, Rest};

/// Two branches that changed `a`, and `b`, differently.
async fn diverged() -> Rest {
    let rest = Rest::open();
    rest.set("a", "0").await;
    rest.set("b", "0").await;
    let target = json!({"commit": "main"}).to_string();
    rest.ask("PUT", &format!("{MAIN}/branches/other"), &[], target)
        .await
        .expect(200);
    for path in ["a", "b"] {
        rest.put(&format!("/contents/main/{path}"), "ours")
            .await
            .expect(200);
        rest.put(&format!("/contents/other/{path}"), "theirs")
            .await
            .expect(200);
    }
    rest
}

#[tokio::test]
async fn all_conflicts_come_with_409_and_a_second_call_settles_them() {
    let rest = diverged().await;
    let dry = json!({"theirs": "other", "dry_run": true});
    rest.post("/merges/main", &dry).await.expect(409);
    let refused = rest
        .post("/merges/main", &json!({"theirs": "other"}))
        .await
        .expect(409)
        .json();
    assert_eq!(refused["kind"], "conflict");
    let details = &refused["details"];
    let paths: Vec<_> = details["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| &found["path"])
        .collect();
    assert_eq!(paths, ["a", "b"]);
    assert_eq!(details["conflicts"][0]["kind"], "content");
    assert_eq!(details["conflicts"][0]["base"]["size"], 1);
    let settled = json!({
        "theirs": "other", "expected_theirs": details["theirs"],
        "settle": [{"path": "a", "value": "both"}, {"take": "theirs"}],
    });
    let tag = format!("\"{}\"", details["ours"].as_str().unwrap());
    let uri = format!("{MAIN}/merges/main");
    let headers = [("if-match", tag.as_str()), ("idempotency-key", "m1")];
    let merged = rest
        .ask("POST", &uri, &headers, settled.to_string())
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&merged["branch"], &merged["outcome"]),
        (&json!("main"), &json!("merged"))
    );
    assert_eq!(rest.get("/contents/main/a").await.body, "both");
    assert_eq!(rest.get("/contents/main/b").await.body, "theirs");
    let commit = rest.get("/commits/main").await.json();
    assert_eq!(commit["parents"].as_array().unwrap().len(), 2);
    let again = rest
        .ask("POST", &uri, &headers, settled.to_string())
        .await
        .expect(200);
    assert_eq!(again.json(), merged);
    let late = rest
        .ask("POST", &uri, &headers[..1], settled.to_string())
        .await;
    late.expect(412);
}

#[tokio::test]
async fn merges_without_conflicts_say_what_they_came_to() {
    let rest = Rest::open();
    rest.set("a", "1").await;
    let target = json!({"commit": "main"}).to_string();
    rest.ask("PUT", &format!("{MAIN}/branches/other"), &[], target)
        .await
        .expect(200);
    rest.put("/contents/other/b", "2").await.expect(200);
    let merge = json!({"theirs": "other"});
    let outcome =
        async || rest.post("/merges/main", &merge).await.expect(200).json()["outcome"].clone();
    assert_eq!(outcome().await, "fast-forward");
    assert_eq!(outcome().await, "already-merged");
    rest.put("/contents/other/c", "3").await.expect(200);
    rest.set("d", "4").await;
    let dry = json!({"theirs": "other", "dry_run": true});
    assert_eq!(
        rest.post("/merges/main", &dry).await.expect(200).json()["outcome"],
        "clean"
    );
    assert_eq!(outcome().await, "merged");
    rest.post("/merges/main", &json!({"theirs": "nowhere"}))
        .await
        .expect(404);
    let bad = json!({"theirs": "other", "settle": [{"path": "a"}]});
    rest.post("/merges/main", &bad).await.expect(400);
}
