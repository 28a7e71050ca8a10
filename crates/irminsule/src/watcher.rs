//! Watches with a callback, on a thread each.

use std::any::Any;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use irmin_core::{Error, Since, Watch, WatchEvent};

/// How long a watcher waits for a change before it looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(100);

/// Calls a function for each event of a [`Watch`], in order, on a thread of its own.
///
/// A panic of the function ends this watcher only, as does an error of the engine:
/// [`end`](Self::end) tells. Whatever ended it, [`cursor`](Self::cursor) is the place behind the
/// last event that the function dealt with, so that another watch can go on from there. Dropping a
/// watcher stops it.
///
/// ```
/// use std::{ops::ControlFlow, sync::mpsc};
/// use irminsule::{End, Path, Since, Watcher, create};
/// let main = create("mem:")?.branch("main")?;
/// let (tell, told) = mpsc::channel();
/// let watch = main.watch(&Path::root(), Since::Start)?;
/// let watcher = Watcher::spawn(watch, move |event| {
///     let subject = event.commit().map(|commit| commit.info().subject());
///     match tell.send(subject) {
///         Ok(()) => ControlFlow::Continue(()),
///         Err(_) => ControlFlow::Break(()),
///     }
/// })?;
/// main.set(&Path::parse("greeting")?, "hello", "say hello")?;
/// assert_eq!(told.recv()?.as_deref(), Some("say hello"));
/// watcher.stop();
/// assert!(matches!(watcher.end(), Some(End::Stopped)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Watcher {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
}

/// Why a [`Watcher`] calls its function no more.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum End {
    /// It was stopped, or its function asked for that.
    Stopped,
    /// Its function panicked with this message.
    Panicked(String),
    /// The watch failed.
    Failed(Arc<Error>),
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    stop: bool,
    cursor: Since,
    end: Option<End>,
}

impl Watcher {
    /// Starts to call `callback` for each event. [`ControlFlow::Break`] stops the watcher.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn spawn(
        watch: Watch,
        callback: impl FnMut(&WatchEvent) -> ControlFlow<()> + Send + 'static,
    ) -> std::io::Result<Self> {
        let state = State {
            stop: false,
            cursor: watch.cursor(),
            end: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            ended: Condvar::new(),
        });
        let name = format!("watch {}", watch.branch().name());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name(name).spawn(move || {
            let end = run(watch, callback, &theirs);
            theirs.lock().end = Some(end);
            theirs.ended.notify_all();
        })?;
        let thread_id = thread.thread().id();
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            thread_id,
        })
    }

    /// Stops the watcher. When this returns, the callback does not run and will not run again, and
    /// the watch has let go of its repository. From inside the callback: this is its last run.
    ///
    /// Takes as long as the callback that runs just now, and up to a tenth of a second.
    pub fn stop(&self) {
        self.shared.lock().stop = true;
        if thread::current().id() == self.thread_id {
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // It catches what its callback throws, so there is nothing to hear from it.
            let _ = thread.join();
        }
    }

    /// Returns why the callback is called no more; `None` while it is.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.shared.lock().end.clone()
    }

    /// Waits until the watcher has ended, without stopping it. Not to be called from the callback.
    #[must_use]
    pub fn wait(&self) -> End {
        let mut state = self.shared.lock();
        loop {
            if let Some(end) = &state.end {
                return end.clone();
            }
            let waited = self.shared.ended.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns the place behind the last event that the callback dealt with; a watch from there goes
    /// on with the next one.
    #[must_use]
    pub fn cursor(&self) -> Since {
        self.shared.lock().cursor
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Watcher")
            .field("cursor", &state.cursor)
            .field("end", &state.end)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No callback runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pulls and calls until there is a reason to end.
fn run(
    mut watch: Watch,
    mut callback: impl FnMut(&WatchEvent) -> ControlFlow<()>,
    shared: &Shared,
) -> End {
    while !shared.lock().stop {
        let event = match watch.next(LOOK) {
            Ok(Some(event)) => event,
            Ok(None) => continue,
            Err(error) => return End::Failed(Arc::new(error)),
        };
        if shared.lock().stop {
            break;
        }
        // Nothing that the callback left half done is used again: a panic is its end.
        match catch_unwind(AssertUnwindSafe(|| callback(&event))) {
            Ok(ControlFlow::Continue(())) => shared.lock().cursor = event.cursor(),
            Ok(ControlFlow::Break(())) => {
                shared.lock().cursor = event.cursor();
                return End::Stopped;
            }
            Err(panic) => return End::Panicked(message(panic.as_ref())),
        }
    }
    End::Stopped
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::mpsc;

    use irmin_core::{Branch, Id, MemoryStore, Path, Repo};

    use super::*;
    use crate::system_env;

    const WRITERS: usize = 4;
    const COMMITS: usize = 25;

    fn main() -> Branch {
        let repo = Repo::new(Arc::new(MemoryStore::new()), system_env());
        repo.branch("main").unwrap()
    }

    fn watch(branch: &Branch) -> Watch {
        branch.watch(&Path::root(), Since::Start).unwrap()
    }

    /// Sends the ids of commits; stops behind as many as all writers make.
    fn collecting(watch: Watch, tell: mpsc::Sender<Vec<Id>>) -> Watcher {
        let mut ids = Vec::new();
        Watcher::spawn(watch, move |event| {
            ids.extend(event.commit().map(irmin_core::Commit::id));
            if ids.len() < WRITERS * COMMITS {
                return ControlFlow::Continue(());
            }
            tell.send(ids.clone()).unwrap();
            ControlFlow::Break(())
        })
        .unwrap()
    }

    #[test]
    fn many_watchers_hear_of_each_commit_once_in_order_beside_one_that_panics() {
        let main = main();
        let (tell, told) = mpsc::channel();
        let watchers: Vec<Watcher> = (0..3)
            .map(|_| collecting(watch(&main), tell.clone()))
            .collect();
        let mut heard = 0;
        let clumsy = Watcher::spawn(watch(&main), move |_| {
            heard += 1;
            assert!(heard < 3, "the third is too much");
            ControlFlow::Continue(())
        })
        .unwrap();
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let main = &main;
                scope.spawn(move || {
                    for number in 0..COMMITS {
                        let path = Path::parse(format!("{writer}/{number}")).unwrap();
                        main.set(&path, "x", "write").unwrap();
                    }
                });
            }
        });
        let head = main.head_id().unwrap().unwrap();
        let log = main.repo().history().log(head);
        let mut line: Vec<Id> = log.map(|entry| entry.unwrap().key.id).collect();
        line.reverse();
        for watcher in &watchers {
            assert_eq!(told.recv().unwrap(), line);
            assert!(matches!(watcher.wait(), End::Stopped));
        }
        assert!(matches!(clumsy.wait(), End::Panicked(why) if why.contains("third")));
        assert_eq!(clumsy.cursor(), Since::Commit(line[1]));
    }

    #[test]
    fn a_watcher_can_be_stopped_from_inside_its_callback_and_by_dropping_it() {
        let main = main();
        let own: Arc<OnceLock<Watcher>> = Arc::default();
        let (inside, go) = (Arc::clone(&own), mpsc::channel());
        let watcher = Watcher::spawn(watch(&main), move |_| {
            go.1.recv().unwrap();
            inside.get().unwrap().stop();
            ControlFlow::Continue(())
        })
        .unwrap();
        own.set(watcher).unwrap();
        main.set(&Path::parse("a").unwrap(), "1", "first").unwrap();
        main.set(&Path::parse("a").unwrap(), "2", "second").unwrap();
        go.0.send(()).unwrap();
        let watcher = own.get().unwrap();
        assert!(matches!(watcher.wait(), End::Stopped));
        let first = main.head().unwrap().unwrap().parents()[0].id;
        assert_eq!(watcher.cursor(), Since::Commit(first));

        let owned = Arc::new(());
        let held = Arc::clone(&owned);
        let dropped = Watcher::spawn(watch(&main), move |_| {
            let _held = &held;
            ControlFlow::Continue(())
        });
        drop(dropped.unwrap());
        assert_eq!(Arc::strong_count(&owned), 1, "the callback is gone");
    }

    #[test]
    fn a_reader_that_only_looks_now_and_then_hears_of_what_another_handle_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("store");
        let url = format!("pack:{}", place.display());
        let writer = crate::create(&url).unwrap().branch("main").unwrap();
        let engine = url.parse::<crate::Url>().unwrap().open_reader().unwrap();
        let reader = Repo::new(engine, system_env());
        let mut watch = watch(&reader.branch("main").unwrap());
        let mut names = reader.watch_names("").unwrap();
        for number in 0..5 {
            assert!(watch.next(Duration::ZERO).unwrap().is_none());
            assert!(names.next(Duration::ZERO).unwrap().is_empty());
            let path = Path::parse("n").unwrap();
            let commit = writer.set(&path, number.to_string(), "next").unwrap();
            let event = watch.next(Duration::ZERO).unwrap().unwrap();
            assert_eq!(event.commit(), commit.as_ref());
            let told = names.next(Duration::ZERO).unwrap();
            assert_eq!(told[0].after, commit.map(|commit| commit.id()));
        }
    }

    #[test]
    fn a_watch_that_fails_ends_with_the_error() {
        let main = main();
        main.set(&Path::parse("a").unwrap(), "1", "first").unwrap();
        let lost = Since::Commit(Id::of(b"never stored"));
        let watch = main.watch(&Path::root(), lost).unwrap();
        let watcher = Watcher::spawn(watch, |_| ControlFlow::Continue(())).unwrap();
        let End::Failed(error) = watcher.wait() else {
            panic!("an error expected");
        };
        assert!(error.to_string().contains("not kept"), "{error}");
        assert_eq!(watcher.cursor(), lost);
    }
}
