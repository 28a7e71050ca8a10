//! Patterns over paths.

use crate::{Path, Step};

/// A pattern that a whole path matches or not, from the root on.
///
/// | | matches |
/// |---|---|
/// | `*` | any bytes within one step, also none |
/// | `?` | one byte |
/// | `[a-z_]`, `[!a-z]` | one byte of, or not of, the set; `]` as the first one is itself |
/// | `**` | as a whole step: any number of steps, also none |
/// | `\` | takes the next byte as it is |
///
/// Everything else is itself. Empty steps are dropped as in a path. Matching takes at most pattern
/// times path steps in time, and no memory: there is no pattern that is slow.
///
/// ```
/// use irmin_core::rules::Pattern;
/// use irmin_core::Path;
/// let pattern = Pattern::parse(b"src/**/*.rs")?;
/// assert!(pattern.matches(&Path::parse("src/main.rs")?));
/// assert!(pattern.matches(&Path::parse("src/a/b/main.rs")?));
/// assert!(!pattern.matches(&Path::parse("main.rs")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<StepPattern>);

/// The longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;

/// Why bytes are no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad pattern: {reason}")]
pub struct PatternError {
    /// The rule that it breaks.
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum StepPattern {
    /// `**`
    AnySteps,
    Bytes(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Any,
    Many,
    Set { ranges: Vec<(u8, u8)>, not: bool },
}

impl Pattern {
    /// Reads a pattern. Linear in its length.
    ///
    /// # Errors
    /// [`PatternError`] when it is empty or longer than [`PATTERN_BYTES_MAX`], when a `[` has no
    /// `]`, a range runs backwards, a `\` ends it, or `**` is only a part of a step.
    pub fn parse(bytes: &[u8]) -> Result<Self, PatternError> {
        if bytes.len() > PATTERN_BYTES_MAX {
            return Err(error("longer than 4096 bytes"));
        }
        let mut steps = Vec::new();
        let mut step = Vec::new();
        let mut rest = bytes;
        loop {
            match rest.split_first() {
                Some((b'/', after)) => {
                    finish_step(&mut steps, &mut step)?;
                    rest = after;
                }
                Some(_) => step.push(take_token(&mut rest)?),
                None => break,
            }
        }
        finish_step(&mut steps, &mut step)?;
        if steps.is_empty() {
            return Err(error("empty"));
        }
        Ok(Self(steps))
    }

    /// Tells whether the whole path matches.
    #[must_use]
    pub fn matches(&self, path: &Path) -> bool {
        let any = |step: &StepPattern| matches!(step, StepPattern::AnySteps);
        let one = |step: &StepPattern, name: &Step| match step {
            StepPattern::AnySteps => false,
            StepPattern::Bytes(tokens) => matches_bytes(tokens, name),
        };
        wildcard(&self.0, path.steps(), any, one)
    }
}

fn matches_bytes(tokens: &[Token], bytes: &[u8]) -> bool {
    let one = |token: &Token, byte: &u8| match token {
        Token::Byte(expected) => expected == byte,
        Token::Any => true,
        Token::Many => false,
        Token::Set { ranges, not } => {
            ranges
                .iter()
                .any(|(low, high)| (low..=high).contains(&byte))
                != *not
        }
    };
    wildcard(tokens, bytes, |token| matches!(token, Token::Many), one)
}

/// Matches a sequence against tokens of which some stand for any run.
///
/// It is enough to remember the last such token: whatever an earlier one could take in addition,
/// the last one can take as well. So the time is at most the product of the lengths.
fn wildcard<T, I>(
    tokens: &[T],
    items: &[I],
    any: impl Fn(&T) -> bool,
    one: impl Fn(&T, &I) -> bool,
) -> bool {
    let (mut token, mut item) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (tokens.get(token), items.get(item)) {
            (None, None) => return true,
            (Some(run), _) if any(run) => {
                retry = Some((token + 1, item));
                token += 1;
                continue;
            }
            (Some(expected), Some(found)) if one(expected, found) => {
                token += 1;
                item += 1;
                continue;
            }
            (_, None) => return false,
            _ => {}
        }
        let Some((after, taken)) = &mut retry else {
            return false;
        };
        *taken += 1;
        (token, item) = (*after, *taken);
    }
}

fn finish_step(steps: &mut Vec<StepPattern>, step: &mut Vec<Token>) -> Result<(), PatternError> {
    let tokens = std::mem::take(step);
    match tokens.as_slice() {
        [] => {}
        [Token::Many, Token::Many] => steps.push(StepPattern::AnySteps),
        _ if tokens
            .windows(2)
            .any(|pair| pair == [Token::Many, Token::Many]) =>
        {
            return Err(error("'**' must be a whole step, as in 'a/**/b'"));
        }
        _ => steps.push(StepPattern::Bytes(tokens)),
    }
    Ok(())
}

/// Takes one token from the front of the pattern, which is not empty.
fn take_token(rest: &mut &[u8]) -> Result<Token, PatternError> {
    let (token, after) = match *rest {
        [b'\\', b'/', ..] | [b'\\'] => return Err(error("'\\' must precede a byte of a step")),
        [b'\\', byte, after @ ..] => (Token::Byte(*byte), after),
        [b'*', after @ ..] => (Token::Many, after),
        [b'?', after @ ..] => (Token::Any, after),
        [b'[', after @ ..] => return take_set(rest, after),
        [byte, after @ ..] => (Token::Byte(*byte), after),
        [] => return Err(error("empty")),
    };
    *rest = after;
    Ok(token)
}

fn take_set<'a>(rest: &mut &'a [u8], after: &'a [u8]) -> Result<Token, PatternError> {
    let inverted = after.strip_prefix(b"!").or(after.strip_prefix(b"^"));
    let mut members = inverted.unwrap_or(after);
    let mut ranges = Vec::new();
    loop {
        let (low, high, next) = match members {
            [b']', next @ ..] if !ranges.is_empty() => {
                *rest = next;
                let not = inverted.is_some();
                return Ok(Token::Set { ranges, not });
            }
            [] | [b'/', ..] => return Err(error("'[' without ']'")),
            [low, b'-', high, next @ ..] if *high != b']' && *high != b'/' => (*low, *high, next),
            [byte, next @ ..] => (*byte, *byte, next),
        };
        if low > high {
            return Err(error("a range in '[…]' runs backwards"));
        }
        ranges.push((low, high));
        members = next;
    }
}

const fn error(reason: &'static str) -> PatternError {
    PatternError { reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let pattern = Pattern::parse(pattern.as_bytes()).unwrap();
        pattern.matches(&Path::parse(path).unwrap())
    }

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path) in [
            ("a", "a"),
            ("/a/", "a"),
            ("a/*", "a/b"),
            ("a/*.c", "a/.c"),
            ("*", "abc"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[^a]", "b"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("**", "a/b/c"),
            ("**/b", "b"),
            ("**/b", "a/a/b"),
            ("a/**", "a"),
            ("a/**", "a/b/c"),
            ("a/**/z", "a/z"),
            ("a/**/z", "a/b/c/z"),
            ("**/x/**", "a/x/b"),
            ("\\*", "*"),
            ("*a*b*", "xaxbx"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("a", "a/b"),
            ("a", "b"),
            ("a/*", "a/b/c"),
            ("a/*", "a"),
            ("*.c", "a/b.c"),
            ("a?c", "ac"),
            ("[!a-c]x", "bx"),
            ("**/b", "a/c"),
            ("a/**/z", "a/b"),
            ("\\*", "a"),
            ("*a*b", "xbxa"),
            ("A", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn bad_patterns_are_refused() {
        for bad in [
            "", "/", "[a", "[", "[]", "[z-a]", "a\\", "a**", "**b", "***", "[a/b]", "\\/",
        ] {
            assert!(Pattern::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Pattern::parse(&[b'a'; PATTERN_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn no_pattern_is_slow() {
        let steps = vec!["a".repeat(200); 100].join("/");
        assert!(!matches(&("**/a/".repeat(200) + "b"), &steps));
        assert!(!matches(&("*a".repeat(1000) + "b"), &"a".repeat(255)));
    }

    /// What the patterns mean, by trying everything.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|at| naive(rest, &text[at..])),
            [b'?', rest @ ..] => !text.is_empty() && naive(rest, &text[1..]),
            [byte, rest @ ..] => text.first() == Some(byte) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn steps_match_as_the_naive_matcher_says(pattern in "[ab?*]{1,8}", text in "[ab]{1,8}") {
            prop_assume!(!pattern.contains("**"));
            prop_assert_eq!(matches(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn runs_of_steps_match_as_the_naive_matcher_says(
            pattern in prop::collection::vec("[ab*]", 1..7), path in prop::collection::vec("[ab]", 1..7),
        ) {
            let steps: Vec<&str> =
                pattern.iter().map(|step| if step == "*" { "**" } else { step }).collect();
            let expected = naive(pattern.concat().as_bytes(), path.concat().as_bytes());
            prop_assert_eq!(matches(&steps.join("/"), &path.join("/")), expected);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let _ = Pattern::parse(&bytes);
        }
    }
}
