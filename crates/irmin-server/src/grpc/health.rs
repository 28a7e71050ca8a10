//! The standard health service: serving, until the server begins to stop.

use irmin_proto::v1;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::grpc::Handler;
use crate::service::Server;

/// The names that may be asked about, beside the empty one for the whole server.
const NAMES: [&str; 7] = [
    v1::repositories_server::RepositoriesServer::<Handler>::NAME,
    v1::contents_server::ContentsServer::<Handler>::NAME,
    v1::transactions_server::TransactionsServer::<Handler>::NAME,
    v1::merges_server::MergesServer::<Handler>::NAME,
    v1::watches_server::WatchesServer::<Handler>::NAME,
    v1::objects_server::ObjectsServer::<Handler>::NAME,
    v1::admin_server::AdminServer::<Handler>::NAME,
];

/// Returns the service. Must be called inside a tokio runtime.
pub(super) fn service(server: &Server) -> HealthServer<impl Health + use<>> {
    let (reporter, service) = tonic_health::server::health_reporter();
    let server = server.clone();
    tokio::spawn(async move {
        for name in NAMES {
            reporter
                .set_service_status(name, ServingStatus::Serving)
                .await;
        }
        server.stopping().await;
        for name in NAMES.into_iter().chain([""]) {
            reporter
                .set_service_status(name, ServingStatus::NotServing)
                .await;
        }
    });
    service
}
