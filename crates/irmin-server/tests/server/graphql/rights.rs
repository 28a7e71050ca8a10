//! Who may not see or write something, over GraphQL too.

use irmin_server::service::{
    AccessConfig, Config, Data, Entry, Pattern, Principal, Right, Rule, Rules,
};
use serde_json::json;

use super::{ask, code, fail, post, set};
use crate::support::{Served, path, rule};

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
