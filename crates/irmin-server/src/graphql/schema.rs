//! The schema, and what a request may ask for at most.

use async_graphql::{MergedObject, Schema};

use super::merging::Merging;
use super::query::Query;
use super::subscription::Subscription;
use super::writes::Writes;

/// How deep the fields of a request may be nested. What tools ask for to learn the schema is 13 deep.
pub(crate) const DEPTH_MAX: usize = 32;

/// How many fields a request may name, those of its fragments each time that they are used.
pub(crate) const FIELDS_MAX: usize = 1000;

/// How many directives a field may have.
const DIRECTIVES_MAX: usize = 16;

/// All that changes something.
#[derive(MergedObject, Default)]
pub(crate) struct Mutation(Writes, Merging);

pub(crate) type Api = Schema<Query, Mutation, Subscription>;

pub(crate) fn schema() -> Api {
    Schema::build(Query, Mutation::default(), Subscription)
        .limit_depth(DEPTH_MAX)
        .limit_complexity(FIELDS_MAX)
        .limit_directives(DIRECTIVES_MAX)
        .finish()
}

/// Returns the schema in GraphQL's own language: what `docs/schema.graphql` holds.
#[must_use]
pub fn sdl() -> String {
    schema().sdl()
}
