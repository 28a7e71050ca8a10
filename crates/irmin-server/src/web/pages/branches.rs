//! `/r/<repository>/branches`: making and deleting them.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::repo::back;
use crate::service::Expected;
use crate::web::form::Form;
use crate::web::guard::Visitor;
use crate::web::place::{Place, link};
use crate::web::{Reply, Web};

/// Makes a branch.
pub(in crate::web) async fn create(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
    place: Place,
    form: Form,
) -> Response {
    let repo = place.repo.clone();
    web.page(&visitor, &repo, move |scope, _| {
        let name = form.fields.must("name", "the name of the branch")?;
        let at = scope.resolve(form.fields.must("from", "where it begins")?)?;
        scope.create_branch(name, &at)?;
        Ok(Reply::Redirect(link(
            &place.repo,
            "tree",
            name,
            &irminsule::Path::root(),
        )))
    })
    .await
}

/// Deletes a branch, if it is where it was when that was asked for.
pub(in crate::web) async fn delete(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
    place: Place,
    form: Form,
) -> Response {
    let repo = place.repo.clone();
    web.page(&visitor, &repo, move |scope, _| {
        let name = form.fields.must("name", "the name of the branch")?;
        form.fields.must("seen", "where it was seen")?;
        scope.delete_branch(name, Expected::At(form.fields.id("seen")))?;
        Ok(back(&place.repo))
    })
    .await
}
