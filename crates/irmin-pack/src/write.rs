//! Appending objects and ref edits, and making them durable.

use std::sync::MutexGuard;

use irmin_core::{Key, Object, QueueTurn, RefEdit, RefOutcome, StoreError};

use crate::bases::Scratch;
use crate::damage;
use crate::frame::FrameKind;
use crate::lock::{lock, read, write};
use crate::place::{Place, narrow64};
use crate::record;
use crate::stats::add;
use crate::store::Inner;

/// The writer's lock.
pub(crate) struct Writing<'a> {
    _scratch: MutexGuard<'a, Scratch>,
    _turn: QueueTurn<'a>,
}

impl Inner {
    /// Waits until it is the caller's turn to write.
    pub(crate) fn turn(&self, waiting_max: usize) -> Result<QueueTurn<'_>, StoreError> {
        let turn = self.queue.enter(waiting_max);
        turn.map_err(|waiting| StoreError::TooManyWriters { waiting })
    }

    /// Takes the writer's lock, for what is no write. Like everybody who waits for a turn it gets one: who
    /// only took the lock waited seconds for a gap between the commits of one busy thread.
    pub(crate) fn writing(&self) -> Result<Writing<'_>, StoreError> {
        let turn = self.turn(usize::MAX)?;
        Ok(Writing {
            _scratch: lock(&self.writer),
            _turn: turn,
        })
    }

    pub(crate) fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        for object in objects {
            check_size(object)?;
        }
        if objects.iter().any(|object| !object.cut.is_none()) {
            self.need_version_2()?;
        }
        let _turn = self.turn(self.options.writers_max)?;
        let mut scratch = lock(&self.writer);
        self.poison.check()?;
        let mut keys = Vec::with_capacity(objects.len());
        for object in objects {
            let place = match self.find_stored(object)? {
                Some(place) if self.is_as_whole(place, object)? => {
                    self.collection.touch(place);
                    place
                }
                _ => self.append(object, &keys, &mut scratch)?,
            };
            keys.push(Key {
                id: object.id,
                locator: place.locator(),
            });
        }
        Ok(keys)
    }

    /// Checks the edits, appends them with all pending objects as one frame, and returns the
    /// position in the log that has to be durable for the commit to be.
    pub(crate) fn append_edits(&self, edits: &[RefEdit]) -> Result<(RefOutcome, u64), StoreError> {
        let names: usize = edits.iter().map(|edit| edit.name.len() + 64).sum();
        check_limit(names, "a set of ref edits")?;
        let _turn = self.turn(self.options.writers_max)?;
        let _writer = lock(&self.writer);
        self.poison.check()?;
        let state = read(&self.state);
        for edit in edits {
            let current = state.refs.get(&edit.name).copied();
            if current != edit.expected {
                let name = edit.name.clone();
                return Ok((RefOutcome::Lost { name, current }, 0));
            }
        }
        let is_empty = edits.is_empty() && state.active.pending_bytes() == 0;
        drop(state);
        self.check_edits(edits)?;
        if !is_empty {
            self.make_room(names)?;
            self.write_frame(FrameKind::Transaction, edits)?;
        }
        Ok((RefOutcome::Applied, read(&self.state).active.log_end()))
    }

    /// Returns where an object is that need not be stored again.
    fn find_stored(&self, object: &Object<'_>) -> Result<Option<Place>, StoreError> {
        if !object.cut.is_none() {
            // It must not hide one that is whole, however far back.
            return self.find_kept(&object.id, usize::MAX);
        }
        if object.base.is_some() {
            // What was just made by a change is new, but for changes to and fro. To look for it in
            // all tables was an eighth of a commit's time in a directory of a million names.
            return Ok(self.find_recent(&object.id));
        }
        self.find_kept(&object.id, SEGMENTS_SEARCHED)
    }

    /// Adds an object to the next frame. `before` are the keys of those that came in the same call.
    fn append(
        &self,
        object: &Object<'_>,
        before: &[Key],
        scratch: &mut Scratch,
    ) -> Result<Place, StoreError> {
        self.make_room(record::length_max(object))?;
        self.write_if_full()?;
        scratch.links.clear();
        for (index, link) in object.links.iter().enumerate() {
            let link = self.link(object, index, &with_place(link, before), SEGMENTS_SEARCHED)?;
            scratch.links.push(link);
        }
        let base = self.base_of(object, scratch)?;
        let mut state = write(&self.state);
        let place = state.active.next_place();
        let (links, delta) = scratch.form(object, base, place);
        let depth = delta.map_or(0, |(delta, _)| delta.depth);
        state.active.push(object, links, delta);
        drop(state);
        scratch.remember(place, object, depth);
        self.write_if_full()?;
        Ok(place)
    }

    /// Writes what is pending when it has reached its limit.
    fn write_if_full(&self) -> Result<(), StoreError> {
        let bytes_max = self.options.pending_bytes.min(FRAME_BYTES_MAX);
        let state = read(&self.state);
        let is_full = state.active.pending_bytes() >= bytes_max
            || state.active.pending_records() >= FRAME_RECORDS_MAX;
        drop(state);
        if is_full {
            self.write_frame(FrameKind::Objects, &[])?;
        }
        Ok(())
    }

    /// Goes on to a new segment when the present one would outgrow its limit.
    fn make_room(&self, bytes: usize) -> Result<(), StoreError> {
        let limit = self.options.segment_bytes.min(SEGMENT_BYTES_MAX) as usize;
        let (used, pending, is_fresh, is_complete) = {
            let active = &read(&self.state).active;
            let pending = active.pending_bytes();
            let used = active.written.offset as usize + pending;
            let is_fresh = active.written.frames <= 1 && pending == 0;
            (used, pending, is_fresh, active.is_complete)
        };
        if is_complete {
            // There was no room for the next segment.
            return self.next_segment();
        }
        if used + bytes <= limit || is_fresh {
            return Ok(());
        }
        if pending > 0 {
            self.write_frame(FrameKind::Objects, &[])?;
        }
        self.roll()
    }

    /// Writes the pending records and the edits as one frame. One write. Called by the holder of
    /// the writer's lock.
    ///
    /// When there is no room, nothing has changed: the edits are forgotten, the records wait.
    pub(crate) fn write_frame(&self, kind: FrameKind, edits: &[RefEdit]) -> Result<(), StoreError> {
        let (is_complete, is_ragged) = {
            let active = &read(&self.state).active;
            (active.is_complete, active.is_ragged)
        };
        if is_complete {
            self.next_segment()?;
        }
        self.tick()?;
        if is_ragged {
            self.cut_rest()?;
        }
        let synced = self.sync.synced();
        let mut state = write(&self.state);
        let base = state.active.base;
        let synced = narrow64(synced.saturating_sub(base));
        let kept = state.active.finish(kind, edits, synced);
        drop(state);
        let growing = self.growing();
        if let Err(error) = self.poison.note(self.write_finished()) {
            drop(growing);
            if matches!(error, StoreError::Full { .. }) {
                let mut state = write(&self.state);
                state.active.unfinish(kept);
                state.active.is_ragged = true;
                drop(state);
                // Now, as the room may be needed; where not even that is possible, later.
                damage::unless_full(self.cut_rest())?;
            }
            return Err(error);
        }
        let mut state = write(&self.state);
        state.active.frame_written(kind);
        for edit in edits {
            match edit.new {
                Some(id) => state.refs.insert(edit.name.clone(), id),
                None => state.refs.remove(&edit.name),
            };
        }
        let unsynced = state.active.log_end().saturating_sub(self.sync.synced());
        drop(state);
        drop(growing);
        if unsynced >= u64::from(self.options.sync_ahead_bytes) {
            self.want_work()?;
        }
        Ok(())
    }

    /// Keeps zeros from being written where the next frame will be, and the file from being cut.
    fn growing(&self) -> Option<MutexGuard<'_, ()>> {
        let is_within = {
            let active = &read(&self.state).active;
            active.written.offset as usize + active.pending_bytes() <= active.prepared as usize
        };
        (!is_within).then(|| lock(&self.growing))
    }

    fn write_finished(&self) -> Result<(), StoreError> {
        // Other readers go on: nobody but the holder of the writer's lock asks for more.
        let active = &read(&self.state).active;
        let offset = u64::from(active.written.offset);
        active
            .file
            .write_at(active.pending(), offset)
            .map_err(damage::grow("write", &active.path))?;
        self.counters.wrote(active.pending_bytes());
        Ok(())
    }

    /// Cuts off what follows the last frame: the front of one for which there was no room. One sync.
    fn cut_rest(&self) -> Result<(), StoreError> {
        let _growing = lock(&self.growing);
        let cut = || {
            let active = &read(&self.state).active;
            let length = u64::from(active.written.offset);
            active
                .file
                .truncate(length)
                .map_err(damage::grow("truncate", &active.path))?;
            // Before another frame follows, or a crash could leave a mixture of both.
            active.file.sync().map_err(damage::io("sync", &active.path))
        };
        add(&self.counters.syncs, 1);
        self.poison.note(cut())?;
        let active = &mut write(&self.state).active;
        active.is_ragged = false;
        active.prepared = 0;
        Ok(())
    }
}

/// Adds the place of an object that came in the same call: as a rule the one before.
fn with_place(link: &Key, before: &[Key]) -> Key {
    let mut last = before.iter().rev().take(NEAR);
    let same = |key: &&Key| key.id == link.id;
    let locator = link.locator.or_else(|| last.find(same)?.locator);
    Key { locator, ..*link }
}

fn check_size(object: &Object<'_>) -> Result<(), StoreError> {
    check_limit(record::length_max(object), "an object with its links")
}

fn check_limit(bytes: usize, what: &str) -> Result<(), StoreError> {
    if bytes <= FRAME_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::Limit {
        what: format!("{what} of {bytes} bytes"),
        limit: format!("{FRAME_BYTES_MAX} bytes"),
    })
}

/// So many objects of a call are looked at before the table is asked.
const NEAR: usize = 4;
/// How many complete segments are searched, newest first, for an object that is stored again or
/// linked to without a locator. Each costs every new object some 50 ns; what lies further back is
/// stored again, and collection removes it.
const SEGMENTS_SEARCHED: usize = 4;
/// A segment's offsets have 32 bits. A segment of this size and a frame or two beyond fit in.
pub(crate) const SEGMENT_BYTES_MAX: u32 = 1 << 30;
/// What one object, or the names of one commit, may take.
const FRAME_BYTES_MAX: usize = 1 << 28;
/// The format has 24 bits for the number of records in a frame.
const FRAME_RECORDS_MAX: u32 = 1 << 20;
