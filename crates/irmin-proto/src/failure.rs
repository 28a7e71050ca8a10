//! What a call that failed says to programs.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of the reasons, as `google.rpc.ErrorInfo` asks for one.
pub const DOMAIN: &str = "irmin";

/// The longest message and the longest fact, in bytes. They travel in the trailers, of which many
/// clients take 16 KiB in all, and bytes that are not printable take three each.
const TEXT_BYTES_MAX: usize = 1024;

/// What an error says beside its code and its message: the standard `google.rpc.ErrorInfo` and
/// `google.rpc.RetryInfo` in the details of a status.
///
/// ```
/// use irmin_proto::Failure;
/// use tonic::Code;
///
/// let failure = Failure::new("gone").fact("commit", "4a…");
/// let status = failure.to_status(Code::FailedPrecondition, "the commit is not kept any more");
/// assert_eq!(Failure::of(&status), Some(failure));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, such as `not_found`: PROTOCOL.md lists the reasons.
    pub reason: String,
    /// When it is worth to try again, if the server knows.
    pub retry_after: Option<Duration>,
    /// What it is about, such as `path` or `missing`: PROTOCOL.md lists the names.
    pub facts: BTreeMap<String, String>,
}

impl Failure {
    /// Makes a failure without facts.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            ..Self::default()
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.insert(name.into(), value.into());
        self
    }

    /// Returns the status that says it. Texts that are too long for trailers are cut.
    #[must_use]
    pub fn to_status(&self, code: Code, message: &str) -> Status {
        let facts = self
            .facts
            .iter()
            .map(|(name, value)| (name.clone(), cut(value).to_owned()));
        let mut details = ErrorDetails::new();
        details.set_error_info(
            self.reason.clone(),
            DOMAIN,
            facts.collect::<HashMap<_, _>>(),
        );
        if let Some(after) = self.retry_after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(code, cut(message), details)
    }

    /// Reads what a status says; `None` when it does not come from this protocol.
    #[must_use]
    pub fn of(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info()?;
        let retry = status.get_details_retry_info();
        (info.domain == DOMAIN).then(|| Self {
            reason: info.reason,
            retry_after: retry.and_then(|retry| retry.retry_delay),
            facts: info.metadata.into_iter().collect(),
        })
    }
}

/// Returns the beginning of a text that is too long.
fn cut(text: &str) -> &str {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    let ends = (0..=TEXT_BYTES_MAX).rev();
    ends.filter_map(|end| text.get(..end))
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_back_as_it_was_written() {
        let failure = Failure {
            retry_after: Some(Duration::from_millis(1500)),
            ..Failure::new("unavailable")
                .fact("path", "a/b")
                .fact("missing", "00")
        };
        let status = failure.to_status(Code::Unavailable, "later");
        assert_eq!(Failure::of(&status), Some(failure));
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "later")
        );
    }

    #[test]
    fn a_status_of_others_has_no_failure_of_ours() {
        assert_eq!(Failure::of(&Status::internal("x")), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let status = Failure::new("invalid").to_status(Code::InvalidArgument, &"€".repeat(2000));
        assert_eq!(status.message().len(), 1023);
    }
}
