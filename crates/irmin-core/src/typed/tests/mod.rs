//! Behaviours by example; the properties are in `properties`.

mod properties;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{
    Blob, Error, ErrorKind, Id, IdPrefix, Key, MemoryStore, Object, ObjectStore, Path, StoreError,
    Stored, Tree,
};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn text(entry: &Entry) -> String {
    let bytes = entry.clone().into_blob().unwrap().bytes().unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn names(entry: &Entry) -> Vec<String> {
    let tree = entry.clone().into_tree().unwrap();
    tree.entries()
        .unwrap()
        .map(|found| found.unwrap().0.to_string())
        .collect()
}

/// Checks that a value comes back, lazily and from memory.
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let entry = to_entry(&value).unwrap();
    assert_eq!(from_entry::<T>(&entry).unwrap(), value);
    assert_eq!(Loaded::of(&entry).unwrap().value::<T>().unwrap(), value);
}

fn refusal<T: DeserializeOwned + Debug>(entry: impl Into<Entry>) -> String {
    from_entry::<T>(&entry.into()).unwrap_err().to_string()
}

/// Bytes that are serialized as such.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Octets(Vec<u8>);

impl Serialize for Octets {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Octets;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Octets, E> {
                Ok(Octets(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Level {
    Low,
    #[serde(rename = "true")]
    True,
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Empty {}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Nothing;

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Meters(f64);

/// One of everything that `serde` knows.
#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
enum Shape {
    Unit,
    #[serde(rename = "null")]
    Null,
    Newtype(Box<Self>),
    Tuple(i8, Box<Self>, String),
    NoTuple(),
    NoFields {},
    Struct {
        optional: Option<Box<Self>>,
        by_name: BTreeMap<String, Self>,
        list: Vec<Self>,
    },
    Some(Option<Box<Self>>),
    Options(Option<()>, Option<Option<u8>>, Option<Option<Option<()>>>),
    Units((), Nothing, Empty),
    Small(i16, u8, u16, i32, u32),
    Large(i64, u64, i128, u128),
    Floats(f32, f64, Meters),
    Truth(bool),
    Letter(char),
    Octets(Octets),
    MaybeOctets(Option<Octets>),
    ByNumber(BTreeMap<i64, Self>),
    ByTruth(BTreeMap<bool, char>),
    ByLetter(BTreeMap<char, Option<bool>>),
    ByLevel(BTreeMap<Level, u8>),
    ByOctets(BTreeMap<Octets, (u8, u8)>),
}

/// A type whose reading never ends by itself on a scalar.
#[derive(Deserialize, Debug)]
struct Endless(#[allow(dead_code)] Option<Box<Self>>);

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
#[serde(tag = "kind")]
enum Tagged {
    File { size: u64, name: String },
    Many { items: Vec<Loose> },
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Loose {
    Number(f64),
    Text(String),
    Map(BTreeMap<String, Self>),
    List(Vec<Self>),
}

#[test]
fn scalars_are_plain_text() {
    assert_eq!(text(&to_entry(&8080_u16).unwrap()), "8080");
    assert_eq!(text(&to_entry(&-1_i128).unwrap()), "-1");
    assert_eq!(text(&to_entry(&0.1_f32).unwrap()), "0.1");
    assert_eq!(text(&to_entry(&1.0_f64).unwrap()), "1.0");
    let floats = [
        0.0,
        -0.0,
        0.0001,
        0.000_099,
        80.0,
        9_999_999_999_999_998.0,
        1e16,
        -1.5e300,
    ];
    let texts = floats.map(|float| text(&to_entry(&float).unwrap()));
    let expected = [
        "0.0",
        "-0.0",
        "0.0001",
        "9.9e-5",
        "80.0",
        "9999999999999998.0",
        "1e16",
        "-1.5e300",
    ];
    assert_eq!(texts, expected);
    assert_eq!(text(&to_entry(&true).unwrap()), "true");
    assert_eq!(text(&to_entry("alice").unwrap()), "alice");
    assert_eq!(text(&to_entry("12").unwrap()), "\"12\"");
    assert_eq!(text(&to_entry(&'x').unwrap()), "x");
    assert_eq!(text(&to_entry(&Level::Low).unwrap()), "Low");
    assert_eq!(text(&to_entry(&()).unwrap()), "null");
    assert_eq!(text(&to_entry(&None::<u8>).unwrap()), "null");
    assert_eq!(text(&to_entry(&Empty {}).unwrap()), "{}");
    assert_eq!(text(&to_entry::<[u8]>(&[]).unwrap()), "[]");
    assert_eq!(text(&to_entry(&Octets(b"12".to_vec())).unwrap()), "12");
}

#[test]
fn numbers_at_their_ends_and_nan_come_back() {
    comes_back((i128::MIN, u128::MAX, i64::MIN, u64::MAX, i8::MIN));
    comes_back((
        f32::MAX,
        f32::MIN_POSITIVE,
        f64::MAX,
        f64::MIN_POSITIVE,
        f32::INFINITY,
    ));
    let nan: (f32, f64) = from_entry(&to_entry(&(f32::NAN, f64::NAN)).unwrap()).unwrap();
    assert!(nan.0.is_nan() && nan.1.is_nan());
    let zero: f64 = from_entry(&to_entry(&-0.0_f64).unwrap()).unwrap();
    assert!(zero.is_sign_negative());
}

#[test]
fn a_value_set_by_hand_reads_as_a_number_and_as_a_string() {
    assert_eq!(from_entry::<u16>(&"8080".into()).unwrap(), 8080);
    assert_eq!(from_entry::<f64>(&"8080".into()).unwrap(), 8080.0);
    assert_eq!(from_entry::<String>(&"8080".into()).unwrap(), "8080");
    assert_eq!(from_entry::<String>(&"null".into()).unwrap(), "null");
    assert_eq!(from_entry::<Option<u16>>(&"null".into()).unwrap(), None);
}

#[test]
fn options_of_what_reads_as_none_are_told_apart() {
    comes_back([None, Some(())]);
    comes_back([None, Some(None), Some(Some(7))]);
    comes_back([None, Some(None), Some(Some(None)), Some(Some(Some(())))]);
    comes_back(Some(Octets(b"null".to_vec())));
    comes_back(Some(
        BTreeMap::from([("Some", ())])
            .into_keys()
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ));
    comes_back(Some(BTreeMap::from([("Some".to_owned(), ())])));
    comes_back(Some(Shape::Some(None)));
    assert_eq!(names(&to_entry(&Some(())).unwrap()), ["Some"]);
}

#[test]
fn maps_keep_keys_of_every_kind_that_prints() {
    comes_back(BTreeMap::from([
        (-3_i8, "a".to_owned()),
        (12, "b".to_owned()),
    ]));
    comes_back(BTreeMap::from([(u128::MAX, 1)]));
    comes_back(BTreeMap::from([(true, 1), (false, 2)]));
    comes_back(BTreeMap::from([(Level::True, 1), (Level::Low, 2)]));
    comes_back(BTreeMap::from([(Some(5), 1)]));
    comes_back(BTreeMap::from([(Octets(vec![0xff, 0x80]), 1)]));
    let entry = to_entry(&FloatKeys(vec![(0.5, 1), (-1e300, 2)])).unwrap();
    assert_eq!(names(&entry), ["-1e300", "0.5"]);
}

/// A map with float keys, which no map of the standard library takes.
struct FloatKeys(Vec<(f64, u8)>);

impl Serialize for FloatKeys {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[test]
fn keys_that_cannot_name_an_entry_are_refused_with_their_place() {
    let key = |key: &str| {
        let value = json!({ "list": [1, { key: 1 }] });
        json_to_entry(&value).unwrap_err().to_string()
    };
    assert_eq!(
        key("a/b"),
        "'list/@1': the key 'a/b' cannot name an entry: a step cannot contain '/'"
    );
    for bad in ["", ".", "..", "a\0", "@0", &"x".repeat(256)] {
        assert!(key(bad).starts_with("'list/@1': the key "), "{}", key(bad));
    }
    let refused = |value: &dyn Fn() -> Result<Entry, TypedError>| value().unwrap_err().to_string();
    assert_eq!(
        refused(&|| to_entry(&BTreeMap::from([(
            "m",
            FloatKeys(vec![(f64::INFINITY, 0)])
        )]))),
        "'m': the key 'inf' cannot name an entry: it is not a finite number"
    );
    assert!(refused(&|| to_entry(&FloatKeys(vec![(1.0, 0), (1.0, 1)]))).contains("same text"));
    assert!(refused(&|| to_entry(&BTreeMap::from([((), 0)]))).contains("'()'"));
    assert!(refused(&|| to_entry(&BTreeMap::from([(vec![1], 0)]))).contains("a sequence"));
    assert_eq!(
        refused(&|| to_entry(&Shape::Struct {
            optional: None,
            by_name: BTreeMap::from([("/".into(), Shape::Unit)]),
            list: vec![],
        })),
        "'Struct/by_name': the key '/' cannot name an entry: a step cannot contain '/'"
    );
}

#[test]
fn errors_say_the_place_and_what_was_expected() {
    let entry = json_to_entry(
        &json!({ "by_name": { "x": { "Small": [1, 2, 70_000, 4, 5] } },
        "list": [], "optional": null }),
    )
    .unwrap();
    let mut tree = Tree::empty();
    tree.set(&path("shapes/Struct"), entry).unwrap();
    let error = tree.read_value::<Shape>(&path("shapes")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "'shapes/Struct/by_name/x/Small/@2': invalid value: integer `70000`, expected u16"
    );
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(
        refusal::<u8>("abc"),
        "the value: invalid type: string \"abc\", expected u8"
    );
    assert_eq!(
        refusal::<u8>("\"5\""),
        "the value: invalid type: string \"5\", expected u8"
    );
    assert_eq!(
        refusal::<f32>("1e300"),
        "the value: the number is out of range"
    );
    assert!(refusal::<Shape>("Other").contains("unknown variant `Other`"));
    assert!(refusal::<Shape>("Truth").contains("unit variant"));
    let both = json_to_entry(&json!({ "Truth": true, "Letter": "x" })).unwrap();
    assert!(refusal::<Shape>(both).contains("a variant of Shape is one entry, but there are 2"));
    let long = to_entry(&[1, 2, 3]).unwrap();
    assert!(refusal::<(u8, u8)>(long).contains("too many elements"));
    assert!(refusal::<String>(Blob::new(vec![0xff])).contains("invalid"));
}

#[test]
fn unknown_fields_are_ignored_unless_denied_and_missing_ones_take_defaults() {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Lenient {
        #[serde(alias = "b", default)]
        a: u8,
        o: Option<u8>,
    }
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[allow(dead_code)]
        a: u8,
    }
    let entry = json_to_entry(&json!({ "b": 1, "x": { "y": [] } })).unwrap();
    let lenient: Lenient = from_entry(&entry).unwrap();
    assert_eq!(lenient, Lenient { a: 1, o: None });
    let entry = json_to_entry(&json!({ "a": 1, "x": 2 })).unwrap();
    assert!(refusal::<Strict>(entry).contains("unknown field `x`"));
    assert!(refusal::<Strict>("{}").contains("missing field `a`"));
}

#[test]
fn enums_without_a_shape_of_their_own_and_flattened_fields_come_back() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Flat {
        own: f64,
        #[serde(flatten)]
        rest: BTreeMap<String, Loose>,
        #[serde(flatten)]
        tagged: Tagged,
    }
    let items = vec![
        Loose::Text("12".into()),
        Loose::Number(-0.5),
        Loose::Number(f64::INFINITY),
        Loose::Text("inf".into()),
        Loose::List(vec![]),
        Loose::Map(BTreeMap::new()),
        Loose::Map(BTreeMap::from([("@1".into(), Loose::Text("{}".into()))])),
    ];
    comes_back(Tagged::Many {
        items: items.clone(),
    });
    let entry = to_entry(&Flat {
        own: 2.0,
        rest: BTreeMap::from([("more".into(), Loose::List(items))]),
        tagged: Tagged::File {
            size: u64::MAX,
            name: "7".into(),
        },
    });
    let flat: Flat = from_entry(&entry.unwrap()).unwrap();
    assert_eq!(
        flat.tagged,
        Tagged::File {
            size: u64::MAX,
            name: "7".into()
        }
    );
    assert!(matches!(&flat.rest["more"], Loose::List(items) if items.len() == 7));
}

#[test]
fn strings_and_bytes_can_be_borrowed_from_what_is_loaded() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Person<'a> {
        name: &'a str,
        number: &'a str,
        #[serde(borrow)]
        nick: Cow<'a, str>,
        by_name: BTreeMap<&'a str, u8>,
    }
    let by_name = BTreeMap::from([("k", 1)]);
    let person = Person {
        name: "alice",
        number: "12",
        nick: Cow::Borrowed("al"),
        by_name,
    };
    let loaded = Loaded::of(&to_entry(&person).unwrap()).unwrap();
    let read: Person<'_> = loaded.value().unwrap();
    assert_eq!(read, person);
    assert!(matches!(read.nick, Cow::Borrowed(_)));
    assert_eq!(loaded.value::<BTreeMap<String, Value>>().unwrap().len(), 4);
}

#[test]
fn sequences_keep_their_order_and_survive_a_missing_element() {
    let list: Vec<u32> = (0..1200).collect();
    let mut tree = to_entry(&list).unwrap().into_tree().unwrap();
    assert_eq!(from_entry::<Vec<u32>>(&tree.clone().into()).unwrap(), list);
    assert_eq!(tree.get_bytes(&path("@c1199")).unwrap().unwrap(), "1199");
    tree.remove(&path("@a10")).unwrap();
    let shorter: Vec<u32> = from_entry(&tree.clone().into()).unwrap();
    assert_eq!(shorter[9..11], [9, 11]);
    tree.set(&path("stray"), "1").unwrap();
    assert!(refusal::<Vec<u32>>(tree).contains("'stray' is no element"));
}

#[test]
fn nesting_has_a_limit_that_all_parsed_json_stays_below() {
    let nested = |depth: usize| {
        let text = "[".repeat(depth) + &"]".repeat(depth);
        serde_json::from_str::<Value>(&text)
    };
    let deepest = nested(127).unwrap();
    assert!(nested(128).is_err());
    let entry = json_to_entry(&deepest).unwrap();
    assert_eq!(entry_to_json(&entry).unwrap(), deepest);
    let mut value = deepest;
    for _ in 0..3 {
        value = Value::from(vec![value]);
    }
    let error = json_to_entry(&value).unwrap_err();
    assert!(matches!(error, TypedError::TooDeep { .. }));
    assert_eq!(error.path().steps().len(), 128);

    let mut tree = Tree::empty();
    tree.set(&path(&"a/".repeat(4000)), "1").unwrap();
    let deep = Entry::from(tree);
    assert!(matches!(
        entry_to_json(&deep),
        Err(TypedError::TooDeep { .. })
    ));
    assert!(matches!(
        from_entry::<Value>(&deep),
        Err(TypedError::TooDeep { .. })
    ));
    assert!(matches!(Loaded::of(&deep), Err(TypedError::TooDeep { .. })));
    assert!(matches!(
        from_entry::<Endless>(&"1".into()),
        Err(TypedError::TooDeep { .. })
    ));
    let mut chain = Tree::empty();
    chain.set(&path(&"Some/".repeat(4000)), "null").unwrap();
    assert!(from_entry::<Endless>(&chain.into()).is_err());
}

#[test]
fn a_list_linked_by_options_nests_as_deep_as_the_limit() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Node {
        value: u8,
        next: Option<Box<Self>>,
    }
    let list = |len: u8| {
        (1..len).fold(
            Node {
                value: 0,
                next: None,
            },
            |next, value| Node {
                value,
                next: Some(Box::new(next)),
            },
        )
    };
    comes_back(list(128));
    assert!(matches!(
        to_entry(&list(129)),
        Err(TypedError::TooDeep { .. })
    ));
}

#[test]
fn json_has_no_nan_and_no_bytes() {
    let mut tree = Tree::empty();
    tree.set(&path("a/b"), vec![0xff]).unwrap();
    let error = entry_to_json(&tree.clone().into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "'a/b': the bytes are not UTF-8; read this entry by itself"
    );
    tree.set(&path("a/b"), "NaN").unwrap();
    assert!(
        entry_to_json(&tree.clone().into())
            .unwrap_err()
            .to_string()
            .contains("no such number")
    );
    assert_eq!(entry_to_json(&Tree::empty().into()).unwrap(), json!({}));
}

#[test]
fn json_numbers_are_kept_exactly_or_refused() {
    for exact in [
        "1.0",
        "1.5",
        "-0.0",
        "18446744073709551615",
        "-9223372036854775808",
        "5e-324",
    ] {
        let entry = Entry::from(Blob::new(exact.to_owned()));
        let json = entry_to_json(&entry).unwrap();
        assert_eq!(text(&json_to_entry(&json).unwrap()), exact);
    }
    // Whatever number this build can parse comes back equal, written canonically or not.
    for number in [
        "1.00",
        "1E5",
        "1e+5",
        "-0",
        "0e0",
        "1e400",
        "0.10000000000000000000001",
    ] {
        if let Ok(json) = serde_json::from_str::<Value>(number) {
            let entry = json_to_entry(&json).unwrap();
            assert_eq!(entry_to_json(&entry).unwrap(), json, "{number}");
        }
    }
    let big = Entry::from("123456789012345678901234567890");
    match entry_to_json(&big) {
        Err(error) => assert!(error.to_string().contains("more digits")),
        // Where some crate of the build made JSON numbers as long as they are.
        Ok(json) => assert!(json_to_entry(&json).unwrap().equals(&big).unwrap()),
    }
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Config {
    host: String,
    port: u16,
    owner: Option<String>,
    limits: BTreeMap<String, u32>,
}

fn config() -> Config {
    Config {
        host: "alpha".into(),
        port: 80,
        owner: None,
        limits: (0..500).map(|n| (format!("limit{n}"), n)).collect(),
    }
}

#[test]
fn changing_one_field_changes_one_entry() {
    let at = path("app/config");
    let mut old = Tree::empty();
    assert!(old.write_value(&at, &config()).unwrap());
    let changed = |change: &dyn Fn(&mut Config)| {
        let (mut tree, mut config) = (old.clone(), config());
        change(&mut config);
        assert!(tree.write_value(&at, &config).unwrap());
        assert_eq!(tree.read_value::<Config>(&at).unwrap().unwrap(), config);
        let changes = old.diff(&tree).unwrap();
        changes
            .iter()
            .map(|change| change.path.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(&|config| config.port = 443), ["app/config/port"]);
    assert_eq!(
        changed(&|config| config.owner = Some("bob".into())),
        ["app/config/owner"]
    );
    assert_eq!(
        changed(&|config| {
            config.limits.remove("limit7");
        }),
        ["app/config/limits/limit7"]
    );
    assert!(!old.clone().write_value(&at, &config()).unwrap());
}

#[test]
fn writing_over_something_else_replaces_it_and_the_root_can_be_a_value() {
    let mut tree = Tree::empty();
    tree.write_value(&path("a"), "text").unwrap();
    tree.write_value(&path("a"), &json!({ "b": { "c": 1 }, "d": [] }))
        .unwrap();
    tree.write_value(&path("a"), &json!({ "b": 2, "d": [1] }))
        .unwrap();
    let written = tree.read_value::<Value>(&Path::root()).unwrap().unwrap();
    assert_eq!(written, json!({ "a": { "b": 2, "d": [1] } }));
    assert_eq!(tree.read_value::<u8>(&path("a/x")).unwrap(), None);

    let root = Path::root();
    assert!(tree.write_value(&root, &json!({ "x": 1 })).unwrap());
    assert_eq!(tree.len().unwrap(), 1);
    assert!(tree.write_value(&root, &json!({})).unwrap());
    assert!(!tree.write_value(&root, &json!({})).unwrap());
    assert_eq!(tree.read_value::<Value>(&root).unwrap(), Some(json!({})));
    assert_eq!(tree.read_value::<Vec<u8>>(&root).unwrap(), Some(vec![]));
    assert!(matches!(
        tree.write_value(&root, &5),
        Err(Error::RootNeedsTree)
    ));
}

/// Counts the objects that are read.
#[derive(Default)]
struct Counting {
    store: MemoryStore,
    reads: AtomicUsize,
}

impl ObjectStore for Counting {
    fn store_id(&self) -> crate::StoreId {
        self.store.store_id()
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        self.reads.fetch_add(keys.len(), Ordering::Relaxed);
        self.store.get_many(keys, out)
    }

    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        self.store.put_many(objects)
    }

    fn commits_with_prefix(&self, prefix: &IdPrefix, limit: usize) -> Result<Vec<Id>, StoreError> {
        self.store.commits_with_prefix(prefix, limit)
    }
}

#[test]
fn reading_a_struct_reads_only_its_subtree_and_only_the_fields_that_it_has() {
    #[derive(Deserialize)]
    struct Part {
        port: u16,
    }
    let counting = Arc::new(Counting::default());
    let store: Arc<dyn ObjectStore> = Arc::<Counting>::clone(&counting);
    let mut tree = Tree::empty();
    tree.write_value(&path("app/config"), &config()).unwrap();
    tree.write_value(&path("app/config/blob"), &"x".repeat(5000))
        .unwrap();
    tree.write_value(&path("app/other"), &config()).unwrap();
    tree.write_value(&path("elsewhere"), &config()).unwrap();
    let key = tree.persist(&store).unwrap();
    let reads = |read: &dyn Fn(&Tree)| {
        let before = counting.reads.load(Ordering::Relaxed);
        read(&Tree::load(Arc::clone(&store), key));
        counting.reads.load(Ordering::Relaxed) - before
    };
    // The root, app and config: neither the 500 limits nor the large value.
    let part = reads(&|tree| {
        let part = tree.read_value::<Part>(&path("app/config")).unwrap();
        assert_eq!(part.unwrap().port, 80);
    });
    assert_eq!(part, 3);
    let whole = reads(&|tree| {
        let read = tree.read_value::<Config>(&path("app/config")).unwrap();
        assert_eq!(read.unwrap(), config());
    });
    let limits = reads(&|tree| {
        tree.read_value::<BTreeMap<String, u32>>(&path("app/config/limits"))
            .unwrap();
    });
    assert_eq!(whole, limits);
    let one_field = reads(&|tree| {
        let mut tree = tree.clone();
        let config = Config {
            port: 81,
            ..config()
        };
        tree.write_value(&path("app/config"), &config).unwrap();
    });
    // The large value is removed unread, the limits are skipped because they are equal.
    assert_eq!(one_field, 3);
}

#[test]
fn a_store_that_fails_is_named_with_the_place() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let mut tree = Tree::empty();
    tree.write_value(&path("a/b"), &config()).unwrap();
    let key = tree.persist(&store).unwrap();
    let kept: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let root = store.get(&key).unwrap().unwrap();
    let object = Object {
        base: None,
        cut: crate::Cut::NONE,
        id: key.id,
        kind: crate::Kind::Node,
        bytes: &root.bytes,
        links: &[],
        generation: 0,
    };
    kept.put_many(&[object]).unwrap();
    let entry = Entry::from(Tree::load(kept, key.id.into()));
    let error = from_entry::<BTreeMap<String, Config>>(&entry).unwrap_err();
    assert!(error.to_string().starts_with("'a': object "), "{error}");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn untagged_values_nest_as_deep_as_the_limit_too() {
    let mut value = Loose::Number(1.0);
    for _ in 0..128 {
        value = Loose::List(vec![value]);
    }
    comes_back(value.clone());
    let deeper = to_entry(&Loose::List(vec![value]));
    assert!(matches!(deeper, Err(TypedError::TooDeep { .. })));
}
