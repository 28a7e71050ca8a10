//! Going through the bytes of one segment, past whatever is damaged.

use irmin_core::Id;

use crate::damage::Damage;
use crate::frame::{FrameHeader, FrameKind, FramePlace, RefChange, decode_changes, decode_runs};
use crate::hunks;
use crate::place::Place;
use crate::record::Record;
use crate::segment::SegmentHeader;
use crate::varint::Reader;

/// What is known of a segment before its frames are read.
pub(super) struct Known<'a> {
    pub(super) number: u32,
    /// From the segment's header or from its sidecar.
    pub(super) salt: Option<u64>,
    pub(super) is_sparse: bool,
    pub(super) bytes: &'a [u8],
}

/// What happens to the refs, in the order of the log.
#[derive(Debug)]
pub(super) enum RefEvent {
    /// These are all.
    All(Vec<RefChange>),
    Changes(Vec<RefChange>),
    /// Changes may be lost here.
    Lost,
}

/// What is in a segment.
pub(super) trait Visit {
    /// Takes a sound record, and returns the id of its object, if that can be made.
    fn record(&mut self, offset: usize, record: &Record<'_>, place: Place) -> Option<Id>;
    fn refs(&mut self, event: RefEvent);
    fn damage(&mut self, damage: Damage);
    /// Called with each offset that is reached between frames.
    fn reach(&mut self, offset: usize);
}

pub(super) struct Walk<'a, 'v> {
    known: Known<'a>,
    visit: &'v mut dyn Visit,
    at: usize,
    /// The number of the next record, or a lower one when some were lost.
    next: u32,
    /// How many bytes were passed over since `next` was certain.
    lost: usize,
}

/// The numbers that the records of a frame may have.
enum Numbers {
    From(u32, usize),
    Listed(Vec<u32>),
}

impl Numbers {
    fn nth(&self, index: usize) -> Option<u32> {
        match self {
            Self::From(first, count) => {
                let index = u32::try_from(index).ok().filter(|_| index < *count)?;
                first.checked_add(index)
            }
            Self::Listed(numbers) => numbers.get(index).copied(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::From(_, count) => *count,
            Self::Listed(numbers) => numbers.len(),
        }
    }
}

/// The records of a part of the file.
struct Region {
    /// By their order; `None` for those that are lost or gone.
    ids: Vec<Option<Id>>,
    /// Where the last one ends.
    end: usize,
    /// Whether what follows the last one is where it should be.
    is_end_known: bool,
}

impl<'a, 'v> Walk<'a, 'v> {
    pub(super) fn new(known: Known<'a>, visit: &'v mut dyn Visit) -> Self {
        Self {
            known,
            visit,
            at: SegmentHeader::BYTES,
            next: 0,
            lost: 0,
        }
    }

    pub(super) fn run(mut self) {
        let bytes = self.known.bytes;
        while self.at < bytes.len() {
            self.visit.reach(self.at);
            match self.header(self.at) {
                Some(header) => self.frame(&header),
                // Room for frames to come, behind those that are there.
                None if self.is_blank() => break,
                None => self.frame_without_header(),
            }
        }
        self.visit.reach(bytes.len());
    }

    fn is_blank(&self) -> bool {
        let rest = self.known.bytes.get(self.at..).unwrap_or_default();
        self.at > SegmentHeader::BYTES && rest.iter().all(|&byte| byte == 0)
    }

    /// Returns the header at an offset. Without the salt, which all of its checksum depends on, one
    /// whose payload has the right checksum.
    fn header(&self, at: usize) -> Option<FrameHeader> {
        let rest = self.known.bytes.get(at..)?;
        let front = rest.first_chunk()?;
        if let Some(salt) = self.known.salt {
            let place = FramePlace {
                salt,
                segment: self.known.number,
                offset: u32::try_from(at).ok()?,
                frame: 0,
                record: 0,
            };
            return FrameHeader::decode(front, &place);
        }
        let header = FrameHeader::fields(front)?;
        let length = usize::try_from(header.payload_bytes).ok()?;
        let payload = Reader::new(rest, FrameHeader::BYTES).take(length)?;
        let is_empty = payload.is_empty() && header.records > 0;
        (!is_empty && crc32fast::hash(payload) == header.payload_crc).then_some(header)
    }

    fn frame(&mut self, header: &FrameHeader) {
        let start = self.at + FrameHeader::BYTES;
        let length = usize::try_from(header.payload_bytes).unwrap_or(usize::MAX);
        let end = start.saturating_add(length);
        let file_end = self.known.bytes.len();
        let payload = self.known.bytes.get(start..end.min(file_end));
        let payload = payload.unwrap_or_default();
        let crc = crc32fast::hash(payload);
        let is_sound = end <= file_end && crc == header.payload_crc;
        if end > file_end {
            self.tell(Damage::ends(file_end as u64, "the rest of a frame"));
        } else if !is_sound {
            self.tell(Damage::crc(self.at as u64, header.payload_crc, crc));
        }
        let end = end.min(file_end);
        let count = header.records as usize;
        let (numbers, from) = match header.kind {
            FrameKind::Kept => self.listed(payload, start, count),
            _ => (self.numbers(start, end, count), start),
        };
        let region = self.records(&numbers, from, end);
        self.changes(header.kind, &region, end);
        self.next = match numbers.nth(numbers.count().saturating_sub(1)) {
            Some(last) => last.saturating_add(1),
            None => self.next,
        };
        self.lost = 0;
        self.at = end;
    }

    /// The numbers that a frame of kept objects begins with, and where its records begin.
    fn listed(&self, payload: &[u8], start: usize, count: usize) -> (Numbers, usize) {
        let mut reader = Reader::new(payload, 0);
        match decode_runs(&mut reader) {
            // A list that cannot be true must not make room for itself.
            Some(runs)
                if runs
                    .iter()
                    .map(|run| u64::from(run.end - run.start))
                    .sum::<u64>()
                    == count as u64 =>
            {
                let numbers = runs.into_iter().flatten().collect();
                (Numbers::Listed(numbers), start + reader.at())
            }
            _ => (Numbers::From(self.next, usize::MAX), start),
        }
    }

    /// Finds which number the first record of a frame has, after others were lost.
    fn numbers(&self, start: usize, end: usize, count: usize) -> Numbers {
        let most = if count == 0 {
            0
        } else {
            self.lost / RECORD_BYTES_MIN
        };
        for more in 0..=most.min(NUMBERS_MAX) {
            let first = self
                .next
                .saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
            if most == 0 || self.record(start, end, first).is_some() {
                return Numbers::From(first, count);
            }
        }
        Numbers::From(self.next, usize::MAX)
    }

    /// What follows is no header: the records up to the next one may be sound nonetheless.
    fn frame_without_header(&mut self) {
        let at = self.at;
        let damage = match self.known.bytes.len() - at < FrameHeader::BYTES {
            true => Damage::ends(
                self.known.bytes.len() as u64,
                "the rest of a frame's header",
            ),
            false => Damage::new(at as u64, "a frame's header", "bytes that are none"),
        };
        self.tell(damage);
        let file_end = self.known.bytes.len();
        let end = (at + 1..file_end).find(|&at| self.header(at).is_some());
        let end = end.unwrap_or(file_end);
        let start = (at + FrameHeader::BYTES).min(end);
        self.lost += end - at;
        let numbers = Numbers::From(self.next, usize::MAX);
        let region = self.records(&numbers, start, end);
        let kind = match at == SegmentHeader::BYTES {
            true => FrameKind::Checkpoint,
            false => FrameKind::Transaction,
        };
        self.changes(kind, &region, end);
        self.next += u32::try_from(region.ids.len()).unwrap_or(u32::MAX);
        self.at = end;
    }

    /// Takes the records between two offsets, looking for the next sound one where one is damaged.
    fn records(&mut self, numbers: &Numbers, start: usize, end: usize) -> Region {
        let mut region = Region {
            ids: Vec::new(),
            end: start,
            is_end_known: true,
        };
        let is_open = numbers.count() == usize::MAX;
        while region.end < end {
            let index = region.ids.len();
            let Some(number) = numbers.nth(index) else {
                break;
            };
            if let Some(record) = self.record(region.end, end, number) {
                let id = self.visit.record(region.end, &record, self.place(number));
                region.ids.push(id);
                region.end += record.length;
                continue;
            }
            let found = self.next_record(numbers, index, region.end + 1, end);
            if found.is_none() && is_open {
                // No record, but what follows the last one.
                break;
            }
            self.tell(Damage::new(
                region.end as u64,
                "a record",
                "bytes that are none",
            ));
            let found = found.or_else(|| self.last_record(numbers, index, region.end, end));
            region.is_end_known = found.is_some();
            let (at, index) = found.unwrap_or((end, numbers.count()));
            region.ids.resize(index, None);
            region.end = at;
        }
        if !is_open {
            region.ids.resize(numbers.count(), None);
        }
        region
    }

    /// Where the last record of a frame ends, if its front can be believed: what follows will tell.
    fn last_record(
        &self,
        numbers: &Numbers,
        index: usize,
        at: usize,
        end: usize,
    ) -> Option<(usize, usize)> {
        if index + 1 != numbers.count() {
            return None;
        }
        let bytes = self.known.bytes.get(at..end)?;
        let record = Record::fields(bytes, self.place(u32::MAX / 2))?;
        Some((at + record.length, index + 1))
    }

    fn next_record(
        &self,
        numbers: &Numbers,
        index: usize,
        start: usize,
        end: usize,
    ) -> Option<(usize, usize)> {
        let mut tries = TRIES_MAX;
        for at in start..end {
            if !self.may_be_record(at, end) {
                continue;
            }
            let most = (at - start) / RECORD_BYTES_MIN + 1;
            for index in index..=index + most {
                let Some(number) = numbers.nth(index) else {
                    break;
                };
                if self.record(at, end, number).is_some() {
                    return Some((at, index));
                }
                tries = tries.checked_sub(1)?;
            }
        }
        None
    }

    /// Whether an object begins behind what looks like a record's front: nearly all offsets are ruled
    /// out by that, without a checksum.
    fn may_be_record(&self, at: usize, end: usize) -> bool {
        let bytes = self.known.bytes.get(at..end).unwrap_or_default();
        // A number that leaves room for links in both directions.
        let record = Record::fields(bytes, self.place(u32::MAX / 2));
        record.is_some_and(|record| {
            let version_and_kind = [1, record.kind.code()];
            match record.delta {
                None => record.payload.starts_with(&version_and_kind),
                Some(_) => hunks::are_hunks(record.payload),
            }
        })
    }

    fn record(&self, at: usize, end: usize, number: u32) -> Option<Record<'a>> {
        let bytes = self.known.bytes.get(at..end)?;
        Record::parse(bytes, self.place(number), at as u64).ok()
    }

    fn place(&self, number: u32) -> Place {
        Place {
            segment: self.known.number,
            number,
        }
    }

    fn changes(&mut self, kind: FrameKind, region: &Region, end: usize) {
        let may_change = match kind {
            FrameKind::Transaction => true,
            // A collection keeps no refs.
            FrameKind::Checkpoint => !self.known.is_sparse,
            _ => false,
        };
        if !may_change {
            return;
        }
        // One that is lost leads to nothing.
        let ids: Vec<Id> = region.ids.iter().map(|id| id.unwrap_or(LOST)).collect();
        let bytes = self.known.bytes.get(region.end..end);
        let bytes = bytes.filter(|_| region.is_end_known);
        let changes = bytes.and_then(|bytes| decode_changes(&mut Reader::new(bytes, 0), &ids));
        let event = match changes {
            None => RefEvent::Lost,
            Some(changes) if kind == FrameKind::Checkpoint => RefEvent::All(changes),
            Some(changes) => RefEvent::Changes(changes),
        };
        self.visit.refs(event);
    }

    fn tell(&mut self, damage: Damage) {
        self.visit.damage(damage);
    }
}

/// The id of a record that cannot be read.
pub(super) const LOST: Id = Id::from_bytes([0; Id::BYTES]);
/// Checksum, head, and the two bytes that every object begins with.
const RECORD_BYTES_MIN: usize = 7;
/// How many numbers are tried for the first record behind a gap.
const NUMBERS_MAX: usize = 1 << 20;
/// How many checksums are computed in search of the next record.
const TRIES_MAX: usize = 1 << 22;
