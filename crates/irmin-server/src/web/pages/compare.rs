//! `/r/<repository>/compare?from=…&to=…`: what one revision has that another one has not.

use axum::response::Response;
use irminsule::Path;
use maud::{Markup, html};

use crate::service::{Cursor, LogRequest, Result, Right, Scope};
use crate::web::layout::{Page, Tab};
use crate::web::parts::changes::{Between, CHANGES};
use crate::web::parts::{
    Seen, branch_select, branches, commits, first_branch, names_events, short_rev,
};
use crate::web::place::{Place, page_link};
use crate::web::text::{percent, plural};
use crate::web::{Asked, Reply};

/// How many commits of each side are listed.
const COMMITS: usize = 20;

/// Compares two revisions.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, _, place| page(scope, place).map(Reply::from))
        .await
}

fn page(scope: &Scope, place: &Place) -> Result<Page> {
    let repo = &place.repo;
    let branches = branches(scope)?;
    let first = first_branch(&branches).unwrap_or("main").to_owned();
    let from = place.query.filled("from").unwrap_or(&first).to_owned();
    let other = branches
        .iter()
        .map(|(name, _)| name.clone())
        .find(|name| *name != from);
    let asked = place.query.filled("to").map(str::to_owned);
    let to = asked
        .filter(|to| *to != from)
        .or(other)
        .unwrap_or_else(|| from.clone());
    let events = branches.iter().any(|(name, _)| *name == to);
    let body = html! {
        h1 { "Compare" }
        form.row action=(page_link(repo, "compare")) {
            div.field.grow { label for="from" { "From" } (branch_select("from", "from", &branches, &from)) }
            div.field.grow { label for="to" { "To" } (branch_select("to", "to", &branches, &to)) }
            button { "Compare" }
        }
        @match from == to {
            true => { p.quiet { "Choose two: these are the same." } }
            false => { div #compared data-part { (compared(scope, place, &from, &to)?) } }
        }
    };
    let page = Page::new(format!("{} to {}", short_rev(&from), short_rev(&to)), body);
    let page = page.about(repo, &to, Tab::Compare);
    Ok(match events {
        true => page.live(names_events(scope, repo)?),
        false => page,
    })
}

fn compared(scope: &Scope, place: &Place, from: &str, to: &str) -> Result<Markup> {
    let repo = &place.repo;
    let (old, new) = (Seen::find(scope, from)?, Seen::find(scope, to)?);
    let after = match place.query.bytes("after") {
        Some(after) => Some(Path::parse(after)?),
        None => None,
    };
    let cursor = Cursor {
        after,
        limit: CHANGES,
    };
    let changes = scope.diff(Some(&old.at), &new.at, &Path::root(), &cursor)?;
    let here = two(repo, "compare", "from", from, "to", to);
    let between = Between {
        repo,
        old: Some(from),
        new: to,
        here: &here,
    };
    let may_merge = old.is_branch && scope.may(from, Right::Write);
    Ok(html! {
        div.bar {
            a.button href=(two(repo, "compare", "from", to, "to", from)) { "The other way round" }
            @if may_merge { a.button.main href=(two(repo, "merge", "into", from, "from", to)) { "Merge " (short_rev(to)) " into " (from) } }
        }
        (side(scope, repo, &new, &old)?)
        (side(scope, repo, &old, &new)?)
        h2 { "What differs" }
        (between.draw(&changes)?)
    })
}

/// Lists the commits that one side has and the other has not.
fn side(scope: &Scope, repo: &str, has: &Seen, lacks: &Seen) -> Result<Markup> {
    let request = LogRequest {
        exclude: vec![lacks.at.id()],
        limit: COMMITS,
        ..LogRequest::default()
    };
    let log = scope.log(&has.at, &request)?;
    let count = plural(log.commits.len() as u64, "commit", "commits");
    let more = if log.next.is_some() { "More than " } else { "" };
    Ok(html! {
        h2 { (more) (count) " only on " (short_rev(&has.rev)) }
        @if !log.commits.is_empty() {
            div.sheet {
                table {
                    tbody {
                        @for commit in &log.commits {
                            tr {
                                td { (commits::subject_link(repo, commit)) }
                                td.wide { (commits::who(&commit.info().author)) }
                                td.tight { (commits::when(&commit.info().author)) }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// Returns the address of a page about two revisions.
pub(in crate::web) fn two(
    repo: &str,
    page: &str,
    one: &str,
    a: &str,
    other: &str,
    b: &str,
) -> String {
    let (a, b) = (percent(a.as_bytes()), percent(b.as_bytes()));
    format!("{}?{one}={a}&{other}={b}", page_link(repo, page))
}
