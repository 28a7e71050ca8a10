//! How many round trips things take: each costs tens of milliseconds over a long line.

use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;

use irmin_client::RemoteStore;
use irmin_core::sync::{FetchOptions, PushMode, PushOutcome, PushRef};
use irmin_core::{Engine, Env, MemoryStore, Path, Repo};

use crate::real::RealServer;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// A handle that has read nothing yet, as a command has when it begins.
struct Fresh {
    store: Arc<RemoteStore>,
    repo: Repo,
}

impl Fresh {
    fn new(server: &RealServer) -> Self {
        let store = Arc::new(server.store());
        let repo = Repo::new(Arc::clone(&store) as Arc<dyn Engine>, Env::fixed(1));
        Self { store, repo }
    }

    /// Runs something, and checks how many calls it made.
    fn costs<T>(&self, budget: u64, what: &str, run: impl FnOnce(&Repo) -> T) -> T {
        let before = self.store.calls();
        let value = run(&self.repo);
        let calls = self.store.calls() - before;
        assert!(calls <= budget, "{what}: {calls} calls, not {budget}");
        // A budget that is far too large hides what became worse.
        assert!(
            calls + 3 > budget,
            "{what}: only {calls} calls, so the budget is not {budget}"
        );
        value
    }
}

fn memory() -> Repo {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(1))
}

fn go_on(_: irmin_core::sync::CopyProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A server with some directories and a history.
fn filled(commits: usize) -> RealServer {
    let server = RealServer::at("pipe:irmin");
    let filler = Fresh::new(&server).repo;
    let main = filler.branch("main").unwrap();
    for number in 0..commits {
        let at = path(&format!("d{}/e{}/f{number}", number % 5, number % 3));
        main.set(&at, vec![b'v'; 20 + number * 13 % 400], "grow")
            .unwrap();
    }
    server
}

#[test]
fn commands_take_few_round_trips() {
    let server = filled(60);
    let main = |repo: &Repo| repo.branch("main").unwrap();
    Fresh::new(&server).costs(2, "get of one path", |repo| {
        assert!(main(repo).get(&path("d1/e1/f1")).unwrap().is_some());
    });
    Fresh::new(&server).costs(2, "ls", |repo| {
        let tree = main(repo).tree().unwrap();
        let dir = tree.get(&path("d1")).unwrap().unwrap().into_tree().unwrap();
        assert_eq!(dir.list(None, 10).unwrap().len(), 3);
    });
    Fresh::new(&server).costs(4, "set", |repo| {
        main(repo)
            .set(&path("d1/e1/new"), "1", "set")
            .unwrap()
            .unwrap();
    });
    Fresh::new(&server).costs(5, "log -n 10", |repo| {
        let head = main(repo).head_id().unwrap().unwrap();
        assert_eq!(repo.history().log(head).take(10).count(), 10);
    });
    let again = Fresh::new(&server);
    again.costs(4, "the first set of a handle", |repo| {
        main(repo)
            .set(&path("d1/e1/new"), "2", "set")
            .unwrap()
            .unwrap();
    });
    again.costs(3, "the next set of a handle", |repo| {
        main(repo)
            .set(&path("d1/e1/new"), "3", "set")
            .unwrap()
            .unwrap();
    });
}

#[test]
fn a_clone_and_a_fetch_take_round_trips_by_their_number_of_streams() {
    let server = filled(300);
    let here = memory();
    let options = FetchOptions::default();
    Fresh::new(&server).costs(5, "clone of 1,000 objects", |remote| {
        let engine = remote.engine().as_ref();
        let fetched = here.fetch(engine, "origin", &options, &mut go_on).unwrap();
        assert!(fetched.copied.objects > 1000, "{fetched:?}");
    });
    let main = Fresh::new(&server).repo.branch("main").unwrap();
    for number in 0..100 {
        main.set(&path(&format!("new/{number}")), "1", "more")
            .unwrap();
    }
    Fresh::new(&server).costs(12, "fetch of 100 commits", |remote| {
        let engine = remote.engine().as_ref();
        let fetched = here.fetch(engine, "origin", &options, &mut go_on).unwrap();
        assert_eq!(fetched.copied.commits, 100);
    });
    let shallow = memory();
    let mut options = FetchOptions::default();
    options.copy.depth = NonZeroU32::new(3);
    Fresh::new(&server).costs(5, "shallow clone", |remote| {
        let engine = remote.engine().as_ref();
        let fetched = shallow
            .fetch(engine, "origin", &options, &mut go_on)
            .unwrap();
        assert_eq!(fetched.copied.commits, 3);
    });
}

#[test]
fn a_push_takes_round_trips_by_its_rounds() {
    let server = filled(20);
    let here = memory();
    let remote = Fresh::new(&server);
    let engine = remote.repo.engine().as_ref();
    here.fetch(engine, "origin", &FetchOptions::default(), &mut go_on)
        .unwrap();
    let main = here.branch("main").unwrap();
    let there = here
        .engine()
        .get_ref("remotes/origin/main")
        .unwrap()
        .unwrap();
    main.reset(&here.must_load(there).unwrap()).unwrap();
    for number in 0..100 {
        main.set(&path(&format!("new/{number}")), "1", "more")
            .unwrap();
    }
    let refs = [PushRef {
        name: main.name().full(),
        new: main.head_id().unwrap(),
        mode: PushMode::FastForward,
    }];
    Fresh::new(&server).costs(20, "push of 100 commits", |remote| {
        let engine = remote.engine().as_ref();
        let outcome = here
            .push(engine, Some("origin"), &refs, &mut go_on)
            .unwrap();
        assert!(matches!(outcome, PushOutcome::Pushed { .. }));
    });
}
