//! `/r/<repository>/remove/<branch>/<path>`: removing what was seen there, after a question.

use axum::response::Response;
use irminsule::{Entry, Path};
use maud::html;

use crate::service::{CommitOptions, Details, ErrorKind, Result, Scope, ServiceError};
use crate::web::form::{self, Form};
use crate::web::guard::Visitor;
use crate::web::layout::{Page, Tab};
use crate::web::parts::{crumbs, entry_at};
use crate::web::place::{Place, link};
use crate::web::text::{path as path_text, plural};
use crate::web::{Asked, Reply};

/// Asks whether it is to be removed.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, visitor, place| page(scope, visitor, place).map(Reply::from))
        .await
}

fn page(scope: &Scope, visitor: &Visitor, place: &Place) -> Result<Page> {
    let head = scope.must_have_head(&place.rev)?;
    let entry = entry_at(scope, &head, &place.path)?;
    let what = match &entry {
        Entry::Blob(_) => "this value".to_owned(),
        Entry::Tree(tree) => format!(
            "this directory with {}",
            plural(tree.len()?, "entry", "entries")
        ),
    };
    let title = format!("Remove {}", path_text(&place.path));
    let body = html! {
        (crumbs(place, "tree"))
        h1 { (title) }
        p { "Remove " (what) " from " (place.rev) "? What was committed before stays in the history." }
        form method="post" action=(place.link("remove")) {
            (form::token(visitor))
            input type="hidden" name="seen" value=(entry.id()?);
            div.field {
                label for="message" { "Why, for the history" }
                input #message type="text" name="message" autocomplete="off";
            }
            div.bar {
                button.danger { "Remove it" }
                a.button href=(place.link("tree")) { "Cancel" }
            }
        }
    };
    Ok(Page::new(title, body).about(&place.repo, &place.rev, Tab::Files))
}

/// Removes it, if it is still what was seen.
pub(in crate::web) async fn remove(asked: Asked, form: Form) -> Response {
    asked
        .answer(move |scope, _, place| {
            let seen = form.fields.id("seen");
            let message = match form.fields.filled("message") {
                Some(message) => message.to_owned(),
                None => format!("Remove {}", path_text(&place.path)),
            };
            scope.transact(&place.rev, &CommitOptions::new(message), |view| {
                if view.may_write(&place.path) {
                    let found = view
                        .find(&place.path)?
                        .map(|entry| entry.id())
                        .transpose()?;
                    if found.is_some() && found != seen {
                        return Err(changed(found));
                    }
                }
                view.remove(&place.path).map(|_| ())
            })?;
            let left = left(scope, place)?;
            Ok(Reply::Redirect(link(
                &place.repo,
                "tree",
                &place.rev,
                &left,
            )))
        })
        .await
}

/// Returns the nearest directory that is left: those without anything in them go, too.
fn left(scope: &Scope, place: &Place) -> Result<Path> {
    let head = scope.must_have_head(&place.rev)?;
    let mut around = super::tree::around(&place.path);
    while !around.is_root() && scope.get(&head, &around)?.is_none() {
        around = super::tree::around(&around);
    }
    Ok(around)
}

fn changed(found: Option<irminsule::Id>) -> ServiceError {
    let message = "somebody else changed this meanwhile, and nothing was removed; go back, reload and look again";
    ServiceError::new(ErrorKind::Conflict, message).with(Details::Precondition { index: 0, found })
}
