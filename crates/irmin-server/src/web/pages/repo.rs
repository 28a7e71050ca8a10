//! `/r/<repository>`: its branches and tags; in an empty one, what this is and how to begin.

use axum::response::Response;
use irminsule::{BranchName, Id, Path};
use maud::{Markup, html};

use crate::service::{Result, Right, Scope};
use crate::web::form;
use crate::web::guard::Visitor;
use crate::web::layout::{Page, Tab};
use crate::web::parts::{
    branches, commits, first_branch, names, names_events, search_form, short_rev,
};
use crate::web::place::{Place, link, page_link, repo_link};
use crate::web::text::{count, percent};
use crate::web::{Asked, Reply};

/// How many branches and tags are shown with their newest commits.
const SHOWN: usize = 200;

/// Shows a repository.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, visitor, place| page(scope, visitor, place).map(Reply::from))
        .await
}

fn page(scope: &Scope, visitor: &Visitor, place: &Place) -> Result<Page> {
    let repo = &place.repo;
    let heads = branches(scope)?;
    let tags = names(scope, "tags/")?;
    let first = first_branch(&heads).unwrap_or_default();
    let may_write = !scope.paths("main", Right::Write).is_empty();
    let body = html! {
        div.bar {
            h1 { (repo) }
            @if !first.is_empty() { (search_form(repo, first, "")) }
        }
        div #names data-part {
            @if heads.is_empty() {
                (welcome(repo, visitor, may_write))
            } @else {
                h2 { "Branches" }
                (table(scope, repo, visitor, &heads, "heads/")?)
            }
            @if !tags.is_empty() {
                h2 { "Tags" }
                (table(scope, repo, visitor, &tags, "tags/")?)
            }
        }
        @if !heads.is_empty() { (new_branch(repo, visitor, first)) }
    };
    let events = names_events(scope, repo)?;
    Ok(Page::new(repo.as_str(), body)
        .about(repo, first, Tab::Overview)
        .live(events))
}

fn table(
    scope: &Scope,
    repo: &str,
    visitor: &Visitor,
    names: &[(String, Id)],
    prefix: &str,
) -> Result<Markup> {
    let mut rows = Vec::new();
    for (name, id) in names.iter().take(SHOWN) {
        rows.push(row(scope, repo, visitor, name, *id, prefix)?);
    }
    Ok(html! {
        div.sheet {
            table {
                thead {
                    tr {
                        th scope="col" { "Name" }
                        th scope="col" { "Newest commit" }
                        th.wide scope="col" { "When" }
                        th scope="col" { span.unseen { "What to do" } }
                    }
                }
                tbody { @for row in &rows { (row) } }
            }
        }
        @if names.len() > SHOWN { p.hint { "And " (count((names.len() - SHOWN) as u64)) " more." } }
    })
}

fn row(
    scope: &Scope,
    repo: &str,
    visitor: &Visitor,
    name: &str,
    id: Id,
    prefix: &str,
) -> Result<Markup> {
    let is_branch = prefix == "heads/";
    let at = match is_branch {
        true => scope.head(name)?,
        false => Some(scope.resolve(name)?),
    };
    let compare = format!(
        "{}?from=main&to={}",
        page_link(repo, "compare"),
        percent(name.as_bytes())
    );
    Ok(html! {
        tr {
            td.dir { a href=(link(repo, "tree", name, &Path::root())) { (name) } }
            td {
                @if let Some(at) = &at {
                    (commits::subject_link(repo, at))
                    span.quiet { " by " (commits::who(&at.info().author)) }
                }
            }
            td.tight.wide { @if let Some(at) = &at { (commits::when(&at.info().author)) } }
            td.actions {
                a href=(link(repo, "log", name, &Path::root())) { "History" span.unseen { " of " (name) } }
                @if is_branch && name != "main" {
                    " · "
                    a href=(compare) { "Compare" span.unseen { " main with " (name) } }
                }
                @if is_branch && scope.may(name, Right::Write) {
                    details {
                        summary { "Delete" span.unseen { " " (name) } "…" }
                        form method="post" action=(format!("{}/delete", page_link(repo, "branches"))) {
                            (form::token(visitor))
                            input type="hidden" name="name" value=(name);
                            input type="hidden" name="seen" value=(id);
                            button.danger { "Delete " (name) }
                        }
                    }
                }
            }
        }
    })
}

fn new_branch(repo: &str, visitor: &Visitor, first: &str) -> Markup {
    html! {
        h2 { "New branch" }
        form method="post" action=(page_link(repo, "branches")) {
            (form::token(visitor))
            div.row {
                div.field.grow {
                    label for="branch" { "Name" }
                    input #branch type="text" name="name" required autocomplete="off" spellcheck="false";
                }
                div.field.grow {
                    label for="from" { "Beginning at" }
                    input #from type="text" name="from" value=(first) required spellcheck="false"
                        aria-describedby="from-hint";
                }
                button { "Make it" }
            }
            p.hint #from-hint { "A branch, a tag, an id, or the like of " code { "main~3" } " and " code { "main@2026-11-01" } "." }
        }
    }
}

/// Says to somebody new what this is, and offers a beginning.
fn welcome(repo: &str, visitor: &Visitor, may_write: bool) -> Markup {
    html! {
        div.notice {
            p { "This repository is empty." }
        }
        p {
            "Irminsule keeps values under paths, as a file system does, and all of their history, as Git does: "
            "each change is a commit, branches are cheap, two branches can be compared and merged, and whoever is "
            "interested is told what changes. All that you see here can also be done with the program "
            code { "irmin" } ", over HTTP and from programs."
        }
        @if may_write {
            h2 { "Make the first value" }
            form method="post" action=(link(repo, "edit", "main", &Path::root())) {
                (form::token(visitor))
                input type="hidden" name="seen" value="absent";
                div.field {
                    label for="path" { "Path" }
                    input #path type="text" name="path" value="greetings/en" required autocomplete="off"
                        spellcheck="false" aria-describedby="path-hint";
                    p.hint #path-hint { "Names between slashes. Directories come to be with the values in them." }
                }
                div.field {
                    label for="value" { "Value" }
                    textarea #value name="text" rows="4" { "\nHello, world\n" }
                }
                div.field {
                    label for="message" { "What you did, for the history" }
                    input #message type="text" name="message" value="Say hello" autocomplete="off";
                }
                button.main { "Commit to main" }
            }
        } @else {
            p { "You may look, but not write." }
        }
    }
}

/// Returns the address of a repository, with a word about what was done there.
pub(in crate::web) fn back(repo: &str) -> Reply {
    Reply::Redirect(repo_link(repo))
}

/// Tells whether a text can be the name of a branch.
pub(in crate::web) fn is_branch_name(name: &str) -> bool {
    BranchName::new(name).is_ok() && short_rev(name) == name
}
