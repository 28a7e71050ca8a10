//! Reading single records while a segment's tables are yet to be made: what its objects are made
//! from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use bytes::Bytes;
use irmin_core::StoreError;

use crate::chain::{self, Piece, Whole};
use crate::damage::{self, Damage};
use crate::files::File;
use crate::home::Home;
use crate::layout::Layout;
use crate::place::Place;
use crate::record::Record;
use crate::scan::Scan;
use crate::sidecar::Sidecar;

/// The complete segments before the one that is read, as far as something was made from them.
pub(crate) struct Older<'a> {
    home: &'a Home,
    segments: BTreeMap<u32, Segment>,
}

struct Segment {
    file: Arc<dyn File>,
    end: u32,
    places: Places,
}

/// Where the records of a segment are.
enum Places {
    Sidecar(Sidecar),
    /// As they were found in the segment: number and offset.
    Found(Vec<(u32, u32)>),
}

impl<'a> Older<'a> {
    pub(crate) const fn new(home: &'a Home) -> Self {
        Self {
            home,
            segments: BTreeMap::new(),
        }
    }

    /// Makes the object that a record's is made from. `here` tells where the records of the segment
    /// that is read begin and end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is not there.
    pub(crate) fn base(
        &mut self,
        place: Place,
        scan: &Scan<'_>,
        here: &dyn Fn(u32) -> Result<Option<(u32, u32)>, StoreError>,
    ) -> Result<Whole, StoreError> {
        let layout = &self.home.layout;
        let mut fetch = |place: Place| {
            if place.segment != scan.header.number {
                return self.piece(place);
            }
            let piece = |span| piece(scan.file, layout, place, span);
            here(place.number)?.map(piece).transpose()
        };
        let piece = fetch(place)?.ok_or_else(|| missing(place, layout))?;
        chain::make(piece, &mut fetch).map_err(|unmade| unmade.at(layout))
    }

    fn piece(&mut self, place: Place) -> Result<Option<Piece>, StoreError> {
        let segment = match self.segments.entry(place.segment) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Segment::open(self.home, place.segment)?),
        };
        match segment.span(self.home, place.number)? {
            Some(span) => piece(&*segment.file, &self.home.layout, place, span).map(Some),
            None => Ok(None),
        }
    }
}

impl Segment {
    fn open(home: &Home, number: u32) -> Result<Self, StoreError> {
        let (file, header, end) = home.open_segment(number)?;
        let sidecar = home.sidecar(header)?.and_then(Result::ok);
        let places = match sidecar.filter(|sidecar| sidecar.meta.covered.offset == end) {
            Some(sidecar) => Places::Sidecar(sidecar),
            None => Places::Found(found(home, number)?),
        };
        Ok(Self { file, end, places })
    }

    fn span(&mut self, home: &Home, number: u32) -> Result<Option<(u32, u32)>, StoreError> {
        if let Places::Sidecar(sidecar) = &self.places {
            let row = sidecar.row(number);
            let span = row.and_then(|row| row.map(|row| sidecar.span(row)).transpose());
            if let Ok(span) = span {
                return Ok(span);
            }
            // It is damaged: the segment itself tells.
            let segment = sidecar.meta.segment.number;
            self.places = Places::Found(found(home, segment)?);
        }
        let Places::Found(found) = &self.places else {
            return Ok(None);
        };
        let row = found.binary_search_by_key(&number, |(number, _)| *number);
        let start = row.ok().and_then(|row| Some((row, found.get(row)?.1)));
        Ok(start.map(|(row, start)| {
            let next = found.get(row + 1).map(|(_, next)| *next);
            (start, next.unwrap_or(self.end))
        }))
    }
}

/// Reads a segment for the places of its records.
fn found(home: &Home, number: u32) -> Result<Vec<(u32, u32)>, StoreError> {
    let (file, header, end) = home.open_segment(number)?;
    let scan = Scan {
        file: &*file,
        path: &home.layout.segment(number),
        header,
        end,
    };
    let mut found = Vec::new();
    scan.places(&mut |number, offset| found.push((number, offset)))?;
    Ok(found)
}

/// Reads the record between two offsets.
fn piece(
    file: &dyn File,
    layout: &Layout,
    place: Place,
    (start, end): (u32, u32),
) -> Result<Piece, StoreError> {
    let path = layout.segment(place.segment);
    let offset = u64::from(start);
    let mut bytes = vec![0; end.saturating_sub(start) as usize];
    file.read_at(&mut bytes, offset)
        .map_err(damage::read(&path, offset))?;
    let bytes = Bytes::from(bytes);
    let record = Record::parse(&bytes, place, offset).map_err(|damage| damage.at(&path))?;
    let own = |payload: &[u8]| bytes.slice_ref(payload);
    Ok(Piece::new(record, place, offset, own))
}

/// The error for a record that others are made from and that is not there.
pub(crate) fn missing(place: Place, layout: &Layout) -> StoreError {
    let expected = format!("record {}, which others are made from", place.number);
    Damage::new(0, expected, "no such record").at(&layout.segment(place.segment))
}
