//! Finding and reading objects.

use std::collections::HashMap;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Buf, Bytes};
use irmin_core::{Id, IdPrefix, Key, StoreError, Stored};

use crate::active::{Active, Span};
use crate::cache::Cached;
use crate::chain::{self, Piece, Whole};
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
    /// The bytes of a record, or more, in the map of its segment, and where they are.
    Mapped(Bytes, u32, Arc<Bytes>),
    /// The bytes of a record that waits to be written, and where they will be.
    Pending(Bytes, u32),
    Written(Arc<dyn File>, u32, u32),
    Absent,
}

impl Found {
    /// Has the processor fetch a record from memory: these loads wait for nothing but memory, so that
    /// those of several records wait together.
    fn touch(&self) {
        if let Self::Mapped(bytes, ..) = self {
            let lines = bytes.iter().step_by(LINES_BYTES).take(LINES_MAX);
            black_box(lines.fold(0, |sum, byte| sum ^ byte));
        }
    }
}

/// The same for the newest segment.
enum Newest {
    Found(Found),
    Mapped(Arc<Mapped>, u32, u32),
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
        let epoch = self.cache.epoch();
        let mut found = Vec::with_capacity(TOGETHER);
        let mut made = HashMap::new();
        for places in places.chunks(TOGETHER) {
            // Waiting for a record's first bytes costs as much as all else that is done for it: hence
            // for those of several at once.
            for (place, _) in places {
                found.push(self.look(*place)?);
            }
            found.iter().for_each(Found::touch);
            for (&(place, position), found) in places.iter().zip(found.drain(..)) {
                let stored = self.take(place, found, epoch, Some(&mut made))?;
                let stored = match (stored, keys.get(position)) {
                    (None, Some(key)) => self.get(&Key::from(key.id))?,
                    (stored, _) => stored,
                };
                out(position, stored);
            }
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

    /// Returns where an object is if it is one of the last that were stored. Touches no table of a
    /// file; what it finds is in the newest segment, of which nothing is collected.
    pub(crate) fn find_recent(&self, id: &Id) -> Option<Place> {
        let state = read(&self.state);
        let number = state.active.table.find_recent(id)?;
        let segment = state.active.header.number;
        Some(Place { segment, number })
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

    /// Reads and checks an object: where it is in memory, or from the cache, or with one positional
    /// read for each record that it is made from.
    ///
    /// The checksum of a mapped record is computed each time: that takes 0.1 µs, and what was read is
    /// mostly kept by who asked for it.
    pub(crate) fn read(&self, place: Place) -> Result<Option<Stored>, StoreError> {
        let epoch = self.cache.epoch();
        let found = self.look(place)?;
        self.take(place, found, epoch, None)
    }

    /// Makes an object of what was found at a place since the cache's epoch.
    ///
    /// Of many that are asked for at once, objects that are made from others and lie in memory are not
    /// cached: who asks for many keeps them, and would drive out what others come back to. They are `made`
    /// from each other, for those of one line of history are often asked for together.
    fn take(
        &self,
        place: Place,
        found: Found,
        epoch: u64,
        mut made: Option<&mut HashMap<Place, Arc<Whole>>>,
    ) -> Result<Option<Stored>, StoreError> {
        if matches!(found, Found::Written(..))
            && let Some(stored) = self.cache.get(place)
        {
            return Ok(Some(stored));
        }
        let region = match &found {
            Found::Mapped(_, _, region) => Some(Arc::clone(region)),
            _ => None,
        };
        let is_mapped = region.is_some();
        let Some((bytes, offset)) = self.record(found, place)? else {
            return Ok(None);
        };
        let record = self.parse(&bytes, place, offset)?;
        if record.is_remnant {
            return Ok(None);
        }
        let (generation, cut) = (record.generation, record.cut);
        if is_mapped && record.delta.is_none() {
            let (links, length, payload) = (record.links, record.length, record.payload.len());
            return Ok(Some(Stored {
                bytes: part(bytes, length - payload..length),
                region,
                links,
                generation,
                cut,
            }));
        }
        if is_mapped && let Some(stored) = self.cache.get(place) {
            return Ok(Some(stored));
        }
        let piece = Piece::new(record, &bytes, place, offset);
        let whole = self.make_with(piece, made.as_deref())?;
        if let Some(made) = made.as_deref_mut() {
            made.insert(place, Arc::clone(&whole));
        }
        let whole = Arc::unwrap_or_clone(whole);
        if is_mapped && made.is_some() {
            return Ok(Some(Stored {
                bytes: whole.bytes,
                region: None,
                links: whole.links,
                generation,
                cut,
            }));
        }
        let cached = Cached {
            bytes: whole.bytes,
            links: whole.links,
            generation,
            cut,
            depth: whole.depth,
        };
        Ok(Some(self.cache.insert(place, cached, epoch)))
    }

    /// Reads an object that others are made from: it may be gone as an object.
    pub(crate) fn base(&self, place: Place) -> Result<Option<Arc<Whole>>, StoreError> {
        let piece = self.piece(place)?;
        piece.map(|piece| self.make(piece)).transpose()
    }

    /// Makes the object of a record that was read.
    pub(crate) fn make(&self, piece: Piece) -> Result<Arc<Whole>, StoreError> {
        self.make_with(piece, None)
    }

    fn make_with(
        &self,
        piece: Piece,
        made: Option<&HashMap<Place, Arc<Whole>>>,
    ) -> Result<Arc<Whole>, StoreError> {
        let whole = chain::make(
            piece,
            &mut |place| match made.and_then(|made| made.get(&place)) {
                Some(whole) => Ok(Some(Piece::Whole(Arc::clone(whole)))),
                None => self.piece(place),
            },
        );
        whole.map_err(|unmade| unmade.at(&self.layout))
    }

    pub(crate) fn piece(&self, place: Place) -> Result<Option<Piece>, StoreError> {
        if let Some(whole) = self.cache.whole(place) {
            return Ok(Some(Piece::Whole(Arc::new(whole))));
        }
        let found = self.look(place)?;
        let Some((bytes, offset)) = self.record(found, place)? else {
            return Ok(None);
        };
        let record = self.parse(&bytes, place, offset)?;
        Ok(Some(Piece::new(record, &bytes, place, offset)))
    }

    fn parse<'a>(
        &self,
        bytes: &'a Bytes,
        place: Place,
        offset: u64,
    ) -> Result<Record<'a>, StoreError> {
        Record::parse(bytes, place, offset)
            .map_err(|damage| damage.at(&self.layout.segment(place.segment)))
    }

    /// Returns the bytes of a record, or more, and where they are in its segment.
    fn record(&self, found: Found, place: Place) -> Result<Option<(Bytes, u64)>, StoreError> {
        let (file, start, end) = match found {
            Found::Absent => return Ok(None),
            Found::Mapped(bytes, start, _) | Found::Pending(bytes, start) => {
                return Ok(Some((bytes, u64::from(start))));
            }
            Found::Written(file, start, end) => (file, start, end),
        };
        let offset = u64::from(start);
        let mut bytes = vec![0; end.saturating_sub(start) as usize];
        add(&self.counters.reads, 1);
        if let Err(error) = file.read_at(&mut bytes, offset) {
            return Err(damage::read(&self.layout.segment(place.segment), offset)(
                error,
            ));
        }
        Ok(Some((bytes.into(), offset)))
    }

    fn look(&self, place: Place) -> Result<Found, StoreError> {
        let state = read(&self.state);
        if place.segment == state.active.header.number {
            let (active, number) = (&state.active, place.number);
            let (mapped, start, end) = match self.look_into_newest(active, number)? {
                Newest::Found(found) => return Ok(found),
                Newest::Mapped(mapped, start, end) => (mapped, start, end),
            };
            // Nobody who writes waits for the disk.
            drop(state);
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

    fn mapped(
        &self,
        mapped: &Mapped,
        place: Place,
        start: u32,
        end: u32,
    ) -> Result<Found, StoreError> {
        let bytes = mapped.get(start, end).ok_or_else(|| {
            let path = self.layout.segment(place.segment);
            damage::Damage::ends(mapped.len() as u64, "a record").at(&path)
        })?;
        Ok(Found::Mapped(bytes, start, mapped.region()))
    }

    fn look_into_newest(&self, active: &Active, number: u32) -> Result<Newest, StoreError> {
        let (start, end) = match active.span(number)? {
            None => return Ok(Newest::Found(Found::Absent)),
            Some(Span::Pending(start, end)) => {
                let bytes = active.pending().get(start..end).unwrap_or_default();
                let offset = active.written.offset.saturating_add(narrow(start));
                let found = Found::Pending(Bytes::copy_from_slice(bytes), offset);
                return Ok(Newest::Found(found));
            }
            Some(Span::Written(start, end)) => (start, end),
        };
        if let Some(mapped) = active.mapped(&self.home, start) {
            let end = end.min(narrow(mapped.len()));
            return Ok(Newest::Mapped(mapped, start, end));
        }
        let found = Found::Written(Arc::clone(&active.file), start, end);
        Ok(Newest::Found(found))
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

/// Takes a part of bytes without counting another reference to them.
fn part(mut bytes: Bytes, range: Range<usize>) -> Bytes {
    bytes.truncate(range.end);
    bytes.advance(range.start);
    bytes
}

/// So many records of many are found and fetched before the first one is looked at.
const TOGETHER: usize = 32;
/// Processors fetch this much at once, and know what comes next after so much.
const LINES_BYTES: usize = 128;
const LINES_MAX: usize = 8;
/// So many keys are not worth sorting by where they are.
const FEW: usize = 8;
