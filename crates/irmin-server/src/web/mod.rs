//! The pages: what a browser shows of a server.
//!
//! HTML is made on the server and works without scripts; one small script follows changes. All that
//! pages need is a part of the program. [`guard`] says who looks and what a browser may do with a
//! page; each page is a file in [`pages`]; [`Place`] is the one way from addresses to
//! what they mean and back.

mod assets;
mod failure;
mod fields;
mod form;
mod guard;
mod json;
mod layout;
mod pages;
mod parts;
mod place;
mod samples;
mod stream;
mod text;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::service::{Deadline, ErrorKind, Result, Scope, Server, ServiceError};
use failure::failed;
use guard::Visitor;
use layout::Page;
use place::Place;
use samples::Samples;

/// What all pages share.
#[derive(Clone)]
struct Web {
    server: Server,
    samples: Arc<Samples>,
}

/// What a request for a page comes to.
enum Reply {
    Page(Box<Page>),
    Redirect(String),
}

impl From<Page> for Reply {
    fn from(page: Page) -> Self {
        Self::Page(Box::new(page))
    }
}

/// Returns the routes of the pages, with all that a browser has to be told. They find out who looks by
/// themselves: by a cookie, or as other requests say it.
///
/// Must be called inside a tokio runtime: the figures of the page `stats` are taken now and then.
pub(crate) fn routes(server: &Server) -> Router {
    let web = Web {
        server: server.clone(),
        samples: Samples::start(server),
    };
    let guard = from_fn_with_state(web.clone(), guard::pass);
    Router::new()
        .route("/", get(pages::home::root))
        .route(
            "/repositories",
            get(pages::home::list).post(pages::home::create),
        )
        .route("/login", get(pages::login::show).post(pages::login::log_in))
        .route("/logout", post(pages::login::log_out))
        .merge(in_repository())
        .route("/assets/{name}", get(pages::asset))
        .route("/favicon.ico", get(pages::icon))
        .layer(guard)
        .with_state(web)
}

/// Says that there is no such page.
pub(crate) fn nothing_here() -> Response {
    let error = ServiceError::new(ErrorKind::NotFound, "there is no such page");
    guard::sealed(failed(&Visitor::nobody(), &error))
}

/// The pages of a repository: `/r/<repository>/<page>/<revision>/<path>`.
fn in_repository() -> Router<Web> {
    let about = |router: Router<Web>, page: &str, method: axum::routing::MethodRouter<Web>| {
        let base = format!("/r/{{repo}}/{page}/{{rev}}");
        router
            .route(&base, method.clone())
            .route(&format!("{base}/"), method.clone())
            .route(&format!("{base}/{{*path}}"), method)
    };
    let router = Router::new()
        .route("/r/{repo}", get(pages::repo::show))
        .route("/r/{repo}/branches", post(pages::branches::create))
        .route("/r/{repo}/branches/delete", post(pages::branches::delete))
        .route("/r/{repo}/compare", get(pages::compare::show))
        .route(
            "/r/{repo}/merge",
            get(pages::merge::show).post(pages::merge::run),
        )
        .route("/r/{repo}/stats", get(pages::stats::show))
        .route("/r/{repo}/go", get(pages::go::lead))
        .route("/r/{repo}/events", get(pages::events::follow));
    let router = about(router, "tree", get(pages::tree::show));
    let router = about(router, "raw", get(pages::raw::serve));
    let router = about(router, "log", get(pages::log::show));
    let router = about(router, "commit", get(pages::commit::show));
    let router = about(router, "search", get(pages::search::show));
    let router = about(
        router,
        "edit",
        get(pages::edit::show).post(pages::edit::save),
    );
    about(
        router,
        "remove",
        get(pages::remove::show).post(pages::remove::remove),
    )
}

/// A request for a page of a repository: who looks, and at what.
struct Asked {
    web: Web,
    visitor: Visitor,
    place: Place,
}

impl FromRequestParts<Web> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        let visitor = Extension::from_request_parts(parts, web).await;
        let Extension(visitor) = visitor.map_err(IntoResponse::into_response)?;
        let place = Place::from_request_parts(parts, web).await;
        Ok(Self {
            web: web.clone(),
            visitor,
            place: place.map_err(IntoResponse::into_response)?,
        })
    }
}

impl Asked {
    /// Makes the page, in one hop to a thread that may block.
    async fn answer(
        self,
        make: impl FnOnce(&Scope, &Visitor, &Place) -> Result<Reply> + Send + 'static,
    ) -> Response {
        let (caller, repo) = (self.visitor.caller.clone(), self.place.repo.clone());
        let (visitor, place) = (self.visitor.clone(), self.place);
        let made = self
            .web
            .server
            .run(&caller, &repo, Deadline::never(), move |scope| {
                Ok(match make(scope, &visitor, &place)? {
                    // Drawn here, where it may take its time.
                    Reply::Page(page) => page.draw(&visitor).into_response(),
                    Reply::Redirect(to) => Redirect::to(&to).into_response(),
                })
            });
        let made = made.await;
        made.unwrap_or_else(|error| failed(&self.visitor, &error))
    }
}
