//! What all calls have in common.

use irmin_proto::{Failure, v1};
use irmin_server::service::{Config, Limits, Right};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;

use super::support::{Served, Wire, at, bytes, commit, rule, set};

fn get(path: &str) -> v1::GetRequest {
    v1::GetRequest {
        at: at("main"),
        paths: vec![bytes(path)],
        data_limit: 100,
    }
}

#[tokio::test]
async fn an_error_says_its_reason_to_programs() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let status = wire
        .contents()
        .get(get("a"))
        .await
        .expect_err("there is no branch");
    assert_eq!(status.code(), Code::NotFound);
    let failure = Failure::of(&status).expect("it is one of ours");
    assert_eq!(failure.reason, "not_found");
}

#[tokio::test]
async fn a_call_whose_time_is_over_is_given_up() {
    let served = Served::open().await;
    let wire = served.wire().await;
    wire.set("a", "1").await;
    let mut late = tonic::Request::new(get("a"));
    late.set_timeout(std::time::Duration::ZERO);
    let status = wire.contents().get(late).await.expect_err("no time");
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let odd = wire.clone().with("grpc-timeout", "soon");
    let status = odd.contents().get(get("a")).await.expect_err("no number");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_refused_and_the_connection_goes_on() {
    let limits = Limits {
        request_bytes: 100_000,
        ..Limits::default()
    };
    let served = Served::with_limits(limits).await;
    let wire = served.wire().await;
    let large = commit("main", vec![set("a", &"x".repeat(300_000))]);
    let status = wire
        .transactions()
        .commit(large)
        .await
        .expect_err("too large");
    assert_eq!(status.code(), Code::OutOfRange);
    wire.set("a", "small").await;
}

#[tokio::test]
async fn too_many_paths_are_refused() {
    let limits = Limits {
        paths: 3,
        ..Limits::default()
    };
    let served = Served::with_limits(limits).await;
    let wire = served.wire().await;
    wire.set("a", "1").await;
    let mut request = get("a");
    request.paths = vec![bytes("a"); 4];
    let status = wire.contents().get(request).await.expect_err("too many");
    assert_eq!(Failure::of(&status).expect("ours").reason, "too_large");
}

#[tokio::test]
async fn who_is_not_known_gets_in_nowhere_and_who_may_read_cannot_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let (served, tokens) =
        Served::with_principals(dir.path(), &[("ada", Right::Write), ("bob", Right::Read)]).await;
    let (ada, bob) = (
        served.wire().await.token(&tokens[0]),
        served.wire().await.token(&tokens[1]),
    );
    let commit_made = ada.set("a", "1").await;
    let headers = commit_made.headers.iter();
    let principal = headers
        .filter(|header| header.key == "principal")
        .map(|header| &header.value);
    assert_eq!(principal.collect::<Vec<_>>(), ["ada"]);
    assert_eq!(commit_made.committer.expect("one").name, "ada");
    assert!(bob.contents().get(get("a")).await.is_ok());
    let status = bob
        .transactions()
        .commit(commit("main", vec![set("a", "2")]))
        .await;
    let status = status.expect_err("he may not");
    assert_eq!(status.code(), Code::PermissionDenied);
    let nobody = served.wire().await;
    let status = nobody.contents().get(get("a")).await.expect_err("who?");
    assert_eq!(
        status.code(),
        Code::NotFound,
        "what one may not see is absent"
    );
    let forged = served.wire().await.token("irmin_forged");
    let status = forged
        .contents()
        .get(get("a"))
        .await
        .expect_err("a bad token");
    assert_eq!(status.code(), Code::Unauthenticated);
    let odd = served.wire().await.with("authorization", "Basic eDp5");
    let status = odd.contents().get(get("a")).await.expect_err("no bearer");
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(rule("ada", Right::Read).right < Right::Write);
}

#[tokio::test]
async fn a_call_that_there_is_not_is_unimplemented_and_another_path_not_found() {
    let served = Served::open().await;
    let mut client =
        tonic::client::Grpc::with_origin(served.wire().await, super::support::origin());
    client.ready().await.expect("it is ready");
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/irmin.v1.Contents/Guess");
    let codec = tonic_prost::ProstCodec::<v1::GetRequest, v1::GetResponse>::default();
    let done = client
        .unary(tonic::Request::new(get("a")), path, codec)
        .await;
    assert_eq!(done.expect_err("no such call").code(), Code::Unimplemented);
    let answer = plain(&served, "GET /nowhere HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

/// Sends a request with HTTP/1.1 on the port that also speaks gRPC.
async fn plain(served: &Served, line: &str) -> String {
    let mut flow = served.flow("pipe:server").await;
    let request =
        format!("{line}\r\nhost: irmin\r\nx-request-id: mine\r\nconnection: close\r\n\r\n");
    flow.write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut answer = String::new();
    flow.read_to_string(&mut answer)
        .await
        .expect("it is answered");
    answer
}

#[tokio::test]
async fn an_answer_names_the_request() {
    let served = Served::open().await;
    let answer = plain(&served, "GET /nowhere HTTP/1.1").await;
    assert!(answer.contains("x-request-id: mine"), "{answer}");
}

#[tokio::test]
async fn anybody_may_ask_whether_the_server_is_well_until_it_stops() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let dir = tempfile::tempdir().expect("a directory");
    let (mut served, _) = Served::with_principals(dir.path(), &[("ada", Right::Admin)]).await;
    let mut health = HealthClient::with_origin(served.wire().await, super::support::origin());
    let request = HealthCheckRequest {
        service: String::new(),
    };
    let mut watch = health
        .watch(request.clone())
        .await
        .expect("it tells")
        .into_inner();
    let first = watch.message().await.expect("one").expect("one");
    assert_eq!(
        first.status(),
        tonic_health::pb::health_check_response::ServingStatus::Serving
    );
    served.begin_stop();
    let second = watch.message().await.expect("one").expect("one");
    assert_eq!(
        second.status(),
        tonic_health::pb::health_check_response::ServingStatus::NotServing
    );
    drop(watch);
    served.stopped().await;
}

#[tokio::test]
async fn reflection_tells_all_services() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let served = Served::open().await;
    let mut client =
        ServerReflectionClient::with_origin(served.wire().await, super::support::origin());
    let request = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = tokio_stream::iter([request]);
    let answers = client
        .server_reflection_info(asked)
        .await
        .expect("it answers");
    let answers = super::support::all(answers).await.expect("it ends");
    let Some(MessageResponse::ListServicesResponse(list)) = &answers[0].message_response else {
        panic!("{answers:?}")
    };
    let names: Vec<&str> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for name in [
        "Admin",
        "Contents",
        "Merges",
        "Objects",
        "Repositories",
        "Transactions",
        "Watches",
    ] {
        assert!(
            names.contains(&format!("irmin.v1.{name}").as_str()),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn the_same_is_served_over_tcp_and_unix_sockets() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = format!("unix://{}", dir.path().join("s").display());
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let tcp = format!("tcp://{}", free.local_addr().expect("it has one"));
    drop(free);
    let endpoints = [socket.parse().expect("one"), tcp.parse().expect("one")];
    let served = Served::with(Config::open_in_memory(), &endpoints).await;
    Wire::on(served.flow(&socket).await)
        .await
        .set("a", "1")
        .await;
    let found = Wire::on(served.flow(&tcp).await)
        .await
        .contents()
        .get(get("a"))
        .await;
    let found = found.expect("it is there").into_inner().found;
    assert!(found[0].entry.is_some());
}
