//! GraphQL, posted over HTTP/1.1 or over a WebSocket. A mutation may have a key: then it is sent again until an answer comes. One
//! without is sent once; if no answer comes, nobody knows what came of it.

use serde_json::{Value, json};

use super::client::{Ask, Clock, DidAll, Told};
use super::doors::{all_read, id, nothing_read};
use super::{REGISTERS, number, register, text};
use crate::linear::Did;
use crate::pen::Pen;

const SET: &str = "mutation ($path: Path!, $value: Value!, $info: InfoInput) {
    made: set(path: $path, value: $value, info: $info) { hash } }";

const SWAP: &str = "mutation ($path: Path!, $test: Value, $value: Value, $info: InfoInput) {
    made: test_and_set(path: $path, test: $test, set: $value, info: $info) { hash } }";

/// Asks, and says when that began.
pub(super) async fn ask(pen: &mut Pen, ask: &Ask, key: Option<&str>, clock: &Clock) -> (u64, Told) {
    let began = clock.tick();
    match *ask {
        Ask::Read => {
            let (seen, head) = read(pen).await;
            let did = head.as_ref().map_or_else(nothing_read, |_| all_read(seen));
            (began, Told::Done(did, head.as_ref().map(id)))
        }
        Ask::Write(to, value) => {
            let variables = json!({"path": register(to), "value": text(value)});
            let did = vec![(to, Did::Write(value))];
            (began, mutate(pen, SET, variables, key, did).await)
        }
        Ask::Swap(to, test, value) => {
            let variables =
                json!({"path": register(to), "test": test.map(text), "value": text(value)});
            let did = vec![(to, Did::Swap(test, value))];
            (began, mutate(pen, SWAP, variables, key, did).await)
        }
        Ask::Session(_, to, value) => {
            let (seen, head) = read(pen).await;
            let Some(head) = head else {
                return (began, Told::Nothing);
            };
            let began = clock.tick();
            let info = json!({"parents": [head]});
            let variables = json!({"path": register(to), "value": text(value), "info": info});
            // The branch must be where it was read: all that was seen still holds.
            let mut did = all_read(seen);
            did[to].1 = Did::Swap(seen[to], value);
            (began, mutate(pen, SET, variables, key, did).await)
        }
    }
}

/// Reads all registers, and the head's id if there is a head.
async fn read(pen: &mut Pen) -> ([Option<u64>; REGISTERS], Option<Value>) {
    let fields = (0..REGISTERS).map(|each| format!("r{each}: get(path: \"{}\")", register(each)));
    let fields: Vec<_> = fields.collect();
    let query = format!(
        "{{ main {{ head {{ hash }} tree {{ {} }} }} }}",
        fields.join(" ")
    );
    let mut answer = pen.ask(&query, &json!({})).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    let mut seen = [None; REGISTERS];
    for (each, seen) in seen.iter_mut().enumerate() {
        let value = &answer["data"]["main"]["tree"][format!("r{each}")];
        *seen = value.as_str().map(|text| number(text.as_bytes()));
    }
    let head = answer["data"]["main"]["head"]["hash"].take();
    (seen, Some(head).filter(|head| !head.is_null()))
}

/// Commits. `did` is what that did if it is done.
async fn mutate(
    pen: &mut Pen,
    query: &str,
    mut variables: Value,
    key: Option<&str>,
    did: DidAll,
) -> Told {
    variables["info"]["message"] = "test".into();
    let answer = match key {
        Some(key) => {
            variables["info"]["request"] = key.into();
            pen.ask(query, &variables).await
        }
        None => match pen.ask_once(query, &variables).await {
            Some(answer) => answer,
            None => return Told::Lost(did),
        },
    };
    let Some(error) = answer.get("errors").map(|errors| &errors[0]["extensions"]) else {
        return Told::Done(did, Some(id(&answer["data"]["made"]["hash"])));
    };
    assert_eq!(error["code"], "conflict", "{answer}");
    match did[..] {
        // The branch is elsewhere.
        _ if error.get("current").is_some() => Told::Nothing,
        [(to, Did::Swap(test, _))] => Told::Done(vec![(to, Did::Refused(test))], None),
        _ => panic!("{answer}"),
    }
}
