//! GraphQL over the service layer, with the predecessor's names and shapes.
//!
//! `/graphql` speaks of the default repository, `/graphql/{repository}` of another: the predecessor
//! had one, so its clients find what they look for. A POST takes queries and mutations, a GET queries
//! only, a WebSocket (`graphql-transport-ws`) all three. Remotes are not configured on a server: there
//! is no `clone`, `push` or `pull`.
//!
//! **One hop**: a request runs as a whole on a thread that may block (`run`); resolvers call a
//! [`Scope`](crate::service::Scope) and never wait for anything else. Rights are the scope's. What an
//! answer may hold is counted while it is made (`desk`): depth and number of fields are looked at
//! before, entries and bytes meanwhile, so that a query which asks for little of much is not refused.

mod commit;
mod desk;
mod entries;
mod errors;
mod input;
mod merging;
mod page;
mod query;
mod routes;
mod run;
mod scalars;
mod schema;
mod socket;
mod subscription;

mod tree;
mod vet;
mod writes;

pub(crate) use routes::{routes, say as refused};
pub use schema::sdl;
