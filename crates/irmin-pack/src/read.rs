//! Finding and reading objects.

use std::sync::Arc;

use bytes::Bytes;
use irmin_core::{Id, IdPrefix, Key, StoreError, Stored};

use crate::active::Span;
use crate::cache::Cached;
use crate::damage;
use crate::files::File;
use crate::lock::read;
use crate::log::Log;
use crate::place::Place;
use crate::record::Record;
use crate::sealed::Sealed;
use crate::stats::add;

/// What a look into the tables gives.
enum Found {
    Stored(Stored),
    Written(Arc<dyn File>, u32, u32),
    Absent,
}

impl Log {
    pub(crate) fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        if let [key] = keys {
            out(0, self.get(key)?);
            return Ok(());
        }
        let mut places = Vec::with_capacity(keys.len());
        for (position, key) in keys.iter().enumerate() {
            let place = match key.locator.map(Place::of) {
                Some(place) => Some(place),
                None => self.find(&key.id, usize::MAX)?,
            };
            match place {
                Some(place) => places.push((place, position)),
                None => out(position, None),
            }
        }
        // In the order of the disk, which is how a cold one likes it.
        places.sort_unstable();
        for (place, position) in places {
            let stored = match (self.read(place)?, keys.get(position)) {
                (None, Some(key)) => self.get(&Key::from(key.id))?,
                (stored, _) => stored,
            };
            out(position, stored);
        }
        Ok(())
    }

    /// Reads what the key's locator names, if there is such a record, or else looks for the id.
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        if let Some(locator) = key.locator
            && let Some(stored) = self.read(Place::of(locator))?
        {
            return Ok(Some(stored));
        }
        while let Some(place) = self.find(&key.id, usize::MAX)? {
            // Between the two this copy may have been collected, and not an older one.
            if let Some(stored) = self.read(place)? {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    pub(crate) fn commits_with_prefix(
        &self,
        prefix: &IdPrefix,
        limit: usize,
    ) -> Result<Vec<Id>, StoreError> {
        let (first, last) = prefix.range();
        let state = read(&self.state);
        let sealed = Arc::clone(&state.sealed);
        let commits = state.active.table.commits.range(first..=last);
        let mut ids: Vec<Id> = commits.take(limit).copied().collect();
        drop(state);
        for segment in sealed.iter() {
            segment.commits_between(&first, &last, limit, &mut ids)?;
        }
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(limit);
        Ok(ids)
    }

    /// Returns where an object is, looking into the newest segment first and into as many others as
    /// the caller allows.
    pub(crate) fn find(&self, id: &Id, segments_max: usize) -> Result<Option<Place>, StoreError> {
        let state = read(&self.state);
        if let Some(number) = state.active.table.find(id) {
            let segment = state.active.header.number;
            return Ok(Some(Place { segment, number }));
        }
        let sealed = Arc::clone(&state.sealed);
        drop(state);
        for segment in sealed.iter().rev().take(segments_max) {
            if let Some(number) = segment.find(id)? {
                let segment = segment.number;
                return Ok(Some(Place { segment, number }));
            }
        }
        Ok(None)
    }

    /// Reads and checks a record: from memory, from the cache, or with one positional read.
    pub(crate) fn read(&self, place: Place) -> Result<Option<Stored>, StoreError> {
        if let Some(stored) = self.cache.get(place) {
            return Ok(Some(stored));
        }
        let epoch = self.cache.epoch();
        match self.look(place)? {
            Found::Stored(stored) => Ok(Some(stored)),
            Found::Absent => Ok(None),
            Found::Written(file, start, end) => {
                let cached = self.read_record(&*file, place, start, end)?;
                Ok(Some(self.cache.insert(place, cached, epoch)))
            }
        }
    }

    fn look(&self, place: Place) -> Result<Found, StoreError> {
        let state = read(&self.state);
        if place.segment == state.active.header.number {
            let active = &state.active;
            return Ok(match active.span(place.number) {
                None => Found::Absent,
                Some(Span::Written(start, end)) => {
                    Found::Written(Arc::clone(&active.file), start, end)
                }
                Some(Span::Pending(start)) => {
                    let bytes = active.pending().get(start..).unwrap_or_default();
                    let offset = u64::from(active.written.offset) + start as u64;
                    let record = Record::parse(bytes, place, offset)
                        .map_err(|damage| damage.at(&active.path))?;
                    let bytes = Bytes::copy_from_slice(record.payload);
                    Found::Stored(cached(bytes, record).stored())
                }
            });
        }
        let sealed = find_segment(&state.sealed, place.segment).cloned();
        drop(state);
        let Some(segment) = sealed else {
            return Ok(Found::Absent);
        };
        let Some((start, end)) = segment.span(place.number)? else {
            return Ok(Found::Absent);
        };
        Ok(Found::Written(segment.file()?, start, end))
    }

    /// The span may hold more than the record: the end of its frame.
    fn read_record(
        &self,
        file: &dyn File,
        place: Place,
        start: u32,
        end: u32,
    ) -> Result<Cached, StoreError> {
        let path = || self.layout.segment(place.segment);
        let offset = u64::from(start);
        let mut bytes = vec![0; end.saturating_sub(start) as usize];
        add(&self.counters.reads, 1);
        if let Err(error) = file.read_at(&mut bytes, offset) {
            return Err(damage::read(&path(), offset)(error));
        }
        let record = Record::parse(&bytes, place, offset).map_err(|damage| damage.at(&path()))?;
        let payload = record.length - record.payload.len()..record.length;
        let rest = cached(Bytes::new(), record);
        bytes.truncate(payload.end);
        Ok(Cached {
            bytes: Bytes::from(bytes).slice(payload),
            ..rest
        })
    }
}

pub(crate) fn find_segment(sealed: &[Arc<Sealed>], number: u32) -> Option<&Arc<Sealed>> {
    let index = sealed
        .binary_search_by_key(&number, |segment| segment.number)
        .ok()?;
    sealed.get(index)
}

fn cached(bytes: Bytes, record: Record<'_>) -> Cached {
    Cached {
        bytes,
        links: record.links,
        generation: record.generation,
        cut: record.cut,
    }
}
