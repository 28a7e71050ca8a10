//! Which parts of history a collection keeps: rules that a user writes.

mod plan;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::Path;
use crate::commit::calendar_month;
use crate::refs::RefName;
use crate::rules::{Pattern, PatternError};

pub(crate) use plan::{Plan, Policy};

/// How long the history of some branches is kept, and how much of it.
///
/// Written `[BRANCHES:] GRAIN [AGE], GRAIN [AGE], …`, such as `all 7d, hourly 30d, daily 1y` or
/// `release/**: all`. Grains: `all` commits, or the last one of each hour, day, week, month or year
/// (in UTC, by the committer's time): `hourly`, `daily`, `weekly`, `monthly`, `yearly`. Ages: a
/// number of hours `h`, days `d`, weeks `w` or years `y` of 365 days; without one, for ever.
///
/// A commit of the branch's line (its first parents) keeps its contents if one of the grains keeps
/// it; a commit that was merged into it, if `all` does. The others keep only what they say of
/// themselves: who, when, why, and their place in history. History that is older than all ages is
/// cut off: a commit with all its ancestors. What a branch, tag or pin points to is kept in any case.
///
/// BRANCHES is a [pattern](Pattern) for the names of branches, also of those of remotes
/// (`origin/main`); without one, the rule is for all.
///
/// ```
/// use irmin_core::RetentionRule;
/// let rule: RetentionRule = "release/**: all 4w,  monthly".parse()?;
/// assert_eq!(rule.to_string(), "release/**: all 4w, monthly");
/// let error = "all 7 days".parse::<RetentionRule>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "'all 7 days' is no rule: '7 days' is no age; a number and h, d, w or y, such as 7d"
/// );
/// # Ok::<(), irmin_core::RetentionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RetentionRule {
    /// The branches it is for, as written; all of them without one.
    pattern: Option<(String, Pattern)>,
    spans: Vec<Span>,
}

/// One grain with the age up to which it keeps commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    grain: Grain,
    age: Option<Age>,
}

/// Of which stretch of time one commit is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    All,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A number and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Age {
    count: u32,
    unit: char,
}

impl RetentionRule {
    /// Tells whether the rule is for what this name points to: a branch, here or of a remote.
    #[must_use]
    pub fn is_for(&self, name: &RefName) -> bool {
        let Some(branch) = branch_of(name) else {
            return false;
        };
        match &self.pattern {
            None => true,
            Some((_, pattern)) => Path::parse(branch).is_ok_and(|path| pattern.matches(&path)),
        }
    }

    /// Returns from which age in seconds on history is cut off; `None` for never.
    fn horizon(&self) -> Option<i64> {
        let ages = self.spans.iter().map(|span| span.age.map(Age::seconds));
        ages.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Returns up to which age in seconds all commits are kept.
    fn all_age(&self) -> i64 {
        let all = self.spans.iter().filter(|span| span.grain == Grain::All);
        all.map(|span| span.limit()).max().unwrap_or(-1)
    }
}

/// Returns the short name of a branch, with its remote if it has one.
fn branch_of(name: &RefName) -> Option<&str> {
    matches!(name.namespace(), "heads" | "remotes").then(|| name.short())
}

impl Span {
    /// Returns up to which age in seconds it keeps commits.
    fn limit(self) -> i64 {
        self.age.map_or(i64::MAX, Age::seconds)
    }
}

impl Grain {
    const ALL: [(&'static str, Self); 6] = [
        ("all", Self::All),
        ("hourly", Self::Hourly),
        ("daily", Self::Daily),
        ("weekly", Self::Weekly),
        ("monthly", Self::Monthly),
        ("yearly", Self::Yearly),
    ];

    /// Returns a number for the stretch of time that a moment is in; `None` when each commit
    /// counts.
    fn bucket(self, seconds: i64) -> Option<i64> {
        let day = seconds.div_euclid(DAY);
        Some(match self {
            Self::All => return None,
            Self::Hourly => seconds.div_euclid(HOUR),
            Self::Daily => day,
            // The first day of 1970 was a Thursday; weeks begin on Monday.
            Self::Weekly => (day + 3).div_euclid(7),
            Self::Monthly => calendar_month(day),
            Self::Yearly => calendar_month(day).div_euclid(12),
        })
    }
}

impl Age {
    fn seconds(self) -> i64 {
        let unit = match self.unit {
            'h' => HOUR,
            'd' => DAY,
            'w' => 7 * DAY,
            _ => 365 * DAY,
        };
        i64::from(self.count) * unit
    }
}

impl FromStr for RetentionRule {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let error = |reason: String| RetentionError {
            text: text.to_owned(),
            reason,
        };
        let (pattern, spans) = match text.rsplit_once(':') {
            Some((pattern, spans)) => (Some(pattern.trim()), spans),
            None => (None, text),
        };
        let parse = |pattern: &str| Pattern::parse(pattern.as_bytes());
        let pattern = pattern
            .map(|pattern| parse(pattern).map(|parsed| (pattern.to_owned(), parsed)))
            .transpose()
            .map_err(|bad: PatternError| error(bad.to_string()))?;
        let spans = spans.split(',').map(|span| parse_span(span.trim()));
        Ok(Self {
            pattern,
            spans: spans.collect::<Result<_, _>>().map_err(error)?,
        })
    }
}

fn parse_span(text: &str) -> Result<Span, String> {
    let (name, age) = match text.split_once(char::is_whitespace) {
        Some((name, age)) => (name, Some(age.trim())),
        None => (text, None),
    };
    let grain = Grain::ALL.iter().find(|(known, _)| *known == name);
    let names = || Grain::ALL.map(|(name, _)| name).join(", ");
    let &(_, grain) =
        grain.ok_or_else(|| format!("'{name}' is none of {}; such as 'all 7d'", names()))?;
    let age = age.map(parse_age).transpose()?;
    Ok(Span { grain, age })
}

fn parse_age(text: &str) -> Result<Age, String> {
    let bad = || format!("'{text}' is no age; a number and h, d, w or y, such as 7d");
    let unit = text
        .chars()
        .next_back()
        .filter(|unit| "hdwy".contains(*unit));
    let unit = unit.ok_or_else(bad)?;
    let count = text.strip_suffix(unit).unwrap_or_default();
    let count = count.parse().map_err(|_| bad())?;
    Ok(Age { count, unit })
}

impl fmt::Display for RetentionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((pattern, _)) = &self.pattern {
            write!(f, "{pattern}: ")?;
        }
        for (index, span) in self.spans.iter().enumerate() {
            let name = Grain::ALL.iter().find(|(_, grain)| *grain == span.grain);
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", name.map_or("", |(name, _)| name))?;
            if let Some(age) = span.age {
                write!(f, " {}{}", age.count, age.unit)?;
            }
        }
        Ok(())
    }
}

/// Text that is no retention rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no rule: {reason}")]
pub struct RetentionError {
    /// The text.
    pub text: String,
    /// What is wrong with it, and how it is written.
    pub reason: String,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
