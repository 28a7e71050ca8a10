//! Reading single records while a segment's tables are yet to be made: what its objects are made
//! from.

use std::collections::BTreeMap;
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
use crate::segment::SegmentHeader;
use crate::sidecar::Sidecar;

/// The complete segments before the one that is read, as far as something was made from them.
pub(crate) struct Older<'a> {
    home: &'a Home,
    segments: BTreeMap<u32, Places>,
}

/// Where the records of a segment are: in its sidecar, or else in memory, in eight bytes each.
struct Places {
    file: Arc<dyn File>,
    header: SegmentHeader,
    sidecar: Option<Sidecar>,
    offsets: Vec<u32>,
    numbers: Vec<u32>,
    end: u32,
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
    ) -> Result<Arc<Whole>, StoreError> {
        let layout = &*self.home.layout;
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
        if !self.segments.contains_key(&place.segment) {
            let places = Places::read(self.home, place.segment)?;
            if self.segments.len() >= OPEN_MAX {
                // The oldest, as what is made from others mostly lies near them.
                self.segments.pop_first();
            }
            self.segments.insert(place.segment, places);
        }
        let Some(places) = self.segments.get_mut(&place.segment) else {
            return Ok(None);
        };
        let Some(span) = places.span(self.home, place)? else {
            return Ok(None);
        };
        piece(&*places.file, &self.home.layout, place, span).map(Some)
    }
}

impl Places {
    /// Opens the sidecar, or else reads the segment.
    fn read(home: &Home, number: u32) -> Result<Self, StoreError> {
        let (file, header, end) = home.open_segment(number)?;
        let sidecar = home.sidecar(header)?.and_then(Result::ok);
        let mut places = Self {
            file,
            header,
            sidecar: sidecar.filter(|sidecar| sidecar.meta.covered.offset == end),
            offsets: Vec::new(),
            numbers: Vec::new(),
            end,
        };
        if places.sidecar.is_none() {
            places.scan(home)?;
        }
        Ok(places)
    }

    fn scan(&mut self, home: &Home) -> Result<(), StoreError> {
        let scan = Scan {
            file: &*self.file,
            path: &home.layout.segment(self.header.number),
            header: self.header,
            end: self.end,
        };
        scan.places(&mut |number, offset| {
            self.offsets.push(offset);
            self.numbers.push(number);
        })
    }

    fn span(&mut self, home: &Home, place: Place) -> Result<Option<(u32, u32)>, StoreError> {
        let number = place.number;
        if let Some(sidecar) = &self.sidecar {
            let row = sidecar.row(number);
            let span = row.and_then(|row| row.map(|row| sidecar.span(row)).transpose());
            if let Ok(span) = span {
                return Ok(span);
            }
            // It is damaged.
            self.sidecar = None;
            self.scan(home)?;
        }
        let Ok(row) = self.numbers.binary_search(&number) else {
            return Ok(None);
        };
        let start = self.offsets.get(row).copied();
        let next = self.offsets.get(row + 1).copied();
        Ok(start.map(|start| (start, next.unwrap_or(self.end))))
    }
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
    Ok(Piece::new(record, &bytes, place, offset))
}

/// The error for a record that others are made from and that is not there.
pub(crate) fn missing(place: Place, layout: &Layout) -> StoreError {
    let expected = format!("record {}, which others are made from", place.number);
    Damage::new(0, expected, "no such record").at(&layout.segment(place.segment))
}

/// How many segments are open at a time: a process may have only so many files.
const OPEN_MAX: usize = 64;
