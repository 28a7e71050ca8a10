//! gRPC: the services of `irmin-proto` over the service layer.
//!
//! Each service is a file that turns messages into calls of a [`Scope`](crate::service::Scope) and
//! answers into messages. Rights, limits and meaning are in the service layer; `PROTOCOL.md` says what
//! a client may rely on.

mod admin;
mod blob;
mod call;
mod contents;
mod health;
mod hold;
mod merges;
mod objects;
mod outcome;
mod repositories;
mod sessions;
mod status;
mod stream;
mod transactions;
mod upload;
mod watches;
mod wire;

use axum::Router;
use irmin_proto::v1;

use crate::service::Server;

/// Room in a message beside the values and objects that it brings.
const MESSAGE_OVERHEAD: usize = 64 * 1024;

/// Returns the routes of the services for those who are known.
pub(crate) fn routes(server: &Server) -> Router {
    let limit = server
        .limits()
        .request_bytes
        .saturating_add(MESSAGE_OVERHEAD);
    let handler = || Handler(server.clone());
    let repositories = v1::repositories_server::RepositoriesServer::new(handler());
    let contents = v1::contents_server::ContentsServer::new(handler());
    let transactions = v1::transactions_server::TransactionsServer::new(handler());
    let merges = v1::merges_server::MergesServer::new(handler());
    let watches = v1::watches_server::WatchesServer::new(handler());
    let objects = v1::objects_server::ObjectsServer::new(handler());
    let admin = v1::admin_server::AdminServer::new(handler());
    let services = Router::new()
        .route_service(
            "/irmin.v1.Repositories/{call}",
            repositories.max_decoding_message_size(limit),
        )
        .route_service(
            "/irmin.v1.Contents/{call}",
            contents.max_decoding_message_size(limit),
        )
        .route_service(
            "/irmin.v1.Transactions/{call}",
            transactions.max_decoding_message_size(limit),
        )
        .route_service(
            "/irmin.v1.Merges/{call}",
            merges.max_decoding_message_size(limit),
        )
        .route_service(
            "/irmin.v1.Watches/{call}",
            watches.max_decoding_message_size(limit),
        )
        .route_service(
            "/irmin.v1.Objects/{call}",
            objects.max_decoding_message_size(limit),
        )
        .route_service(
            "/irmin.v1.Admin/{call}",
            admin.max_decoding_message_size(limit),
        );
    services.merge(reflection())
}

/// Returns the routes of what anybody may ask. Must be called inside a tokio runtime.
pub(crate) fn public_routes(server: &Server) -> Router {
    Router::new().route_service("/grpc.health.v1.Health/{call}", health::service(server))
}

/// Returns the services that tell which calls there are, in both versions that clients know.
fn reflection() -> Router {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(irmin_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let (Ok(v1), Ok(v1alpha)) = (builder().build_v1(), builder().build_v1alpha()) else {
        // The descriptors are constants, and tests ask for them.
        return Router::new();
    };
    Router::new()
        .route_service("/grpc.reflection.v1.ServerReflection/{call}", v1)
        .route_service("/grpc.reflection.v1alpha.ServerReflection/{call}", v1alpha)
}

/// What answers all calls.
#[derive(Clone)]
struct Handler(Server);
