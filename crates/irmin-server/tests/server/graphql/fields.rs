//! Each field, as the predecessor's clients know it.

use serde_json::json;

use super::{ask, ask_with, code, fail, post, set, set_on};
use crate::support::Served;

#[test]
fn the_schema_is_the_one_that_is_documented() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema.graphql");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(file, irmin_server::graphql::sdl()).expect("it is written");
    }
    let documented = std::fs::read_to_string(file).expect("docs/schema.graphql");
    assert!(
        documented == irmin_server::graphql::sdl(),
        "docs/schema.graphql is not the schema; write it with UPDATE_SCHEMA=1 and this test"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_repository_has_a_main_branch_without_a_head() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let query =
        r#"{ branches { name } main { name head { hash } tree { path list { __typename } } } }"#;
    let expected = json!({
        "branches": [],
        "main": { "name": "main", "head": null, "tree": { "path": "/", "list": [] } },
    });
    assert_eq!(ask(&wire, query).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trees_are_read_at_any_depth() {
    let served = Served::open().await;
    let wire = served.wire().await;
    set(&wire, "a/b/c", "data").await;
    set(&wire, "/a/b/d/", "data1").await;
    let query = r#"{ main { tree {
        get(path: "a/b/c") none: get(path: "a/b") gone: get_contents(path: "x") { value }
        get_contents(path: "/a/b/c") { path value metadata __typename }
        get_tree(path: "a") { path list { ... on Tree { path } __typename } }
        leaf: get_tree(path: "a/b/c") { path key { __typename } list { __typename } list_contents_recursively { path } }
        list_contents_recursively { path value }
        list { ... on Tree { path } ... on Contents { path } }
    } } }"#;
    let expected = json!({
        "get": "data", "none": null, "gone": null,
        "get_contents": { "path": "/a/b/c", "value": "data", "metadata": "normal", "__typename": "Contents" },
        "get_tree": { "path": "/a", "list": [{ "path": "/a/b", "__typename": "Tree" }] },
        "leaf": {
            "path": "/a/b/c", "key": { "__typename": "ContentsKeyValue" }, "list": [],
            "list_contents_recursively": [{ "path": "/a/b/c" }],
        },
        "list_contents_recursively": [
            { "path": "/a/b/c", "value": "data" }, { "path": "/a/b/d", "value": "data1" },
        ],
        "list": [{ "path": "/a" }],
    });
    assert_eq!(ask(&wire, query).await["main"]["tree"], expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_and_values_are_found_by_hash_and_key() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let long = "x".repeat(500);
    let first = set(&wire, "a", &long).await;
    let second = set(&wire, "b", "2").await;
    let hash = ask(&wire, r#"{ main { tree { get_contents(path: "a") { hash } get_tree(path: "a") { key {
        ... on ContentsKeyValue { contents metadata } } } key { ... on NodeKeyValue { node } } hash } } }"#).await;
    let tree = &hash["main"]["tree"];
    let blob = tree["get_contents"]["hash"].as_str().expect("an id");
    assert_eq!(tree["key"]["node"], tree["hash"]);
    assert_eq!(
        tree["get_tree"]["key"],
        json!({ "contents": blob, "metadata": "normal" })
    );
    let query = format!(
        r#"{{ commit(hash: "{second}") {{ parents key hash }} commit_of_key(key: "{first}") {{ hash parents }}
        contents(hash: "{blob}") contents_of_key(key: "{blob}") contents_hash(value: "{long}")
        none: commit(hash: "{blob}") {{ hash }} no: contents(hash: "{second}") }}"#
    );
    let expected = json!({
        "commit": { "parents": [first], "key": second, "hash": second },
        "commit_of_key": { "hash": first, "parents": [] },
        "contents": long, "contents_of_key": long, "contents_hash": blob, "none": null, "no": null,
    });
    assert_eq!(ask(&wire, &query).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_of_a_branch_is_asked_by_path_and_by_commit() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let base = set(&wire, "a", "1").await;
    let query = format!(r#"mutation {{ test_and_set_branch(branch: "dev", set: "{base}") }}"#);
    assert_eq!(ask(&wire, &query).await["test_and_set_branch"], true);
    let dev = set_on(&wire, "dev", "c", "3").await;
    let last = set(&wire, "a", "2").await;
    set(&wire, "b", "2").await;
    let query = format!(
        r#"{{ main {{ last_modified(path: "a", n: 5, depth: 1) {{ hash }} one: last_modified(path: "a") {{ hash }}
        lcas(commit: "{dev}") {{ hash }} }} branches {{ name }} page: branches(first: 1, after: "dev") {{ name }} }}"#
    );
    let expected = json!({
        "main": {
            "last_modified": [{ "hash": last }, { "hash": base }], "one": [{ "hash": last }],
            "lcas": [{ "hash": base }],
        },
        "branches": [{ "name": "dev" }, { "name": "main" }], "page": [{ "name": "main" }],
    });
    assert_eq!(ask(&wire, &query).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutations_answer_with_the_commit_that_they_made() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let query = r#"mutation {
        set_tree(path: "/", tree: [{path: "a/b", value: "1"}, {path: "c", value: "2", metadata: "exec"}],
            info: {message: "m", author: "Ada <a@b>", retries: 1, allow_empty: false, parents: []}) {
            info { message author date } parents tree { list_contents_recursively { path value metadata } } }
        update_tree(path: "a", tree: [{path: "b"}, {path: "d", value: "3"}]) { tree { list_contents_recursively { path value } } }
        set_all(path: "c", value: "4", metadata: "link") { tree { get_contents(path: "c") { value metadata } } }
        test_and_set(path: "x", set: "5") { tree { get(path: "x") } }
        test_set_and_get(path: "x", test: "5") { tree { get(path: "x") } }
        remove(path: "a") { tree { list { ... on Contents { path } } } }
    }"#;
    let mut made = ask(&wire, query).await;
    made["set_tree"]["info"]["date"].take();
    let expected = json!({
        "set_tree": {
            "info": { "message": "m", "author": "Ada <a@b>", "date": null }, "parents": [],
            "tree": { "list_contents_recursively": [
                { "path": "/a/b", "value": "1", "metadata": "normal" }, { "path": "/c", "value": "2", "metadata": "exec" },
            ] },
        },
        "update_tree": { "tree": { "list_contents_recursively": [
            { "path": "/a/d", "value": "3" }, { "path": "/c", "value": "2" },
        ] } },
        "set_all": { "tree": { "get_contents": { "value": "4", "metadata": "link" } } },
        "test_and_set": { "tree": { "get": "5" } },
        "test_set_and_get": { "tree": { "get": null } },
        "remove": { "tree": { "list": [{ "path": "/c" }] } },
    });
    assert_eq!(made, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_changes_the_head_is_the_answer() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let none = r#"mutation { update_tree(path: "/", tree: []) { hash } }"#;
    assert_eq!(ask(&wire, none).await["update_tree"], json!(null));
    let head = set(&wire, "a", "1").await;
    assert_eq!(ask(&wire, none).await["update_tree"]["hash"], head.as_str());
    let empty =
        r#"mutation { update_tree(path: "/", tree: [], info: {allow_empty: true}) { parents } }"#;
    assert_eq!(
        ask(&wire, empty).await["update_tree"]["parents"],
        json!([head])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_that_fail_change_nothing_and_say_what_is_there() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let first = set(&wire, "a", "1").await;
    let head = set(&wire, "a", "2").await;
    for query in [
        r#"mutation { test_and_set(path: "a", test: "1", set: "3") { hash } }"#.to_owned(),
        r#"mutation { test_set_and_get(path: "a", set: "3") { hash } }"#.to_owned(),
        format!(
            r#"mutation {{ set(path: "a", value: "3", info: {{parents: ["{first}"]}}) {{ hash }} }}"#
        ),
    ] {
        let error = fail(&wire, &query).await;
        assert_eq!(code(&error), "conflict", "{error}");
    }
    let query = format!(
        r#"mutation {{ test_and_set_branch(branch: "main", test: "{first}", set: "{first}")
        set(path: "a", value: "2", info: {{parents: ["{head}"]}}) {{ hash }}
        revert(commit: "{first}") {{ hash }} }}"#
    );
    let expected = json!({
        "test_and_set_branch": false, "set": { "hash": head }, "revert": { "hash": first },
    });
    assert_eq!(ask(&wire, &query).await, expected);
    let gone = format!(
        r#"mutation {{ test_and_set_branch(branch: "main", test: "{first}") revert(commit: "{}") {{ hash }} }}"#,
        "0".repeat(64)
    );
    let expected = json!({ "test_and_set_branch": true, "revert": null });
    assert_eq!(ask(&wire, &gone).await, expected);
    assert_eq!(
        ask(&wire, "{ branches { name } }").await["branches"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merges_answer_with_all_conflicts_or_with_the_commit() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let base = set(&wire, "both", "0").await;
    ask(
        &wire,
        &format!(r#"mutation {{ revert(branch: "dev", commit: "{base}") {{ hash }} }}"#),
    )
    .await;
    let theirs = set_on(&wire, "dev", "theirs", "1").await;
    let ours = set(&wire, "ours", "1").await;
    let merge = r#"mutation { merge_with_branch(from: "dev", info: {message: "merge"}, max_depth: 9, n: 1) {
        parents info { message } tree { list { ... on Contents { path } } } } }"#;
    let expected = json!({
        "parents": [ours, theirs], "info": { "message": "merge" },
        "tree": { "list": [{ "path": "/both" }, { "path": "/ours" }, { "path": "/theirs" }] },
    });
    assert_eq!(ask(&wire, merge).await["merge_with_branch"], expected);
    set_on(&wire, "dev", "both", "1").await;
    let theirs = set_on(&wire, "dev", "ours", "2").await;
    set(&wire, "both", "2").await;
    let query = format!(r#"mutation {{ merge_with_commit(from: "{theirs}") {{ hash }} }}"#);
    let error = fail(&wire, &query).await;
    let conflicts = error["extensions"]["conflicts"]
        .as_array()
        .expect("conflicts");
    let paths: Vec<_> = conflicts.iter().map(|conflict| &conflict["path"]).collect();
    assert_eq!(
        (code(&error), paths),
        ("conflict", vec![&json!("/both"), &json!("/ours")])
    );
    assert_eq!(conflicts[0]["ours"]["kind"], "Contents");
    let absent = fail(
        &wire,
        r#"mutation { merge_with_branch(from: "none") { hash } }"#,
    )
    .await;
    assert_eq!(code(&absent), "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_and_trees_are_merged_where_they_are() {
    let served = Served::open().await;
    let wire = served.wire().await;
    set(&wire, "d/a", "1").await;
    let query = r#"mutation {
        merge(path: "d/a", old: "1", value: "2")
        merge_tree(path: "d", old: [{path: "a", value: "2"}], value: [{path: "a", value: "2"}, {path: "b", value: "3"}]) {
            tree { list_contents_recursively { path value } } }
    }"#;
    let made = ask(&wire, query).await;
    let hash = ask(&wire, r#"{ contents_hash(value: "2") }"#).await;
    assert_eq!(made["merge"], hash["contents_hash"]);
    let expected = json!([{ "path": "/d/a", "value": "2" }, { "path": "/d/b", "value": "3" }]);
    assert_eq!(
        made["merge_tree"]["tree"]["list_contents_recursively"],
        expected
    );
    let error = fail(
        &wire,
        r#"mutation { merge(path: "d/a", old: "1", value: "4") }"#,
    )
    .await;
    assert_eq!(error["extensions"]["conflicts"][0]["path"], "/d/a");
    let removed = ask(&wire, r#"mutation { merge(path: "d/a", old: "2") }"#).await;
    assert_eq!(removed["merge"], json!(null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_text_have_a_form_of_their_own() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let raw = json!({ "base64": "/w==" });
    let query = "mutation ($v: Value!, $p: Path!) { set(path: $p, value: $v) { tree { list { ... on Contents { path value } } } } }";
    let answer = ask_with(&wire, query, json!({ "v": raw, "p": raw })).await;
    let listed = &answer["data"]["set"]["tree"]["list"];
    assert_eq!(
        listed,
        &json!([{ "path": { "base64": "L/8=" }, "value": raw }])
    );
    let literal = r#"{ main { tree { get(path: {base64: "/w=="}) } } }"#;
    assert_eq!(ask(&wire, literal).await["main"]["tree"]["get"], raw);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_a_name_is_done_once() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let query = r#"mutation { set(path: "a", value: "1", info: {request: "r1"}) { hash } }"#;
    let first = ask(&wire, query).await;
    let second = set(&wire, "a", "2").await;
    assert_eq!(ask(&wire, query).await, first);
    let head = ask(&wire, "{ main { head { hash } } }").await;
    assert_eq!(head["main"]["head"]["hash"], second.as_str());
    let other = r#"mutation { set(path: "b", value: "1", info: {request: "r1"}) { hash } }"#;
    assert!(!code(&fail(&wire, other).await).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_a_name_and_a_parent_is_answered_as_before_when_it_is_sent_again() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let parent = set(&wire, "a", "1").await;
    let query = format!(
        r#"mutation {{ set(path: "a", value: "2", info: {{request: "r1", parents: ["{parent}"]}}) {{ hash }} }}"#
    );
    let first = ask(&wire, &query).await;
    assert_eq!(ask(&wire, &query).await, first);
    set(&wire, "a", "3").await;
    assert_eq!(ask(&wire, &query).await, first);
    let late = query.replace("r1", "r2");
    assert_eq!(code(&fail(&wire, &late).await), "conflict");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_is_named_in_the_url() {
    let served = Served::open().await;
    let wire = served.wire().await;
    served.server.repos().create("other").expect("it is made");
    let body = r#"mutation { set(path: "a", value: "1") { hash } }"#.to_owned();
    let (status, _) = post(&wire, "/graphql/other", "application/graphql", body.clone()).await;
    assert_eq!(status, 200);
    assert_eq!(
        ask(&wire, "{ branches { name } }").await["branches"],
        json!([])
    );
    let (status, answer) = post(&wire, "/graphql/none", "application/graphql", body).await;
    assert_eq!((status, code(&answer["errors"][0])), (404, "not_found"));
}
