//! A server for tests: the calls that an engine needs, over any engine, and nothing else. What it does
//! is plain enough to be right, and it counts.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conduit::{BoxFlow, Context, Endpoint, Faults, ListenOptions, Listener, Pipes};
use irmin_client::{Backoff, ClientOptions, RemoteStore, RemoteUrl};
use irmin_core::{
    Collect, Cut, Durability, Engine, Id, Key, Kind, Object, RefEdit, RefOutcome, StoreError,
    Stored, links_of,
};
use irmin_proto::Failure;
use irmin_proto::v1::{self, admin_server, objects_server, repositories_server, watches_server};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status, Streaming};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// How many bytes come along with what is asked for.
const AHEAD_BYTES_MAX: usize = 64 << 10;

/// A server in a thread of its own.
pub(crate) struct TestServer {
    pub(crate) endpoint: Endpoint,
    pub(crate) context: Context,
    pub(crate) handler: Handler,
    _runtime: tokio::runtime::Runtime,
}

/// What answers.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) engine: Arc<dyn Engine>,
    /// How many swaps of names were applied.
    pub(crate) applied: Arc<AtomicU64>,
    /// How many connections came.
    pub(crate) connections: Arc<AtomicU64>,
    keys: Arc<Mutex<HashMap<String, v1::UpdateRefsResponse>>>,
}

impl TestServer {
    /// Serves, and cuts the first connection after so many bytes of both directions.
    pub(crate) fn cutting(engine: Arc<dyn Engine>, endpoint: &str, cut_after: Option<u64>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let context = Context::builder().pipes(Pipes::new()).build();
        let handler = Handler {
            engine,
            applied: Arc::default(),
            connections: Arc::default(),
            keys: Arc::default(),
        };
        let (at, serving, context2) = (endpoint.parse().unwrap(), handler.clone(), context.clone());
        let endpoint = runtime.block_on(async move {
            let mut listener = Listener::bind(&context2, &at, ListenOptions::default())
                .await
                .unwrap();
            let endpoint = listener.endpoints()[0].clone();
            tokio::spawn(async move {
                while let Some(incoming) = listener.accept().await {
                    let mut flow: BoxFlow = Box::new(incoming);
                    let number = serving.connections.fetch_add(1, Ordering::SeqCst);
                    if let (0, Some(bytes)) = (number, cut_after) {
                        flow = Faults::new(bytes).reset_after(bytes..=bytes).wrap(flow);
                    }
                    tokio::spawn(serve(serving.clone(), flow));
                }
            });
            endpoint
        });
        Self {
            endpoint,
            context,
            handler,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> RemoteUrl {
        RemoteUrl::new(&self.endpoint, "main").unwrap()
    }

    pub(crate) fn options(&self) -> ClientOptions {
        ClientOptions::default()
            .context(self.context.clone())
            .backoff(Backoff {
                first: Duration::from_millis(1),
                longest: Duration::from_millis(20),
                attempts_max: 50,
            })
    }

    pub(crate) fn store(&self) -> RemoteStore {
        RemoteStore::open(&self.url(), self.options()).unwrap()
    }
}

async fn serve(handler: Handler, flow: impl conduit::Flow + 'static) {
    const MAX: usize = 64 << 20;
    let routes = tonic::service::Routes::new(
        objects_server::ObjectsServer::new(handler.clone()).max_decoding_message_size(MAX),
    )
    .add_service(repositories_server::RepositoriesServer::new(
        handler.clone(),
    ))
    .add_service(watches_server::WatchesServer::new(handler.clone()))
    .add_service(admin_server::AdminServer::new(handler));
    let service = hyper_util::service::TowerToHyperService::new(routes);
    let io = hyper_util::rt::TokioIo::new(flow);
    let executor = hyper_util::rt::TokioExecutor::new();
    let _broken = hyper::server::conn::http2::Builder::new(executor)
        .serve_connection(io, service)
        .await;
}

fn id(id: &v1::ObjectId) -> Id {
    Id::from_bytes(id.to_array().unwrap())
}

fn ids(ids: &[v1::ObjectId]) -> Vec<Id> {
    ids.iter().map(id).collect()
}

fn object_id(id: Id) -> v1::ObjectId {
    (*id.as_bytes()).into()
}

fn refused(error: &StoreError) -> Status {
    let failure = Failure::new("invalid");
    let failure = match error {
        StoreError::Dangling { id } => failure.fact("missing", id.to_string()),
        StoreError::Cut { commit } => failure.fact("cut", commit.to_string()),
        StoreError::Collecting { .. } => {
            return Failure::new("collecting").to_status(Code::Unavailable, &error.to_string());
        }
        _ => failure,
    };
    failure.to_status(Code::InvalidArgument, &error.to_string())
}

fn message(stored: &Stored) -> v1::StoredObject {
    v1::StoredObject {
        encoding: stored.bytes.clone(),
        generation: stored.generation,
        cut: (!stored.cut.is_none()).then_some(v1::Cut {
            contents: stored.cut.contents,
            parents: stored.cut.parents,
        }),
    }
}

impl Handler {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Status> {
        let engine = Arc::clone(&self.engine);
        let done = tokio::task::spawn_blocking(move || work(engine.as_ref()));
        done.await.unwrap().map_err(|error| refused(&error))
    }

    async fn swap(
        &self,
        objects: Vec<v1::StoredObject>,
        edits: Vec<v1::RefEdit>,
        key: String,
    ) -> Result<Response<v1::UpdateRefsResponse>, Status> {
        let (keys, applied) = (Arc::clone(&self.keys), Arc::clone(&self.applied));
        let answer = self.run(move |engine| {
            let mut keys = keys.lock().unwrap();
            if let Some(answer) = keys.get(&key) {
                return Ok(answer.clone());
            }
            put(engine, objects)?;
            let edits: Vec<RefEdit> = edits
                .into_iter()
                .map(|edit| RefEdit {
                    name: edit.name,
                    expected: edit.expected.as_ref().map(id),
                    new: edit.new.as_ref().map(id),
                })
                .collect();
            use v1::update_refs_response::{Applied, Outcome};
            let outcome = match engine.compare_and_swap(&edits, Durability::Sync)? {
                RefOutcome::Applied => Outcome::Applied(Applied {}),
                RefOutcome::Lost { name, current } => Outcome::Lost(v1::LostRace {
                    name,
                    current: current.map(object_id),
                }),
            };
            if matches!(outcome, Outcome::Applied(_)) {
                applied.fetch_add(1, Ordering::SeqCst);
            }
            let outcome = Some(outcome);
            keys.insert(
                key,
                v1::UpdateRefsResponse {
                    outcome: outcome.clone(),
                },
            );
            Ok(v1::UpdateRefsResponse { outcome })
        });
        Ok(Response::new(answer.await?))
    }
}

fn put(engine: &dyn Engine, objects: Vec<v1::StoredObject>) -> Result<(), StoreError> {
    for object in objects {
        let bytes = object.encoding;
        let links = links_of(&bytes).unwrap_or_default();
        let links: Vec<Key> = links.into_iter().map(Key::from).collect();
        let cut = object.cut.unwrap_or_default();
        engine.put_many(&[Object {
            id: Id::of(&bytes),
            kind: bytes
                .get(1)
                .copied()
                .and_then(Kind::from_code)
                .unwrap_or(Kind::Blob),
            bytes: &bytes,
            links: &links,
            generation: object.generation,
            cut: Cut {
                contents: cut.contents,
                parents: cut.parents,
            },
            base: None,
        }])?;
    }
    Ok(())
}

/// Reads objects, and what lies beneath or before them.
fn read(
    engine: &dyn Engine,
    asked: &[Id],
    depth: u32,
    generations: u32,
) -> Result<v1::GetObjectsResponse, StoreError> {
    let mut answer = v1::GetObjectsResponse::default();
    let mut frontier: Vec<(Id, u32, u32)> =
        asked.iter().map(|&id| (id, depth, generations)).collect();
    let (mut seen, mut ahead) = (HashSet::new(), 0);
    let asked: HashSet<Id> = asked.iter().copied().collect();
    while !frontier.is_empty() && ahead <= AHEAD_BYTES_MAX {
        let mut next = Vec::new();
        for (id, depth, generations) in frontier.drain(..) {
            if !seen.insert(id) {
                continue;
            }
            let Some(stored) = engine.get(&id.into())? else {
                answer
                    .absent
                    .extend(asked.contains(&id).then(|| object_id(id)));
                continue;
            };
            if !asked.contains(&id) {
                ahead += stored.bytes.len();
            }
            let links = links_of(&stored.bytes).unwrap_or_default();
            let is_commit = stored.bytes.get(1) == Some(&Kind::Commit.code());
            for (index, link) in links.into_iter().enumerate() {
                if is_commit && index > 0 {
                    if generations > 0 {
                        next.push((link, depth, generations - 1));
                    }
                } else if depth > 0 {
                    next.push((link, depth - 1, generations));
                }
            }
            answer.objects.push(message(&stored));
        }
        frontier = next;
    }
    Ok(answer)
}

/// Sends all that commits lead to, each object after what it links to.
fn fetch(
    engine: &dyn Engine,
    want: &[Id],
    have: &[Id],
    depth: u32,
) -> Result<Vec<v1::StoredObject>, StoreError> {
    let mut seen: HashSet<Id> = HashSet::new();
    let mut visit =
        |roots: &[Id], keep: bool, depth: u32| -> Result<Vec<v1::StoredObject>, StoreError> {
            let mut sent = Vec::new();
            let mut stack: Vec<(Id, u32, bool)> =
                roots.iter().rev().map(|&id| (id, depth, false)).collect();
            while let Some((id, depth, is_after)) = stack.pop() {
                let Some(stored) = engine.get(&id.into())? else {
                    continue;
                };
                if is_after {
                    sent.push(message(&stored));
                    continue;
                }
                if !seen.insert(id) {
                    continue;
                }
                if keep {
                    stack.push((id, depth, true));
                }
                let is_commit = stored.bytes.get(1) == Some(&Kind::Commit.code());
                let links = links_of(&stored.bytes).unwrap_or_default();
                for (index, link) in links.into_iter().enumerate().rev() {
                    if is_commit && (stored.cut.leaves_out(index) || index > 0 && depth == 1) {
                        continue;
                    }
                    let depth = if is_commit && index > 0 {
                        depth.saturating_sub(1)
                    } else {
                        depth
                    };
                    stack.push((link, depth, false));
                }
            }
            Ok(sent)
        };
    visit(have, false, 0)?;
    visit(want, true, depth)
}

#[tonic::async_trait]
impl objects_server::Objects for Handler {
    type GetStream = Answers<v1::GetObjectsResponse>;
    type FetchStream = Answers<v1::GetObjectsResponse>;
    type HoldStream = Answers<v1::HoldResponse>;

    async fn get(
        &self,
        request: Request<v1::GetObjectsRequest>,
    ) -> Result<Response<Self::GetStream>, Status> {
        let request = request.into_inner();
        let answer = self
            .run(move |engine| {
                read(
                    engine,
                    &ids(&request.ids),
                    request.depth,
                    request.generations,
                )
            })
            .await?;
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(answer)))))
    }

    async fn contains(
        &self,
        request: Request<v1::ContainsRequest>,
    ) -> Result<Response<v1::ContainsResponse>, Status> {
        let ids = ids(&request.into_inner().ids);
        let answer = self.run(move |engine| {
            let mut present = Vec::new();
            engine.contains_many(&ids, &mut present)?;
            let present: Vec<u8> = present.into_iter().map(u8::from).collect();
            Ok(v1::ContainsResponse {
                present: present.into(),
            })
        });
        Ok(Response::new(answer.await?))
    }

    async fn put(
        &self,
        request: Request<Streaming<v1::PutRequest>>,
    ) -> Result<Response<v1::PutResponse>, Status> {
        let mut messages = request.into_inner();
        while let Some(message) = messages.message().await? {
            self.run(move |engine| put(engine, message.objects)).await?;
        }
        Ok(Response::new(v1::PutResponse { objects: 0 }))
    }

    async fn put_and_update(
        &self,
        request: Request<v1::PutAndUpdateRequest>,
    ) -> Result<Response<v1::UpdateRefsResponse>, Status> {
        let request = request.into_inner();
        self.swap(request.objects, request.edits, request.idempotency_key)
            .await
    }

    async fn commits_with_prefix(
        &self,
        request: Request<v1::CommitsWithPrefixRequest>,
    ) -> Result<Response<v1::CommitsWithPrefixResponse>, Status> {
        let request = request.into_inner();
        let prefix = request
            .prefix
            .parse()
            .map_err(|_| Status::invalid_argument("prefix"))?;
        let found =
            self.run(move |engine| engine.commits_with_prefix(&prefix, request.limit as usize));
        let commits = found.await?.into_iter().map(object_id).collect();
        Ok(Response::new(v1::CommitsWithPrefixResponse { commits }))
    }

    async fn fetch(
        &self,
        request: Request<v1::FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let request = request.into_inner();
        let objects = self
            .run(move |engine| {
                fetch(
                    engine,
                    &ids(&request.want),
                    &ids(&request.have),
                    request.depth,
                )
            })
            .await?;
        let pieces: Vec<_> = objects
            .chunks(100)
            .map(|piece| {
                Ok(v1::GetObjectsResponse {
                    objects: piece.to_vec(),
                    absent: Vec::new(),
                })
            })
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn hold(
        &self,
        request: Request<Streaming<v1::HoldRequest>>,
    ) -> Result<Response<Self::HoldStream>, Status> {
        let mut requests = request.into_inner();
        let engine = Arc::clone(&self.engine);
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut holds = Vec::new();
            while let Ok(Some(request)) = requests.message().await {
                for commit in ids(&request.commits) {
                    holds.push(engine.hold(commit).unwrap());
                }
                let _gone = sender.send(Ok(v1::HoldResponse {})).await;
            }
            drop(holds);
            drop(sender);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

#[tonic::async_trait]
impl repositories_server::Repositories for Handler {
    async fn list(
        &self,
        _: Request<v1::ListRepositoriesRequest>,
    ) -> Result<Response<v1::ListRepositoriesResponse>, Status> {
        Err(Status::unimplemented("list"))
    }

    async fn create(
        &self,
        _: Request<v1::CreateRepositoryRequest>,
    ) -> Result<Response<v1::Repository>, Status> {
        Err(Status::unimplemented("create"))
    }

    async fn drop(
        &self,
        _: Request<v1::DropRepositoryRequest>,
    ) -> Result<Response<v1::DropRepositoryResponse>, Status> {
        Err(Status::unimplemented("drop"))
    }

    async fn list_refs(
        &self,
        request: Request<v1::ListRefsRequest>,
    ) -> Result<Response<v1::ListRefsResponse>, Status> {
        let request = request.into_inner();
        let refs = self
            .run(move |engine| engine.list_refs(&request.prefix))
            .await?;
        // Small pages, so that there are several.
        let behind = refs.into_iter().filter(|(name, _)| *name > request.after);
        let mut refs: Vec<v1::Ref> = behind
            .map(|(name, id)| v1::Ref {
                name,
                commit: Some(object_id(id)),
            })
            .take(101)
            .collect();
        let more = refs.len() > 100;
        refs.truncate(100);
        Ok(Response::new(v1::ListRefsResponse { refs, more }))
    }

    async fn get_ref(
        &self,
        request: Request<v1::GetRefRequest>,
    ) -> Result<Response<v1::GetRefResponse>, Status> {
        let name = request.into_inner().name;
        let commit = self
            .run(move |engine| engine.get_ref(&name))
            .await?
            .map(object_id);
        Ok(Response::new(v1::GetRefResponse { commit }))
    }

    async fn update_refs(
        &self,
        request: Request<v1::UpdateRefsRequest>,
    ) -> Result<Response<v1::UpdateRefsResponse>, Status> {
        let request = request.into_inner();
        self.swap(Vec::new(), request.edits, request.idempotency_key)
            .await
    }

    async fn resolve(
        &self,
        _: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::Commit>, Status> {
        Err(Status::unimplemented("resolve"))
    }
}

#[tonic::async_trait]
impl watches_server::Watches for Handler {
    type WatchStream = Answers<v1::WatchEvent>;
    type WatchRefsStream = Answers<v1::WatchRefsEvent>;

    async fn watch(
        &self,
        _: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("watch"))
    }

    async fn watch_refs(
        &self,
        _: Request<v1::WatchRefsRequest>,
    ) -> Result<Response<Self::WatchRefsStream>, Status> {
        let engine = Arc::clone(&self.engine);
        let (sender, receiver) = mpsc::channel(1);
        let seen = engine.changes();
        std::thread::spawn(move || {
            let mut seen = seen;
            let event = |ready| v1::WatchRefsEvent {
                changes: Vec::new(),
                ready,
            };
            let mut is_open = sender.blocking_send(Ok(event(true))).is_ok();
            while is_open {
                let now = engine
                    .wait_for_changes(seen, Duration::from_millis(50))
                    .unwrap();
                is_open = match now == seen {
                    true => !sender.is_closed(),
                    false => sender.blocking_send(Ok(event(false))).is_ok(),
                };
                seen = now;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

#[tonic::async_trait]
impl admin_server::Admin for Handler {
    type CollectStream = Answers<v1::CollectResponse>;
    type VerifyStream = Answers<v1::VerifyResponse>;
    type BackupStream = Answers<v1::BackupResponse>;

    async fn stats(
        &self,
        _: Request<v1::StatsRequest>,
    ) -> Result<Response<v1::StatsResponse>, Status> {
        let stats = self.run(|engine| engine.stats()).await?;
        let kind = |kind: irmin_core::KindStats| {
            Some(v1::KindStats {
                objects: kind.objects,
                bytes: kind.bytes,
            })
        };
        Ok(Response::new(v1::StatsResponse {
            blobs: kind(stats.blobs),
            chunk_lists: kind(stats.chunk_lists),
            nodes: kind(stats.nodes),
            commits: kind(stats.commits),
            refs: stats.refs,
            ..v1::StatsResponse::default()
        }))
    }

    async fn collect(
        &self,
        request: Request<v1::CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let request = request.into_inner();
        let engine = Arc::clone(&self.engine);
        let (sender, receiver) = mpsc::channel(1);
        std::thread::spawn(move || {
            let roots = ids(&request.roots);
            let cuts: HashMap<Id, Cut> = request
                .cuts
                .iter()
                .map(|one| {
                    let cut = one.cut.unwrap_or_default();
                    let cut = Cut {
                        contents: cut.contents,
                        parents: cut.parents,
                    };
                    (id(one.commit.as_ref().unwrap()), cut)
                })
                .collect();
            let cut = |id: &Id| cuts.get(id).copied().unwrap_or_default();
            let collect = Collect {
                roots: &roots,
                cut: Some(&cut),
                dry_run: request.dry_run,
            };
            let send = |is| sender.blocking_send(Ok(v1::CollectResponse { is: Some(is) }));
            let report = engine.collect(&collect, &mut |at| {
                let progress = v1::Progress {
                    bytes_done: at.bytes_done,
                    bytes_total: at.bytes_total,
                };
                match send(v1::collect_response::Is::Progress(progress)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
            let _gone = match report {
                Ok(report) => send(v1::collect_response::Is::Report(v1::CollectReport {
                    objects_kept: report.objects_kept,
                    objects_removed: report.objects_removed,
                    commits_cut: report.commits_cut,
                    bytes_before: report.bytes_before,
                    bytes_after: report.bytes_after,
                    is_cancelled: report.is_cancelled,
                })),
                Err(error) => sender.blocking_send(Err(refused(&error))),
            };
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn verify(
        &self,
        _: Request<v1::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        let report = self.run(|engine| engine.verify(&mut |_| ())).await?;
        let report = v1::VerifyReport {
            objects: report.objects,
            problems: report.problems.iter().map(ToString::to_string).collect(),
            ..v1::VerifyReport::default()
        };
        let answer = v1::VerifyResponse {
            is: Some(v1::verify_response::Is::Report(report)),
        };
        Ok(Response::new(Box::pin(
            tokio_stream::once(Ok(answer)).map(|answer| answer),
        )))
    }

    async fn backup(
        &self,
        _: Request<v1::BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        Err(Status::unimplemented("backup"))
    }

    async fn sync(
        &self,
        _: Request<v1::SyncRequest>,
    ) -> Result<Response<v1::SyncResponse>, Status> {
        self.run(|engine| engine.sync()).await?;
        Ok(Response::new(v1::SyncResponse {}))
    }
}
