//! Long answers: each thing once, in order, whatever happens between the pages.

use serde_json::Value;

use super::support::Rest;

/// Follows the links and returns what is on all pages.
async fn all(rest: &Rest, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = Some(format!("/api/v1/repositories/main{path}"));
    while let Some(uri) = next {
        let page = rest.ask("GET", &uri, &[], "").await.expect(200);
        let body = page.json();
        items.extend(body["items"].as_array().expect("a list").iter().cloned());
        next = body["next"].as_str().map(str::to_owned);
        let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        assert_eq!(page.header("link"), link.unwrap_or_default());
        // The branch moves on between two pages.
        rest.set("z", "moved").await;
        rest.ask(
            "DELETE",
            "/api/v1/repositories/main/contents/main/z",
            &[],
            "",
        )
        .await
        .expect(200);
    }
    items
}

#[tokio::test]
async fn lists_logs_and_differences_come_whole_in_pages() {
    let rest = Rest::open();
    rest.set("d/a", "1").await;
    rest.ask(
        "PUT",
        "/api/v1/repositories/main/branches/base",
        &[],
        r#"{"commit": "main"}"#,
    )
    .await
    .expect(200);
    for path in ["d/b", "d/%ff", "d/c%20x", "d/e"] {
        rest.set(path, "1").await;
    }
    for (path, field) in [
        ("/trees/main?path=d&limit=2", "name"),
        ("/log/main?limit=2&path=d", "id"),
        ("/diff/main?from=base&limit=2", "path"),
    ] {
        let whole = path.replace("limit=2", "limit=100");
        let whole = rest.get(&whole).await.expect(200).json();
        let whole = whole["items"].as_array().expect("a list").clone();
        assert!(whole.len() >= 4, "{path}: {whole:?}");
        assert_eq!(all(&rest, path).await, whole, "{path} {field}");
    }
    for bad in [
        "/trees/main?limit=0",
        "/trees/main?cursor=x",
        "/log/main?cursor=x",
        "/trees/main?what=1",
    ] {
        rest.get(bad).await.expect(400);
    }
}
