//! The file that says which paths have which rule.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{
    MergeRule, Pattern, bytes::Bytes, counter::Counter, json::Json, log::Log, map::Map, max::Max,
    min::Min, queue::Queue, register::Register, set::Set, text::Text,
};
use crate::Path;

/// Where a repository keeps its rules: a path in its trees.
pub const RULES_PATH: &str = ".irmin/rules";

/// The content types that rules can name: the built-in ones and those a program adds.
#[derive(Clone, Debug)]
pub struct RuleTypes(BTreeMap<String, Arc<dyn MergeRule>>);

impl Default for RuleTypes {
    /// Returns the built-in types.
    fn default() -> Self {
        let builtin: [Arc<dyn MergeRule>; 11] = [
            Arc::new(Bytes),
            Arc::new(Counter),
            Arc::new(Json),
            Arc::new(Log),
            Arc::new(Map),
            Arc::new(Max),
            Arc::new(Min),
            Arc::new(Queue),
            Arc::new(Register),
            Arc::new(Set),
            Arc::new(Text),
        ];
        Self(builtin.map(|rule| (rule.name().to_owned(), rule)).into())
    }
}

impl RuleTypes {
    /// Adds a type, or replaces the one of the same name. Replicas that lack it cannot read rules
    /// that name it.
    #[must_use]
    pub fn with(mut self, rule: Arc<dyn MergeRule>) -> Self {
        self.0.insert(rule.name().to_owned(), rule);
        self
    }

    /// Returns the type of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn MergeRule>> {
        self.0.get(name)
    }

    /// Returns the names of all types in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Reads rules that name these types. Linear in their length.
    ///
    /// # Errors
    /// [`RulesError`] for the first line that is no rule.
    pub fn parse(self, bytes: &[u8]) -> Result<Rules, RulesError> {
        let lines = bytes.split_inclusive(|&byte| byte == b'\n').enumerate();
        let lines = lines.map(|(index, line)| self.parse_line(index + 1, line));
        Ok(Rules {
            lines: lines.collect::<Result<_, _>>()?,
            default: Arc::new(Bytes),
            own: Arc::new(Text),
            types: self,
        })
    }

    fn parse_line(&self, number: usize, line: &[u8]) -> Result<Line, RulesError> {
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            let (bytes, rule) = (line.to_vec(), None);
            return Ok(Line { bytes, rule });
        }
        let error = |reason| RulesError {
            line: number,
            text: shown(text),
            reason,
        };
        let blank = text.iter().rposition(u8::is_ascii_whitespace);
        let (pattern, name) = blank
            .map(|at| text.split_at(at))
            .ok_or_else(|| error(format!("'PATTERN TYPE' expected, with TYPE one of {self}")))?;
        let name = String::from_utf8_lossy(name.trim_ascii());
        let merge = self.get(&name).ok_or_else(|| {
            let name = shown(name.as_bytes());
            error(format!("unknown type '{name}', expected one of {self}"))
        })?;
        let source = pattern.trim_ascii().to_vec();
        let pattern = Pattern::parse(&source).map_err(|bad| error(bad.to_string()))?;
        Ok(Line {
            bytes: line.to_vec(),
            rule: Some(Rule {
                source,
                pattern,
                merge: Arc::clone(merge),
            }),
        })
    }
}

impl fmt::Display for RuleTypes {
    /// Writes the names, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}

/// Which paths have which rule, as written in [`RULES_PATH`].
///
/// Each line is a [pattern](Pattern), blanks and the name of a type; the last line that matches a
/// path decides. Empty lines and lines that start with `#` say nothing. A pattern that starts with
/// `#` is written `\#…`. Paths that no line matches have the rule `bytes`; the file of the rules
/// itself has `text`, unless a line says otherwise.
///
/// ```
/// use irmin_core::rules::Rules;
/// use irmin_core::Path;
///
/// let mut rules = Rules::parse(b"# what machines count\nhits/** counter\n")?;
/// rules.set(b"hits/peak", "max")?;
/// assert_eq!(rules.rule_for(&Path::parse("hits/home")?).name(), "counter");
/// assert_eq!(rules.rule_for(&Path::parse("hits/peak")?).name(), "max");
/// assert_eq!(rules.rule_for(&Path::parse("readme")?).name(), "bytes");
/// assert_eq!(rules.to_bytes(), b"# what machines count\nhits/** counter\nhits/peak max\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    lines: Vec<Line>,
    types: RuleTypes,
    default: Arc<dyn MergeRule>,
    own: Arc<dyn MergeRule>,
}

/// A line as it was written, with its end, and what it says.
#[derive(Clone, Debug)]
struct Line {
    bytes: Vec<u8>,
    rule: Option<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    source: Vec<u8>,
    pattern: Pattern,
    merge: Arc<dyn MergeRule>,
}

impl Default for Rules {
    /// Returns the rules of a repository that has none: no lines, built-in types.
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            types: RuleTypes::default(),
            default: Arc::new(Bytes),
            own: Arc::new(Text),
        }
    }
}

impl Rules {
    /// Reads rules that name built-in types; for others there is [`RuleTypes::parse`].
    ///
    /// # Errors
    /// [`RulesError`] for the first line that is no rule.
    pub fn parse(bytes: &[u8]) -> Result<Self, RulesError> {
        RuleTypes::default().parse(bytes)
    }

    /// Returns the rule of a path. Tries the lines from the last one up.
    #[must_use]
    pub fn rule_for(&self, path: &Path) -> &Arc<dyn MergeRule> {
        let mut rules = self.rules().rev();
        match rules.find(|rule| rule.pattern.matches(path)) {
            Some(rule) => &rule.merge,
            None if is_rules_path(path) => &self.own,
            None => &self.default,
        }
    }

    /// Tells whether any line names a type for which equal changes of both sides
    /// [add up](MergeRule::adds_up). If none does, a merge may take every subtree that is equal on
    /// both sides without looking inside.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.rules().any(|rule| rule.merge.adds_up())
    }

    /// Returns the pattern and the name of the type of each line in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.rules()
            .map(|rule| (rule.source.as_slice(), rule.merge.name()))
    }

    /// Returns the types that lines can name.
    #[must_use]
    pub const fn types(&self) -> &RuleTypes {
        &self.types
    }

    /// Gives a pattern a type: in the last line that has the pattern, otherwise in a new line at the
    /// end. Everything else stays as it was written.
    ///
    /// # Errors
    /// [`RulesError`] when the pattern is bad or would not be read back from a line, or the type is
    /// unknown. Nothing is changed then.
    pub fn set(&mut self, pattern: &[u8], name: &str) -> Result<(), RulesError> {
        let same = |line: &Line| {
            line.rule
                .as_ref()
                .is_some_and(|rule| rule.source == pattern)
        };
        let found = self.lines.iter().rposition(same);
        let number = found.unwrap_or(self.lines.len()) + 1;
        let bytes = [pattern, b" ", name.as_bytes(), b"\n"].concat();
        let line = self.types.parse_line(number, &bytes)?;
        if !same(&line) || pattern.contains(&b'\n') {
            return Err(RulesError {
                line: number,
                text: shown(pattern),
                reason: "a pattern cannot start with '#', start or end with blanks, or contain a \
                         line end: write '\\#', '[ ]' or '?' instead"
                    .to_owned(),
            });
        }
        match found.and_then(|at| self.lines.get_mut(at)) {
            Some(place) => *place = line,
            None => self.append(line),
        }
        Ok(())
    }

    /// Returns the rules as they are kept in [`RULES_PATH`]. What was read and not changed comes
    /// out byte for byte.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines
            .iter()
            .flat_map(|line| &line.bytes)
            .copied()
            .collect()
    }

    fn rules(&self) -> impl DoubleEndedIterator<Item = &Rule> {
        self.lines.iter().filter_map(|line| line.rule.as_ref())
    }

    fn append(&mut self, line: Line) {
        if let Some(last) = self
            .lines
            .last_mut()
            .filter(|last| !last.bytes.ends_with(b"\n"))
        {
            last.bytes.push(b'\n');
        }
        self.lines.push(line);
    }
}

impl fmt::Display for Rules {
    /// Writes the lines, with bytes that are not UTF-8 replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

/// A line of rules that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{RULES_PATH}, line {line}, '{text}': {reason}")]
pub struct RulesError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The start of the line, with control characters escaped and bytes that are not UTF-8 replaced.
    pub text: String,
    /// What is wrong with it, and what was expected.
    pub reason: String,
}

fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.escape_debug().take(TEXT_SHOWN_MAX).collect()
}

/// The longest text of a line in an error, in characters.
const TEXT_SHOWN_MAX: usize = 100;

fn is_rules_path(path: &Path) -> bool {
    let own = RULES_PATH.split('/').map(str::as_bytes);
    path.steps().iter().map(|step| step.as_bytes()).eq(own)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn name_of(rules: &Rules, path: &str) -> String {
        rules
            .rule_for(&Path::parse(path).unwrap())
            .name()
            .to_owned()
    }

    #[test]
    fn the_last_matching_line_decides() {
        let rules = Rules::parse(b"** text\n  a/**   counter\t\r\na/b\tmax\n*/c json").unwrap();
        assert_eq!(name_of(&rules, "x"), "text");
        assert_eq!(name_of(&rules, "a/x"), "counter");
        assert_eq!(name_of(&rules, "a/b"), "max");
        assert_eq!(name_of(&rules, "a/c"), "json");
    }

    #[test]
    fn without_rules_values_are_bytes_and_the_rules_are_text() {
        let mut rules = Rules::default();
        assert_eq!(name_of(&rules, "a"), "bytes");
        assert_eq!(name_of(&rules, RULES_PATH), "text");
        rules.set(b".irmin/*", "set").unwrap();
        assert_eq!(name_of(&rules, RULES_PATH), "set");
    }

    #[test]
    fn every_listed_type_can_be_named() {
        let names = "bytes, counter, json, log, map, max, min, queue, register, set, text";
        assert_eq!(RuleTypes::default().to_string(), names);
        for name in names.split(", ") {
            let rules = Rules::parse(format!("a {name}").as_bytes()).unwrap();
            assert_eq!(name_of(&rules, "a"), name);
        }
    }

    #[test]
    fn errors_name_the_line_and_the_types() {
        let error = Rules::parse(b"# x\n\na countre\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            ".irmin/rules, line 3, 'a countre': unknown type 'countre', expected one of bytes, \
             counter, json, log, map, max, min, queue, register, set, text"
        );
        assert_eq!(Rules::parse(b"a").unwrap_err().line, 1);
        let error = Rules::parse(b"a text\n[b text").unwrap_err();
        assert_eq!(
            (error.line, error.reason.as_str()),
            (2, "bad pattern: '[' without ']'")
        );
    }

    #[test]
    fn setting_a_rule_keeps_comments_order_and_other_lines() {
        let mut rules = Rules::parse(b"# one\na  text\n\nb\tset").unwrap();
        rules.set(b"a", "json").unwrap();
        rules.set(b"c d", "log").unwrap();
        assert_eq!(rules.to_string(), "# one\na json\n\nb\tset\nc d log\n");
        assert_eq!(name_of(&rules, "c d"), "log");
        let all: Vec<_> = rules.iter().collect();
        assert_eq!(all, [(&b"a"[..], "json"), (b"b", "set"), (b"c d", "log")]);
    }

    #[test]
    fn setting_what_would_not_be_read_back_changes_nothing() {
        let mut rules = Rules::parse(b"a text\n").unwrap();
        for (pattern, name) in [
            ("#b", "text"),
            (" b", "text"),
            ("b ", "text"),
            ("b\nc", "text"),
            ("", "text"),
            ("[", "text"),
            ("b", "nothing"),
            ("b", ""),
            ("b", "x text"),
            ("b", "text\nc set"),
        ] {
            assert!(
                rules.set(pattern.as_bytes(), name).is_err(),
                "{pattern:?} {name:?}"
            );
        }
        assert_eq!(rules.to_bytes(), b"a text\n");
    }

    #[test]
    fn whether_equal_changes_add_up_is_known() {
        assert!(!Rules::parse(b"a text\nb log\n").unwrap().adds_up());
        assert!(Rules::parse(b"a text\nb counter\n").unwrap().adds_up());
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn rules_are_written_as_they_were_read(text in "([a*/#]{0,3}[ \t]{0,2}(set|text)?\r?\n?){0,5}") {
            if let Ok(rules) = Rules::parse(text.as_bytes()) {
                prop_assert_eq!(rules.to_string(), text);
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Rules::parse(&bytes);
        }
    }
}
