//! Random requests from many clients at once, over all transports, some of them with a bad network:
//! their answers are compared with what a linearizable store may say, and with the branch's history.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conduit::{Context, Endpoint, Faults, ListenOptions, Listener, Pipes};
use irmin_proto::v1;
use irmin_server::http::{router, serve};
use irmin_server::service::{
    Caller, CommitOptions, Config, Data, Deadline, Details, Entry, ErrorKind, Precondition, Server,
    Transaction, Write,
};

use super::faulty::{Line, Random};
use super::linear::{Call, Did, is_linearizable};
use super::support::{at, bytes, commit, info, path, set};
use super::tls::Authority;

const REGISTERS: usize = 3;
const SEEDS: u64 = 2;

fn register(number: usize) -> String {
    format!("registers/r{number}")
}

/// What a client did and was told, with everything that happened in one step.
#[derive(Debug)]
struct Step {
    began: u64,
    ended: u64,
    /// What it did to registers.
    did: Vec<(usize, Did)>,
    /// Which commit it was told: the one that it made, or that it read.
    commit: Option<Vec<u8>>,
    /// The key of a request that made it.
    key: Option<String>,
}

/// What all clients share.
#[derive(Default)]
struct Clock {
    now: AtomicU64,
    /// How often calls were tried again.
    retried: AtomicU64,
}

impl Clock {
    fn tick(&self) -> u64 {
        self.now.fetch_add(1, Ordering::SeqCst)
    }
}

/// What a client asks for. Values are never written twice.
#[derive(Clone, Debug)]
enum Ask {
    Read,
    Write(usize, u64),
    Swap(usize, Option<u64>, u64),
    /// Reads the first and writes the second.
    Session(usize, usize, u64),
}

/// What came of it: what it did, and the commit.
type Told = (Vec<(usize, Did)>, Option<Vec<u8>>);

/// How a client reaches the server.
enum Door {
    Service(Server),
    Grpc(Box<Line>),
}

impl Door {
    async fn ask(&mut self, ask: &Ask, key: &str, clock: &Clock) -> (u64, Option<Told>) {
        match self {
            Self::Service(server) => (clock.tick(), Some(ask_service(server, ask, key).await)),
            Self::Grpc(line) => {
                let before = line.retries();
                let told = ask_grpc(line, ask, key, clock).await;
                let retries = line.retries() - before;
                clock.retried.fetch_add(retries, Ordering::Relaxed);
                told
            }
        }
    }
}

fn text(value: u64) -> String {
    value.to_string()
}

fn number(bytes: &[u8]) -> u64 {
    let text = std::str::from_utf8(bytes).expect("it was written as text");
    text.parse().expect("it was written as a number")
}

async fn ask_service(server: &Server, ask: &Ask, key: &str) -> Told {
    let caller = Caller::local();
    let (ask, key) = (ask.clone(), key.to_owned());
    let run = server.run(&caller, "main", Deadline::never(), move |scope| {
        let (register_of, expected, value) = match ask {
            Ask::Read => {
                let Some(head) = scope.head("main")? else {
                    return Ok((nothing_read(), None));
                };
                let mut did = Vec::new();
                for each in 0..REGISTERS {
                    let entry = scope.get(&head, &path(&register(each)))?;
                    let blob = entry.and_then(|entry| entry.into_blob());
                    let bytes = blob.map(|blob| blob.bytes()).transpose()?;
                    did.push((each, Did::Read(bytes.map(|bytes| number(&bytes)))));
                }
                return Ok((did, Some(head.id().as_bytes().to_vec())));
            }
            Ask::Write(register, value) => (register, None, value),
            Ask::Swap(register, expected, value) => (register, Some(expected), value),
            Ask::Session(_, to, value) => (to, None, value),
        };
        let place = path(&register(register_of));
        let transaction = Transaction {
            preconditions: expected.map_or_else(Vec::new, |expected| {
                vec![match expected {
                    None => Precondition::Absent(place.clone()),
                    Some(value) => Precondition::Bytes(place.clone(), text(value).into_bytes()),
                }]
            }),
            writes: vec![Write::Set {
                path: place,
                bytes: text(value).into(),
                mode: irminsule::Mode::Normal,
            }],
        };
        let key = transaction.key(&key, "main", "test")?;
        let options = CommitOptions::new("test").request(Some(key));
        let done = match scope.apply("main", &transaction, &options) {
            Ok(done) => done,
            Err(error) if matches!(error.details, Details::Precondition { .. }) => {
                assert_eq!(error.kind, ErrorKind::Conflict);
                let did = Did::Refused(expected.expect("only these fail"));
                return Ok((vec![(register_of, did)], None));
            }
            Err(error) => return Err(error),
        };
        let did = match expected {
            None => Did::Write(value),
            Some(expected) => Did::Swap(expected, value),
        };
        let commit = done.commit.expect("a new value changes something");
        Ok((
            vec![(register_of, did)],
            Some(commit.id().as_bytes().to_vec()),
        ))
    });
    run.await.expect("it answers")
}

fn nothing_read() -> Vec<(usize, Did)> {
    let all = (0..REGISTERS).map(|each| (each, Did::Read(None)));
    all.collect()
}

/// Asks over gRPC until an answer comes. `None`: a session that failed, which did nothing.
async fn ask_grpc(line: &mut Line, ask: &Ask, key: &str, clock: &Clock) -> (u64, Option<Told>) {
    let began = clock.tick();
    match ask {
        Ask::Read => (began, Some(read(line).await)),
        Ask::Write(register_of, value) => {
            let mut request = commit("main", vec![set(&register(*register_of), &text(*value))]);
            request.idempotency_key = key.to_owned();
            let did = Did::Write(*value);
            (began, told(*register_of, did, apply(line, request).await))
        }
        Ask::Swap(register_of, expected, value) => {
            let mut request = commit("main", vec![set(&register(*register_of), &text(*value))]);
            request.idempotency_key = key.to_owned();
            request.preconditions = vec![holds(&register(*register_of), *expected)];
            let answer = apply(line, request).await;
            if let v1::commit_response::Outcome::Failed(_) = answer {
                let did = vec![(*register_of, Did::Refused(*expected))];
                return (began, Some((did, None)));
            }
            let did = Did::Swap(*expected, *value);
            (began, told(*register_of, did, answer))
        }
        Ask::Session(from, to, value) => session(line, *from, *to, *value, key, clock).await,
    }
}

async fn read(line: &mut Line) -> Told {
    let request = v1::GetRequest {
        at: at(""),
        paths: (0..REGISTERS).map(|each| bytes(&register(each))).collect(),
        data_limit: 100,
    };
    let answer = line
        .call(async |wire| wire.contents().get(request.clone()).await)
        .await
        .expect("it reads");
    let found = answer.found.into_iter().enumerate();
    let did = found.map(|(each, found)| (each, Did::Read(value_of(found))));
    (did.collect(), answer.commit.map(id_of))
}

fn id_of(commit: v1::Commit) -> Vec<u8> {
    commit.id.expect("it has one").sha256.to_vec()
}

fn value_of(found: v1::Found) -> Option<u64> {
    match found.entry?.is.expect("one of two") {
        v1::entry::Is::Blob(blob) => Some(number(&blob.data.expect("it is short"))),
        v1::entry::Is::Directory(_) => panic!("nobody made it"),
    }
}

fn holds(place: &str, expected: Option<u64>) -> v1::Precondition {
    use v1::precondition::{Absent, Content, What, content::Is};
    let is = match expected {
        None => Is::Absent(Absent {}),
        Some(value) => Is::Data(bytes(&text(value))),
    };
    let content = Content {
        path: bytes(place),
        is: Some(is),
    };
    v1::Precondition {
        what: Some(What::Content(content)),
    }
}

async fn apply(line: &mut Line, request: v1::CommitRequest) -> v1::commit_response::Outcome {
    let answer = line
        .call(async |wire| wire.transactions().commit(request.clone()).await)
        .await;
    answer.expect("it commits").outcome.expect("one")
}

fn told(register: usize, did: Did, answer: v1::commit_response::Outcome) -> Option<Told> {
    match answer {
        v1::commit_response::Outcome::Committed(done) => {
            let commit = done.commit.expect("a new value changes something");
            Some((vec![(register, did)], Some(id_of(commit))))
        }
        other => panic!("{other:?}"),
    }
}

/// Reads one register and writes another in a session. What it read must still hold when it commits,
/// so the whole counts as one step within the last call.
async fn session(
    line: &mut Line,
    from: usize,
    to: usize,
    value: u64,
    key: &str,
    clock: &Clock,
) -> (u64, Option<Told>) {
    let request = v1::BeginRequest {
        branch: "main".to_owned(),
        ttl_seconds: 60,
        ..v1::BeginRequest::default()
    };
    let begun = line
        .call(async |wire| wire.transactions().begin(request.clone()).await)
        .await;
    let session = begun.expect("it begins").session;
    let request = v1::SessionReadRequest {
        session: session.clone(),
        paths: vec![bytes(&register(from))],
        data_limit: 100,
        ..v1::SessionReadRequest::default()
    };
    let mut answer = line
        .call(async |wire| wire.transactions().read(request.clone()).await)
        .await
        .expect("it reads");
    let seen = value_of(answer.found.remove(0));
    let request = v1::SessionWriteRequest {
        session: session.clone(),
        writes: vec![set(&register(to), &text(value))],
        ..v1::SessionWriteRequest::default()
    };
    line.call(async |wire| wire.transactions().write(request.clone()).await)
        .await
        .expect("it writes");
    let request = v1::CommitSessionRequest {
        session,
        info: info("test"),
        idempotency_key: key.to_owned(),
        ..v1::CommitSessionRequest::default()
    };
    let began = clock.tick();
    let answer = line
        .call(async |wire| wire.transactions().commit_session(request.clone()).await)
        .await;
    let did = match (from == to, seen) {
        (true, seen) => vec![(to, Did::Swap(seen, value))],
        (false, seen) => vec![(from, Did::Read(seen)), (to, Did::Write(value))],
    };
    let outcome = match answer {
        Ok(answer) => answer.outcome.expect("one"),
        // The answer that it was stale was lost on the way, and the session ended with it.
        Err(status) if line.has_retried() && status.code() == tonic::Code::NotFound => {
            return (began, None);
        }
        Err(status) => panic!("{status:?}"),
    };
    match outcome {
        v1::commit_response::Outcome::Committed(done) => {
            let commit = id_of(done.commit.expect("a new value changes something"));
            (began, Some((did, Some(commit))))
        }
        v1::commit_response::Outcome::Stale(_) => (began, None),
        other => panic!("{other:?}"),
    }
}

/// One client: asks at random, and notes what it is told.
async fn client(number: usize, seed: u64, mut door: Door, clock: Arc<Clock>) -> Vec<Step> {
    let mut random = Random(seed.wrapping_mul(1000) + number as u64);
    let mut steps = Vec::new();
    let mut known = [None; REGISTERS];
    for round in 0..30 {
        let value = number as u64 * 1000 + round + 1;
        let (one, other) = (random.below(REGISTERS), random.below(REGISTERS));
        let ask = match random.below(8) {
            0..=2 => Ask::Read,
            3 => Ask::Write(one, value),
            4..=6 => Ask::Swap(one, known[one], value),
            _ => Ask::Session(one, other, value),
        };
        let key = format!("c{number}.{round}");
        let (began, told) = door.ask(&ask, &key, &clock).await;
        let Some((did, commit)) = told else { continue };
        for (register, did) in &did {
            known[*register] = match *did {
                Did::Read(seen) => seen,
                Did::Write(value) | Did::Swap(_, value) => Some(value),
                Did::Refused(_) => known[*register],
            };
        }
        let is_made = commit.is_some() && !matches!(ask, Ask::Read);
        steps.push(Step {
            began,
            ended: clock.tick(),
            did,
            commit,
            key: is_made.then_some(key),
        });
    }
    steps
}

/// Each register by itself is linearizable.
fn check_registers(steps: &[Step]) {
    for register in 0..REGISTERS {
        let mut history = Vec::new();
        for step in steps {
            let own = step.did.iter().filter(|(at, _)| *at == register);
            history.extend(own.map(|&(_, did)| Call {
                began: step.began,
                ended: Some(step.ended),
                did,
            }));
        }
        assert!(!history.is_empty());
        assert!(is_linearizable(&history), "{register}: {history:#?}");
    }
}

/// A commit, the key of its request, and what the registers held.
type Past = (Vec<u8>, String, Vec<(usize, Did)>);

/// The branch's history, oldest first.
async fn history(line: &mut Line) -> Vec<Past> {
    let mut all = Vec::new();
    let mut request = v1::LogRequest {
        at: at("main"),
        ..v1::LogRequest::default()
    };
    loop {
        let page = line
            .call(async |wire| wire.contents().log(request.clone()).await)
            .await
            .expect("a page");
        for commit in page.commits {
            let header = commit.headers.iter().find(|header| header.key == "request");
            let value = header.expect("each was asked for with a key").value.clone();
            let key = String::from_utf8(value.to_vec()).expect("text");
            let key = key.split(' ').next().expect("a key").to_owned();
            assert!(commit.parents.len() < 2);
            let id = id_of(commit);
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            let get = v1::GetRequest {
                at: at(&hex),
                paths: (0..REGISTERS).map(|each| bytes(&register(each))).collect(),
                data_limit: 100,
            };
            let got = line
                .call(async |wire| wire.contents().get(get.clone()).await)
                .await
                .expect("it reads");
            let found = got.found.into_iter().enumerate();
            let state = found.map(|(each, found)| (each, Did::Read(value_of(found))));
            all.push((id, key, state.collect()));
        }
        if page.next_page.is_empty() {
            break;
        }
        request.page = page.next_page;
    }
    all.reverse();
    all
}

/// Each request made the one commit that its client was told, in an order that fits their times, and
/// what was read in one call is the state of the commit that was told.
fn check_history(steps: &[Step], history: &[Past]) {
    let mut places = HashMap::new();
    let mut keys = HashMap::new();
    for (place, (id, key, _)) in history.iter().enumerate() {
        places.insert(id.clone(), place);
        assert_eq!(
            keys.insert(key.clone(), id.clone()),
            None,
            "{key} was done twice"
        );
    }
    let nothing = nothing_read();
    let state = |place: Option<usize>| place.map_or(&nothing, |place| &history[place].2);
    for step in steps {
        if let Some(key) = &step.key {
            assert_eq!(keys.remove(key), step.commit, "{key}");
        }
        let Some(commit) = &step.commit else { continue };
        let place = places[commit];
        for (register, did) in &step.did {
            let before = state(place.checked_sub(1))[*register].1;
            let now = state(Some(place))[*register].1;
            match *did {
                // In a session, which writes something else.
                Did::Read(_) if step.key.is_some() => assert_eq!(before, *did),
                Did::Read(_) => assert_eq!(now, *did),
                Did::Write(value) => assert_eq!(now, Did::Read(Some(value))),
                Did::Swap(seen, value) => {
                    assert_eq!((before, now), (Did::Read(seen), Did::Read(Some(value))));
                }
                Did::Refused(_) => panic!("it made no commit"),
            }
        }
    }
    assert!(keys.is_empty(), "commits that nobody was told of: {keys:?}");
    check_times(steps, &places);
}

/// What ended before something else began is not behind it in the branch's history.
fn check_times(steps: &[Step], places: &HashMap<Vec<u8>, usize>) {
    let placed = steps.iter().filter_map(|step| {
        let place = places[step.commit.as_ref()?];
        Some((step, place))
    });
    let placed: Vec<_> = placed.collect();
    for (first, place) in &placed {
        for (second, later) in &placed {
            if first.ended < second.began {
                let is_ordered = match second.key {
                    Some(_) => place < later,
                    None => place <= later,
                };
                assert!(is_ordered, "{first:?} {second:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_requests_over_every_transport_and_bad_networks_are_linearizable() {
    for seed in 0..SEEDS {
        run(seed).await;
    }
}

/// Runs a client to its end, as a process of its own would.
fn alone<T>(client: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it starts").block_on(client)
}

async fn run(seed: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = Authority::new();
    let (pipes, trust) = (Pipes::new(), authority.trust());
    let context = |faults: Option<Faults>| {
        let builder = Context::builder().pipes(pipes.clone()).trust(trust.clone());
        match faults {
            None => builder.build(),
            Some(faults) => builder.faults(faults).build(),
        }
    };
    let mut config = Config::new(Data::Dir(dir.path().join("data")));
    config.access.entry = Entry::Open;
    let server = Server::open(config).expect("it opens");
    let wanted = [
        "pipe:server".to_owned(),
        "tcp://127.0.0.1:0".to_owned(),
        "tls+tcp://127.0.0.1:0".to_owned(),
        format!("unix://{}", dir.path().join("socket").display()),
    ];
    let (mut listeners, mut endpoints): (Vec<_>, Vec<Endpoint>) = (Vec::new(), Vec::new());
    for wanted in &wanted {
        let endpoint = wanted.parse().expect("an endpoint");
        let options = ListenOptions {
            tls: wanted.starts_with("tls").then(|| authority.server()),
            ..ListenOptions::default()
        };
        let listener = Listener::bind(&context(None), &endpoint, options)
            .await
            .expect("it is free");
        endpoints.push(listener.endpoints()[0].clone());
        listeners.push(listener);
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn({
        let server = server.clone();
        async move {
            let router = router(&server);
            let shutdown = async move { drop(stopped.await) };
            serve(
                &server,
                router,
                listeners,
                shutdown,
                Duration::from_secs(60),
            )
            .await
        }
    });
    let faults = Faults::new(seed)
        .bytes_max(200)
        .pauses(20, Duration::from_millis(3))
        .reset_after(500..=4_000);
    let mut doors = vec![Door::Service(server.clone()), Door::Service(server.clone())];
    for endpoint in &endpoints {
        for faults in [None, Some(faults.clone()), Some(faults.clone())] {
            doors.push(Door::Grpc(Box::new(Line::new(context(faults), endpoint))));
        }
    }
    let clock = Arc::new(Clock::default());
    let clients = doors.into_iter().enumerate().map(|(number, door)| {
        let clock = Arc::clone(&clock);
        std::thread::spawn(move || alone(client(number, seed, door, clock)))
    });
    let clients: Vec<_> = clients.collect();
    let steps = tokio::task::spawn_blocking(|| {
        let clients = clients.into_iter();
        let steps = clients.flat_map(|client| client.join().expect("no panic"));
        steps.collect::<Vec<Step>>()
    });
    let steps = steps.await.expect("no panic");
    check_registers(&steps);
    let mut line = Line::new(context(None), &endpoints[0]);
    let history = history(&mut line).await;
    assert!(history.len() > 100, "they did little: {}", history.len());
    let retried = clock.retried.load(Ordering::Relaxed);
    assert!(retried > 50, "the network was too good: {retried}");
    check_history(&steps, &history);
    drop((line, stop));
    serving.await.expect("no panic").expect("it closes");
}
