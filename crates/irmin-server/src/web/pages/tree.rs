//! `/r/<repository>/tree/<revision>/<path>`: a directory, or a value.

use axum::response::Response;
use irminsule::{Blob, Entry, Mode, Path, Step};
use maud::{Markup, html};

use crate::service::{Cursor, Page as Listed, Result, Right, Scope, Snapshot};
use crate::web::layout::{Page, Tab};
use crate::web::parts::{Seen, branch_switch, commits, crumbs, entry_at, search_form, short_rev};
use crate::web::place::Place;
use crate::web::text::{path as path_text, percent, readable, size, step};
use crate::web::value;
use crate::web::{Asked, Reply};

/// How many entries are on a page.
const ENTRIES: usize = 200;

/// Shows what a path leads to.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, _, place| page(scope, place).map(Reply::from))
        .await
}

fn page(scope: &Scope, place: &Place) -> Result<Page> {
    let seen = Seen::find(scope, &place.rev)?;
    let may_write = seen.is_branch && scope.paths(&seen.rev, Right::Write).covers(&place.path);
    let body = match entry_at(scope, &seen.at, &place.path) {
        Ok(Entry::Tree(_)) => directory(scope, place, &seen, may_write)?,
        Ok(Entry::Blob(blob)) => blob_view(place, &blob, may_write)?,
        // Where a value was a moment ago, whoever looks at it is to hear that it went.
        Err(error) if seen.is_branch && error.kind == crate::service::ErrorKind::NotFound => {
            return gone(scope, place, &seen, may_write);
        }
        Err(error) => return Err(error),
    };
    framed(scope, place, &seen, &body)
}

fn framed(scope: &Scope, place: &Place, seen: &Seen, body: &Markup) -> Result<Page> {
    let title = match place.path.is_root() {
        true => short_rev(&place.rev),
        false => path_text(&place.path),
    };
    let body = html! {
        h1.unseen { (title) }
        div.bar {
            (branch_switch(scope, place, "tree")?)
            (crumbs(place, "tree"))
            (search_form(&place.repo, &place.rev, ""))
        }
        div #entry data-part { (body) }
    };
    let page = Page::new(title, body).about(&place.repo, &place.rev, Tab::Files);
    Ok(match seen.events(&place.repo, &place.path) {
        Some(events) => page.live(events),
        None => page,
    })
}

fn gone(scope: &Scope, place: &Place, seen: &Seen, may_write: bool) -> Result<Page> {
    let body = html! {
        h2 { "Nothing here" }
        p { "There is nothing at this path on " (place.rev) "." }
        @if may_write { p { a.button href=(place.link("edit")) { "Make a value here" } } }
        p { a href=(place.link("log")) { "What was here" } }
    };
    Ok(framed(scope, place, seen, &body)?.with_status(axum::http::StatusCode::NOT_FOUND))
}

/// Draws who changed what, when and why.
fn newest(place: &Place, at: &Snapshot) -> Markup {
    html! {
        p.quiet {
            (commits::id_link(&place.repo, at)) " " (commits::subject_link(&place.repo, at))
            " by " (commits::who(&at.info().author)) ", " (commits::when(&at.info().author))
        }
    }
}

fn directory(scope: &Scope, place: &Place, seen: &Seen, may_write: bool) -> Result<Markup> {
    let after = place.query.bytes("after").map(Step::new).transpose()?;
    let cursor = Cursor {
        after,
        limit: ENTRIES,
    };
    let listed = scope.list(&seen.at, &place.path, &cursor)?;
    let is_empty = listed.items.is_empty();
    Ok(html! {
        @if place.path.is_root() { (newest(place, &seen.at)) }
        div.bar {
            a href=(place.link("log")) { "History of this directory" }
            @if may_write { a.button href=(format!("{}?new", place.link("edit"))) { "New value" } }
        }
        @match is_empty {
            true => { p.quiet { "This directory is empty." } }
            false => { (table(place, &listed)?) }
        }
    })
}

fn table(place: &Place, listed: &Listed<(Step, Entry)>) -> Result<Markup> {
    let mut rows = Vec::new();
    for (name, entry) in &listed.items {
        rows.push(row(place, name, entry)?);
    }
    let last = listed.items.last().filter(|_| listed.more);
    let next =
        last.map(|(last, _)| format!("{}?after={}", place.link("tree"), percent(last.as_bytes())));
    Ok(html! {
        div.sheet {
            table {
                thead { tr { th scope="col" { "Name" } th.number scope="col" { "Size" } th.wide scope="col" { "Id" } } }
                tbody { @for row in &rows { (row) } }
            }
        }
        @if let Some(next) = next { p { a.button href=(next) { "More entries" } } }
    })
}

fn row(place: &Place, name: &Step, entry: &Entry) -> Result<Markup> {
    let here = place.at(&place.path.child(name.clone()));
    let link = here.link("tree");
    let (class, mark, amount) = match entry {
        Entry::Tree(tree) => (
            "dir",
            "/",
            crate::web::text::plural(tree.len()?, "entry", "entries"),
        ),
        Entry::Blob(blob) => ("", mark(blob.mode()), size(blob.size())),
    };
    Ok(html! {
        tr {
            td class=(class) { a href=(link) { (step(name)) (mark) } }
            td.number { (amount) }
            td.tight.wide.mono.quiet { (entry.id()?.short()) }
        }
    })
}

const fn mark(mode: Mode) -> &'static str {
    match mode {
        Mode::Normal => "",
        Mode::Executable => "*",
        Mode::Link => "@",
    }
}

fn blob_view(place: &Place, blob: &Blob, may_write: bool) -> Result<Markup> {
    let shown = value::read(blob)?;
    let view = place.query.get("view").unwrap_or_default();
    let views = shown.kind.views();
    let current = views
        .iter()
        .find(|(name, _)| *name == view)
        .or(views.first())
        .map(|(name, _)| *name);
    let name = place.path.steps().last().map(step).unwrap_or_default();
    let raw = place.link("raw");
    let image = format!("{raw}?image");
    let can_edit = may_write && shown.is_whole && shown.kind.is_text();
    Ok(html! {
        div.bar {
            span.quiet { (size(blob.size())) @if blob.mode() != Mode::Normal { ", " (blob.mode()) } }
            @if views.len() > 1 {
                nav.bar.push aria-label="Views" {
                    @for (view, title) in views {
                        a href=(format!("?view={view}")) aria-current=[(current == Some(*view)).then_some("true")] { (title) }
                    }
                }
            }
        }
        div.sheet {
            div.value tabindex="0" role="region" aria-label=(format!("Content of {name}")) {
                @if blob.mode() == Mode::Link {
                    p { " A link to " code { (readable(&shown.bytes)) } }
                } @else {
                    (value::draw(&shown, view, &name, &image, place.query.number("start")))
                }
            }
            @if !shown.is_whole { div.inside { p.quiet { "This is the beginning; download it to see the rest." } } }
        }
        div.bar {
            @if can_edit { a.button.main href=(place.link("edit")) { "Edit" } }
            a.button href=(raw) download { "Download" }
            a href=(place.link("log")) { "History" }
            @if may_write { a href=(place.link("remove")) { "Remove…" } }
            span.push.quiet.mono title="The id of the content" { (blob.id().short()) }
        }
    })
}

/// Returns the place of what is around a path.
pub(in crate::web) fn around(path: &Path) -> Path {
    path.parent().map(|(parent, _)| parent).unwrap_or_default()
}
