//! Requests with a key: asked again, they are answered again and not done again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use irminsule::{CommitInfo, Id, Repo};

use super::access::Principal;
use super::error::{ErrorKind, Result, ServiceError};

/// The longest key, in bytes.
pub const REQUEST_KEY_BYTES_MAX: usize = 64;

/// The header of commits that holds the key and the digest of the request that made them.
pub const REQUEST_HEADER: &str = "request";

/// The header of commits that says who made them through a server.
pub const PRINCIPAL_HEADER: &str = "principal";

/// How many of the newest commits of a branch are looked through for keys, once after each start.
const COMMITS_LOOKED_AT: usize = 4096;

/// A client's name for a request, so that sending it twice does it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    key: String,
    digest: String,
}

impl RequestKey {
    /// Makes a key of what the client calls the request, and a hash of all that it asks for.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` unless it has 1 to 64 of `A-Z a-z 0-9 . _ -`.
    pub fn new(key: &str, body: Id) -> Result<Self> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if key.is_empty() || key.len() > REQUEST_KEY_BYTES_MAX || !key.bytes().all(is_good) {
            let message = format!(
                "'{}' cannot be the key of a request: it has 1 to {REQUEST_KEY_BYTES_MAX} letters, \
                 digits, '.', '_' and '-'",
                key.escape_debug()
            );
            return Err(ServiceError::invalid(message));
        }
        let mut digest = body.to_string();
        digest.truncate(32);
        Ok(Self {
            key: key.to_owned(),
            digest,
        })
    }

    /// Returns what the commit says of it.
    pub(crate) fn header(&self) -> (Bytes, Bytes) {
        let value = format!("{} {}", self.key, self.digest);
        (Bytes::from_static(REQUEST_HEADER.as_bytes()), value.into())
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was done, and nothing had to change.
    Nothing,
    /// This commit was made, or the branch moved to it.
    Commit(Id),
    /// Names were elsewhere than expected, and nothing was done.
    Lost,
}

/// Who asked, and under which key.
type Asked = (Option<Principal>, String);

enum Slot {
    Running,
    Done { digest: String, answer: Answer },
}

#[derive(Default)]
struct State {
    slots: HashMap<Asked, Slot>,
    /// Those that are done, oldest first.
    order: VecDeque<Asked>,
    /// The branches whose commits were looked through.
    filled: HashSet<String>,
}

/// The answers to the requests of one repository.
pub(crate) struct Requests {
    max: usize,
    state: Mutex<State>,
    ended: Condvar,
}

/// What is known of a request.
pub(crate) enum Begun<'a> {
    /// It was done before.
    Known(Answer),
    /// It is new; [`Running::end`] keeps its answer. Dropped without, it may be tried again.
    New(Running<'a>),
}

pub(crate) struct Running<'a> {
    requests: &'a Requests,
    asked: Asked,
    digest: String,
}

impl Requests {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            state: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Looks whether a request was done before, in memory and, once a branch, in its last 4,096
    /// commits. Waits for one with the same key that runs.
    pub(crate) fn begin(
        &self,
        repo: &Repo,
        branch: &str,
        principal: Option<&Principal>,
        key: &RequestKey,
        until: Option<Instant>,
    ) -> Result<Begun<'_>> {
        self.fill(repo, branch)?;
        self.begin_unnamed(principal, key, until)
    }

    /// As [`begin`](Self::begin), for requests of which no commit tells.
    pub(crate) fn begin_unnamed(
        &self,
        principal: Option<&Principal>,
        key: &RequestKey,
        until: Option<Instant>,
    ) -> Result<Begun<'_>> {
        let asked = (principal.cloned(), key.key.clone());
        let mut state = self.lock();
        loop {
            match state.slots.get(&asked) {
                None => break,
                Some(Slot::Done { digest, answer }) if *digest == key.digest => {
                    return Ok(Begun::Known(*answer));
                }
                Some(Slot::Done { .. }) => {
                    return Err(ServiceError::invalid(format!(
                        "another request had the key '{}'; give each request its own",
                        key.key
                    )));
                }
                Some(Slot::Running) => state = self.wait(state, until)?,
            }
        }
        state.slots.insert(asked.clone(), Slot::Running);
        drop(state);
        Ok(Begun::New(Running {
            requests: self,
            asked,
            digest: key.digest.clone(),
        }))
    }

    /// Returns the answer to a request that was done, if it is in memory.
    pub(crate) fn known(&self, principal: Option<&Principal>, key: &RequestKey) -> Option<Answer> {
        match self
            .lock()
            .slots
            .get(&(principal.cloned(), key.key.clone()))?
        {
            Slot::Done { digest, answer } if *digest == key.digest => Some(*answer),
            _ => None,
        }
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
    ) -> Result<MutexGuard<'a, State>> {
        let Some(until) = until else {
            return Ok(self
                .ended
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner));
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let message = "the same request runs already, and the time is over";
            return Err(ServiceError::new(ErrorKind::DeadlineExceeded, message));
        }
        let waited = self.ended.wait_timeout(state, left);
        Ok(waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Takes the keys of a branch's newest commits over, once.
    fn fill(&self, repo: &Repo, branch: &str) -> Result<()> {
        if self.lock().filled.contains(branch) {
            return Ok(());
        }
        let head = repo.branch(branch)?.head_id()?;
        let mut found = Vec::new();
        for entry in head
            .iter()
            .flat_map(|&head| repo.history().log(head))
            .take(COMMITS_LOOKED_AT)
        {
            let key = entry?.key;
            if let Some(commit) = repo.commit(key)? {
                found.extend(
                    request_of(commit.info()).map(|(asked, digest)| (asked, digest, key.id)),
                );
            }
        }
        let mut state = self.lock();
        // Oldest first, so that these go first.
        for (asked, digest, commit) in found.into_iter().rev() {
            if !state.slots.contains_key(&asked) {
                let answer = Answer::Commit(commit);
                state.keep(asked, Slot::Done { digest, answer }, self.max);
            }
        }
        state.filled.insert(branch.to_owned());
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, asked: Asked, slot: Slot, max: usize) {
        while self.order.len() >= max.max(1) {
            let oldest = self.order.pop_front();
            oldest.and_then(|oldest| self.slots.remove(&oldest));
        }
        self.order.push_back(asked.clone());
        self.slots.insert(asked, slot);
    }
}

impl Running<'_> {
    /// Keeps the answer.
    pub(crate) fn end(self, answer: Answer) {
        let digest = self.digest.clone();
        let mut state = self.requests.lock();
        state.keep(
            self.asked.clone(),
            Slot::Done { digest, answer },
            self.requests.max,
        );
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.requests.lock();
        if matches!(state.slots.get(&self.asked), Some(Slot::Running)) {
            state.slots.remove(&self.asked);
        }
        drop(state);
        self.requests.ended.notify_all();
    }
}

/// Returns whose request made a commit, with its key and digest.
fn request_of(info: &CommitInfo) -> Option<(Asked, String)> {
    let header = |name: &str| {
        let found = info.extra.iter().find(|(key, _)| key == name.as_bytes());
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    };
    let (key, digest) = header(REQUEST_HEADER)?.split_once(' ')?;
    let principal = header(PRINCIPAL_HEADER)
        .map(Principal::new)
        .transpose()
        .ok()?;
    Some(((principal, key.to_owned()), digest.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use irminsule::{Env, MemoryStore, Path, TransactOptions};

    use super::*;

    fn repo() -> Repo {
        Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0))
    }

    fn key(name: &str, body: &[u8]) -> RequestKey {
        RequestKey::new(name, Id::of(body)).unwrap()
    }

    fn commit(repo: &Repo, at: &str, key: &RequestKey) -> Id {
        let mut info = repo.info("request").unwrap();
        info.extra.push(key.header());
        let options = TransactOptions {
            info: Some(info),
            ..TransactOptions::new("")
        };
        let branch = repo.branch("main").unwrap();
        let at = Path::parse(at).unwrap();
        let done = branch
            .transact(&options, |view| view.set(&at, at.to_string()))
            .unwrap();
        done.commit.unwrap().id()
    }

    #[test]
    fn what_a_commit_says_is_known_after_a_restart_and_another_body_is_refused() {
        let repo = repo();
        let id = commit(&repo, "a", &key("k", b"body"));
        let requests = Requests::new(10);
        let again = requests
            .begin(&repo, "main", None, &key("k", b"body"), None)
            .unwrap();
        assert!(matches!(again, Begun::Known(Answer::Commit(known)) if known == id));
        let other = requests.begin(&repo, "main", None, &key("k", b"other"), None);
        assert_eq!(other.err().unwrap().kind, ErrorKind::Invalid);
        let ada = Principal::new("ada").unwrap();
        let hers = requests
            .begin(&repo, "main", Some(&ada), &key("k", b"other"), None)
            .unwrap();
        assert!(
            matches!(hers, Begun::New(_)),
            "keys are each principal's own"
        );
    }

    #[test]
    fn a_request_that_failed_may_be_tried_again_and_one_that_was_done_is_not() {
        let (repo, requests) = (repo(), Requests::new(10));
        let begin = || {
            requests
                .begin(&repo, "main", None, &key("k", b"b"), None)
                .unwrap()
        };
        drop(begin());
        let Begun::New(running) = begin() else {
            panic!("nothing was done yet")
        };
        running.end(Answer::Nothing);
        assert!(matches!(begin(), Begun::Known(Answer::Nothing)));
    }

    #[test]
    fn the_second_of_two_at_once_waits_for_the_first() {
        let (repo, requests) = (repo(), Requests::new(10));
        let begin = || {
            requests
                .begin(&repo, "main", None, &key("k", b"b"), None)
                .unwrap()
        };
        let Begun::New(first) = begin() else {
            panic!("nothing was done yet")
        };
        std::thread::scope(|scope| {
            let second = scope.spawn(|| matches!(begin(), Begun::Known(Answer::Nothing)));
            first.end(Answer::Nothing);
            assert!(second.join().unwrap());
        });
        let Begun::New(_third) = requests
            .begin(&repo, "main", None, &key("l", b""), None)
            .unwrap()
        else {
            panic!("nothing was done yet")
        };
        let late = requests.begin(&repo, "main", None, &key("l", b""), Some(Instant::now()));
        assert_eq!(late.err().unwrap().kind, ErrorKind::DeadlineExceeded);
    }

    #[test]
    fn the_oldest_answers_go_when_there_are_too_many() {
        let (repo, requests) = (repo(), Requests::new(2));
        for name in ["a", "b", "c"] {
            match requests
                .begin(&repo, "main", None, &key(name, b""), None)
                .unwrap()
            {
                Begun::New(running) => running.end(Answer::Nothing),
                Begun::Known(_) => panic!("nothing was done yet"),
            }
        }
        let known = |name| {
            let begun = requests
                .begin(&repo, "main", None, &key(name, b""), None)
                .unwrap();
            matches!(begun, Begun::Known(_))
        };
        assert_eq!(["c", "b", "a"].map(known), [true, true, false]);
    }

    #[test]
    fn keys_are_short_and_plain() {
        for bad in ["", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(RequestKey::new(bad, Id::NULL).is_err(), "{bad:?}");
        }
        assert!(RequestKey::new(&"x".repeat(64), Id::NULL).is_ok());
    }
}
