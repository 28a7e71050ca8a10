//! `/r/<repository>/commit/<revision>`: who, when, why, and what changed.

use axum::response::Response;
use irminsule::Path;
use maud::{Markup, html};

use crate::service::{Cursor, Result, Scope, Snapshot};
use crate::web::layout::{Page, Tab};
use crate::web::parts::changes::{Between, CHANGES};
use crate::web::parts::commits;
use crate::web::place::{Place, link};
use crate::web::text::readable;
use crate::web::{Asked, Reply};

/// Shows a commit.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, _, place| page(scope, place).map(Reply::from))
        .await
}

fn page(scope: &Scope, place: &Place) -> Result<Page> {
    let repo = &place.repo;
    let commit = scope.resolve(&place.rev)?;
    let id = commit.id().to_string();
    let parents = parents(scope, &commit)?;
    let chosen = usize::try_from(place.query.number("parent"))
        .unwrap_or(0)
        .min(parents.len().saturating_sub(1));
    let body = html! {
        (commits::message(commit.info()))
        (facts(repo, &commit, &parents))
        div.bar {
            a.button href=(link(repo, "tree", &id, &Path::root())) { "All files" }
            a href=(link(repo, "log", &id, &Path::root())) { "History from here" }
        }
        h2 { "What changed" }
        @if parents.len() > 1 {
            p {
                "Compared with parent "
                @for (index, parent) in parents.iter().enumerate() {
                    a.tag href=(format!("?parent={index}")) aria-current=[(index == chosen).then_some("true")] {
                        (index + 1) ": " (parent.id().short())
                    }
                    " "
                }
            }
        }
        @match commit.is_cut() {
            true => { p.quiet { "The contents of this commit are no longer kept." } }
            false => { (changes(scope, place, &commit, parents.get(chosen))?) }
        }
    };
    Ok(Page::new(commits::subject(commit.info()), body).about(repo, &id, Tab::History))
}

/// Returns the parents that the caller may see.
fn parents(scope: &Scope, commit: &Snapshot) -> Result<Vec<Snapshot>> {
    let mut parents = Vec::new();
    for parent in commit.parents() {
        match scope.resolve(&parent.to_string()) {
            Ok(parent) => parents.push(parent),
            Err(error) if error.kind == crate::service::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(parents)
}

fn facts(repo: &str, commit: &Snapshot, parents: &[Snapshot]) -> Markup {
    let info = commit.info();
    let who = |signature: &irminsule::Signature| {
        html! {
            (commits::who(signature))
            @if !signature.email().is_empty() { " " span.quiet { "<" (readable(signature.email())) ">" } }
            ", " (commits::when(signature))
        }
    };
    html! {
        dl.facts {
            dt { "Author" } dd { (who(&info.author)) }
            @if info.committer != info.author { dt { "Committer" } dd { (who(&info.committer)) } }
            @if let Some(principal) = commits::principal(info) { dt { "Made through the server by" } dd { (principal) } }
            dt { "Commit" } dd.mono { (commit.id()) }
            @if !parents.is_empty() {
                dt { (if parents.len() == 1 { "Parent" } else { "Parents" }) }
                dd {
                    @for (index, parent) in parents.iter().enumerate() {
                        @if index > 0 { br; }
                        (commits::id_link(repo, parent)) " " (commits::subject(parent.info()))
                    }
                }
            }
        }
    }
}

fn changes(
    scope: &Scope,
    place: &Place,
    commit: &Snapshot,
    parent: Option<&Snapshot>,
) -> Result<Markup> {
    let parent = parent.filter(|parent| !parent.is_cut());
    let after = match place.query.bytes("after") {
        Some(after) => Some(Path::parse(after)?),
        None => None,
    };
    let cursor = Cursor {
        after,
        limit: CHANGES,
    };
    let changes = scope.diff(parent, commit, &place.path, &cursor)?;
    let (new, old) = (
        commit.id().to_string(),
        parent.map(|parent| parent.id().to_string()),
    );
    let here = format!(
        "{}?parent={}",
        place.link("commit"),
        place.query.number("parent")
    );
    let between = Between {
        repo: &place.repo,
        old: old.as_deref(),
        new: &new,
        here: &here,
    };
    between.draw(&changes)
}
