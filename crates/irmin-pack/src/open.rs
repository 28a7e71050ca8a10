//! Making a store, opening one, and what is left to do after a crash.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use irmin_core::{Queue, StoreError};

use crate::active::{Active, Before, State};
use crate::background::Tasks;
use crate::collect::Collection;
use crate::damage::{self, Damage};
use crate::files::{File, Files};
use crate::home::Home;
use crate::layout::{FORMAT, FORMAT_2, Layout, is_temporary, segment_number, temporary};
use crate::lock::read;
use crate::log::Log;
use crate::options::Options;
use crate::place::Place;
use crate::poison::Poison;
use crate::recover::Recovered;
use crate::segment::{self, EMPTY_BYTES};
use crate::stats::{Counters, add};
use crate::store::Inner;
use crate::sync::{Deferred, SyncPoint};

impl Inner {
    pub(crate) fn create(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let layout = Layout::new(dir);
        let files = &*options.files;
        let fresh = missing_dirs(files, &layout.segments);
        files
            .create_dirs(&layout.segments)
            .map_err(damage::grow("create", &layout.segments))?;
        let lock = take_lock(files, &layout)?;
        sync_parents(files, &layout, &fresh)?;
        match files.open(&layout.format) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(damage::io("open", &layout.format)(error)),
            Ok(_) => {
                return Err(StoreError::AlreadyExists {
                    path: dir.to_owned(),
                });
            }
        }
        refuse_leftovers(files, &layout)?;
        let counters = Arc::new(Counters::default());
        let new = segment::create(files, &layout, 1, &Default::default())?;
        counters.wrote(new.length as usize);
        write_format(files, &layout)?;
        counters.wrote(FORMAT.len());
        add(&counters.syncs, 6 + fresh.len().saturating_sub(1) as u64);
        let active = Active::fresh(new, layout.segment(1));
        let synced = active.log_end();
        let state = State {
            sealed: Arc::default(),
            active,
            refs: Default::default(),
        };
        let home = Arc::new(Home::new(layout, &options, counters, true));
        Ok(Self::new(home, options, state, synced, lock))
    }

    pub(crate) fn open(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let layout = Layout::new(dir);
        check_format(&*options.files, &layout)?;
        let lock = take_lock(&*options.files, &layout)?;
        // Whoever had the lock before may have changed it.
        let version = check_format(&*options.files, &layout)?;
        let (numbers, begun) = segments(&*options.files, &layout)?;
        let Some((&newest, older)) = numbers.split_last() else {
            let damage = Damage::new(0, "a segment", "none");
            return Err(damage.at(&layout.segments));
        };
        let counters = Arc::new(Counters::default());
        let path = layout.segment(newest);
        let file = options
            .files
            .open(&path)
            .map_err(damage::io("open", &path))?;
        let home = Arc::new(Home::new(layout, &options, counters, true));
        let mut recovered = Recovered::read(&home, newest, file)?;
        if begun {
            recovered.check_end(&home)?;
        }
        recovered.cut_tail(&home.counters)?;
        let mut older = older.to_vec();
        if begun {
            recovered = adopt(&home, recovered)?;
            older.extend((recovered.active.header.number > newest).then_some(newest));
        }
        let state = State {
            sealed: Arc::default(),
            active: recovered.active,
            refs: recovered.refs,
        };
        let inner = Self::new(home, options, state, recovered.synced, lock);
        inner.set_sealed(&older);
        // The writer was killed before the newest segment got its name.
        inner.settle()?;
        if read(&inner.state).active.is_complete {
            // The writer stopped between completing this segment and beginning the next. Without
            // room for that the store can still be read.
            damage::unless_full(inner.next_segment().and_then(|()| inner.work()))?;
        }
        if version > 1 {
            inner.collection.set_version_2(|| Ok(()))?;
        }
        Ok(inner)
    }

    fn new(
        home: Arc<Home>,
        options: Options,
        state: State,
        synced: u64,
        lock: Arc<dyn File>,
    ) -> Self {
        let collection = Collection::default();
        collection.set_young(Place {
            segment: state.active.header.number,
            number: state.active.table.len(),
        });
        Self {
            log: Log::new(home, options, state),
            writer: Mutex::default(),
            queue: Queue::default(),
            sync: SyncPoint::new(synced),
            deferred: Deferred::default(),
            tasks: Tasks::default(),
            growing: Mutex::default(),
            naming: Mutex::default(),
            poison: Poison::default(),
            is_closed: AtomicBool::new(false),
            holds: Default::default(),
            collection,
            lock,
        }
    }
}

/// Goes on with the segment that was begun after the newest one, if it is one and the newest is
/// complete; else removes it and returns what was recovered.
fn adopt(home: &Arc<Home>, recovered: Recovered) -> Result<Recovered, StoreError> {
    let (files, layout) = (&*home.files, &home.layout);
    let number = recovered.active.header.number + 1;
    let fresh = temporary(&layout.segment(number));
    if recovered.active.is_complete {
        let file = files.open(&fresh).map_err(damage::io("open", &fresh))?;
        if let Some(mut next) = Recovered::begun(home, number, file)? {
            next.cut_tail(&home.counters)?;
            next.active.base = u64::from(recovered.active.written.offset);
            next.active.before = Some(Before {
                file: recovered.active.file,
                path: recovered.active.path,
            });
            // Of both, nothing is known to be durable.
            next.synced = 0;
            return Ok(next);
        }
    }
    let removed = files.remove(&fresh).map_err(damage::grow("remove", &fresh));
    damage::unless_full(removed)?;
    // Before the segment that it followed becomes another one: what was begun behind that must not
    // come back.
    let dir = &layout.segments;
    files.sync_dir(dir).map_err(damage::io("sync", dir))?;
    add(&home.counters.syncs, 1);
    Ok(recovered)
}

/// Takes the writer's lock and leaves this process's id in it.
fn take_lock(files: &dyn Files, layout: &Layout) -> Result<Arc<dyn File>, StoreError> {
    let path = &layout.lock;
    let file = match files.open_or_create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::NotFound {
                path: layout.dir.clone(),
            });
        }
        other => other.map_err(damage::grow("open", path))?,
    };
    if !file.try_lock().map_err(damage::io("lock", path))? {
        return Err(StoreError::Locked {
            path: path.clone(),
            holder: holder(&*file, path)?,
        });
    }
    damage::unless_full(leave_pid(&*file, path))?;
    Ok(file)
}

/// Returns who holds the lock, as far as it said.
pub(crate) fn holder(file: &dyn File, path: &Path) -> Result<String, StoreError> {
    let text = text(file, path)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Says who holds the lock, for the message that others get. Over what was there, and only then cut
/// to length: that needs no room on most file systems.
fn leave_pid(file: &dyn File, path: &Path) -> Result<(), StoreError> {
    let pid = format!("{}\n", std::process::id());
    file.write_at(pid.as_bytes(), 0)
        .map_err(damage::grow("write", path))?;
    file.truncate(pid.len() as u64)
        .map_err(damage::grow("truncate", path))
}

/// Returns the version of the store, if it is one that can be read.
pub(crate) fn check_format(files: &dyn Files, layout: &Layout) -> Result<u32, StoreError> {
    let path = &layout.format;
    let file = match files.open_read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::NotFound {
                path: layout.dir.clone(),
            });
        }
        other => other.map_err(damage::io("open", path))?,
    };
    let found = text(&*file, path)?;
    match &*found {
        FORMAT => return Ok(1),
        FORMAT_2 => return Ok(2),
        _ => {}
    }
    Err(StoreError::UnsupportedFormat {
        path: path.clone(),
        found: format!("'{}'", found.trim().escape_debug()),
        supported: format!("'{}', and version 1", FORMAT_2.trim().escape_debug()),
    })
}

/// Writes the file that makes the directory a store, last of all.
fn write_format(files: &dyn Files, layout: &Layout) -> Result<(), StoreError> {
    segment::put_file(files, &layout.format, FORMAT.as_bytes())?;
    sync_dirs(files, &[&layout.dir, parent(&layout.dir)])
}

/// Makes the directories that were just made durable, before a file could say that they are a store.
fn sync_parents(files: &dyn Files, layout: &Layout, fresh: &[PathBuf]) -> Result<(), StoreError> {
    let mut dirs: Vec<&Path> = fresh.iter().map(|dir| parent(dir)).collect();
    dirs.push(&layout.dir);
    dirs.sort_unstable();
    dirs.dedup();
    sync_dirs(files, &dirs)
}

fn sync_dirs(files: &dyn Files, dirs: &[&Path]) -> Result<(), StoreError> {
    for dir in dirs {
        files.sync_dir(dir).map_err(damage::io("sync", dir))?;
    }
    Ok(())
}

/// Returns the directory itself and those above it, as far as they are yet to be made.
fn missing_dirs(files: &dyn Files, dir: &Path) -> Vec<PathBuf> {
    let is_missing = |dir: &&Path| {
        let found = files.list(dir);
        !dir.as_os_str().is_empty()
            && found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    };
    let missing = dir.ancestors().take_while(is_missing);
    missing.map(Path::to_owned).collect()
}

fn parent(dir: &Path) -> &Path {
    let parent = dir.parent();
    let named = parent.filter(|parent| !parent.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

/// A `create` that was cut off leaves an empty first segment. More than that is somebody's data.
fn refuse_leftovers(files: &dyn Files, layout: &Layout) -> Result<(), StoreError> {
    let (numbers, _) = segments(files, layout)?;
    for number in numbers {
        let path = layout.segment(number);
        let file = files.open(&path).map_err(damage::io("open", &path))?;
        let length = file.length().map_err(damage::io("measure", &path))?;
        if number != 1 || length > EMPTY_BYTES {
            let damage = Damage::new(0, "a format file beside the segments", "none");
            return Err(damage.at(&layout.format));
        }
    }
    Ok(())
}

/// Returns the numbers of all segments in order, and whether one was begun after them. Removes other
/// files that were never completed.
fn segments(files: &dyn Files, layout: &Layout) -> Result<(Vec<u32>, bool), StoreError> {
    let dir = &layout.segments;
    let names = files.list(dir).map_err(damage::io("list", dir))?;
    let numbers = numbers(layout, &names)?;
    let next = numbers
        .last()
        .map(|newest| temporary(&layout.segment(newest + 1)));
    let mut is_begun = false;
    for name in names.iter().filter(|name| is_temporary(name)) {
        let path = dir.join(name);
        if Some(&path) == next.as_ref() {
            is_begun = true;
            continue;
        }
        let removed = files.remove(&path).map_err(damage::grow("remove", &path));
        damage::unless_full(removed)?;
    }
    Ok((numbers, is_begun))
}

/// Returns the numbers of the segments among these names, in order.
pub(crate) fn numbers(layout: &Layout, names: &[String]) -> Result<Vec<u32>, StoreError> {
    let mut numbers: Vec<u32> = names.iter().filter_map(|n| segment_number(n)).collect();
    numbers.sort_unstable();
    let newest = numbers.last().copied().unwrap_or_default();
    for name in names {
        let of_sidecar = name.strip_suffix(".idx").and_then(|n| n.parse().ok());
        if let Some(number) = of_sidecar.filter(|&number: &u32| number > newest) {
            // A sidecar is written after its segment has its name for good.
            let damage = Damage::new(0, "the segment of a sidecar", "no file");
            return Err(damage.at(&layout.segment(number)));
        }
    }
    Ok(numbers)
}

fn text(file: &dyn File, path: &Path) -> Result<String, StoreError> {
    let length = file.length().map_err(damage::io("measure", path))?;
    let mut bytes = vec![0; usize::try_from(length.min(TEXT_BYTES_MAX)).unwrap_or_default()];
    file.read_at(&mut bytes, 0).map_err(damage::read(path, 0))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How much of a small text file is read.
const TEXT_BYTES_MAX: u64 = 4096;
