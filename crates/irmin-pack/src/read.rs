//! Finding and reading objects.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use irmin_core::{Id, IdPrefix, Key, StoreError, Stored};

use crate::active::Span;
use crate::cache::Cached;
use crate::damage;
use crate::files::File;
use crate::lock::{read, write};
use crate::log::Log;
use crate::mapped::Mapped;
use crate::place::{Place, narrow};
use crate::record::Record;
use crate::sealed::{Records, Sealed};
use crate::sidecar::{self, Entry};
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
        if keys.len() <= FEW {
            for (position, key) in keys.iter().enumerate() {
                out(position, self.get(key)?);
            }
            return Ok(());
        }
        let mut places = Vec::with_capacity(keys.len());
        for (position, key) in keys.iter().enumerate() {
            match key.locator.map(Place::of) {
                Some(place) => places.push((place, position)),
                None => out(position, self.get(key)?),
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
        let mut found = None;
        self.find_each(&key.id, usize::MAX, &mut |place, is_sure| {
            found = self.read(place)?;
            found.take_if(|stored| !is_sure && Id::of(&stored.bytes) != key.id);
            Ok(found.is_some())
        })?;
        Ok(found)
    }

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

    /// Returns where an object is, looking into the newest segment first and into as many others as
    /// the caller allows.
    pub(crate) fn find(&self, id: &Id, segments_max: usize) -> Result<Option<Place>, StoreError> {
        self.find_if(id, segments_max, &|_| true)
    }

    /// As [`find`](Self::find), among what the caller accepts.
    pub(crate) fn find_if(
        &self,
        id: &Id,
        segments_max: usize,
        accepts: &dyn Fn(Place) -> bool,
    ) -> Result<Option<Place>, StoreError> {
        let mut found = None;
        self.find_each(id, segments_max, &mut |place, is_sure| {
            if (is_sure || self.holds(place, id)?) && accepts(place) {
                found = Some(place);
            }
            Ok(found.is_some())
        })?;
        Ok(found)
    }

    /// Visits the places where an object may be, newest first, and says whether it surely is, until
    /// the visitor returns `true`. One in 25,000 that are not there may be, in a segment of 160,000
    /// objects.
    fn find_each(
        &self,
        id: &Id,
        segments_max: usize,
        visit: &mut dyn FnMut(Place, bool) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut numbers = Vec::new();
        let state = read(&self.state);
        let segment = state.active.header.number;
        let recent = state.active.table.find_recent(id);
        let sealed = Arc::clone(&state.sealed);
        if recent.is_none() {
            state.active.table.candidates(id, &mut numbers)?;
        }
        drop(state);
        if let Some(number) = recent {
            visit(Place { segment, number }, true)?;
            return Ok(());
        }
        let mut segment = segment;
        let mut older = sealed.iter().rev().take(segments_max);
        loop {
            for number in numbers.drain(..) {
                if visit(Place { segment, number }, false)? {
                    return Ok(());
                }
            }
            let Some(next) = older.next() else {
                break;
            };
            segment = next.number;
            next.candidates(id, &mut numbers)?;
        }
        Ok(())
    }

    /// Tells whether a record is that of an object.
    pub(crate) fn holds(&self, place: Place, id: &Id) -> Result<bool, StoreError> {
        let stored = self.read(place)?;
        Ok(stored.is_some_and(|stored| Id::of(&stored.bytes) == *id))
    }

    /// Reads and checks a record: where it is in memory, or from the cache, or with one positional
    /// read.
    pub(crate) fn read(&self, place: Place) -> Result<Option<Stored>, StoreError> {
        let epoch = self.cache.epoch();
        match self.look(place)? {
            Found::Stored(stored) => Ok(Some(stored)),
            Found::Absent => Ok(None),
            Found::Written(file, start, end) => {
                if let Some(stored) = self.cache.get(place) {
                    return Ok(Some(stored));
                }
                let cached = self.read_record(&*file, place, start, end)?;
                Ok(Some(self.cache.insert(place, cached, epoch)))
            }
        }
    }

    fn look(&self, place: Place) -> Result<Found, StoreError> {
        let state = read(&self.state);
        if place.segment == state.active.header.number {
            let active = &state.active;
            let (start, end) = match active.span(place.number)? {
                None => return Ok(Found::Absent),
                Some(Span::Pending(start)) => {
                    let bytes = active.pending().get(start..).unwrap_or_default();
                    let offset = u64::from(active.written.offset) + start as u64;
                    let record = Record::parse(bytes, place, offset)
                        .map_err(|damage| damage.at(&active.path))?;
                    let bytes = Bytes::copy_from_slice(record.payload);
                    return Ok(Found::Stored(cached(bytes, record).stored()));
                }
                Some(Span::Written(start, end)) => (start, end),
            };
            let Some(mapped) = active.mapped(&self.home, start)? else {
                return Ok(Found::Written(Arc::clone(&active.file), start, end));
            };
            drop(state);
            let end = end.min(narrow(mapped.len()));
            return self.mapped(&mapped, place, start, end);
        }
        let sealed = find_segment(&state.sealed, place.segment).cloned();
        drop(state);
        let Some(segment) = sealed else {
            return Ok(Found::Absent);
        };
        if let Some(fresh) = segment.fresh() {
            let span = fresh.span(place.number)?;
            return Ok(span.map_or(Found::Absent, |(start, end)| {
                Found::Written(Arc::clone(&fresh.file), start, end)
            }));
        }
        let loaded = segment.loaded()?;
        let Some((start, end)) = loaded.tables.span(place.number)? else {
            return Ok(Found::Absent);
        };
        self.let_go();
        match &loaded.records {
            Records::File(file) => Ok(Found::Written(Arc::clone(file), start, end)),
            Records::Mapped(mapped) => self.mapped(mapped, place, start, end),
        }
    }

    /// Reads a record that is in memory. Its checksum is computed each time: that takes 0.1 µs, and
    /// what was read is mostly kept by who asked for it.
    fn mapped(
        &self,
        mapped: &Mapped,
        place: Place,
        start: u32,
        end: u32,
    ) -> Result<Found, StoreError> {
        let at = |damage: damage::Damage| damage.at(&self.layout.segment(place.segment));
        let lost = || damage::Damage::ends(mapped.len() as u64, "a record");
        let bytes = mapped.get(start, end).ok_or_else(|| at(lost()))?;
        let record = Record::parse(bytes, place, u64::from(start)).map_err(at)?;
        Ok(Found::Stored(Stored {
            bytes: mapped.keep(record.payload),
            links: record.links,
            generation: record.generation,
            cut: record.cut,
        }))
    }

    /// Closes all complete segments when too many are open; those that are used are opened again.
    fn let_go(&self) {
        if self.home.open.load(Ordering::Relaxed) <= self.home.open_max() {
            return;
        }
        let mut state = write(&self.state);
        let closed = state
            .sealed
            .iter()
            .map(|segment| Arc::new(segment.closed()));
        state.sealed = Arc::new(closed.collect());
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
    // Segments are numbered without gaps, as long as nobody removes files.
    let first = sealed.first()?.number;
    let guess = number.checked_sub(first)? as usize;
    if let Some(segment) = sealed.get(guess).filter(|found| found.number == number) {
        return Some(segment);
    }
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

/// So many keys are not worth sorting by where they are.
const FEW: usize = 8;
