//! `If-Match` and `If-None-Match`: test-and-set on what writes, and no second download of the same.

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use irminsule::Id;

use super::problem::{Problem, Result};
use crate::service::{Details, ErrorKind, Expected, ServiceError};

/// What a header names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    /// These ETags, without quotes; weak ones are marked.
    These(Vec<(String, bool)>),
}

/// The conditions of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    matches: Option<Tags>,
    none_matches: Option<Tags>,
}

/// How a condition came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on.
    Holds,
    /// `If-Match` names something else.
    Failed,
    /// `If-None-Match` names what there is.
    Same,
}

impl Conditions {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self> {
        Ok(Self {
            matches: tags(headers, &IF_MATCH)?,
            none_matches: tags(headers, &IF_NONE_MATCH)?,
        })
    }

    /// Tells whether there are none.
    pub(super) const fn are_none(&self) -> bool {
        self.matches.is_none() && self.none_matches.is_none()
    }

    /// Compares with the ETag of what there is; `None`: there is nothing.
    pub(super) fn verdict(&self, found: Option<&str>) -> Verdict {
        if let Some(tags) = &self.matches
            && !names(tags, found, true)
        {
            return Verdict::Failed;
        }
        match &self.none_matches {
            Some(tags) if names(tags, found, false) => Verdict::Same,
            _ => Verdict::Holds,
        }
    }

    /// Fails as [`Problem::of_conditions`] expects it, unless they hold for what there is: for writes.
    pub(super) fn check(&self, found: Option<Id>) -> Result<(), ServiceError> {
        let text = found.map(|id| id.to_string());
        match self.verdict(text.as_deref()) {
            Verdict::Holds => Ok(()),
            _ => {
                let message = "something else is there than the request's header expects; nothing was changed";
                let error = ServiceError::new(ErrorKind::Conflict, message);
                Err(error.with(Details::Precondition { index: 0, found }))
            }
        }
    }

    /// As [`check`](Self::check), for the head of a branch.
    pub(super) fn check_head(&self, branch: &str, head: Option<Id>) -> Result<(), ServiceError> {
        let text = head.map(|id| id.to_string());
        match self.verdict(text.as_deref()) {
            Verdict::Holds => Ok(()),
            _ => {
                let message = "the branch is elsewhere than the request's header expects; nothing was changed";
                let name = format!("heads/{branch}");
                let error = ServiceError::new(ErrorKind::Conflict, message);
                Err(error.with(Details::Moved {
                    name,
                    current: head,
                }))
            }
        }
    }

    /// Returns where a name must point, for what moves it.
    pub(super) fn expected(&self) -> Result<Expected> {
        match (&self.matches, &self.none_matches) {
            (None, None) => Ok(Expected::Any),
            (Some(Tags::Any), None) => Ok(Expected::Present),
            (None, Some(Tags::Any)) => Ok(Expected::At(None)),
            (Some(Tags::These(tags)), None) => match tags.as_slice() {
                [(tag, false)] => {
                    let id = tag.parse().map_err(|_| no_id())?;
                    Ok(Expected::At(Some(id)))
                }
                _ => Err(no_id()),
            },
            _ => Err(no_id()),
        }
    }
}

fn no_id() -> Problem {
    Problem::invalid(
        "'if-match' has to be one commit's id in quotes here, or '*', or 'if-none-match' to be '*'",
    )
}

fn names(tags: &Tags, found: Option<&str>, is_strong: bool) -> bool {
    match (tags, found) {
        (_, None) => false,
        (Tags::Any, Some(_)) => true,
        (Tags::These(tags), Some(found)) => tags
            .iter()
            .any(|(tag, is_weak)| tag == found && !(is_strong && *is_weak)),
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>> {
    let mut all = Vec::new();
    let mut values = headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    for value in values {
        let text = value.to_str().map_err(|_| bad(name))?;
        for tag in text.split(',').map(str::trim) {
            if tag == "*" {
                return Ok(Some(Tags::Any));
            }
            let (tag, is_weak) = match tag.strip_prefix("W/") {
                Some(tag) => (tag, true),
                None => (tag, false),
            };
            let quoted = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            all.push((quoted.ok_or_else(|| bad(name))?.to_owned(), is_weak));
        }
    }
    Ok(Some(Tags::These(all)))
}

fn bad(name: &HeaderName) -> Problem {
    Problem::invalid(format!(
        "the header '{name}' has to be '*', or ids in quotes"
    ))
}

/// Writes an id as an ETag.
pub(super) fn etag(id: impl std::fmt::Display) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{id}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(name: HeaderName, value: &'static str) -> Result<Conditions> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        Conditions::of(&headers)
    }

    #[test]
    fn if_match_takes_what_is_named_and_nothing_weak() {
        let verdict = |value, found| conditions(IF_MATCH, value).unwrap().verdict(found);
        assert_eq!(verdict("\"a\", \"b\"", Some("b")), Verdict::Holds);
        assert_eq!(verdict("\"a\"", Some("b")), Verdict::Failed);
        assert_eq!(verdict("W/\"a\"", Some("a")), Verdict::Failed);
        assert_eq!(verdict("*", Some("a")), Verdict::Holds);
        assert_eq!(verdict("*", None), Verdict::Failed);
    }

    #[test]
    fn if_none_match_finds_the_same_weak_or_not() {
        let verdict = |value, found| conditions(IF_NONE_MATCH, value).unwrap().verdict(found);
        assert_eq!(verdict("W/\"a\"", Some("a")), Verdict::Same);
        assert_eq!(verdict("\"b\"", Some("a")), Verdict::Holds);
        assert_eq!(verdict("*", None), Verdict::Holds);
        assert_eq!(verdict("*", Some("a")), Verdict::Same);
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        assert!(conditions(IF_MATCH, "a").is_err());
        assert!(conditions(IF_NONE_MATCH, "\"a").is_err());
        assert!(conditions(IF_MATCH, "\"a\"").unwrap().expected().is_err());
    }
}
