//! Branches and tags.

use serde_json::json;

use super::support::{MAIN, Rest};

#[tokio::test]
async fn branches_move_by_test_and_set() {
    let rest = Rest::open();
    let first = rest.set("a", "1").await.json()["commit"].clone();
    let second = rest.set("a", "2").await.json()["commit"].clone();
    let uri = format!("{MAIN}/branches/feature%2Fx");
    let to = |commit: &serde_json::Value| json!({"commit": commit}).to_string();
    let none = [("if-none-match", "*")];
    let made = rest.ask("PUT", &uri, &none, to(&first)).await.expect(200);
    assert_eq!(made.json(), json!({"name": "feature/x", "commit": first}));
    let refused = rest
        .ask("PUT", &uri, &none, to(&first))
        .await
        .expect(412)
        .json();
    assert_eq!(refused["details"]["current"], first);
    let tag = made.header("etag").to_owned();
    let matching = [("if-match", tag.as_str())];
    rest.ask("PUT", &uri, &matching, to(&second))
        .await
        .expect(200);
    rest.ask("PUT", &uri, &matching, to(&second))
        .await
        .expect(412);
    rest.ask("DELETE", &uri, &matching, "").await.expect(412);
    let listed = rest.get("/branches").await.expect(200).json();
    assert_eq!(
        listed["items"][0],
        json!({"name": "feature/x", "commit": second})
    );
    rest.ask("PUT", &uri, &[], to(&json!("main~1")))
        .await
        .expect(200);
    assert_eq!(
        rest.get("/branches/feature%2Fx").await.expect(200).json()["commit"],
        first
    );
    rest.ask("DELETE", &uri, &[], "").await.expect(204);
    rest.ask("DELETE", &uri, &[], "").await.expect(404);
    rest.ask("PUT", &uri, &[], to(&json!("nowhere")))
        .await
        .expect(404);
}

#[tokio::test]
async fn tags_do_not_move() {
    let rest = Rest::open();
    rest.set("a", "1").await;
    let uri = format!("{MAIN}/tags/v1");
    let target = json!({"commit": "main"}).to_string();
    rest.ask("PUT", &uri, &[], target.clone()).await.expect(200);
    rest.ask("PUT", &uri, &[], target).await.expect(409);
    rest.get("/tags/v1").await.expect(200);
    assert_eq!(
        rest.get("/tags").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    rest.ask("DELETE", &uri, &[], "").await.expect(204);
    rest.get("/tags/v1").await.expect(404);
}
