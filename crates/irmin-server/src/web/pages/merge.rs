//! `/r/<repository>/merge?into=…&from=…`: what a merge would do, its conflicts side by side, and their
//! settling.
//!
//! The form says which two commits it was drawn from; the merge is made only of these.

mod conflicts;

use axum::http::StatusCode;
use axum::response::Response;
use irminsule::{Path, Tree};
use maud::{Markup, html};

use crate::service::{
    CommitOptions, MergeAnswer, MergeRequest, Page as Listed, Result, Right, Scope, Snapshot,
};
use crate::web::fields::Fields;
use crate::web::form::{self, Form};
use crate::web::guard::Visitor;
use crate::web::layout::{Page, Tab};
use crate::web::parts::changes::{Between, CHANGES};
use crate::web::parts::{names_events, short_rev};
use crate::web::place::{Place, link, page_link};
use crate::web::{Asked, Reply};
use conflicts::Choices;

/// What is to be merged into what.
struct Merge<'a> {
    repo: &'a str,
    into: &'a str,
    from: &'a str,
}

/// Shows what a merge would do.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, visitor, place| {
            let merge = Merge::read(place, &place.query)?;
            merge
                .page(scope, visitor, &Choices::default(), None)
                .map(Reply::from)
        })
        .await
}

/// Merges, if all is settled and both sides are what was seen.
pub(in crate::web) async fn run(asked: Asked, form: Form) -> Response {
    asked.answer(move |scope, visitor, place| {
        let fields = &form.fields;
        let merge = Merge::read(place, fields)?;
        let choices = Choices::read(fields)?;
        let message = match fields.filled("message") {
            Some(message) => message.replace("\r\n", "\n"),
            None => merge.title(),
        };
        let request = MergeRequest {
            settled: choices.settlements(),
            expected_head: fields.id("ours"),
            expected_theirs: fields.id("theirs"),
            ..MergeRequest::new(merge.from, CommitOptions::new(message))
        };
        match scope.merge(merge.into, &request)? {
            MergeAnswer::Merged(made) | MergeAnswer::Forwarded(made) | MergeAnswer::UpToDate(made) => {
                Ok(Reply::Redirect(link(&place.repo, "commit", &made.id().to_string(), &Path::root())))
            }
            MergeAnswer::Conflicts { .. } => {
                let page = merge.page(scope, visitor, &choices, Some("Some conflicts are not settled yet."))?;
                Ok(page.with_status(StatusCode::CONFLICT).into())
            }
            _ => {
                let notice = "One of the branches moved meanwhile, and nothing was merged. This is what a merge \
                    would be now; what you chose is still chosen where it fits.";
                let page = merge.page(scope, visitor, &choices, Some(notice))?;
                Ok(page.with_status(StatusCode::CONFLICT).into())
            }
        }
    })
    .await
}

impl<'a> Merge<'a> {
    fn read(place: &'a Place, fields: &'a Fields) -> Result<Self> {
        Ok(Self {
            repo: &place.repo,
            into: fields.must("into", "the branch to merge into")?,
            from: fields.must("from", "the revision to merge")?,
        })
    }

    fn title(&self) -> String {
        format!("Merge {} into {}", short_rev(self.from), self.into)
    }

    fn page(
        &self,
        scope: &Scope,
        visitor: &Visitor,
        choices: &Choices,
        notice: Option<&str>,
    ) -> Result<Page> {
        let request = MergeRequest {
            dry_run: true,
            ..MergeRequest::new(self.from, CommitOptions::new(""))
        };
        let events = names_events(scope, self.repo)?;
        let answer = scope.merge(self.into, &request)?;
        let ours = scope.head(self.into)?;
        let theirs = scope.resolve(self.from)?;
        let inside = match &answer {
            MergeAnswer::UpToDate(_) => html! {
                p { (self.into) " has everything that " (short_rev(self.from)) " has: there is nothing to merge." }
            },
            MergeAnswer::Conflicts { conflicts, .. } => html! {
                p { (conflicts::introduction(conflicts.len())) }
                @for (index, conflict) in conflicts.iter().enumerate() {
                    (choices.draw(self.sides(ours.as_ref(), &theirs), index, conflict)?)
                }
            },
            MergeAnswer::Clean(tree) => self.clean(ours.as_ref(), tree)?,
            _ => html! {
                p { (self.into) " has nothing that " (short_rev(self.from)) " has not: it can move forward, without a new commit." }
            },
        };
        let is_done = matches!(answer, MergeAnswer::UpToDate(_));
        let has_commit = matches!(
            answer,
            MergeAnswer::Conflicts { .. } | MergeAnswer::Clean(_)
        );
        let may = scope.may(self.into, Right::Write);
        let body = html! {
            h1 { (self.title()) }
            @if let Some(notice) = notice { div.notice.warn role="alert" { p { (notice) } } }
            div.notice.warn data-stale hidden role="status" {
                p { "Something moved meanwhile. Nothing that you choose here is lost: you will see when you merge." }
            }
            form method="post" action=(page_link(self.repo, "merge")) {
                (form::token(visitor))
                (self.hidden(ours.as_ref(), &theirs))
                (inside)
                @if !is_done && may { (self.buttons(has_commit)) }
            }
            @if !may { p.quiet { "You may not write " (self.into) ", so this is only to look at." } }
        };
        Ok(Page::new(self.title(), body)
            .about(self.repo, self.into, Tab::Compare)
            .live(events))
    }

    fn hidden(&self, ours: Option<&Snapshot>, theirs: &Snapshot) -> Markup {
        html! {
            input type="hidden" name="into" value=(self.into);
            input type="hidden" name="from" value=(self.from);
            @if let Some(ours) = ours { input type="hidden" name="ours" value=(ours.id()); }
            input type="hidden" name="theirs" value=(theirs.id());
        }
    }

    fn buttons(&self, has_commit: bool) -> Markup {
        html! {
            @if has_commit {
                div.field {
                    label for="message" { "What you did, for the history" }
                    input #message type="text" name="message" value=(self.title()) autocomplete="off";
                }
            }
            div.bar {
                button.main { @if has_commit { "Merge" } @else { "Move " (self.into) " forward" } }
                a.button href=(super::compare::two(self.repo, "compare", "from", self.into, "to", self.from)) { "Cancel" }
            }
        }
    }

    /// Draws what a merge without conflicts would change.
    fn clean(&self, ours: Option<&Snapshot>, tree: &Tree) -> Result<Markup> {
        let before = ours.map_or_else(|| Ok(Tree::empty()), Snapshot::tree)?;
        let mut changes = before.diff(tree)?;
        let more = changes.len() > CHANGES;
        changes.truncate(CHANGES);
        // More of them are on the page that compares.
        let listed = Listed {
            items: changes,
            more: false,
        };
        let here = super::compare::two(self.repo, "compare", "from", self.into, "to", self.from);
        let between = Between {
            repo: self.repo,
            old: Some(self.into),
            new: self.from,
            here: &here,
        };
        Ok(html! {
            p { "There is no conflict. This is what would change on " (self.into) ":" }
            (between.draw(&listed)?)
            @if more { p { a href=(here) { "All that differs" } } }
        })
    }

    const fn sides<'b>(
        &'b self,
        ours: Option<&'b Snapshot>,
        theirs: &'b Snapshot,
    ) -> conflicts::Sides<'b> {
        conflicts::Sides {
            repo: self.repo,
            into: self.into,
            from: self.from,
            ours,
            theirs,
        }
    }
}
