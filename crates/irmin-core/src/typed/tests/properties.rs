//! Values of all shapes, JSON of all shapes, and trees that nobody wrote with this module.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Empty, Endless, Level, Meters, Nothing, Octets, Shape, Tagged};
use crate::typed::text::name;
use crate::{Blob, Entry, Path, Step, Tree};
use crate::{Loaded, entry_to_json, from_entry, json_to_entry, to_entry};

fn tricky_string() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "\"",
            "\"x\"",
            "null",
            "true",
            "false",
            " 1",
            "1",
            "-0",
            "1.50",
            "1e400",
            "[]",
            "{}",
            "\0",
            "NaN",
            "inf",
            "-inf",
            "@0",
            "Some",
            "Unit",
            "\"\\ud800\"",
            "\n",
        ])
        .prop_map(str::to_owned),
        "[-0-9.eE+]{1,6}",
        "\\PC{0,12}",
        any::<String>(),
    ]
}

fn key_text() -> impl Strategy<Value = String> {
    tricky_string().prop_filter("a key", |key| name(key.as_bytes()).is_ok())
}

fn key_char() -> impl Strategy<Value = char> {
    any::<char>().prop_filter("a key", |key| Step::new(key.to_string()).is_ok())
}

fn octets() -> impl Strategy<Value = Octets> {
    let tricky = tricky_string().prop_map(String::into_bytes);
    prop_oneof![tricky, prop::collection::vec(any::<u8>(), 0..200)].prop_map(Octets)
}

fn float() -> impl Strategy<Value = f64> {
    use prop::num::f64;
    // A NaN is not equal to itself; it has a test of its own.
    f64::NORMAL | f64::SUBNORMAL | f64::ZERO | f64::INFINITE | f64::POSITIVE | f64::NEGATIVE
}

fn float32() -> impl Strategy<Value = f32> {
    use prop::num::f32;
    f32::NORMAL | f32::SUBNORMAL | f32::ZERO | f32::INFINITE | f32::POSITIVE | f32::NEGATIVE
}

fn leaf() -> impl Strategy<Value = Shape> {
    let level = prop_oneof![Just(Level::Low), Just(Level::True)];
    let key = octets().prop_filter("a key", |key| name(&key.0).is_ok());
    prop_oneof![
        Just(Shape::Unit),
        Just(Shape::Null),
        Just(Shape::NoTuple()),
        Just(Shape::NoFields {}),
        any::<(Option<()>, Option<Option<u8>>, Option<Option<Option<()>>>)>()
            .prop_map(|(a, b, c)| Shape::Options(a, b, c)),
        Just(Shape::Units((), Nothing, Empty {})),
        any::<(i16, u8, u16, i32, u32)>().prop_map(|(a, b, c, d, e)| Shape::Small(a, b, c, d, e)),
        any::<(i64, u64, i128, u128)>().prop_map(|(a, b, c, d)| Shape::Large(a, b, c, d)),
        (float32(), float(), float()).prop_map(|(a, b, c)| Shape::Floats(a, b, Meters(c))),
        any::<bool>().prop_map(Shape::Truth),
        any::<char>().prop_map(Shape::Letter),
        octets().prop_map(Shape::Octets),
        prop::option::of(octets()).prop_map(Shape::MaybeOctets),
        prop::collection::btree_map(any::<bool>(), any::<char>(), 0..3).prop_map(Shape::ByTruth),
        prop::collection::btree_map(key_char(), any::<Option<bool>>(), 0..4)
            .prop_map(Shape::ByLetter),
        prop::collection::btree_map(level, any::<u8>(), 0..3).prop_map(Shape::ByLevel),
        prop::collection::btree_map(key, any::<(u8, u8)>(), 0..4).prop_map(Shape::ByOctets),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    leaf().prop_recursive(5, 40, 6, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let optional = prop::option::of(boxed.clone());
        let by_name = prop::collection::btree_map(key_text(), inner.clone(), 0..4);
        let by_number = prop::collection::btree_map(any::<i64>(), inner.clone(), 0..4);
        // Twelve elements and more need names with two digits.
        let list = prop::collection::vec(inner, 0..14);
        prop_oneof![
            boxed.clone().prop_map(Shape::Newtype),
            (any::<i8>(), boxed, tricky_string()).prop_map(|(a, b, c)| Shape::Tuple(a, b, c)),
            optional.clone().prop_map(Shape::Some),
            by_number.prop_map(Shape::ByNumber),
            (optional, by_name, list).prop_map(|(optional, by_name, list)| Shape::Struct {
                optional,
                by_name,
                list,
            }),
        ]
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        float()
            .prop_map(|float| serde_json::Number::from_f64(float).map_or(json!([]), Value::from)),
        tricky_string().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::btree_map(key_text(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Trees that nobody wrote with this module, of names and texts that it knows.
fn foreign() -> impl Strategy<Value = Entry> {
    let scalar = prop_oneof![
        octets().prop_map(|octets| octets.0),
        "[-0-9.e{}]{0,5}".prop_map_into()
    ];
    let leaf = scalar.prop_map(|bytes| Blob::new(bytes).into());
    let entry_name = prop_oneof![
        prop::sample::select(vec![
            "@0", "@1", "@9", "@a10", "@x", "Some", "Tuple", "Struct", "Newtype", "Large",
            "Options", "optional", "by_name", "list", "ByNumber", "7", "a",
        ])
        .prop_map(Step::new)
        .prop_map(Result::unwrap),
        octets().prop_filter_map("a step", |octets| Step::new(octets.0).ok()),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop::collection::vec((entry_name.clone(), inner), 0..5).prop_map(|entries| {
            let mut tree = Tree::empty();
            for (step, entry) in entries {
                tree.set(&Path::from(step), entry).unwrap();
            }
            tree.into()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn every_value_comes_back(shape in shape()) {
        let entry = to_entry(&shape).unwrap();
        prop_assert_eq!(&from_entry::<Shape>(&entry).unwrap(), &shape);
        prop_assert_eq!(&Loaded::of(&entry).unwrap().value::<Shape>().unwrap(), &shape);
    }

    #[test]
    fn every_json_value_comes_back(json in json_value()) {
        let entry = json_to_entry(&json).unwrap();
        prop_assert_eq!(&entry_to_json(&entry).unwrap(), &json);
        prop_assert_eq!(&from_entry::<Value>(&entry).unwrap(), &json);
    }

    #[test]
    fn json_text_comes_back_as_the_same_text(json in json_value()) {
        let text = json.to_string();
        let entry = json_to_entry(&serde_json::from_str(&text).unwrap()).unwrap();
        prop_assert_eq!(entry_to_json(&entry).unwrap().to_string(), text);
    }

    #[test]
    fn every_string_comes_back_typed_and_as_json(string in tricky_string()) {
        let entry = to_entry(&string).unwrap();
        prop_assert_eq!(&from_entry::<String>(&entry).unwrap(), &string);
        prop_assert_eq!(entry_to_json(&entry).unwrap(), Value::from(string));
    }

    #[test]
    fn reading_a_foreign_tree_gives_a_value_or_an_error(entry in foreign()) {
        let lazy = from_entry::<Shape>(&entry).ok();
        let loaded = Loaded::of(&entry).unwrap();
        prop_assert_eq!(loaded.value::<Shape>().ok(), lazy);
        let json = from_entry::<Value>(&entry).ok();
        prop_assert_eq!(loaded.value::<Value>().ok(), json);
        if let Ok(json) = entry_to_json(&entry) {
            let again = json_to_entry(&json);
            prop_assert_eq!(again.and_then(|entry| entry_to_json(&entry)).unwrap(), json);
        }
        for_all_types(&entry);
    }
}

/// Reads an entry as types that meet every entry point of the deserializer.
fn for_all_types(entry: &Entry) {
    let _any = from_entry::<Option<Option<String>>>(entry);
    let _any = from_entry::<HashMap<String, Value>>(entry);
    let _any = from_entry::<BTreeMap<u8, f32>>(entry);
    let _any = from_entry::<Vec<(u8, char)>>(entry);
    let _any = from_entry::<BTreeMap<Level, bool>>(entry);
    let _any = from_entry::<Octets>(entry);
    let _any = from_entry::<Endless>(entry);
    let _any = from_entry::<Tagged>(entry);
}
