//! Commits: who, when, why.

use irminsule::{CommitInfo, Path, Signature};
use maud::{Markup, html};

use crate::service::{PRINCIPAL_HEADER, Snapshot};
use crate::web::place::link;
use crate::web::text::{readable, time};

/// Draws when something was.
pub(in crate::web) fn when(signature: &Signature) -> Markup {
    let at = signature.time();
    html! { time datetime=(at) { (time(at)) } }
}

/// Draws who signed, by name.
pub(in crate::web) fn who(signature: &Signature) -> String {
    match signature.name().is_empty() {
        true => "somebody".to_owned(),
        false => readable(signature.name()),
    }
}

/// Returns the first line of the message, or something in its place.
pub(in crate::web) fn subject(info: &CommitInfo) -> String {
    match info.subject() {
        subject if subject.is_empty() => "(no message)".to_owned(),
        subject => readable(subject.as_bytes()),
    }
}

/// Draws a link to a commit, under the first digits of its id.
pub(in crate::web) fn id_link(repo: &str, commit: &Snapshot) -> Markup {
    let id = commit.id();
    html! { a.mono href=(link(repo, "commit", &id.to_string(), &Path::root())) { (id.short()) } }
}

/// Draws a link to a commit, under its subject.
pub(in crate::web) fn subject_link(repo: &str, commit: &Snapshot) -> Markup {
    let id = commit.id().to_string();
    html! { a href=(link(repo, "commit", &id, &Path::root())) { (subject(commit.info())) } }
}

/// Draws the message, as it was written.
pub(in crate::web) fn message(info: &CommitInfo) -> Markup {
    let text = String::from_utf8_lossy(&info.message);
    let lines: Vec<String> = text
        .trim_end()
        .lines()
        .map(crate::web::value::visible)
        .collect();
    let mut rest = lines
        .iter()
        .skip(1)
        .skip_while(|line| line.is_empty())
        .peekable();
    html! {
        h1 { (subject(info)) }
        @if rest.peek().is_some() {
            p.message { @for line in rest { (line) "\n" } }
        }
    }
}

/// Returns the principal that the server noted.
pub(in crate::web) fn principal(info: &CommitInfo) -> Option<String> {
    let found = info
        .extra
        .iter()
        .find(|(key, _)| key == PRINCIPAL_HEADER.as_bytes());
    found.map(|(_, value)| readable(value))
}
