//! What the service costs beside the work: `costs DIR [watchers]`. Prints the time of a request in
//! the one hop and without it, and what idle watches take and how late the last one hears.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::time::{Duration, Instant};

use irmin_server::service::{
    AccessConfig, Caller, CommitOptions, Config, Data, Deadline, Entry, Peer, Principal,
    RequestKey, Rules, Server, Transport, WatchOptions,
};
use irminsule::{Durability, Id, Path, Since};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const REQUESTS: u32 = 20_000;

/// How many commits are looked through for keys.
const COMMITS: u32 = 4096;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("give a directory")?;
    let watchers = arguments.next().map_or(Ok(1000), |count| count.parse())?;
    let server = open(&dir)?;
    for number in 0..COMMITS {
        commit(&server, &number.to_string())?;
    }
    drop(server);
    let server = open(&dir)?;
    for which in ["first", "second"] {
        let start = Instant::now();
        let scope = server.scope(&Caller::local(), "main")?;
        let key = Some(RequestKey::new(which, Id::of(which.as_bytes()))?);
        let options = CommitOptions {
            durability: Durability::None,
            ..CommitOptions::new("set").request(key)
        };
        let at = Path::parse("a/b/c")?;
        scope.transact("main", &options, |view| view.set(&at, which))?;
        println!(
            "the {which} request with a key after a start: {:?}",
            start.elapsed()
        );
    }
    pruned(&server)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    requests(&server, &runtime)?;
    runtime.block_on(watches(&server, watchers))
}

fn open(dir: &str) -> Result<Server, Failure> {
    let access = AccessConfig {
        entry: Entry::Open,
        ..AccessConfig::default()
    };
    Ok(Server::open(Config {
        access,
        ..Config::new(Data::Dir(dir.into()))
    })?)
}

/// Compares a caller who sees all with one who sees ten directories of twenty.
fn pruned(server: &Server) -> Result<(), Failure> {
    let scope = server.scope(&Caller::local(), "main")?;
    let options = CommitOptions::new("directories");
    scope.transact("main", &options, |view| {
        (0..20).try_for_each(|dir| {
            view.set(&Path::parse(format!("d{dir}/file"))?, "x")?;
            Ok(())
        })
    })?;
    let before = server.access().config();
    let rule =
        |path: &str| format!("[[rule]]\nprincipal = 'ada'\npath = '{path}'\nright = 'write'\n");
    let rules = |paths: std::ops::Range<u32>| {
        paths
            .map(|dir| rule(&format!("d{dir}")))
            .collect::<String>()
    };
    for (what, rules) in [
        ("all", rule("")),
        ("ten of twenty directories", rules(0..10)),
    ] {
        server.access().reload(AccessConfig {
            rules: Rules::parse(&rules)?,
            entry: Entry::Rules,
            ..AccessConfig::default()
        });
        let ada = Caller::known(
            Some(Principal::new("ada")?),
            Transport::Local,
            Peer::default(),
        );
        let at = Path::parse("d5/file")?;
        let start = Instant::now();
        for _ in 0..REQUESTS {
            server.run_here(&ada, "main", Deadline::never(), |scope| {
                let head = scope.must_have_head("main")?;
                scope.get(&head, &at)
            })?;
        }
        let read = start.elapsed() / REQUESTS;
        let start = Instant::now();
        for number in 0..REQUESTS / 4 {
            server.run_here(&ada, "main", Deadline::never(), |scope| {
                let options = CommitOptions {
                    durability: Durability::None,
                    ..CommitOptions::new("set")
                };
                scope.transact("main", &options, |view| view.set(&at, number.to_string()))
            })?;
        }
        let write = start.elapsed() / (REQUESTS / 4);
        println!("who may write {what}: a get {read:?}, a commit {write:?}");
    }
    server.access().reload((*before).clone());
    Ok(())
}

fn commit(server: &Server, value: &str) -> Result<(), Failure> {
    let scope = server.scope(&Caller::local(), "main")?;
    let options = CommitOptions {
        durability: Durability::None,
        ..CommitOptions::new("set")
    };
    let at = Path::parse("a/b/c")?;
    scope.transact("main", &options, |view| view.set(&at, value.to_owned()))?;
    Ok(())
}

fn get(scope: &irmin_server::service::Scope) -> irmin_server::service::Result<bool> {
    let head = scope.must_have_head("main")?;
    Ok(scope.get(&head, &Path::parse("a/b/c")?)?.is_some())
}

fn requests(server: &Server, runtime: &tokio::runtime::Runtime) -> Result<(), Failure> {
    let caller = Caller::local();
    let start = Instant::now();
    for _ in 0..REQUESTS {
        server.run_here(&caller, "main", Deadline::never(), get)?;
    }
    println!("a get on this thread: {:?}", start.elapsed() / REQUESTS);
    for clients in [1, 16] {
        let start = Instant::now();
        let processor = processor_time();
        runtime.block_on(async {
            let clients = (0..clients).map(|_| {
                let (server, caller) = (server.clone(), caller.clone());
                tokio::spawn(async move {
                    for _ in 0..REQUESTS / clients {
                        server.run(&caller, "main", Deadline::never(), get).await?;
                    }
                    Ok::<_, Failure>(())
                })
            });
            for client in clients.collect::<Vec<_>>() {
                client.await??;
            }
            Ok::<_, Failure>(())
        })?;
        println!(
            "a get in the hop, {clients} clients: {:?} of time, {:?} of processors",
            start.elapsed() / REQUESTS,
            (processor_time() - processor) / REQUESTS
        );
    }
    Ok(())
}

async fn watches(server: &Server, count: usize) -> Result<(), Failure> {
    let before = resident();
    let mut heard = Vec::new();
    for _ in 0..count {
        let options = WatchOptions {
            branch: "main".to_owned(),
            path: Path::root(),
            since: Since::Now,
            every_commit: false,
            changes: true,
        };
        let mut watch = server.watch(&Caller::local(), "main", options).await?;
        heard.push(tokio::spawn(async move {
            watch.next().await?;
            let first = Instant::now();
            watch.next().await?;
            Ok::<_, Failure>((first, Instant::now()))
        }));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = processor_time();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = processor_time() - idle;
    let bytes = resident().saturating_sub(before) / count;
    println!("{count} idle watches: {bytes} bytes each, {idle:?} of processors a second");
    let mut start = Vec::new();
    for value in ["seen once", "seen twice"] {
        start.push((Instant::now(), processor_time()));
        commit(server, value)?;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let mut last = [Duration::ZERO; 2];
    for heard in heard {
        let (first, second) = heard.await??;
        last[0] = last[0].max(first - start[0].0);
        last[1] = last[1].max(second - start[1].0);
    }
    let used = start[1].1 - start[0].1;
    println!("the last watch heard after {last:?}; all took {used:?} of processors");
    Ok(())
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// User and system time of this process, to a hundredth of a second.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(12)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}
