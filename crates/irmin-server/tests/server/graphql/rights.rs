//! Who may not see or write something, over GraphQL too.

use irmin_server::service::{
    AccessConfig, Config, Data, Entry, Pattern, Principal, Right, Rule, Rules,
};
use serde_json::{Value, json};

use super::subscriptions::Socket;
use super::{ask, ask_with, code, fail, post, set};
use crate::support::{Served, Wire, path, rule};

/// Serves to `boss`, who may all, and `ada`, who may read `open` and write `open/own`.
async fn served(dir: &std::path::Path) -> (Served, [String; 2]) {
    let granted = |at: &str, right| Rule {
        principal: Pattern::new("ada"),
        repo: Pattern::new("main"),
        branch: Pattern::new("main"),
        path: path(at),
        right,
    };
    let rules = vec![
        rule("boss", Right::Admin),
        granted("open", Right::Read),
        granted("open/own", Right::Write),
    ];
    let config = Config {
        access: AccessConfig {
            rules: Rules::new(rules),
            entry: Entry::Rules,
            ..AccessConfig::default()
        },
        ..Config::new(Data::Dir(dir.to_owned()))
    };
    let served = Served::with(config, &[]).await;
    let tokens = served
        .server
        .access()
        .tokens()
        .expect("there is a directory");
    let tokens = ["boss", "ada"].map(|name| {
        let name = Principal::new(name).expect("a good name");
        tokens.create(&name, 0, None).expect("it is made").1
    });
    (served, tokens)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_read_is_absent_and_what_may_not_be_written_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (served, [boss, ada]) = served(dir.path()).await;
    let boss = served.wire().await.token(&boss);
    let ada = served.wire().await.token(&ada);
    let open = set(&boss, "open/a", "1").await;
    let hidden = set(&boss, "hidden/b", "2").await;
    ask(
        &boss,
        &format!(r#"mutation {{ revert(branch: "dev", commit: "{open}") {{ hash }} }}"#),
    )
    .await;

    let query = format!(
        r#"{{ branches {{ name }} branch(name: "dev") {{ head {{ hash }} }}
        main {{ tree {{ list_contents_recursively {{ path }} get(path: "hidden/b") key {{ __typename }} }}
        last_modified(path: "hidden", n: 9) {{ hash }} }}
        commit(hash: "{hidden}") {{ tree {{ get(path: "hidden/b") }} }} }}"#
    );
    let expected = json!({
        "branches": [{ "name": "main" }], "branch": { "head": null },
        "main": {
            "tree": { "list_contents_recursively": [{ "path": "/open/a" }], "get": null, "key": null },
            "last_modified": [],
        },
        "commit": { "tree": { "get": null } },
    });
    assert_eq!(ask(&ada, &query).await, expected);

    let made = ask(
        &ada,
        r#"mutation { set(path: "open/own/c", value: "3") { info { author } } }"#,
    )
    .await;
    assert_eq!(made["set"]["info"]["author"], "ada");
    for query in [
        r#"mutation { set(path: "open/a", value: "3") { hash } }"#,
        r#"mutation { remove(path: "hidden") { hash } }"#,
        r#"mutation { set_tree(path: "/", tree: []) { hash } }"#,
        r#"mutation { merge_with_branch(from: "main") { hash } }"#,
        r#"mutation { merge(path: "hidden/b", value: "3") }"#,
        r#"mutation { test_and_set_branch(branch: "main") }"#,
        r#"{ contents(hash: "0000000000000000000000000000000000000000000000000000000000000000") }"#,
    ] {
        if query.contains("test_and_set_branch") {
            // Nothing is asked for: it only says that the branch is there.
            assert_eq!(ask(&ada, query).await["test_and_set_branch"], false);
            continue;
        }
        let error = fail(&ada, query).await;
        assert_eq!(code(&error), "permission_denied", "{query}: {error}");
    }
    let nobody = served.wire().await;
    let body = json!({ "query": "{ main { name } }" }).to_string();
    let (status, _) = post(&nobody, "/graphql", "application/json", body).await;
    assert!(matches!(status, 401 | 404), "{status}");
}

/// Returns what somebody asks who wants to know what is hidden, with ids that are known somehow.
fn asked(hash: &Value, id: &Value) -> Vec<String> {
    vec![
        format!(
            r#"{{ commit(hash: {hash}) {{ info {{ message }} tree {{ hash key {{ __typename }} list_contents_recursively {{ path value hash }} }} }} }}"#
        ),
        format!(
            r#"{{ commit_of_key(key: {hash}) {{ tree {{ get_tree(path: "hidden") {{ hash }} }} }} }}"#
        ),
        format!(r#"{{ contents(hash: {id}) }}"#),
        format!(r#"{{ contents_of_key(key: {id}) }}"#),
        r#"{ main { last_modified(path: "hidden/b", n: 9) { hash } } }"#.to_owned(),
        r#"{ branch(name: "dev") { head { hash } tree { hash list { __typename } } } }"#.to_owned(),
        r#"mutation { merge_with_branch(from: "dev") { hash } }"#.to_owned(),
        r#"mutation { merge_with_branch(branch: "dev", from: "main") { hash } }"#.to_owned(),
        format!(r#"mutation {{ merge_with_commit(from: {hash}) {{ hash }} }}"#),
        format!(r#"mutation {{ revert(branch: "own", commit: {hash}) {{ hash }} }}"#),
        r#"mutation { test_and_set(path: "hidden/b", test: "another", set: "x") { hash } }"#
            .to_owned(),
        r#"mutation { merge(path: "hidden/b", value: "x", old: "another") }"#.to_owned(),
        r#"mutation { merge_tree(path: "/", value: [], old: []) { hash } }"#.to_owned(),
    ]
}

/// Checks that a test of what is hidden and a test of what is not there are answered alike.
async fn alike(ada: &Wire) {
    for [there, absent] in [["another", "no"], ["\"", "no"]] {
        let query = |path: &str, test: &str| {
            let test = test.replace('"', "\\\"");
            format!(
                r#"mutation {{ test_and_set(path: "{path}", test: "{test}", set: "x") {{ hash }} }}"#
            )
        };
        let one = fail(ada, &query("hidden/b", there)).await.to_string();
        let other = fail(ada, &query("absent/b", absent)).await.to_string();
        assert_eq!(one.replace("hidden", "absent"), other);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_said_tells_of_what_is_hidden() {
    let dir = tempfile::tempdir().expect("a directory");
    let (served, [boss, ada]) = served(dir.path()).await;
    let boss = served.wire().await.token(&boss);
    let mut socket = Socket::with_token(&served, &ada).await;
    let ada = served.wire().await.token(&ada);
    let put = async |branch: &str, path: &str, value: &str| {
        let query = format!(
            r#"mutation {{ set(branch: "{branch}", path: "{path}", value: "{value}", info: {{message: "m"}}) {{ hash tree {{ hash }} }} }}"#
        );
        ask(&boss, &query).await["set"].clone()
    };
    let first = put("main", "open/a", "1").await;
    let hidden = put("main", "hidden/b", "password").await;
    let ask_for_id = r#"{ contents_hash(value: "password") }"#;
    let id = ask(&boss, ask_for_id).await["contents_hash"].clone();
    let fork = format!(
        r#"mutation {{ revert(branch: "dev", commit: {}) {{ hash }} }}"#,
        hidden["hash"]
    );
    ask(&boss, &fork).await;
    put("dev", "hidden/b", "letmein").await;
    let last = put("main", "hidden/b", "another").await;
    let seen = ask(&ada, "{ main { tree { hash } } }").await;

    let hash = &hidden["hash"];
    for query in asked(hash, &id) {
        let answer = ask_with(&ada, &query, json!({})).await;
        let said = answer.to_string();
        let roots = [&hidden, &last].map(|commit| commit["tree"]["hash"].to_string());
        for word in [
            "\"/hidden",
            "password",
            "another",
            "letmein",
            &roots[0],
            &roots[1],
        ] {
            // A path that was asked for is said again.
            let is_asked = word == "\"/hidden" && query.contains("hidden/b");
            assert!(is_asked || !said.contains(word), "{query}: {said}");
        }
        let is_asked = query.contains("contents");
        assert!(
            is_asked || !said.contains(&id.to_string()),
            "{query}: {said}"
        );
    }
    alike(&ada).await;
    // A watch passes over what changes nothing that is seen.
    let query = format!(
        "subscription {{ watch(since: {}) {{ commit {{ hash tree {{ hash }} }} }} }}",
        first["hash"]
    );
    socket.subscribe("1", &query).await;
    let next = put("main", "open/a", "2").await;
    let told = socket.next().await;
    let commit = &told["payload"]["data"]["watch"]["commit"];
    assert_eq!(commit["hash"], next["hash"], "{told}");
    assert_ne!(commit["tree"]["hash"], next["tree"]["hash"]);
    assert_ne!(seen["main"]["tree"]["hash"], last["tree"]["hash"]);
}
