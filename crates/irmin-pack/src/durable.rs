//! Making what was written durable, and closing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use irmin_core::StoreError;

use crate::damage;
use crate::frame::FrameKind;
use crate::lock::{lock, read, write};
use crate::place::narrow64;
use crate::scan::Position;
use crate::sidecar;
use crate::stats::add;
use crate::store::Inner;
use crate::write::SEGMENT_BYTES_MAX;

impl Inner {
    /// Returns when the log is durable up to `position`. At most one sync, shared with all who wait.
    pub(crate) fn sync_to(&self, position: u64) -> Result<(), StoreError> {
        let sync = || self.sync_log();
        self.sync.wait(position, &self.poison, &sync)
    }

    /// As [`sync_to`](Self::sync_to), for a commit.
    pub(crate) fn sync_commit(&self, position: u64) -> Result<(), StoreError> {
        self.sync.wait(position, &self.poison, &|| {
            self.prepare()?;
            self.sync_log()
        })
    }

    /// Makes durable what was written, and returns its end. One sync, and three after a change of
    /// segment. Called by the leader of those who wait.
    fn sync_log(&self) -> Result<u64, StoreError> {
        let (file, path, base, end, before) = {
            let active = &read(&self.state).active;
            let (file, path) = (Arc::clone(&active.file), active.path.clone());
            let before = active.before.clone();
            (file, path, active.base, active.log_end(), before)
        };
        self.sync.reaches(end);
        if let Some(before) = &before
            && self.sync.synced() < base
        {
            add(&self.counters.syncs, 1);
            let synced = before.file.sync();
            synced.map_err(damage::io("sync", &before.path))?;
        }
        add(&self.counters.syncs, 1);
        file.sync().map_err(damage::io("sync", &path))?;
        if before.is_some() {
            damage::unless_full(self.name_segment())?;
        }
        let active = &read(&self.state).active;
        if Arc::ptr_eq(&active.file, &file) {
            active.is_durable_to(narrow64(end - active.base));
        }
        Ok(end)
    }

    /// Writes zeros behind the log if few are left, so that syncs to come find the file's length and
    /// its blocks on the disk: measured, a sync takes a fifth to a third less then.
    ///
    /// They are made durable by the sync that follows. Frames are written meanwhile, but none beyond
    /// the zeros that were there before.
    fn prepare(&self) -> Result<(), StoreError> {
        let step = self.options.prepare_bytes;
        let _growing = lock(&self.growing);
        let (file, path, from, end) = {
            let active = &read(&self.state).active;
            let (file, path) = (Arc::clone(&active.file), active.path.clone());
            let written = active.written.offset;
            let from = active.prepared.max(written);
            // The end of a large load says little of commits to come.
            let unsynced = active.log_end().saturating_sub(self.sync.synced());
            let unsynced = unsynced.min(u64::from(step / 64));
            let committed = add(&self.counters.committed, unsynced) + unsynced;
            let is_worth_it = committed >= u64::from(step / 16);
            let is_short = from - written < step / 4;
            // Nothing follows the end of a complete segment; the next may just be about to begin.
            if !is_worth_it || !is_short || !active.may_prepare || active.is_complete {
                return Ok(());
            }
            let limit = self.options.segment_bytes.min(SEGMENT_BYTES_MAX);
            (file, path, from, written.saturating_add(step).min(limit))
        };
        if end <= from {
            return Ok(());
        }
        let zeros = vec![0; (end - from) as usize];
        let written = file.write_at(&zeros, u64::from(from));
        let written = written.map_err(damage::grow("write", &path));
        if written.is_err() {
            // What was written of them may take the room that frames need.
            let cut = file.truncate(u64::from(from));
            damage::unless_full(cut.map_err(damage::grow("truncate", &path)))?;
        }
        self.counters.wrote(zeros.len());
        let active = &mut write(&self.state).active;
        active.prepared = end;
        active.may_prepare = written.is_ok();
        damage::unless_full(written)
    }

    /// Has the log synced within the interval of the options.
    pub(crate) fn sync_later(this: &Arc<Self>, position: u64) -> Result<(), StoreError> {
        let start = || {
            let inner = Arc::clone(this);
            std::thread::Builder::new()
                .name("irmin-pack-sync".to_owned())
                .spawn(move || {
                    while inner.deferred.wait() {
                        let end = read(&inner.state).active.log_end();
                        // A failure poisons the handle, which tells the next writer.
                        let _ = inner.sync_to(end);
                    }
                })
        };
        // Without a thread there is no later.
        match this.deferred.set(this.options.deferred_interval, &start) {
            Ok(()) => Ok(()),
            Err(_) => this.sync_to(position),
        }
    }

    /// Does what a clean close does, once.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        if self.is_closed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.deferred.stop();
        self.tasks.stop();
        let _turn = self.turn(usize::MAX)?;
        let _writer = lock(&self.writer);
        self.poison.check()?;
        let written = self.write_pending();
        if matches!(written, Ok(()) | Err(StoreError::Full { .. })) {
            // Without room for what is pending, what was committed is made durable nonetheless.
            self.mark_closed()?;
            damage::unless_full(self.cut_zeros())?;
        }
        written
    }

    fn write_pending(&self) -> Result<(), StoreError> {
        if read(&self.state).active.pending_bytes() == 0 {
            return Ok(());
        }
        self.write_frame(FrameKind::Objects, &[])
    }

    /// Makes all durable and notes that the store was closed in order, if there is room for that.
    fn mark_closed(&self) -> Result<(), StoreError> {
        self.settle()?;
        let (end, position, covered, is_marked, is_complete) = {
            let active = &read(&self.state).active;
            let (written, covered) = (active.written, active.covered);
            let (is_marked, is_complete) = (active.is_marked, active.is_complete);
            (active.log_end(), written, covered, is_marked, is_complete)
        };
        if is_marked {
            return Ok(());
        }
        self.sync_to(end)?;
        if is_complete {
            return Ok(());
        }
        if read(&self.state).active.pending_bytes() == 0 {
            // Not synced itself: without it, only the proof that all before was durable is lost.
            damage::unless_full(self.write_frame(FrameKind::Close, &[]))?;
        }
        let has_name = read(&self.state).active.before.is_none();
        if has_name && position.offset - covered > self.options.checkpoint_bytes {
            damage::unless_full(self.write_sidecar(position))?;
        }
        Ok(())
    }

    /// Writes the newest segment's sidecar up to a position that is durable.
    fn write_sidecar(&self, covered: Position) -> Result<(), StoreError> {
        let (header, bytes) = {
            let state = read(&self.state);
            let active = &state.active;
            let bytes = sidecar::encode(active.header, covered, false, &active.table, &state.refs)?;
            (active.header, bytes)
        };
        let result = sidecar::write(&*self.options.files, &self.layout, &bytes, header.number);
        self.poison.note(result)?;
        add(&self.counters.syncs, 1);
        self.counters.wrote(bytes.len());
        write(&self.state).active.covered = covered.offset;
        Ok(())
    }
}
