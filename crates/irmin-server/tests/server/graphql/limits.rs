//! What is refused, and how.

use hyper::Request;
use irmin_server::service::{Limits, Transport};
use serde_json::json;
use tonic::body::Body;

use super::{answer, ask, code, fail, post, set};
use crate::support::{Served, Wire};

/// Posts a request that is refused as a whole; returns the status and the code.
async fn refused(wire: &Wire, query: &str) -> (u16, String) {
    let body = json!({ "query": query }).to_string();
    let (status, answer) = post(wire, "/graphql", "application/json", body).await;
    (status, code(&answer["errors"][0]).to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragments_that_multiply_nest_or_contain_themselves_are_refused_before_they_run() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut bomb = "{ ...f0 }".to_owned();
    for number in 0..40 {
        let next = number + 1;
        bomb.push_str(&format!(
            " fragment f{number} on Query {{ ...f{next} ...f{next} }}"
        ));
    }
    bomb.push_str(" fragment f40 on Query { __typename }");
    let chain: String = (0..5000)
        .map(|number| format!(" fragment f{number} on Query {{ ...f{} }}", number + 1))
        .collect();
    let many: String = (0..2000)
        .map(|number| format!("a{number}: __typename "))
        .collect();
    let too_large = (413, "too_large".to_owned());
    for query in [
        bomb,
        format!("{{ ...f0 }} {chain} fragment f5000 on Query {{ __typename }}"),
        format!("{{ {many} }}"),
        "{".repeat(1_000_000),
        format!("{{ a(b: {}) }}", "[".repeat(100_000)),
        format!("{{ {} }}", "a ".repeat(1_000_000)),
    ] {
        assert_eq!(refused(&wire, &query).await, too_large, "{query:.80}");
    }
    let own = "{ ...f } fragment f on Query { main { name } ...f }";
    assert_eq!(refused(&wire, own).await, (400, "invalid".to_owned()));
    let text = format!(
        "# {{{{\n{{ contents_hash(value: \"{}\\\"{{\") }}",
        "{".repeat(1000)
    );
    ask(&wire, &text).await;
    let block = format!(
        "{{ contents_hash(value: \"\"\"{}\\\"\"\" \"\"\") }}",
        "{".repeat(1000)
    );
    ask(&wire, &block).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_has_as_many_entries_and_bytes_as_the_limits_say_and_pages_have_the_rest() {
    let limits = Limits {
        paths: 20,
        page: 8,
        request_bytes: 4096,
        ..Limits::default()
    };
    let served = Served::with_limits(limits).await;
    let wire = served.wire().await;
    let items = |directory: &str| -> String {
        (0..15)
            .map(|n| format!(r#"{{path: "{directory}/{n:02}", value: "v"}}"#))
            .collect()
    };
    for directory in ["a", "b"] {
        let query = format!(
            r#"mutation {{ update_tree(path: "d", tree: [{}]) {{ hash }} }}"#,
            items(directory)
        );
        ask(&wire, &query).await;
    }
    for query in [
        "{ main { tree { list_contents_recursively { path } } } }",
        "{ main { tree { get_tree(path: \"d\") { list { ... on Tree { list { __typename } } } } } } }",
    ] {
        let error = fail(&wire, query).await;
        assert_eq!(code(&error), "too_large", "{error}");
    }
    let mut seen = Vec::new();
    loop {
        let after = match seen.last() {
            Some(last) => format!(", after: {last}"),
            None => String::new(),
        };
        let query = format!(
            "{{ main {{ tree {{ list_contents_recursively(first: 7{after}) {{ path }} }} }} }}"
        );
        let page = ask(&wire, &query).await;
        let page = page["main"]["tree"]["list_contents_recursively"]
            .as_array()
            .cloned();
        let page = page.expect("a list");
        seen.extend(page.iter().map(|item| item["path"].to_string()));
        if page.len() < 7 {
            break;
        }
    }
    let all = ["a", "b"]
        .into_iter()
        .flat_map(|d| (0..15).map(move |n| format!("\"/d/{d}/{n:02}\"")));
    assert_eq!(seen, all.collect::<Vec<_>>());
    let page = r#"{ main { tree { get_tree(path: "d/a") { list(first: 2, after: "d/a/03") { ... on Contents { path } } } } } }"#;
    let listed = ask(&wire, page).await["main"]["tree"]["get_tree"]["list"].clone();
    assert_eq!(
        listed,
        json!([{ "path": "/d/a/04" }, { "path": "/d/a/05" }])
    );
    for first in [0, -1, 9] {
        let query = format!("{{ main {{ tree {{ list(first: {first}) {{ __typename }} }} }} }}");
        assert_eq!(code(&fail(&wire, &query).await), "invalid");
    }
    set(&wire, "large", &"x".repeat(3000)).await;
    let twice = r#"{ main { tree { a: get(path: "large") b: get(path: "large") } } }"#;
    assert_eq!(code(&fail(&wire, twice).await), "too_large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_get_asks_and_changes_nothing_and_pages_from_elsewhere_cannot_post() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let get = |query: &str| {
        Request::get(format!("http://irmin/graphql?query={query}"))
            .body(Body::empty())
            .expect("a request")
    };
    let (status, found) = answer(&wire, get("%7Bmain%7Bname%7D%7D")).await;
    assert_eq!(
        (status, found),
        (200, json!({ "data": { "main": { "name": "main" } } }))
    );
    let change = "mutation%7Bset(path:%22a%22,value:%221%22)%7Bhash%7D%7D";
    assert_eq!(answer(&wire, get(change)).await.0, 405);
    assert_eq!(answer(&wire, get("%7B")).await.0, 400);
    let body = json!({ "query": "{ main { name } }" }).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        assert_eq!(post(&wire, "/graphql", kind, body.clone()).await.0, 415);
    }
    assert_eq!(
        post(&wire, "/graphql", "application/json", "{".to_owned())
            .await
            .0,
        400
    );
    assert_eq!(
        refused(&wire, "subscription { watch { commit { hash } } }")
            .await
            .0,
        400
    );
    let unknown = fail(&wire, "{ main { nothing } }").await;
    assert_eq!(code(&unknown), "invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_has_at_most_1000_fields_32_deep_and_16_directives_on_one() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let fields = |count: usize| {
        let names: String = (0..count).map(|n| format!("a{n}: __typename ")).collect();
        format!("{{ {names} }}")
    };
    ask(&wire, &fields(1000)).await;
    let too_large = (413, "too_large".to_owned());
    assert_eq!(refused(&wire, &fields(1001)).await, too_large);
    // Fields that many lead to: main, tree, get_tree, …, path.
    let deep = |depth: usize| {
        let trees = "get_tree(path: \"d\") { ".repeat(depth - 3);
        format!(
            "{{ main {{ tree {{ {trees} path {} }} }} }}",
            "} ".repeat(depth - 3)
        )
    };
    ask(&wire, &deep(32)).await;
    let error = fail(&wire, &deep(33)).await;
    assert_eq!(code(&error), "invalid", "{error}");
    let directives =
        |count: usize| format!("{{ __typename {} }}", "@include(if: true) ".repeat(count));
    let error = fail(&wire, &directives(17)).await;
    assert_eq!(code(&error), "invalid", "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_one_hop_whatever_it_asks_for() {
    let served = Served::open().await;
    let wire = served.wire().await;
    for number in 0..50 {
        set(&wire, &format!("d/{number}"), "v").await;
    }
    let hops = || served.server.metrics().doors[Transport::GraphQl as usize].get();
    let before = hops();
    let query = r#"{ main { head { hash } tree { list_contents_recursively { path value hash } } last_modified(path: "d/7") { hash } } branches { name head { parents } } }"#;
    ask(&wire, query).await;
    assert_eq!(hops() - before, 1);
}
