//! `/` and `/repositories`: which repositories there are.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use crate::service::{Right, Server, blocking};
use crate::web::Web;
use crate::web::failure::failed;
use crate::web::form::{self, Form};
use crate::web::guard::Visitor;
use crate::web::layout::Page;
use crate::web::place::repo_link;

/// Shows the only repository, or all.
pub(in crate::web) async fn root(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    match &web.server.list_repos(&visitor.caller)[..] {
        [only] => Redirect::to(&repo_link(only)).into_response(),
        repos => page(&web.server, &visitor, repos).draw(&visitor),
    }
}

/// Lists the repositories.
pub(in crate::web) async fn list(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let repos = web.server.list_repos(&visitor.caller);
    page(&web.server, &visitor, &repos).draw(&visitor)
}

/// Makes a repository.
pub(in crate::web) async fn create(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
    form: Form,
) -> Response {
    let (server, caller) = (web.server.clone(), visitor.caller.clone());
    let made = blocking(move || {
        let name = form.fields.must("name", "the name of the repository")?;
        server.create_repo(&caller, name).map(|()| repo_link(name))
    });
    match made.await {
        Ok(link) => Redirect::to(&link).into_response(),
        Err(error) => failed(&visitor, &error),
    }
}

fn page(server: &Server, visitor: &Visitor, repos: &[String]) -> Page {
    // Who may administer any repository, also one that is not there yet.
    let may_create = server
        .access()
        .grants(&visitor.caller, "")
        .on_repo(Right::Admin);
    let body = html! {
        h1 { "Repositories" }
        @match repos.is_empty() {
            true => { p { "There is none that you may see." } }
            false => { (table(repos)) }
        }
        @if may_create {
            h2 { "New repository" }
            form method="post" action="/repositories" {
                (form::token(visitor))
                div.row {
                    div.field.grow {
                        label for="name" { "Name" }
                        input #name type="text" name="name" required autocomplete="off" spellcheck="false";
                    }
                    button { "Make it" }
                }
            }
        }
    };
    Page::new("Repositories", body)
}

fn table(repos: &[String]) -> Markup {
    html! {
        div.sheet {
            table {
                thead { tr { th scope="col" { "Name" } } }
                tbody {
                    @for repo in repos {
                        tr { td.dir { a href=(repo_link(repo)) { (repo) } } }
                    }
                }
            }
        }
    }
}
