//! The frame around every page.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::form;
use super::guard::Visitor;
use super::place::{page_link, repo_link};
use super::text::percent;

/// A part of a repository's pages, in the order of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Files,
    History,
    Compare,
    Stats,
}

/// The repository that a page is about, and what it shows of it.
struct About {
    repo: String,
    rev: String,
    tab: Tab,
}

/// A page, to be drawn for somebody.
pub(super) struct Page {
    title: String,
    body: Markup,
    status: StatusCode,
    about: Option<About>,
    live: Option<String>,
}

impl Page {
    /// Makes a page that is about no repository.
    pub(super) fn new(title: impl Into<String>, body: Markup) -> Self {
        Self {
            title: title.into(),
            body,
            status: StatusCode::OK,
            about: None,
            live: None,
        }
    }

    /// Says which repository and revision it is about.
    pub(super) fn about(mut self, repo: &str, rev: &str, tab: Tab) -> Self {
        self.about = Some(About {
            repo: repo.to_owned(),
            rev: rev.to_owned(),
            tab,
        });
        self
    }

    /// Says where events come from that tell that it has changed. Its parts that may change have the
    /// attribute `data-part` and an id.
    pub(super) fn live(mut self, events: impl Into<String>) -> Self {
        self.live = Some(events.into());
        self
    }

    /// Sets the status of the answer.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Draws it.
    pub(super) fn draw(&self, visitor: &Visitor) -> Response {
        let title = match &self.about {
            Some(about) if about.repo != self.title => format!("{} · {}", self.title, about.repo),
            _ => self.title.clone(),
        };
        let drawn = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · Irminsule" }
                    link rel="icon" type="image/svg+xml" href=(assets::url("icon.svg"));
                    link rel="stylesheet" href=(assets::url("style.css"));
                    script src=(assets::url("script.js")) defer {}
                }
                body data-live=[self.live.as_deref()] {
                    a.skip href="#content" { "To the content" }
                    (self.top(visitor))
                    main #content tabindex="-1" { (self.body) }
                    (self.bottom())
                }
            }
        };
        (self.status, Html(drawn.into_string())).into_response()
    }

    fn top(&self, visitor: &Visitor) -> Markup {
        html! {
            header.top {
                div.top-inner {
                    a.brand href="/repositories" {
                        img src=(assets::url("icon.svg")) alt="";
                        "Irminsule"
                        span.unseen { ": all repositories" }
                    }
                    @if let Some(about) = &self.about { (about.navigation()) }
                    div.who { (who(visitor)) }
                }
            }
        }
    }

    fn bottom(&self) -> Markup {
        html! {
            footer.bottom {
                span { "Irminsule " (env!("CARGO_PKG_VERSION")) }
                @if self.live.is_some() { span #live .live role="status" data-state="off" {} }
            }
        }
    }
}

impl About {
    fn navigation(&self) -> Markup {
        let rev = percent(self.rev.as_bytes());
        let of_rev = |page: &str| match rev.is_empty() {
            true => repo_link(&self.repo),
            false => format!("{}/{rev}", page_link(&self.repo, page)),
        };
        let of_query = |page: &str, field: &str| match rev.is_empty() {
            true => page_link(&self.repo, page),
            false => format!("{}?{field}={rev}", page_link(&self.repo, page)),
        };
        let tabs = [
            (Tab::Overview, "Overview", repo_link(&self.repo)),
            (Tab::Files, "Files", of_rev("tree")),
            (Tab::History, "History", of_rev("log")),
            (Tab::Compare, "Compare", of_query("compare", "to")),
            (Tab::Stats, "Stats", of_query("stats", "rev")),
        ];
        html! {
            span.brand-repo { (self.repo) }
            nav aria-label="Repository" {
                @for (tab, name, link) in &tabs {
                    @let current = (*tab == self.tab).then_some("page");
                    a href=(link) aria-current=[current] { (name) }
                }
            }
        }
    }
}

fn who(visitor: &Visitor) -> Markup {
    html! {
        @match &visitor.caller.principal {
            Some(principal) => {
                span { span.unseen { "You are " } (principal.as_str()) }
                @if visitor.is_logged_in {
                    form method="post" action="/logout" {
                        (form::token(visitor))
                        button.plain { "Log out" }
                    }
                }
            }
            None => { a href="/login" { "Log in" } }
        }
    }
}
