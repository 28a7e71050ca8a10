//! `/r/<repository>/log/<revision>/<path>`: history, with its lines drawn beside it.

use std::collections::HashMap;

use axum::response::Response;
use irminsule::Id;
use maud::{Markup, html};

use crate::service::{LogPage, LogRequest, Result, Scope, Snapshot};
use crate::web::layout::{Page, Tab};
use crate::web::parts::lanes::{Lanes, Row};
use crate::web::parts::{Seen, branch_switch, branches, commits, crumbs, graph, names, short_rev};
use crate::web::place::{Place, link};
use crate::web::{Asked, Reply};

/// How many commits are on a page.
const COMMITS: usize = 60;

/// Shows a page of history.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, _, place| page(scope, place).map(Reply::from))
        .await
}

fn page(scope: &Scope, place: &Place) -> Result<Page> {
    let seen = Seen::find(scope, &place.rev)?;
    let request = LogRequest {
        path: place.path.clone(),
        start: place.query.number("start"),
        limit: COMMITS,
        ..LogRequest::default()
    };
    let log = scope.log(&seen.at, &request)?;
    let names = named(scope)?;
    // Where commits are passed over, lines between those that are left would mean nothing.
    let is_graph = place.path.is_root() && seen.at.is_whole();
    // Pages are counted from this commit, wherever the branch goes meanwhile.
    let from = seen.at.id().to_string();
    let from = link(&place.repo, "log", &from, &place.path);
    let next = log.next.map(|next| format!("{from}?start={next}"));
    let body = html! {
        div.bar {
            (branch_switch(scope, place, "log")?)
            (crumbs(place, "log"))
        }
        h1 { "History" @if !place.path.is_root() { " of " (crate::web::text::path(&place.path)) } }
        div #history data-part {
            (list(&place.repo, &log, &names, is_graph))
            @if let Some(next) = next { p { a.button href=(next) rel="next" { "Older commits" } } }
        }
    };
    let page = Page::new(format!("History of {}", short_rev(&place.rev)), body);
    let page = page.about(&place.repo, &place.rev, Tab::History);
    Ok(match seen.events(&place.repo, &place.path) {
        Some(events) if request.start == 0 => page.live(events),
        _ => page,
    })
}

/// Returns the branches and tags at each commit.
fn named(scope: &Scope) -> Result<HashMap<Id, Vec<String>>> {
    let mut named: HashMap<Id, Vec<String>> = HashMap::new();
    for (name, id) in branches(scope)?.into_iter().chain(names(scope, "tags/")?) {
        named.entry(id).or_default().push(name);
    }
    Ok(named)
}

fn list(repo: &str, log: &LogPage, names: &HashMap<Id, Vec<String>>, is_graph: bool) -> Markup {
    let mut lanes = Lanes::default();
    let rows: Vec<Row> = match is_graph {
        true => log
            .commits
            .iter()
            .map(|commit| lanes.add(commit.id(), &commit.parents()))
            .collect(),
        false => Vec::new(),
    };
    let width = graph::width(&rows);
    html! {
        @if log.commits.is_empty() {
            p.quiet { "No commit changed this." }
        } @else {
            div.sheet {
                ol.log {
                    @for (index, commit) in log.commits.iter().enumerate() {
                        li {
                            @match rows.get(index) {
                                Some(row) => { (graph::draw(row, width)) }
                                None => { span {} }
                            }
                            (words(repo, commit, names.get(&commit.id()).map_or(&[], Vec::as_slice)))
                        }
                    }
                }
            }
        }
    }
}

fn words(repo: &str, commit: &Snapshot, names: &[String]) -> Markup {
    let info = commit.info();
    let parents = commit.parents().len();
    html! {
        div.what {
            span.subject {
                (commits::subject_link(repo, commit))
                @if parents > 1 { span.tag { "merge of " (parents) } }
            }
            span.by { (commits::who(&info.author)) ", " (commits::when(&info.author)) }
        }
        @if !names.is_empty() {
            span.tags {
                @for name in names {
                    a.tag href=(link(repo, "tree", name, &irminsule::Path::root())) { (name) }
                }
            }
        }
        span.id.wide { (commits::id_link(repo, commit)) }
    }
}
