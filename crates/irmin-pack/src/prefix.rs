//! Finding commits by the first digits of their ids.

use std::sync::Arc;

use irmin_core::{Id, IdPrefix, StoreError};

use crate::lock::read;
use crate::log::Log;
use crate::place::Place;
use crate::sidecar::{self, Entry};

impl Log {
    pub(crate) fn commits_with_prefix(
        &self,
        prefix: &IdPrefix,
        limit: usize,
    ) -> Result<Vec<Id>, StoreError> {
        let (first, last) = prefix.range();
        let range = (sidecar::prefix(&first), sidecar::prefix(&last));
        let state = read(&self.state);
        let sealed = Arc::clone(&state.sealed);
        let mut entries = Vec::new();
        state.active.table.commits(range, &mut entries)?;
        let segment = state.active.header.number;
        drop(state);
        let mut ids = Vec::new();
        self.commits(segment, &mut entries, (&first, &last), limit, &mut ids)?;
        for segment in sealed.iter() {
            entries.clear();
            segment.commits(range, &mut entries)?;
            self.commits(
                segment.number,
                &mut entries,
                (&first, &last),
                limit,
                &mut ids,
            )?;
        }
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(limit);
        Ok(ids)
    }

    /// Appends the first ids of some commits of a segment that are within a range, at least `limit` if
    /// there are so many. Reads the commits, whose ids are nowhere else.
    fn commits(
        &self,
        segment: u32,
        entries: &mut [Entry],
        (first, last): (&Id, &Id),
        limit: usize,
        out: &mut Vec<Id>,
    ) -> Result<(), StoreError> {
        entries.sort_unstable_by_key(|entry| entry.sort_key());
        let (mut count, mut previous) = (0, 0);
        for entry in entries {
            // The order of those that begin alike is not known.
            if count >= limit && entry.prefix != previous {
                break;
            }
            let number = entry.number();
            let Some(stored) = self.read(Place { segment, number })? else {
                continue;
            };
            let id = Id::of(&stored.bytes);
            if (first..=last).contains(&&id) {
                out.push(id);
                (count, previous) = (count + 1, entry.prefix);
            }
        }
        Ok(())
    }
}
