//! Rules: who may do what, where.

use std::fmt;
use std::sync::Arc;

use irminsule::Path;
use serde::Deserialize;

use super::caller::{ANONYMOUS, Principal};
use super::paths::PathSet;
use super::pattern::Pattern;
use crate::service::error::ServiceError;
use crate::service::toml_text::problem;

/// What a rule grants. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// See.
    Read,
    /// See and change.
    Write,
    /// All, with what concerns a repository as a whole.
    Admin,
}

impl Right {
    /// All of them, smallest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        })
    }
}

/// A rule grants a right; there are none that take one away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// To whom. `anonymous`: to everybody, also who does not say who it is.
    pub principal: Pattern,
    /// In which repositories.
    pub repo: Pattern,
    /// On which branches; tags, remotes' branches and pins by their full names (`tags/v1`).
    pub branch: Pattern,
    /// At and below which path.
    pub path: Path,
    /// What.
    pub right: Right,
}

/// Rules as text: `[[rule]]` tables of TOML.
///
/// ```
/// use irmin_server::service::{Principal, Right, Rules};
/// let rules = Rules::parse(r#"
///     [[rule]]
///     principal = "ada"
///     branch = "main"
///     path = "docs"
///     right = "write"
/// "#)?;
/// let grants = rules.grants(Some(&Principal::new("ada")?), "any");
/// assert!(grants.on("main", Right::Write).covers(&irminsule::Path::parse("docs/a")?));
/// assert!(grants.on("main", Right::Read).prefixes().len() == 1);
/// assert!(rules.grants(None, "any").is_empty());
/// # Ok::<(), irmin_server::service::ServiceError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Row>,
}

/// A rule as it is written, for files that have more than rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    principal: String,
    repo: Option<String>,
    branch: Option<String>,
    path: Option<String>,
    right: Right,
}

impl Rules {
    /// Makes rules of a list.
    #[must_use]
    pub const fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Reads a file of rules. `repo`, `branch` and `path` may be left out and mean all then.
    ///
    /// # Errors
    /// [`ServiceError`] with the line, the name or the path that is wrong.
    pub fn parse(text: &str) -> Result<Self, ServiceError> {
        let file: File =
            toml::from_str(text).map_err(|error| ServiceError::invalid(problem(text, &error)))?;
        let rules = file.rule.into_iter().map(|row| {
            let pattern =
                |text: Option<String>| text.map_or_else(Pattern::everything, Pattern::new);
            Ok(Rule {
                principal: Pattern::new(row.principal),
                repo: pattern(row.repo),
                branch: pattern(row.branch),
                path: Path::parse(row.path.unwrap_or_default())?,
                right: row.right,
            })
        });
        Ok(Self(rules.collect::<Result<_, ServiceError>>()?))
    }

    /// Tells whether there is no rule.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what they grant to somebody in a repository. Linear in the number of rules.
    #[must_use]
    pub fn grants(&self, principal: Option<&Principal>, repo: &str) -> Grants {
        let is_for = |rule: &&Rule| {
            let matches = principal.is_some_and(|name| rule.principal.matches(name.as_str()));
            rule.repo.matches(repo) && (matches || rule.principal.to_string() == ANONYMOUS)
        };
        Grants(Granted::Rules(
            self.0.iter().filter(is_for).cloned().collect(),
        ))
    }

    /// Tells whether somebody may administer the server as a whole: a rule grants `admin` in all
    /// repositories, on all branches and paths.
    #[must_use]
    pub fn is_server_admin(&self, principal: Option<&Principal>) -> bool {
        let Some(principal) = principal else {
            return false;
        };
        self.0.iter().any(|rule| {
            rule.principal.matches(principal.as_str())
                && (rule.repo.is_everything() || rule.repo == Pattern::new("*"))
                && is_whole(rule, Right::Admin)
        })
    }
}

/// What somebody may do in a repository. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants(Granted);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Granted {
    Everything,
    Rules(Arc<[Rule]>),
}

impl Grants {
    /// Returns all rights.
    #[must_use]
    pub const fn everything() -> Self {
        Self(Granted::Everything)
    }

    /// Returns no right.
    #[must_use]
    pub fn nothing() -> Self {
        Self(Granted::Rules(Arc::default()))
    }

    /// Tells whether nothing is granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Granted::Rules(rules) if rules.is_empty())
    }

    /// Returns the paths on which a right is granted on a branch, given by its short name; on another
    /// name, by its full one. Linear in the number of rules that are for the caller.
    #[must_use]
    pub fn on(&self, branch: &str, right: Right) -> PathSet {
        match &self.0 {
            Granted::Everything => PathSet::all(),
            Granted::Rules(rules) => rules
                .iter()
                .filter(|rule| rule.right >= right && rule.branch.matches(branch))
                .map(|rule| rule.path.clone())
                .collect(),
        }
    }

    /// Tells whether a rule grants a right on all of some branch.
    #[must_use]
    pub fn on_some_branch(&self, right: Right) -> bool {
        match &self.0 {
            Granted::Everything => true,
            Granted::Rules(rules) => rules
                .iter()
                .any(|rule| rule.right >= right && rule.path.is_root()),
        }
    }

    /// Tells whether one rule grants a right on the whole repository.
    #[must_use]
    pub fn on_repo(&self, right: Right) -> bool {
        match &self.0 {
            Granted::Everything => true,
            Granted::Rules(rules) => rules.iter().any(|rule| is_whole(rule, right)),
        }
    }
}

fn is_whole(rule: &Rule, right: Right) -> bool {
    rule.right >= right && rule.branch.is_everything() && rule.path.is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::parse(
            r#"
            [[rule]]
            principal = "root"
            right = "admin"

            [[rule]]
            principal = "*-bot"
            repo = "site"
            branch = "ci/*"
            path = "out"
            right = "write"

            [[rule]]
            principal = "anonymous"
            repo = "site"
            branch = "main"
            right = "read"
            "#,
        )
        .unwrap()
    }

    #[test]
    fn what_is_wrong_with_a_file_of_rules_is_said_in_one_line() {
        let text = "[[rule]]\nprincipal = 'ada'\nright = 'raed'\n";
        let error = Rules::parse(text).unwrap_err();
        assert_eq!(
            error.message,
            "line 3: unknown variant `raed`, expected one of `read`, `write`, `admin`"
        );
        let error = Rules::parse("[[rule]]\nrubbish\n").unwrap_err();
        assert!(error.message.starts_with("line 2: "), "{}", error.message);
        assert!(!error.message.contains('\n'), "{}", error.message);
    }

    fn name(text: &str) -> Principal {
        Principal::new(text).unwrap()
    }

    #[test]
    fn what_everybody_may_a_known_principal_may_too_and_nothing_else() {
        let (rules, bot) = (rules(), name("test-bot"));
        let grants = rules.grants(Some(&bot), "site");
        assert!(grants.on("main", Right::Read).is_all());
        assert!(grants.on("main", Right::Write).is_empty());
        assert_eq!(
            grants.on("ci/1", Right::Write).prefixes(),
            [Path::parse("out").unwrap()]
        );
        assert!(grants.on("ci/1/2", Right::Read).is_empty());
        assert!(rules.grants(Some(&bot), "other").is_empty());
        assert!(rules.grants(None, "site").on("main", Right::Read).is_all());
        assert!(rules.grants(None, "other").is_empty());
    }

    #[test]
    fn admin_of_everything_is_admin_of_the_server_and_nobody_else_is() {
        let rules = rules();
        assert!(rules.is_server_admin(Some(&name("root"))));
        assert!(!rules.is_server_admin(Some(&name("test-bot"))));
        assert!(!rules.is_server_admin(None));
        assert!(rules.grants(Some(&name("root")), "x").on_repo(Right::Admin));
        let everybody = Rules::parse("[[rule]]\nprincipal = 'anonymous'\nright = 'admin'").unwrap();
        assert!(!everybody.is_server_admin(None));
    }

    #[test]
    fn a_rule_with_a_misspelt_key_right_or_path_is_refused() {
        for bad in [
            "[[rule]]\nprincipal = 'a'\nright = 'owner'",
            "[[rule]]\nprincipal = 'a'\nrights = 'read'",
            "[[rule]]\nright = 'read'",
            "[[rule]]\nprincipal = 'a'\nright = 'read'\npath = '../x'",
            "[[rules]]\nprincipal = 'a'\nright = 'read'",
        ] {
            assert!(Rules::parse(bad).is_err(), "{bad}");
        }
    }
}
