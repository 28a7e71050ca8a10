//! Going on to the next segment.
//!
//! Nobody waits for the disk meanwhile. The segment that is completed is made durable later, by the
//! thread of the store or by the first who wants a commit durable; until then the next one has a
//! temporary name, so that one with a name always follows one that is durable to its end.

use std::sync::Arc;

use irmin_core::StoreError;

use crate::active::{Active, Before};
use crate::damage;
use crate::frame::FrameKind;
use crate::fresh::Fresh;
use crate::layout::temporary;
use crate::lock::{lock, read, write};
use crate::segment;
use crate::stats::add;
use crate::store::Inner;

impl Inner {
    /// Completes the newest segment and begins the next. Four syncs, all of them later.
    pub(crate) fn roll(&self) -> Result<(), StoreError> {
        if !read(&self.state).active.is_complete {
            self.write_frame(FrameKind::End, &[])?;
        }
        self.next_segment()
    }

    /// Goes on to the next segment after the frame that ends the newest one was written. Waits when
    /// the last change of segment is not done yet.
    pub(crate) fn next_segment(&self) -> Result<(), StoreError> {
        self.settle()?;
        // There may have been no room for it, and there may be now.
        self.name_segment()?;
        // Where there is no room even for that, they stay.
        damage::unless_full(self.cut_zeros())?;
        self.begin_segment()?;
        self.want_work()
    }

    /// Begins the segment after the newest one, which is complete.
    fn begin_segment(&self) -> Result<(), StoreError> {
        let (number, refs) = {
            let state = read(&self.state);
            (state.active.header.number, state.refs.clone())
        };
        let new = segment::begin(&*self.options.files, &self.layout, number + 1, &refs);
        let new = self.poison.note(new)?;
        self.counters.wrote(new.length as usize);
        let mut active = Active::fresh(new, self.layout.segment(number + 1));
        active.is_marked = false;
        let mut state = write(&self.state);
        active.base = state.active.log_end();
        active.before = Some(Before {
            file: Arc::clone(&state.active.file),
            path: state.active.path.clone(),
        });
        let old = std::mem::replace(&mut state.active, active);
        let is_covered = old.covered == old.written.offset;
        let mut sealed = self.sealed(number);
        if !is_covered {
            sealed = sealed.with_fresh(Fresh {
                header: old.header,
                file: old.file,
                end: old.written,
                table: old.table,
                refs,
            });
        }
        let sealed = Arc::new(sealed);
        let mut all = state.sealed.to_vec();
        all.push(Arc::clone(&sealed));
        state.sealed = Arc::new(all);
        drop(state);
        if !is_covered {
            self.tasks.seal(sealed);
        }
        Ok(())
    }

    /// Gives the newest segment its name if it has none, after it and all before it were made
    /// durable. One sync.
    ///
    /// Without room for that it has to wait: what was written is durable under the temporary name.
    pub(crate) fn name_segment(&self) -> Result<(), StoreError> {
        let _naming = lock(&self.naming);
        if read(&self.state).active.before.is_none() {
            return Ok(());
        }
        let files = &*self.options.files;
        let path = read(&self.state).active.path.clone();
        let fresh = temporary(&path);
        let renamed = files
            .rename(&fresh, &path)
            .map_err(damage::grow("rename", &fresh));
        if !matches!(renamed, Ok(()) | Err(StoreError::Full { .. })) {
            return self.poison.note(renamed);
        }
        let dir = &self.layout.segments;
        add(&self.counters.syncs, 1);
        let synced = files.sync_dir(dir).map_err(damage::io("sync", dir));
        self.poison.note(synced)?;
        renamed?;
        let active = &mut write(&self.state).active;
        active.before = None;
        // Nothing but its checkpoint, all of it durable.
        active.is_marked = active.written.frames <= 1;
        Ok(())
    }

    /// Cuts off the zeros behind what was written. Not synced.
    pub(crate) fn cut_zeros(&self) -> Result<(), StoreError> {
        let _growing = lock(&self.growing);
        let (file, path, length, has_zeros) = {
            let active = &read(&self.state).active;
            let has_zeros = active.prepared > active.written.offset;
            let file = Arc::clone(&active.file);
            (file, active.path.clone(), active.written.offset, has_zeros)
        };
        if !has_zeros {
            return Ok(());
        }
        let cut = file
            .truncate(u64::from(length))
            .map_err(damage::grow("truncate", &path));
        self.poison.note(cut)?;
        write(&self.state).active.prepared = 0;
        Ok(())
    }
}
