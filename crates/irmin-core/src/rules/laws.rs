//! The laws that all rules share, checked for each of them over values of its type.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::hlc::Hlc;
use super::{MergeRule, RuleTypes};

/// The same cases in every run, and no files left behind.
pub(super) fn config() -> Config {
    Config {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..Config::default()
    }
}

/// A base and two sides.
type Versions = (Option<Vec<u8>>, Vec<u8>, Vec<u8>);

fn values(name: &str) -> BoxedStrategy<Vec<u8>> {
    let text = |pattern: &str| {
        let pattern = proptest::string::string_regex(pattern).unwrap();
        pattern.prop_map(String::into_bytes).boxed()
    };
    match name {
        "counter" => prop_oneof![
            text("[+-]?[0-9]{1,3}\n?"),
            text("-?922337203685477580[0-7]")
        ]
        .boxed(),
        "max" | "min" => text("-?[0-9]{1,2}(\\.[0-9]{1,2})?(e[0-2])?\n?"),
        "register" => (0..3u64, 0..2u32, "[ab]", "[xy]?")
            .prop_map(|(ms, count, node, value)| {
                super::register::encode(&Hlc::new(ms, count, &node).unwrap(), value.as_bytes())
            })
            .boxed(),
        "map" | "json" => json(),
        _ => text("([ab12]\n){0,4}[ab]?(\r\n)?"),
    }
}

fn json() -> BoxedStrategy<Vec<u8>> {
    let leaf = prop_oneof![
        "[0-2]",
        "[0-2]\\.0",
        Just("null".to_owned()),
        Just("\"a\"".to_owned())
    ];
    let inner = leaf.prop_recursive(3, 12, 3, |inner| {
        let blank = "[ \n]?";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(","))),
            (prop::collection::btree_map("[a-c]", inner, 0..3), blank).prop_map(
                |(entries, blank)| {
                    let entries: Vec<String> = entries
                        .iter()
                        .map(|(key, value)| format!("{blank}\"{key}\":{value}"))
                        .collect();
                    format!("{{{}}}", entries.join(","))
                }
            ),
        ]
    });
    prop::collection::btree_map("[a-c]", inner, 0..3)
        .prop_map(|entries| {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            format!("{{{}}}", entries.join(",")).into_bytes()
        })
        .boxed()
}

/// Checks a law for every built-in rule: over values of its type, and over any short bytes.
fn for_all_rules(law: impl Fn(&dyn MergeRule, Versions) -> Result<(), TestCaseError>) {
    let types = RuleTypes::default();
    for name in types.names() {
        let rule = types.get(name).unwrap();
        let any = prop::collection::vec(any::<u8>(), 0..12).boxed();
        for value in [values(name), any] {
            let versions = (prop::option::of(value.clone()), value.clone(), value);
            // A runner of its own for each: it counts the cases of all its runs together.
            let mut runner = TestRunner::new(config());
            let checked = runner.run(&versions, |versions| law(rule.as_ref(), versions));
            if let Err(failure) = checked {
                panic!("{name}: {failure}");
            }
        }
    }
}

#[test]
fn a_change_of_one_side_is_taken_as_it_is() {
    for_all_rules(|rule, (base, side, _)| {
        let base = base.unwrap_or_default();
        prop_assert_eq!(rule.merge(Some(&base), &base, &side), Ok(side.clone()));
        prop_assert_eq!(rule.merge(Some(&base), &side, &base), Ok(side));
        Ok(())
    });
}

#[test]
fn equal_sides_are_the_result_unless_the_rule_adds_up() {
    for_all_rules(|rule, (base, side, _)| {
        if !rule.adds_up() {
            prop_assert_eq!(rule.merge(base.as_deref(), &side, &side), Ok(side));
        }
        Ok(())
    });
}

#[test]
fn swapping_the_sides_gives_the_same_bytes() {
    for_all_rules(|rule, (base, ours, theirs)| {
        let one = rule.merge(base.as_deref(), &ours, &theirs).ok();
        let other = rule.merge(base.as_deref(), &theirs, &ours).ok();
        prop_assert_eq!(one, other);
        Ok(())
    });
}

#[test]
fn merging_a_side_again_changes_nothing() {
    for_all_rules(|rule, (base, ours, theirs)| {
        // After a merge the side that was merged in is the common base.
        if let Ok(merged) = rule.merge(base.as_deref(), &ours, &theirs) {
            prop_assert_eq!(rule.merge(Some(&theirs), &merged, &theirs), Ok(merged));
        }
        Ok(())
    });
}

#[test]
fn a_merge_of_values_of_the_type_is_of_the_type_again() {
    for_all_rules(|rule, (base, ours, theirs)| {
        if base.as_ref() == Some(&ours) || base.as_ref() == Some(&theirs) || ours == theirs {
            return Ok(());
        }
        if let Ok(merged) = rule.merge(base.as_deref(), &ours, &theirs) {
            let again = rule.merge(Some(&ours), &merged, &theirs);
            prop_assert!(!again.is_err_and(|conflict| conflict.reason.contains("bad ")));
        }
        Ok(())
    });
}
