//! Random mutations do what they do to a map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{ask, ask_with};
use crate::support::{Served, Wire};

type Model = BTreeMap<String, String>;

#[derive(Clone, Debug)]
enum Change {
    Set(String, u8),
    SetTree(String, Vec<(String, Option<u8>)>),
    UpdateTree(String, Vec<(String, Option<u8>)>),
    TestAndSet(String, Option<u8>, Option<u8>),
    Remove(String),
    Merge(String, Option<u8>, Option<u8>),
}

fn path() -> impl Strategy<Value = String> {
    "[ab](/[ab]){0,2}"
}

fn value() -> impl Strategy<Value = Option<u8>> {
    prop::option::weighted(0.7, 0..3u8)
}

fn change() -> impl Strategy<Value = Change> {
    let items = || prop::collection::vec((path(), value()), 0..4);
    prop_oneof![
        (path(), 0..3u8).prop_map(|(path, value)| Change::Set(path, value)),
        (path(), items()).prop_map(|(path, items)| Change::SetTree(path, items)),
        (path(), items()).prop_map(|(path, items)| Change::UpdateTree(path, items)),
        (path(), value(), value())
            .prop_map(|(path, test, set)| Change::TestAndSet(path, test, set)),
        path().prop_map(Change::Remove),
        (path(), value(), value()).prop_map(|(path, old, new)| Change::Merge(path, old, new)),
    ]
}

fn below(path: &str, of: &str) -> bool {
    path == of
        || path
            .strip_prefix(of)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn put(model: &mut Model, at: &str, value: Option<u8>) {
    model.retain(|path, _| !below(path, at) && (value.is_none() || !below(at, path)));
    if let Some(value) = value {
        model.insert(at.to_owned(), value.to_string());
    }
}

/// Applies a change to the model; `None`: it is refused.
fn apply(model: &Model, change: &Change) -> Option<Model> {
    let mut model = model.clone();
    match change {
        Change::Set(at, value) => put(&mut model, at, Some(*value)),
        Change::SetTree(at, items) => {
            let mut tree = Model::new();
            for (path, value) in items {
                put(&mut tree, path, *value);
            }
            put(&mut model, at, None);
            if !tree.is_empty() {
                model.retain(|path, _| !below(at, path));
            }
            model.extend(
                tree.into_iter()
                    .map(|(path, value)| (format!("{at}/{path}"), value)),
            );
        }
        Change::UpdateTree(at, items) => {
            for (path, value) in items {
                put(&mut model, &format!("{at}/{path}"), *value);
            }
        }
        Change::TestAndSet(at, test, set) => {
            let is_tree = model.keys().any(|path| path != at && below(path, at));
            let found = model.get(at).cloned();
            if is_tree || found != test.map(|test| test.to_string()) {
                return None;
            }
            put(&mut model, at, *set);
        }
        Change::Remove(at) => put(&mut model, at, None),
        Change::Merge(at, old, new) => {
            let is_tree = model.keys().any(|path| path != at && below(path, at));
            let found = model.get(at).cloned();
            let text = |value: &Option<u8>| value.map(|value| value.to_string());
            let (old, new) = (text(old), text(new));
            // A directory stands for something that neither is.
            match (is_tree, &found) {
                _ if old == new => {}
                (true, _) => return None,
                (false, found) if *found == new => {}
                (false, found) if *found == old => {
                    put(&mut model, at, new.and_then(|new| new.parse().ok()));
                }
                _ => return None,
            }
        }
    }
    Some(model)
}

fn request(change: &Change) -> (&'static str, Value) {
    let text = |value: &Option<u8>| json!(value.map(|value| value.to_string()));
    let items = |items: &[(String, Option<u8>)]| -> Value {
        let items = items
            .iter()
            .map(|(path, value)| json!({ "path": path, "value": text(value) }));
        items.collect()
    };
    match change {
        Change::Set(path, value) => (
            "mutation ($path: Path!, $value: Value!) { made: set(path: $path, value: $value) { hash } }",
            json!({ "path": path, "value": value.to_string() }),
        ),
        Change::SetTree(path, tree) => (
            "mutation ($path: Path!, $tree: [TreeItem!]!) { made: set_tree(path: $path, tree: $tree) { hash } }",
            json!({ "path": path, "tree": items(tree) }),
        ),
        Change::UpdateTree(path, tree) => (
            "mutation ($path: Path!, $tree: [TreeItem!]!) { made: update_tree(path: $path, tree: $tree) { hash } }",
            json!({ "path": path, "tree": items(tree) }),
        ),
        Change::TestAndSet(path, test, set) => (
            "mutation ($path: Path!, $test: Value, $set: Value) { made: test_and_set(path: $path, test: $test, set: $set) { hash } }",
            json!({ "path": path, "test": text(test), "set": text(set) }),
        ),
        Change::Remove(path) => (
            "mutation ($path: Path!) { made: remove(path: $path) { hash } }",
            json!({ "path": path }),
        ),
        Change::Merge(path, old, new) => (
            "mutation ($path: Path!, $old: Value, $value: Value) { made: merge(path: $path, old: $old, value: $value) }",
            json!({ "path": path, "old": text(old), "value": text(new) }),
        ),
    }
}

async fn dump(wire: &Wire) -> Model {
    let found = ask(
        wire,
        "{ main { tree { list_contents_recursively { path value } } } }",
    )
    .await;
    let found = found["main"]["tree"]["list_contents_recursively"]
        .as_array()
        .cloned();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let found = found.expect("a list");
    let pairs = found
        .iter()
        .map(|item| (text(&item["path"]).split_off(1), text(&item["value"])));
    pairs.collect()
}

async fn check(changes: Vec<Change>) {
    let served = Served::open().await;
    let wire = served.wire().await;
    let mut model = Model::new();
    for change in &changes {
        let (query, variables) = request(change);
        let answer = ask_with(&wire, query, variables).await;
        let expected = apply(&model, change);
        assert_eq!(
            expected.is_none(),
            answer.get("errors").is_some(),
            "{change:?} on {model:?}: {answer}"
        );
        model = expected.unwrap_or(model);
        assert_eq!(dump(&wire).await, model, "{change:?}");
    }
}

#[test]
fn random_mutations_do_what_they_do_to_a_map() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let config = Config {
        cases: 24,
        ..Config::default()
    };
    let changes = prop::collection::vec(change(), 1..20);
    let done = TestRunner::new(config).run(&changes, |changes| {
        runtime.block_on(check(changes));
        Ok(())
    });
    done.expect("they do");
}
