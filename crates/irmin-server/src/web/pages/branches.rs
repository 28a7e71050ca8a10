//! `/r/<repository>/branches`: making and deleting them.

use axum::response::Response;

use super::repo::back;
use crate::service::Expected;
use crate::web::form::Form;
use crate::web::place::link;
use crate::web::{Asked, Reply};

/// Makes a branch.
pub(in crate::web) async fn create(asked: Asked, form: Form) -> Response {
    asked
        .answer(move |scope, _, place| {
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
pub(in crate::web) async fn delete(asked: Asked, form: Form) -> Response {
    asked
        .answer(move |scope, _, place| {
            let name = form.fields.must("name", "the name of the branch")?;
            form.fields.must("seen", "where it was seen")?;
            scope.delete_branch(name, Expected::At(form.fields.id("seen")))?;
            Ok(back(&place.repo))
        })
        .await
}
