//! Merge rules: the file that names them, and the values that they merge.

use irmin_core::Path;
use irmin_core::rules::text::{Labels, diff3_markers};
use irmin_core::rules::{MergeRule, Pattern, RuleTypes, Rules, counter, hlc::Hlc, register, set};

use crate::input::Input;

/// The longest value: the merge of texts may take quadratic time.
const VALUE_BYTES_MAX: usize = 1_000;

/// What was read is written as it was, and answers for any path.
pub(crate) fn rules(bytes: &[u8]) {
    let _other = Pattern::parse(bytes).map(|pattern| pattern.matches(&Path::root()));
    let Ok(mut rules) = Rules::parse(bytes) else {
        return;
    };
    assert_eq!(rules.to_bytes(), bytes);
    let patterns: Vec<_> = rules.iter().map(|(pattern, _)| pattern.to_vec()).collect();
    for pattern in patterns {
        if let Ok(path) = Path::parse(&pattern) {
            let _found = rules.rule_for(&path);
        }
        rules.set(&pattern, "counter").expect("it is a pattern");
    }
    let _any = rules.adds_up();
}

/// The input is the number of a rule and three values. The laws of `irmin_core::rules` hold.
pub(crate) fn merges(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let types = RuleTypes::default();
    let number = usize::from(input.byte()) % types.names().count();
    let rule = types.names().nth(number).and_then(|name| types.get(name));
    let rule = rule.expect("it is one of the names").as_ref();
    let mut value = || {
        let piece = input.piece();
        &piece[..piece.len().min(VALUE_BYTES_MAX)]
    };
    let (base, ours, theirs) = (value(), value(), value());
    check_laws(rule, base, ours, theirs);
    check_values(ours);
    let labels = Labels {
        base: "base",
        ours: "ours",
        theirs: "theirs",
    };
    let _marked = diff3_markers(base, ours, theirs, labels);
}

fn check_laws(rule: &dyn MergeRule, base: &[u8], ours: &[u8], theirs: &[u8]) {
    let merge = |base, ours, theirs| rule.merge(base, ours, theirs);
    for base in [Some(base), None] {
        let merged = merge(base, ours, theirs).ok();
        assert_eq!(merged, merge(base, theirs, ours).ok(), "sides differ");
    }
    if let Ok(merged) = merge(Some(base), base, theirs) {
        assert_eq!(merged, theirs, "a change of one side");
    }
    if !rule.adds_up()
        && let Ok(merged) = merge(Some(base), ours, ours)
    {
        assert_eq!(merged, ours, "the same change");
    }
}

fn check_values(bytes: &[u8]) {
    if let Ok(number) = counter::parse(bytes) {
        assert_eq!(counter::parse(&counter::format(number)), Ok(number));
    }
    if let Ok((stamp, value)) = register::decode(bytes) {
        let again = register::encode(&stamp, value);
        assert_eq!(register::decode(&again), Ok((stamp, value)));
    }
    if let Ok(stamp) = String::from_utf8_lossy(bytes).parse::<Hlc>() {
        assert_eq!(stamp.to_string().parse::<Hlc>(), Ok(stamp));
    }
    let _lines = set::elements(bytes);
}
