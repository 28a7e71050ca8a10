//! Taking a directory of files into a branch, as one commit.
//!
//! Three stages run at the same time: one thread lists directories and compares them with what the
//! branch has, some read files, and the caller's thread puts what they bring into trees, in order.
//! Contents go straight to the store and nodes whenever [`DIRTY_BYTES_MAX`] of them are new, so
//! memory does not grow with the size of the directory: only with its largest single directory (the
//! names of one are sorted in memory).

mod read;
mod scan;

#[cfg(test)]
mod tests;

use std::path::{Path as FilePath, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use irminsule::{
    Blob, Branch, Commit, Entry, Isolation, ObjectStore, Path, Step, TransactOptions, Tree,
};

use crate::failure::Failure;
use crate::files::{FilesError, home};
use read::Reader;
use scan::Scanner;

/// How many bytes of new entries are kept in memory before they are stored.
const DIRTY_BYTES_MAX: usize = 32 << 20;
/// What an entry takes in memory beside its name and its value, about.
const ENTRY_BYTES: usize = 64;
/// How many directories, files and removals a thread hands on at once.
const BATCH: usize = 128;
/// How many batches may wait.
const BATCHES_WAITING: usize = 32;
/// More readers than this wait for each other.
const READERS_MAX: usize = 4;

/// How to import.
#[derive(Clone, Debug)]
pub(crate) struct ImportOptions {
    /// Whether to go on when something cannot be read. The tree keeps what it has there.
    pub(crate) keep_going: bool,
    /// Whether to leave out directories that are marked as caches.
    pub(crate) skip_caches: bool,
    /// What the commit says and how durable it is.
    pub(crate) commit: TransactOptions,
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImportReport {
    /// How many files and links were looked at.
    pub(crate) files: u64,
    /// How many bytes were read.
    pub(crate) bytes: u64,
    /// How many files and links are new or differ from what the branch had.
    pub(crate) changed: u64,
    /// How many entries, whole directories among them, were removed because the directory lacks
    /// them.
    pub(crate) removed: u64,
    /// How many directories were left out because there is nothing in them.
    pub(crate) empty_dirs: u64,
    /// How many sockets, pipes and devices were left out.
    pub(crate) specials: u64,
    /// How many files and directories could not be read.
    pub(crate) unreadable: u64,
    /// The commit; `None` if the branch had all of this already.
    pub(crate) commit: Option<Commit>,
}

/// What an import tells while it runs.
#[derive(Debug)]
pub(crate) enum ImportEvent<'a> {
    /// So far, from time to time.
    Progress(&'a ImportReport),
    /// Something was left out.
    Notice(&'a Notice),
}

/// What was left out, and why.
#[derive(Debug)]
pub(crate) enum Notice {
    /// It belongs to a version control system or to this program, or is marked as a cache.
    StaysApart(PathBuf),
    /// It is neither a file, nor a directory, nor a link.
    Special(PathBuf),
    /// It could not be read, and the import goes on.
    Unreadable(Failure),
}

/// One change of the tree, in the order in which the directory is walked.
enum Edit {
    Enter(Step, Tree),
    Leave,
    Put(Step, Blob),
    Keep(u64),
    Remove(Step),
    /// What is neither file, directory nor link takes the place of what the branch has.
    Special(Step, PathBuf),
    Notice(Notice),
}

/// The same before files are read.
enum Task {
    Read(Step, PathBuf, Option<Blob>),
    Link(Step, PathBuf),
    Done(Edit),
}

/// A batch on its way to a reader, and where the answer goes.
struct Job {
    tasks: Vec<Task>,
    answer: SyncSender<Result<Vec<Edit>, FilesError>>,
}

/// The answers to batches, in the order of the walk.
type Answers = Receiver<Receiver<Result<Vec<Edit>, FilesError>>>;

/// Makes what is at `at` in the branch the same as the directory `dir`, in one commit: what the
/// directory lacks is removed. No commit if nothing differs.
///
/// Symbolic links are taken as links and never followed; directories without files are left out,
/// and so are `.git`, `.irmin`, the repository's own directory, and what is neither file nor
/// directory nor link.
///
/// # Errors
/// When something cannot be read, unless told to keep going, and when the repository fails. The
/// branch is as before then.
pub(crate) fn import(
    branch: &Branch,
    dir: &FilePath,
    at: &Path,
    options: &ImportOptions,
    tell: &mut dyn FnMut(ImportEvent<'_>),
) -> Result<ImportReport, FilesError> {
    let old = branch.tree()?.get_tree(at)?.unwrap_or_default().unloaded();
    let store = branch.repo().objects();
    let scanner = Scanner::new(dir, home(branch.repo()), options)?;
    let (tree, mut report) = build(scanner, old, &store, options.keep_going, tell)?;
    let transact = options.commit.clone().isolation(Isolation::Overwrite);
    report.commit = branch
        .transact(&transact, |view| view.set(at, tree.clone()))?
        .commit;
    Ok(report)
}

/// Runs the three stages.
fn build(
    scanner: Scanner,
    old: Tree,
    store: &Arc<dyn ObjectStore>,
    keep_going: bool,
    tell: &mut dyn FnMut(ImportEvent<'_>),
) -> Result<(Tree, ImportReport), FilesError> {
    let readers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let (jobs_in, jobs) = sync_channel::<Job>(BATCHES_WAITING);
    let (answers_in, answers) = sync_channel(BATCHES_WAITING);
    let jobs = Mutex::new(jobs);
    std::thread::scope(|scope| {
        // When a stage ends early it drops its ends of the channels, and so all others end.
        let root = old.clone();
        scope.spawn(move || scanner.run(root, &mut Batcher::new(jobs_in, answers_in)));
        let jobs = &jobs;
        for _ in 0..readers.min(READERS_MAX) {
            let mut reader = Reader::new(Arc::clone(store), keep_going);
            scope.spawn(move || reader.run(jobs));
        }
        Builder::new(old, store, tell).run(answers)
    })
}

/// Collects tasks into batches, and sends each to the readers and its answer's place to the
/// builder.
struct Batcher {
    tasks: Vec<Task>,
    jobs: SyncSender<Job>,
    answers: SyncSender<Receiver<Result<Vec<Edit>, FilesError>>>,
}

impl Batcher {
    fn new(
        jobs: SyncSender<Job>,
        answers: SyncSender<Receiver<Result<Vec<Edit>, FilesError>>>,
    ) -> Self {
        Self {
            tasks: Vec::with_capacity(BATCH),
            jobs,
            answers,
        }
    }

    /// Takes a task; `false` if nobody waits for it any more.
    fn push(&mut self, task: Task) -> bool {
        self.tasks.push(task);
        self.tasks.len() < BATCH || self.flush()
    }

    fn flush(&mut self) -> bool {
        let tasks = std::mem::replace(&mut self.tasks, Vec::with_capacity(BATCH));
        let (answer, place) = sync_channel(1);
        self.jobs.send(Job { tasks, answer }).is_ok() && self.answers.send(place).is_ok()
    }

    /// Sends what stopped the walk.
    fn fail(&mut self, error: FilesError) {
        let (answer, place) = sync_channel(1);
        // Nobody to tell is as good as told.
        let _ = answer.send(Err(error));
        let _ = self.flush() && self.answers.send(place).is_ok();
    }
}

/// Puts edits into trees: one tree for each directory on the way from the root.
struct Builder<'a> {
    store: &'a Arc<dyn ObjectStore>,
    tell: &'a mut dyn FnMut(ImportEvent<'_>),
    levels: Vec<Level>,
    dirty_bytes: usize,
    report: ImportReport,
}

/// A directory that is being filled.
struct Level {
    /// Its name in the one above; the root has none.
    name: Option<Step>,
    tree: Tree,
}

impl<'a> Builder<'a> {
    fn new(
        root: Tree,
        store: &'a Arc<dyn ObjectStore>,
        tell: &'a mut dyn FnMut(ImportEvent<'_>),
    ) -> Self {
        Self {
            store,
            tell,
            levels: vec![Level {
                name: None,
                tree: root,
            }],
            dirty_bytes: 0,
            report: ImportReport::default(),
        }
    }

    fn run(mut self, answers: Answers) -> Result<(Tree, ImportReport), FilesError> {
        for answer in &answers {
            // A reader that is gone without an answer has panicked; the scope says so.
            let Ok(edits) = answer.recv() else { continue };
            for edit in edits? {
                self.apply(edit)?;
            }
            (self.tell)(ImportEvent::Progress(&self.report));
        }
        self.persist()?;
        let root = self.levels.pop().map(|level| level.tree);
        Ok((root.unwrap_or_default(), self.report))
    }

    fn apply(&mut self, edit: Edit) -> Result<(), FilesError> {
        match edit {
            Edit::Enter(name, tree) => self.levels.push(Level {
                name: Some(name),
                tree,
            }),
            Edit::Leave => self.leave()?,
            Edit::Put(name, blob) => {
                self.report.files += 1;
                self.report.bytes += blob.size();
                self.report.changed += u64::from(self.put(name, blob.into())?);
            }
            Edit::Keep(bytes) => {
                self.report.files += 1;
                self.report.bytes += bytes;
            }
            Edit::Remove(name) => self.report.removed += u64::from(self.remove(name)?),
            Edit::Special(name, path) => {
                self.notice(&Notice::Special(path));
                self.report.removed += u64::from(self.remove(name)?);
            }
            Edit::Notice(notice) => self.notice(&notice),
        }
        Ok(())
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Special(_) => self.report.specials += 1,
            Notice::Unreadable(_) => self.report.unreadable += 1,
            Notice::StaysApart(_) => {}
        }
        (self.tell)(ImportEvent::Notice(notice));
    }

    /// Completes a directory.
    fn leave(&mut self) -> Result<(), FilesError> {
        if let Some(Level {
            name: Some(name),
            tree,
        }) = self.levels.pop()
        {
            self.report.empty_dirs += u64::from(tree.is_empty()?);
            self.put(name, tree.into())?;
        }
        Ok(())
    }

    fn put(&mut self, name: Step, entry: Entry) -> Result<bool, FilesError> {
        let bytes = match &entry {
            Entry::Blob(blob) => usize::try_from(blob.size()).unwrap_or(usize::MAX),
            Entry::Tree(_) => 0,
        };
        let inline = bytes.min(irminsule::INLINE_BYTES_MAX);
        self.dirty_bytes += ENTRY_BYTES + name.as_bytes().len() + inline;
        let Some(level) = self.levels.last_mut() else {
            return Ok(false);
        };
        let changed = level.tree.set(&path_of(name), entry)?;
        if self.dirty_bytes >= DIRTY_BYTES_MAX {
            self.persist()?;
        }
        Ok(changed)
    }

    fn remove(&mut self, name: Step) -> Result<bool, FilesError> {
        match self.levels.last_mut() {
            Some(level) => Ok(level.tree.remove(&path_of(name))?),
            None => Ok(false),
        }
    }

    /// Stores what is new and keeps only pointers to it.
    fn persist(&mut self) -> Result<(), FilesError> {
        for level in &mut self.levels {
            let key = level.tree.persist(self.store)?;
            level.tree = Tree::load(Arc::clone(self.store), key);
        }
        self.dirty_bytes = 0;
        Ok(())
    }
}

fn path_of(name: Step) -> Path {
    Path::root().child(name)
}
