//! Ids that never change: the format of version 1. They were computed from FORMAT.md by a program in
//! another language, so they also tell whether the text is right.

#![allow(clippy::unwrap_used)] // A helper of a test fails as the test does.

use irmin_core::{Blob, Id, Mode, Path, Tree};

fn tree(entries: impl IntoIterator<Item = (String, Blob)>) -> Tree {
    let mut tree = Tree::empty();
    for (path, blob) in entries {
        tree.set(&Path::parse(path).unwrap(), blob).unwrap();
    }
    tree
}

fn id(tree: &Tree) -> String {
    tree.id().unwrap().to_string()
}

#[test]
fn small_directories_have_the_ids_of_the_format() {
    assert_eq!(
        id(&Tree::empty()),
        "bdc6b505699ec73faf2aa3f2078addb252f902b06a0af81f12f6d9e1f8b60b1f"
    );
    let small = [
        ("a".to_owned(), Blob::new("1")),
        ("b".to_owned(), "22".into()),
    ];
    let [a, (name, b)] = small;
    assert_eq!(
        id(&tree([a, (name, b.with_mode(Mode::Executable))])),
        "c00a1cc567f9ffc04eade7065d4e83f769098832bfc63dbafb182616d722e431"
    );
    assert_eq!(
        id(&tree([("d/x".to_owned(), "1".into())])),
        "debdc0559aca330fd7ecd130e220807785e6e1e9e597cfa714feb3344eeb012f"
    );
}

#[test]
fn a_large_directory_has_the_id_of_the_format() {
    let numbers = (0..500).map(|i| (format!("n{i:03}"), i.to_string().into()));
    let full = Blob::new("x".repeat(128)).with_mode(Mode::Executable);
    let others = [("n".to_owned(), "t".into()), ("n00".to_owned(), full)];
    assert_eq!(
        id(&tree(numbers.chain(others))),
        "7a7a04b3b6c8b75d9a352940e916bffe1b411103212f4377c024c4e2bbf54725"
    );
}

#[test]
fn large_values_have_the_ids_of_the_format() {
    let blob = Blob::new("v".repeat(129)).with_mode(Mode::Link);
    assert_eq!(
        blob.id().to_string(),
        "869eb96b3446e3f4d433e9c8c81607041f34d04bf32f2fd9f64eab8d4c35186c"
    );
    assert_eq!(
        id(&tree([("big".to_owned(), blob)])),
        "d3d374048e45ecc1e74f96da2f29f6449d54af4a5cca73c5467c39f94b4c8a96"
    );
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let bytes: Vec<u8> = (0..(1 << 20) + 12345).map(|_| next()).collect();
    assert_eq!(
        Blob::new(bytes).id().to_string(),
        "510986f3460196a5996fdc19542b5fc6e16ad7ebecceee94faeced3bb207b750"
    );
}

/// Every row of the table of examples in FORMAT.md that gives a whole encoding in hexadecimal.
#[test]
fn the_examples_in_the_text_are_right() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../FORMAT.md"));
    let text = text.unwrap();
    let mut checked = 0;
    for line in text.lines().filter(|line| line.contains("| `01 03 ")) {
        let quoted: Vec<_> = line.split('`').skip(1).step_by(2).collect();
        let hex = |text: &str| -> Vec<u8> {
            text.split(' ')
                .map(|byte| u8::from_str_radix(byte, 16).unwrap())
                .collect()
        };
        let encodings: Vec<_> = quoted
            .iter()
            .filter(|text| text.starts_with("01 03 "))
            .collect();
        let mut whole = hex(encodings[0]);
        if let Some(below) = encodings.get(1) {
            whole.extend_from_slice(Id::of(&hex(below)).as_bytes());
        }
        assert_eq!(Id::of(&whole).to_string(), *quoted.last().unwrap());
        checked += 1;
    }
    assert_eq!(checked, 3);
}
