//! What the watches of a branch share: each commit is looked at once, however many watch.
//!
//! Without it each watch looks at each commit of its branch for itself: 6 µs, so that 1,000 watches
//! never caught up with writers who make 200 commits a second. Here a commit is compared with the one
//! before it once, and a watch hears of it only if it changed something at the watch's path.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use irminsule::{Branch, Commit, Id, Path, Since, Watch, WatchKind};
use tokio::sync::oneshot;

use super::error::Result;
use super::lock::lock;

/// How many commits are kept for those who are behind: more than a second of the fastest writers.
/// Each takes 200 bytes or so.
const STOPS_MAX: usize = 4096;

/// How many commits are looked at before watches are told.
const BATCH_MAX: usize = 256;

/// A commit that changes more paths counts as one that changes any.
const PATHS_MAX: usize = 16;

/// What a watch wants to hear of.
#[derive(Clone, Copy)]
pub(crate) struct Interest<'a> {
    pub(crate) path: &'a Path,
    pub(crate) every_commit: bool,
}

/// What a watch is to do.
pub(crate) enum Ask {
    /// Look from there for at most so many events.
    Look { from: Since, events: usize },
    /// Wait, and ask again from where it is told that it stands then: nothing that it wants to hear of
    /// is before that.
    Wait(oneshot::Receiver<Since>),
    /// End: nothing will be told any more.
    End,
}

/// The last commits of a branch, and who waits for the next ones.
pub(crate) struct Feed {
    walk: Mutex<Walk>,
    state: Mutex<State>,
}

struct Walk {
    branch: Branch,
    watch: Watch,
}

/// A commit to which the branch came.
struct Stop {
    id: Id,
    /// Where it differs from the stop before; `None`: anywhere.
    changed: Option<Vec<Path>>,
}

struct State {
    /// Where the line ends.
    end: Since,
    /// Each on top of the one before; what the first one changed is not looked at.
    line: VecDeque<Stop>,
    /// The stops of the line, each with its number.
    places: HashMap<Id, usize>,
    /// The number of the first stop of the line.
    first: usize,
    /// The engine's count of changes when it was looked at last where the branch is.
    seen: u64,
    /// They stand at the end of the line.
    quiet: Vec<Quiet>,
    /// They stand where the line is not yet.
    ahead: Vec<(Since, oneshot::Sender<Since>)>,
    is_stopped: bool,
}

struct Quiet {
    path: Path,
    every_commit: bool,
    /// Taken when it is told.
    tell: Option<oneshot::Sender<Since>>,
}

/// What the branch did.
enum Move {
    Along(Stop),
    /// It went where its old head does not lead, or came, or went away.
    Jump(Since),
}

impl Feed {
    /// Makes the feed of a branch, from its present head on. [`update`](Self::update) moves it.
    pub(crate) fn new(branch: Branch) -> Result<Self> {
        let seen = branch.repo().engine().changes();
        let watch = watch(&branch)?;
        Ok(Self {
            state: Mutex::new(State::new(watch.cursor(), seen)),
            walk: Mutex::new(Walk { branch, watch }),
        })
    }

    /// Says what a watch is to do that stands at `since`; `looked` is the engine's count of changes
    /// after it had come there.
    pub(crate) fn ask(&self, interest: Interest<'_>, since: Since, looked: u64) -> Ask {
        let mut state = lock(&self.state);
        if state.is_stopped {
            return Ask::End;
        }
        if since == state.end {
            return Ask::Wait(state.wait(interest));
        }
        let place = match since {
            Since::Commit(id) => state.places.get(&id).map(|number| number - state.first),
            _ => None,
        };
        match place {
            Some(place) => state.follow(interest, place),
            // Perhaps the line comes there yet.
            None if state.seen < looked || state.end == Since::Absent && is_before_all(since) => {
                let (tell, told) = oneshot::channel();
                state.ahead.push((since, tell));
                Ask::Wait(told)
            }
            None => Ask::Look {
                from: since,
                events: BATCH_MAX,
            },
        }
    }

    /// Follows the branch and tells watches of what they want to hear of. `now` is the engine's count
    /// of changes.
    pub(crate) fn update(&self, now: u64) {
        let mut walk = lock(&self.walk);
        loop {
            let (moves, is_done) = walk.moves();
            let mut state = lock(&self.state);
            if is_done {
                state.seen = state.seen.max(now);
            }
            state.apply(moves);
            if is_done || state.is_stopped {
                return;
            }
        }
    }

    /// Ends all watches.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.state);
        state.is_stopped = true;
        state.quiet.clear();
        state.ahead.clear();
    }
}

/// Tells whether there is nothing to see from there on while there is no branch.
const fn is_before_all(since: Since) -> bool {
    matches!(since, Since::Start | Since::Now)
}

fn watch(branch: &Branch) -> Result<Watch> {
    let watch = branch.watch(&Path::root(), Since::Now)?;
    Ok(watch.every_commit())
}

impl Walk {
    /// Returns what the branch did since it was looked at last, or the beginning of that; and whether
    /// that is all.
    fn moves(&mut self) -> (Vec<Move>, bool) {
        let mut moves = Vec::new();
        while moves.len() < BATCH_MAX {
            match self.next() {
                Ok(Some(next)) => moves.push(next),
                Ok(None) if self.watch.is_caught_up() => return (moves, true),
                Ok(None) => {}
                Err(_) => {
                    // Watches look for themselves, and say what is wrong if it is so for them, too.
                    if let Ok(watch) = watch(&self.branch) {
                        self.watch = watch;
                    }
                    moves.push(Move::Jump(self.watch.cursor()));
                    return (moves, true);
                }
            }
        }
        (moves, false)
    }

    fn next(&mut self) -> Result<Option<Move>> {
        let Some(event) = self.watch.next(Duration::ZERO)? else {
            return Ok(None);
        };
        Ok(Some(match (event.kind(), event.before(), event.commit()) {
            (WatchKind::Commit, Some(before), Some(commit)) => Move::Along(Stop {
                id: commit.id(),
                changed: changed(before, commit)?,
            }),
            _ => Move::Jump(event.cursor()),
        }))
    }
}

fn changed(before: &Commit, commit: &Commit) -> Result<Option<Vec<Path>>> {
    Ok(before.tree().diff_paths(commit.tree(), PATHS_MAX)?)
}

impl State {
    fn new(end: Since, seen: u64) -> Self {
        let mut state = Self {
            end,
            line: VecDeque::new(),
            places: HashMap::new(),
            first: 0,
            seen,
            quiet: Vec::new(),
            ahead: Vec::new(),
            is_stopped: false,
        };
        state.begin(end);
        state
    }

    /// Begins the line anew.
    fn begin(&mut self, end: Since) {
        self.first += self.line.len();
        self.line.clear();
        self.places.clear();
        self.end = end;
        if let Since::Commit(id) = end {
            self.push(Stop { id, changed: None });
        }
    }

    fn push(&mut self, stop: Stop) {
        if self.line.len() == STOPS_MAX
            && let Some(oldest) = self.line.pop_front()
        {
            self.places.remove(&oldest.id);
            self.first += 1;
        }
        self.end = Since::Commit(stop.id);
        self.places.insert(stop.id, self.first + self.line.len());
        self.line.push_back(stop);
    }

    /// Lets a watch wait that stands at the end of the line.
    fn wait(&mut self, interest: Interest<'_>) -> oneshot::Receiver<Since> {
        if self.quiet.len() == self.quiet.capacity() {
            // Those who have gone meanwhile.
            self.quiet.retain(Quiet::waits);
        }
        let (tell, told) = oneshot::channel();
        self.quiet.push(Quiet {
            path: interest.path.clone(),
            every_commit: interest.every_commit,
            tell: Some(tell),
        });
        told
    }

    /// Goes along the line from a place on it.
    fn follow(&mut self, interest: Interest<'_>, place: usize) -> Ask {
        let mut rest = self
            .line
            .iter()
            .skip(place + 1)
            .map(|stop| stop.touches(interest));
        if let Some(passed) = rest.position(|touches| touches) {
            let more = rest.take(BATCH_MAX).take_while(|&touches| touches);
            let from = self.line.get(place + passed);
            return Ask::Look {
                events: 1 + more.count(),
                from: from.map_or(self.end, |stop| Since::Commit(stop.id)),
            };
        }
        Ask::Wait(self.wait(interest))
    }

    fn apply(&mut self, moves: Vec<Move>) {
        for next in moves {
            match next {
                Move::Along(stop) => {
                    let before = self.end;
                    self.quiet.retain_mut(|quiet| {
                        if stop.touches(quiet.interest()) {
                            quiet.tell(before);
                        }
                        quiet.waits()
                    });
                    self.push(stop);
                }
                Move::Jump(end) => {
                    for mut quiet in std::mem::take(&mut self.quiet) {
                        quiet.tell(self.end);
                    }
                    self.begin(end);
                }
            }
        }
        for (since, tell) in std::mem::take(&mut self.ahead) {
            // It may have gone.
            let _ = tell.send(since);
        }
    }
}

impl Stop {
    fn touches(&self, interest: Interest<'_>) -> bool {
        let touches =
            |path: &Path| path.starts_with(interest.path) || interest.path.starts_with(path);
        interest.every_commit
            || self
                .changed
                .as_ref()
                .is_none_or(|changed| changed.iter().any(touches))
    }
}

impl Quiet {
    const fn interest(&self) -> Interest<'_> {
        Interest {
            path: &self.path,
            every_commit: self.every_commit,
        }
    }

    fn tell(&mut self, since: Since) {
        if let Some(tell) = self.tell.take() {
            // It may have gone.
            let _ = tell.send(since);
        }
    }

    /// Tells whether it was not told yet, and somebody waits.
    fn waits(&self) -> bool {
        self.tell.as_ref().is_some_and(|tell| !tell.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use irminsule::{Env, MemoryStore, Repo};

    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    fn main() -> Branch {
        let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
        let main = repo.branch("main").unwrap();
        main.set(&path("start"), "here", "start").unwrap();
        main
    }

    fn head(branch: &Branch) -> Since {
        Since::Commit(branch.head_id().unwrap().unwrap())
    }

    fn commit(branch: &Branch, at: &str, value: usize) -> Since {
        branch.set(&path(at), value.to_string(), "set").unwrap();
        head(branch)
    }

    fn ask(feed: &Feed, at: &str, since: Since) -> Ask {
        let interest = Interest {
            path: &path(at),
            every_commit: false,
        };
        feed.ask(interest, since, 0)
    }

    fn waiting(asked: Ask) -> oneshot::Receiver<Since> {
        match asked {
            Ask::Wait(told) => told,
            Ask::Look { from, events } => panic!("{events} from {from:?}"),
            Ask::End => panic!("it ended"),
        }
    }

    #[test]
    fn who_waits_hears_of_what_touches_its_path_and_where_it_stands_then() {
        let main = main();
        let feed = Feed::new(main.clone()).unwrap();
        let mut told = waiting(ask(&feed, "quiet/a", head(&main)));
        let mut elsewhere = waiting(ask(&feed, "other", head(&main)));
        let before = commit(&main, "busy", 1);
        feed.update(1);
        assert!(told.try_recv().is_err());
        commit(&main, "quiet", 2);
        commit(&main, "busy", 3);
        feed.update(2);
        assert_eq!(told.try_recv().unwrap(), before);
        assert!(elsewhere.try_recv().is_err());
    }

    #[test]
    fn who_stands_on_the_line_is_sent_to_what_touches_its_path_next() {
        let main = main();
        let feed = Feed::new(main.clone()).unwrap();
        let start = head(&main);
        let before = commit(&main, "busy", 1);
        commit(&main, "quiet", 2);
        let last = commit(&main, "quiet/b", 3);
        commit(&main, "busy", 4);
        feed.update(1);
        let Ask::Look { from, events } = ask(&feed, "quiet", start) else {
            panic!("there is something to see");
        };
        assert_eq!((from, events), (before, 2));
        assert!(waiting(ask(&feed, "quiet", last)).try_recv().is_err());
    }

    #[test]
    fn who_is_ahead_waits_for_the_line_and_who_is_behind_it_looks() {
        let main = main();
        let start = head(&main);
        commit(&main, "a", 1);
        let feed = Feed::new(main.clone()).unwrap();
        assert!(matches!(ask(&feed, "a", start), Ask::Look { from, .. } if from == start));
        let ahead = commit(&main, "a", 2);
        let looked = main.repo().engine().changes();
        let interest = Interest {
            path: &path("a"),
            every_commit: false,
        };
        let mut told = waiting(feed.ask(interest, ahead, looked));
        feed.update(looked);
        assert_eq!(told.try_recv().unwrap(), ahead);
        waiting(feed.ask(interest, ahead, looked));
    }

    #[test]
    fn who_wants_all_from_the_start_waits_until_there_is_a_branch() {
        let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
        let main = repo.branch("main").unwrap();
        let feed = Feed::new(main.clone()).unwrap();
        let mut told = waiting(ask(&feed, "a", Since::Start));
        let mut absent = waiting(ask(&feed, "a", Since::Absent));
        commit(&main, "a", 1);
        feed.update(1);
        assert_eq!(told.try_recv().unwrap(), Since::Start);
        assert_eq!(absent.try_recv().unwrap(), Since::Absent);
        for since in [Since::Start, Since::Absent] {
            assert!(matches!(ask(&feed, "a", since), Ask::Look { from, .. } if from == since));
        }
    }

    #[test]
    fn a_branch_that_jumps_is_for_all_to_look_at() {
        let main = main();
        let repo = main.repo().clone();
        let other = repo.branch("other").unwrap();
        other.set(&path("other"), "1", "other").unwrap();
        let feed = Feed::new(main.clone()).unwrap();
        let stood = head(&main);
        let mut told = waiting(ask(&feed, "quiet", stood));
        main.reset(&other.head().unwrap().unwrap()).unwrap();
        feed.update(1);
        assert_eq!(told.try_recv().unwrap(), stood);
        assert!(matches!(ask(&feed, "quiet", stood), Ask::Look { from, .. } if from == stood));
        waiting(ask(&feed, "quiet", head(&main)));
    }

    #[test]
    fn the_line_has_an_end_and_who_fell_off_looks() {
        let main = main();
        let feed = Feed::new(main.clone()).unwrap();
        let start = head(&main);
        let next = commit(&main, "a", 0);
        for value in 1..STOPS_MAX {
            commit(&main, "a", value);
        }
        feed.update(1);
        assert!(matches!(ask(&feed, "b", start), Ask::Look { from, .. } if from == start));
        waiting(ask(&feed, "b", next));
        assert_eq!(lock(&feed.state).places.len(), STOPS_MAX);
    }

    #[test]
    fn who_has_gone_is_forgotten_and_a_stop_ends_all() {
        let main = main();
        let feed = Feed::new(main.clone()).unwrap();
        for _ in 0..10_000 {
            drop(waiting(ask(&feed, "quiet", head(&main))));
        }
        assert!(lock(&feed.state).quiet.len() < 100);
        let mut told = waiting(ask(&feed, "quiet", head(&main)));
        feed.stop();
        assert_eq!(told.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(matches!(ask(&feed, "quiet", head(&main)), Ask::End));
    }
}
