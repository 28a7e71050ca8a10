//! The document says what there is.

use std::collections::BTreeSet;

use serde_json::Value;

use super::support::Rest;

async fn document(rest: &Rest) -> Value {
    let answer = rest
        .ask("GET", "/api/v1/openapi.json", &[], "")
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// Collects all references in a document.
fn references(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![document];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                waiting.extend(fields.values());
            }
            Value::Array(values) => waiting.extend(values),
            _ => {}
        }
    }
    found
}

#[tokio::test]
async fn each_reference_in_the_document_leads_somewhere() {
    let document = document(&Rest::open()).await;
    let found = references(&document);
    assert!(found.len() > 15, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("it is here");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn each_operation_of_the_document_is_routed_and_has_its_own_name() {
    let rest = Rest::open();
    let document = document(&rest).await;
    let mut names = BTreeSet::new();
    let paths = document["paths"].as_object().expect("there are paths");
    for (path, methods) in paths {
        let uri = path.split('/').map(|segment| match segment {
            "{repo}" => "nowhere",
            segment if segment.starts_with('{') => "x",
            segment => segment,
        });
        let mut uri = format!("/api/v1{}", uri.collect::<Vec<_>>().join("/"));
        if path.contains("/watches/") {
            // It is to end.
            uri.push_str("?wait=1");
        }
        for (method, operation) in methods.as_object().expect("methods") {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{name} twice");
            for status in [
                "400", "401", "403", "404", "413", "429", "500", "503", "504",
            ] {
                assert!(
                    operation["responses"].get(status).is_some(),
                    "{name} {status}"
                );
            }
            let answer = rest.ask(&method.to_uppercase(), &uri, &[], "").await;
            let status = answer.status.as_u16().to_string();
            assert_ne!(status, "405", "{method} {uri}");
            assert!(
                operation["responses"].get(&status).is_some(),
                "{method} {uri}: {answer:?}"
            );
            let no_such = String::from_utf8_lossy(&answer.body).contains("no such address");
            assert!(!no_such, "{method} {uri}");
        }
        let other = rest.ask("PATCH", &uri, &[], "").await.expect(405);
        assert!(!other.header("allow").is_empty(), "{uri}");
    }
    let nothing = rest
        .ask("GET", "/api/v1/nothing", &[], "")
        .await
        .expect(404);
    assert_eq!(nothing.header("content-type"), "application/problem+json");
}
