//! `/r/<repository>/edit/<branch>/<path>`: writing a value, on top of what the writer has seen.
//!
//! The form says which content it was drawn from; a commit is made only if that is still there. Whoever
//! loses the race sees both and decides: nothing is overwritten unseen.

use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use irminsule::{Blob, Entry, Id, Path};
use maud::{Markup, html};

use super::repo::is_branch_name;
use crate::service::{
    CommitOptions, Details, ErrorKind, Result, Right, Scope, ScopedView, ServiceError, Snapshot,
};
use crate::web::fields::Fields;
use crate::web::form::{self, Form};
use crate::web::guard::Visitor;
use crate::web::layout::{Page, Tab};
use crate::web::parts::{commits, crumbs, events_link, text_diff};
use crate::web::place::{Place, link};
use crate::web::text::path as path_text;
use crate::web::value;
use crate::web::{Asked, Reply};

/// What a form was drawn from: the id of the content, or nothing.
type Seen = Option<Id>;

/// Shows the form.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, visitor, place| page(scope, visitor, place).map(Reply::from))
        .await
}

/// Commits what the form says.
pub(in crate::web) async fn save(asked: Asked, form: Form) -> Response {
    asked
        .answer(move |scope, visitor, place| {
            let draft = Draft::read(place, &form.fields)?;
            match draft.commit(scope) {
                Err(error) if is_race(&error) => draft.race(scope, visitor).map(Reply::from),
                done => done.map(|()| Reply::Redirect(draft.place.link("tree"))),
            }
        })
        .await
}

fn page(scope: &Scope, visitor: &Visitor, place: &Place) -> Result<Page> {
    must_be_branch(&place.rev)?;
    let head = scope.head(&place.rev)?;
    let found = head
        .as_ref()
        .map(|head| scope.get(head, &place.path))
        .transpose()?
        .flatten();
    let is_new = place.query.get("new").is_some() || place.path.is_root();
    let draft = match found {
        Some(Entry::Blob(blob)) if !is_new => Draft::of(place, &blob)?,
        None if !is_new => Draft::new(place),
        _ => Draft::below(place),
    };
    // Below a directory it depends on the name.
    if draft.path_field.is_none() {
        may_write(scope, &place.rev, &place.path)?;
    }
    Ok(draft.page(visitor, head.as_ref(), None))
}

fn may_write(scope: &Scope, branch: &str, path: &Path) -> Result<()> {
    match scope.paths(branch, Right::Write).covers(path) {
        true => Ok(()),
        false => {
            let message = format!("you may not write '{}' on {branch}", path_text(path));
            Err(ServiceError::new(ErrorKind::PermissionDenied, message))
        }
    }
}

fn must_be_branch(name: &str) -> Result<()> {
    match is_branch_name(name) {
        true => Ok(()),
        false => {
            let message = format!("'{name}' is no branch: what is committed stays as it is");
            Err(ServiceError::new(ErrorKind::Invalid, message))
        }
    }
}

fn is_race(error: &ServiceError) -> bool {
    error.kind == ErrorKind::Conflict
        && matches!(
            error.details,
            Details::Precondition { .. } | Details::Stale { .. }
        )
}

/// A value as somebody writes it.
struct Draft {
    place: Place,
    text: String,
    /// Whether lines end as on Windows: browsers send them all alike.
    is_crlf: bool,
    seen: Seen,
    message: String,
    /// What the path field begins with, where there is one.
    path_field: Option<String>,
}

impl Draft {
    fn of(place: &Place, blob: &Blob) -> Result<Self> {
        let shown = value::read(blob)?;
        let no_text = || {
            let message = format!(
                "'{}' is no text, or too long to be edited here",
                path_text(&place.path)
            );
            ServiceError::new(ErrorKind::Invalid, message)
        };
        let text = String::from_utf8(shown.bytes.to_vec()).ok();
        let text = text
            .filter(|_| shown.kind.is_text() && shown.is_whole)
            .ok_or_else(no_text)?;
        let returns = text.matches('\r').count();
        let is_crlf = returns > 0
            && returns == text.matches("\r\n").count()
            && returns == text.matches('\n').count();
        if returns > 0 && !is_crlf {
            let message = "its lines end in different ways, which a browser would not keep; edit it elsewhere";
            return Err(ServiceError::new(ErrorKind::Invalid, message));
        }
        Ok(Self {
            text,
            is_crlf,
            seen: Some(blob.id()),
            ..Self::new(place)
        })
    }

    fn new(place: &Place) -> Self {
        Self {
            place: place.clone(),
            text: String::new(),
            is_crlf: false,
            seen: None,
            message: String::new(),
            path_field: None,
        }
    }

    /// A draft of a value that has no name yet, in a directory.
    fn below(place: &Place) -> Self {
        let dir = path_text(&place.path);
        let start = if dir.is_empty() {
            dir
        } else {
            format!("{dir}/")
        };
        Self {
            path_field: Some(start),
            ..Self::new(place)
        }
    }

    fn read(place: &Place, fields: &Fields) -> Result<Self> {
        must_be_branch(&place.rev)?;
        let path = match fields.bytes("path") {
            Some(_) => fields.path("path")?,
            None => place.path.clone(),
        };
        if path.is_root() {
            return Err(ServiceError::new(ErrorKind::Invalid, "the path is missing"));
        }
        let is_crlf = fields.get("lines") == Some("crlf");
        let text = fields.get("text").unwrap_or_default().replace("\r\n", "\n");
        Ok(Self {
            place: place.at(&path),
            text: if is_crlf {
                text.replace('\n', "\r\n")
            } else {
                text
            },
            is_crlf,
            seen: fields.id("seen"),
            message: fields.filled("message").unwrap_or_default().to_owned(),
            path_field: None,
        })
    }

    fn commit(&self, scope: &Scope) -> Result<()> {
        let path = &self.place.path;
        let word = if self.seen.is_some() { "Change" } else { "Add" };
        let message = match self.message.as_str() {
            "" => format!("{word} {}", path_text(path)),
            message => message.replace("\r\n", "\n"),
        };
        let bytes = Bytes::from(self.text.clone());
        scope.transact(&self.place.rev, &CommitOptions::new(message), |view| {
            self.put(view, &bytes)
        })?;
        Ok(())
    }

    fn put(&self, view: &mut ScopedView<'_>, bytes: &Bytes) -> Result<()> {
        let path = &self.place.path;
        if !view.may_write(path) {
            // Says so before anything is looked up.
            return view.remove(path).map(|_| ());
        }
        let found = view.find(path)?;
        let now = found.as_ref().map(Entry::id).transpose()?;
        let mine = Blob::new(bytes.clone());
        if now != self.seen && now != Some(mine.id()) {
            let message = "somebody else changed this meanwhile";
            let details = Details::Precondition {
                index: 0,
                found: now,
            };
            return Err(ServiceError::new(ErrorKind::Conflict, message).with(details));
        }
        let mode = found
            .and_then(Entry::into_blob)
            .map_or_else(Default::default, |blob| blob.mode());
        view.set(path, mine.with_mode(mode))?;
        Ok(())
    }

    /// Shows both what is there now and what was to be saved.
    fn race(mut self, scope: &Scope, visitor: &Visitor) -> Result<Page> {
        let head = scope.head(&self.place.rev)?;
        let found = head
            .as_ref()
            .map(|head| scope.get(head, &self.place.path))
            .transpose()?
            .flatten();
        self.seen = found.as_ref().map(Entry::id).transpose()?;
        let by = head
            .as_ref()
            .map(|head| scope.last_modified(head, &self.place.path, 1))
            .transpose()?;
        let notice = html! {
            div.notice.warn role="alert" {
                p { strong { "Somebody was faster." } " Nothing was saved, and nothing is lost: this is what is there now, and below it is yours." }
                @for commit in by.iter().flatten() {
                    p {
                        (commits::id_link(&self.place.repo, commit)) " " (commits::subject_link(&self.place.repo, commit))
                        " by " (commits::who(&commit.info().author)) ", " (commits::when(&commit.info().author))
                    }
                }
            }
            div.sheet { (self.beside(found)?) }
        };
        Ok(self
            .page(visitor, head.as_ref(), Some(&notice))
            .with_status(StatusCode::CONFLICT))
    }

    /// Draws what is there now beside how it differs from the draft.
    fn beside(&self, found: Option<Entry>) -> Result<Markup> {
        let raw = format!("{}?image", self.place.link("raw"));
        Ok(html! {
            div.sides {
                div.side {
                    h4 { "What is there now" }
                    @match &found {
                        Some(Entry::Blob(blob)) => { (value::draw_small(blob, "what is there now", &raw)?) }
                        Some(Entry::Tree(_)) => { p.inside { "A directory, which yours would replace." } }
                        None => { p.inside { "Nothing: it was removed." } }
                    }
                }
                div.side {
                    h4 { "From that to yours" }
                    @match found.and_then(Entry::into_blob).map(|blob| value::read(&blob)).transpose()? {
                        Some(now) if now.kind.is_text() => {
                            div.value tabindex="0" role="region" aria-label="From what is there now to yours" {
                                (text_diff::draw(&now.bytes, self.text.as_bytes()))
                            }
                        }
                        _ => { (value::lines(self.text.as_bytes())) }
                    }
                }
            }
        })
    }

    fn page(&self, visitor: &Visitor, head: Option<&Snapshot>, race: Option<&Markup>) -> Page {
        let place = &self.place;
        let title = match self.seen {
            Some(_) => format!("Edit {}", path_text(&place.path)),
            None => "New value".to_owned(),
        };
        let body = html! {
            (crumbs(place, "tree"))
            h1 { (title) }
            @match race {
                Some(race) => { (race) }
                None => {
                    div.notice.warn data-stale hidden role="status" {
                        p { "This was changed meanwhile. You can go on: when you save, you will see both." }
                    }
                }
            }
            (self.form(visitor, race.is_some()))
        };
        let page = Page::new(title, body).about(&place.repo, &place.rev, Tab::Files);
        let since = head.map(Snapshot::id);
        match self.path_field {
            Some(_) => page,
            None => page.live(events_link(&place.repo, &place.rev, &place.path, since)),
        }
    }

    fn form(&self, visitor: &Visitor, is_race: bool) -> Markup {
        let place = &self.place;
        let cancel = match self.path_field {
            Some(_) => link(&place.repo, "tree", &place.rev, &place.path),
            None => link(
                &place.repo,
                "tree",
                &place.rev,
                &super::tree::around(&place.path),
            ),
        };
        let cancel = if self.seen.is_some() {
            place.link("tree")
        } else {
            cancel
        };
        html! {
            form method="post" action=(place.link("edit")) {
                (form::token(visitor))
                input type="hidden" name="seen" value=(self.seen.map_or_else(|| "absent".to_owned(), |id| id.to_string()));
                @if self.is_crlf { input type="hidden" name="lines" value="crlf"; }
                @if let Some(path) = &self.path_field {
                    div.field {
                        label for="path" { "Path" }
                        input #path type="text" name="path" value=(path) required autocomplete="off" spellcheck="false";
                    }
                }
                div.field {
                    label for="text" { @if is_race { "Yours" } @else { "Value" } }
                    // The first line end after the tag is no part of the text.
                    textarea #text .tall name="text" spellcheck="false" { "\n" (self.text) }
                }
                div.field {
                    label for="message" { "What you did, for the history" }
                    input #message type="text" name="message" value=(self.message) autocomplete="off"
                        placeholder=(if self.seen.is_some() { "Change it" } else { "Add it" });
                }
                div.bar {
                    button.main { @if is_race { "Save mine over it" } @else { "Commit to " (place.rev) } }
                    a.button href=(cancel) { @if is_race { "Keep what is there" } @else { "Cancel" } }
                }
            }
        }
    }
}
