//! Reading single records while a segment's tables are yet to be made: what its objects are made
//! from.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use irmin_core::StoreError;

use crate::chain::{self, Piece, Whole};
use crate::damage::{self, Damage};
use crate::files::{File, Files};
use crate::layout::Layout;
use crate::place::Place;
use crate::record::Record;
use crate::scan::{self, Scan};
use crate::sealed::read_sidecar;
use crate::segment::SegmentHeader;

/// The complete segments before the one that is read, as far as something was made from them.
pub(crate) struct Older<'a> {
    files: &'a dyn Files,
    layout: &'a Layout,
    segments: BTreeMap<u32, Places>,
}

/// Where the records of a segment are: four bytes each, eight where numbers have gaps.
struct Places {
    file: Arc<dyn File>,
    offsets: Vec<u32>,
    /// The numbers of the records, where they have gaps.
    gaps: Option<Vec<u32>>,
    end: u32,
}

impl<'a> Older<'a> {
    pub(crate) fn new(files: &'a dyn Files, layout: &'a Layout) -> Self {
        Self {
            files,
            layout,
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
        here: &dyn Fn(u32) -> Option<(u32, u32)>,
    ) -> Result<Arc<Whole>, StoreError> {
        let layout = self.layout;
        let mut fetch = |place: Place| {
            if place.segment != scan.header.number {
                return self.piece(place);
            }
            let piece = |span| piece(scan.file, layout, place, span);
            here(place.number).map(piece).transpose()
        };
        let piece = fetch(place)?.ok_or_else(|| missing(place, layout))?;
        chain::make(piece, &mut fetch).map_err(|unmade| unmade.at(layout))
    }

    fn piece(&mut self, place: Place) -> Result<Option<Piece>, StoreError> {
        if !self.segments.contains_key(&place.segment) {
            let places = Places::read(self.files, self.layout, place.segment)?;
            self.segments.insert(place.segment, places);
        }
        let places = self.segments.get(&place.segment);
        let Some((places, span)) = places.and_then(|p| Some((p, p.span(place.number)?))) else {
            return Ok(None);
        };
        piece(&*places.file, self.layout, place, span).map(Some)
    }
}

impl Places {
    /// Reads the sidecar, or else the segment.
    fn read(files: &dyn Files, layout: &Layout, number: u32) -> Result<Self, StoreError> {
        let path = layout.segment(number);
        let file = files.open_read(&path).map_err(damage::io("open", &path))?;
        let header = SegmentHeader::read(&*file, &path, number)?;
        let end = scan::length(&*file, &path)?;
        let mut places = Self {
            file,
            offsets: Vec::new(),
            gaps: header.is_sparse.then(Vec::new),
            end,
        };
        let sidecar = read_sidecar(files, layout, header)?.and_then(Result::ok);
        if let Some(sidecar) = sidecar.filter(|sidecar| sidecar.meta.covered.offset == end) {
            places.offsets = sidecar.offsets().collect();
            if let Some(gaps) = &mut places.gaps {
                gaps.extend(sidecar.numbers());
                gaps.sort_unstable();
            }
            return Ok(places);
        }
        let file = Arc::clone(&places.file);
        let scan = Scan {
            file: &*file,
            path: &path,
            header,
            end,
        };
        scan.places(&mut |number, offset| {
            places.offsets.push(offset);
            places.gaps.iter_mut().for_each(|gaps| gaps.push(number));
        })?;
        Ok(places)
    }

    fn span(&self, number: u32) -> Option<(u32, u32)> {
        let row = match &self.gaps {
            None => number as usize,
            Some(gaps) => gaps.binary_search(&number).ok()?,
        };
        let start = *self.offsets.get(row)?;
        let next = self.offsets.get(row + 1).copied();
        Some((start, next.unwrap_or(self.end)))
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
