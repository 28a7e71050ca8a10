//! Following the log that another process writes: frame after frame, segment after segment.
//!
//! Nothing here writes or locks a file. What is read may just be changing, so whatever looks wrong
//! is looked at again before it is called damage.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use irmin_core::StoreError;

use crate::active::State;
use crate::chain::Whole;
use crate::damage::{self, Damage};
use crate::files::{File, Files};
use crate::frame::{Frame, FrameKind};
use crate::home::Home;
use crate::layout::{Layout, temporary};
use crate::lock::{read, write};
use crate::older::missing;
use crate::open::{check_format, numbers};
use crate::place::Place;
use crate::read::find_segment;
use crate::reader::PackReader;
use crate::recover::Recovered;
use crate::replay;
use crate::scan::{self, Ahead, Position, Scan, Visit};
use crate::sealed::Sealed;

/// Bytes behind the last frame that are none and were found to be no damage: an offset, and how
/// long the file was.
pub(crate) type Doubt = Option<(u32, u32)>;

/// The newest segment of a store, and the numbers of those before it.
pub(crate) struct Newest {
    pub(crate) older: Vec<u32>,
    pub(crate) recovered: Recovered,
}

impl Newest {
    /// Reads the newest segment, also while another process writes to it, completes it or is killed.
    pub(crate) fn read(home: &Arc<Home>) -> Result<Self, StoreError> {
        let mut pause = Duration::from_millis(1);
        for _ in 0..ATTEMPTS {
            match Self::read_once(home) {
                Err(error) if may_pass(&error) => thread::park_timeout(pause),
                other => return other,
            }
            pause *= 2;
        }
        Self::read_once(home)
    }

    fn read_once(home: &Arc<Home>) -> Result<Self, StoreError> {
        let (files, layout) = (&*home.files, &home.layout);
        loop {
            let mut newest = Self::read_named(home)?;
            let active = &newest.recovered.active;
            let (number, next) = (active.header.number, active.header.number + 1);
            if !active.is_complete {
                return Ok(newest);
            }
            if let Some(file) = open_begun(files, layout, next)?
                && let Some(begun) = Recovered::begun(home, next, file)?
            {
                begun.check_tail()?;
                newest.older.push(number);
                newest.recovered = begun;
                return Ok(newest);
            }
            // It may have got its name in between.
            if !has_name(files, layout, next)? {
                return Ok(newest);
            }
        }
    }

    fn read_named(home: &Arc<Home>) -> Result<Self, StoreError> {
        let (files, layout) = (&*home.files, &home.layout);
        check_format(files, layout)?;
        let dir = &layout.segments;
        let list = || files.list(dir).map_err(damage::io("list", dir));
        // Twice, as a file that is being replaced may be missing from one list.
        let names: BTreeSet<String> = list()?.into_iter().chain(list()?).collect();
        let mut older = numbers(layout, &names.into_iter().collect::<Vec<_>>())?;
        let newest = older
            .pop()
            .ok_or_else(|| Damage::new(0, "a segment", "none").at(dir))?;
        let path = layout.segment(newest);
        let file = files.open_read(&path).map_err(damage::io("open", &path))?;
        let recovered = Recovered::read(home, newest, file)?;
        recovered.check_tail()?;
        Ok(Self { older, recovered })
    }
}

/// Opens a segment that has no name yet.
fn open_begun(
    files: &dyn Files,
    layout: &Layout,
    number: u32,
) -> Result<Option<Arc<dyn File>>, StoreError> {
    let path = temporary(&layout.segment(number));
    match files.open_read(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(damage::io("open", &path)(error)),
    }
}

/// Tells whether there is a segment with this number.
fn has_name(files: &dyn Files, layout: &Layout, number: u32) -> Result<bool, StoreError> {
    let path = layout.segment(number);
    match files.open_read(&path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(damage::io("open", &path)(error)),
    }
}

/// Tells whether an error may be due to what another process does just now.
fn may_pass(error: &StoreError) -> bool {
    match error {
        StoreError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        error => matches!(error, StoreError::Corrupt { .. }),
    }
}

impl PackReader {
    /// Follows the log as far as it goes. `doubt` belongs to whose turn it is.
    pub(crate) fn follow(&self, doubt: &mut Doubt) -> Result<(), StoreError> {
        loop {
            if let Err(error) = self.follow_segment(doubt) {
                // What an object is made from may have been collected with it meanwhile: then there
                // is a newer segment, which tells of all names.
                if !may_pass(&error) || !self.next_segment_exists()? || !self.jump()? {
                    return Err(error);
                }
                self.forget_sealed();
                continue;
            }
            let is_complete = read(&self.log.state).active.is_complete;
            if !is_complete || !self.next_segment_exists()? || !self.jump()? {
                return Ok(());
            }
        }
    }

    /// Tells whether there is something to follow. One `fstat`.
    pub(crate) fn has_grown(&self) -> Result<bool, StoreError> {
        let active = &read(&self.log.state).active;
        // The next segment is not seen in the length of this one.
        Ok(active.is_complete
            || scan::length(&*active.file, &active.path)? != active.written.offset)
    }

    /// An error when the store was removed, or another one is in its place.
    pub(crate) fn check_place(&self) -> Result<(), StoreError> {
        let (file, path, is_complete) = {
            let active = &read(&self.log.state).active;
            let file = Arc::clone(&active.file);
            (file, active.path.clone(), active.is_complete)
        };
        // A complete segment may have been replaced by a collection.
        let is_named = |path: &Path| file.is_named(path).map_err(damage::io("find", path));
        // It may get its name in between.
        if !is_complete && (is_named(&path)? || is_named(&temporary(&path))? || is_named(&path)?) {
            return Ok(());
        }
        check_format(&*self.log.options.files, &self.log.layout)?;
        // So may one that was completed a moment ago; or another thread followed it to the next.
        let is_followed = !Arc::ptr_eq(&file, &read(&self.log.state).active.file);
        if is_followed || self.has_grown()? {
            return Ok(());
        }
        Err(Damage::new(0, "the segment that is followed", "another file").at(&path))
    }

    /// Has the tables of complete segments read anew when they are next needed, from what has taken
    /// their files' places. Reads that are on their way go on with the old files.
    pub(crate) fn forget_sealed(&self) {
        let mut state = write(&self.log.state);
        let anew = |segment: &Arc<Sealed>| Arc::new(self.log.sealed(segment.number));
        state.sealed = Arc::new(state.sealed.iter().map(anew).collect());
        drop(state);
        self.log.cache.forget();
    }

    /// Applies the whole frames that the newest known segment has got since it was looked at.
    fn follow_segment(&self, doubt: &mut Doubt) -> Result<(), StoreError> {
        let (file, path, header, from) = {
            let active = &read(&self.log.state).active;
            let file = Arc::clone(&active.file);
            (file, active.path.clone(), active.header, active.written)
        };
        let end = scan::length(&*file, &path)?;
        if end < from.offset {
            let seen = format!("{} bytes, which this handle has read", from.offset);
            return Err(Damage::ends(u64::from(end), &seen).at(&path));
        }
        let scan = Scan {
            file: &*file,
            path: &path,
            header,
            end,
        };
        let ahead = unless_cut_off(scan.ahead(from))?.unwrap_or(Ahead::Unfinished);
        if ahead == Ahead::Unfinished || ahead == Ahead::Other && *doubt == Some((from.offset, end))
        {
            return Ok(());
        }
        let mut following = Following {
            reader: self,
            lost: None,
            is_applied: true,
        };
        let scanned = unless_cut_off(scan.run(from, &mut following))?;
        match (following.lost, scanned) {
            (Some(lost), _) => Err(lost),
            (None, Some(scanned)) if scanned.damage.is_some() => {
                self.check_damage(&scan, scanned.position, doubt)
            }
            _ => Ok(()),
        }
    }

    fn apply(&self, next: Position, frame: &Frame<'_>) {
        let mut state = write(&self.log.state);
        let State { active, refs, .. } = &mut *state;
        replay::apply(frame, &mut active.table, refs);
        active.written = next;
        active.is_durable_to(frame.synced);
        active.is_complete = frame.kind == FrameKind::End;
        drop(state);
        if frame.kind == FrameKind::Collected {
            self.forget_sealed();
        }
        if !frame.changes.is_empty() {
            self.log.changes.notify();
        }
    }

    /// Tells a frame that is being written, or was never completed, from damage to what was durable.
    fn check_damage(
        &self,
        scan: &Scan<'_>,
        at: Position,
        doubt: &mut Doubt,
    ) -> Result<(), StoreError> {
        let ahead = unless_cut_off(scan.ahead(at))?.unwrap_or(Ahead::Unfinished);
        if ahead == Ahead::Unfinished {
            return Ok(());
        }
        if unless_cut_off(scan.is_claimed(at.offset))? == Some(true) {
            // A torn tail that a new writer replaced meanwhile is whole when it is read again.
            let mut following = Following {
                reader: self,
                lost: None,
                is_applied: false,
            };
            let again = unless_cut_off(scan.run(at, &mut following))?;
            let damage = again.filter(|again| again.position == at);
            if let Some(damage) = damage.and_then(|again| again.damage) {
                return Err(damage.at(scan.path));
            }
        }
        *doubt = Some((at.offset, scan.end));
        Ok(())
    }

    /// The next segment is there a moment after the last frame of the one before, and has its name
    /// later.
    fn next_segment_exists(&self) -> Result<bool, StoreError> {
        let number = read(&self.log.state).active.header.number;
        let (files, layout) = (&*self.log.options.files, &self.log.layout);
        Ok(
            open_begun(files, layout, number + 1)?.is_some()
                || has_name(files, layout, number + 1)?,
        )
    }

    /// Goes on to the newest segment, however many were begun since; `false` if there is none after
    /// the present one.
    fn jump(&self) -> Result<bool, StoreError> {
        let log = &self.log;
        let newest = Newest::read(&log.home)?;
        let active = newest.recovered.active;
        let mut state = write(&log.state);
        let (number, previous) = (active.header.number, state.active.header.number);
        if number <= previous {
            return Ok(false);
        }
        // All frames between were seen, and none told of segments that were replaced.
        let is_known = number == previous + 1
            && active.covered <= Position::START.offset
            && !newest.recovered.has_collected;
        let has_changed = state.refs != newest.recovered.refs;
        let known = Arc::clone(&state.sealed);
        let segment = |&number: &u32| match find_segment(&known, number) {
            Some(known) => Arc::clone(known),
            None => Arc::new(log.sealed(number)),
        };
        *state = State {
            sealed: Arc::new(newest.older.iter().map(segment).collect()),
            active,
            refs: newest.recovered.refs,
        };
        drop(state);
        if !is_known {
            self.forget_sealed();
        }
        if has_changed {
            log.changes.notify();
        }
        Ok(true)
    }
}

/// The frames behind those that are known.
struct Following<'a> {
    reader: &'a PackReader,
    /// Why an object could not be made.
    lost: Option<StoreError>,
    is_applied: bool,
}

impl Visit for Following<'_> {
    fn base(&mut self, place: Place) -> Result<Option<Arc<Whole>>, StoreError> {
        let log = &self.reader.log;
        match log.base(place) {
            Ok(Some(base)) => Ok(Some(base)),
            Ok(None) => {
                self.lost = Some(missing(place, &log.layout));
                Err(missing(place, &log.layout))
            }
            Err(error) => {
                self.lost = Some(error);
                Err(missing(place, &log.layout))
            }
        }
    }

    fn frame(&mut self, at: Position, frame: &Frame<'_>) -> Result<(), StoreError> {
        if self.is_applied {
            self.reader.apply(at.after(frame), frame);
        }
        Ok(())
    }
}

/// A file that ends before it did a moment ago: a torn tail was cut off meanwhile.
fn unless_cut_off<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How often what looks wrong is looked at again when a store is opened: for a quarter of a second.
const ATTEMPTS: u32 = 8;
