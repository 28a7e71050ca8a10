//! Reading a segment's frames one after the other.

use std::path::Path;
use std::sync::Arc;

use irmin_core::StoreError;

use crate::chain::{Recent, Whole};
use crate::damage::{self, Damage};
use crate::files::File;
use crate::frame::{Frame, FrameError, FrameHeader, FrameKind, FramePlace, HEADER_BYTES};
use crate::place::{Place, narrow, narrow64};
use crate::segment::SegmentHeader;

/// A boundary between frames: where it is, and how many frames and records are before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: u32,
    pub(crate) frames: u32,
    pub(crate) records: u32,
}

impl Position {
    /// The boundary before the first frame.
    pub(crate) const START: Self = Self {
        offset: SegmentHeader::BYTES_U32,
        frames: 0,
        records: 0,
    };

    /// The boundary behind a frame that starts here.
    pub(crate) fn after(self, frame: &Frame<'_>) -> Self {
        Self {
            offset: self.offset + frame.length,
            frames: self.frames + 1,
            records: self.records + narrow(frame.records.len()),
        }
    }

    /// Returns the place of the frame that begins here.
    pub(crate) const fn in_segment(self, header: SegmentHeader) -> FramePlace {
        FramePlace {
            salt: header.salt,
            segment: header.number,
            offset: self.offset,
            frame: self.frames,
            record: self.records,
        }
    }
}

/// A segment's file up to an offset.
pub(crate) struct Scan<'a> {
    pub(crate) file: &'a dyn File,
    pub(crate) path: &'a Path,
    pub(crate) header: SegmentHeader,
    pub(crate) end: u32,
}

/// What follows the frames that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// Nothing, zeros, or a part of a frame: perhaps the rest is just being written.
    Unfinished,
    /// A frame, as its header says.
    Frame,
    /// Other bytes.
    Other,
}

/// How far a scan came.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// The end of the last good frame.
    pub(crate) position: Position,
    /// The largest offset that a frame says was durable.
    pub(crate) synced: u32,
    /// What the last frame was for, if there was one.
    pub(crate) last: Option<FrameKind>,
    /// Why the scan ended before the file did.
    pub(crate) damage: Option<Damage>,
}

/// Who looks at the frames of a scan.
pub(crate) trait Visit {
    /// Returns an object before the frame that is read, for those that are made from it. `None`: it
    /// is lost, which was told of.
    fn base(&mut self, place: Place) -> Result<Option<Arc<Whole>>, StoreError>;

    /// Takes a frame that begins at a position.
    fn frame(&mut self, at: Position, frame: &Frame<'_>) -> Result<(), StoreError>;
}

impl Scan<'_> {
    /// Reads frames from a boundary on until the end or the first bad frame. Hashes all objects.
    ///
    /// # Errors
    /// What `visit` returns, and [`StoreError::Io`]. Damage is no error here.
    pub(crate) fn run(&self, from: Position, visit: &mut dyn Visit) -> Result<Scanned, StoreError> {
        let mut scanned = Scanned {
            position: from,
            synced: 0,
            last: None,
            damage: None,
        };
        let mut window = Window::default();
        let mut recent = Recent::default();
        let mut next = 0;
        while scanned.position.offset < self.end {
            let position = scanned.position;
            let place = position.in_segment(self.header);
            let bytes = match self.frame_bytes(&mut window, &place)? {
                Ok(bytes) => bytes,
                Err(damage) => {
                    scanned.damage = Some(damage);
                    break;
                }
            };
            let base = &mut |place| visit.base(place);
            let frame = match Frame::parse_with(bytes, &place, &mut recent, base) {
                Ok(frame) => frame,
                Err(FrameError::Failed(error)) => return Err(error),
                Err(FrameError::Damage(damage)) => {
                    scanned.damage = Some(damage);
                    break;
                }
            };
            if let Err(damage) = check_numbers(&self.header, position, &frame, &mut next) {
                scanned.damage = Some(damage);
                break;
            }
            visit.frame(position, &frame)?;
            scanned.synced = scanned.synced.max(frame.synced);
            scanned.last = Some(frame.kind);
            scanned.position = position.after(&frame);
        }
        Ok(scanned)
    }

    /// Tells of the number and the offset of each record, without making any object.
    ///
    /// # Errors
    /// [`StoreError`] at the first bad frame.
    pub(crate) fn places(&self, each: &mut dyn FnMut(u32, u32)) -> Result<(), StoreError> {
        let mut window = Window::default();
        let mut position = Position::START;
        while position.offset < self.end {
            let place = position.in_segment(self.header);
            let bytes = self.frame_bytes(&mut window, &place)?;
            let frame = bytes.and_then(|bytes| Frame::without_ids(bytes, &place));
            let frame = match frame {
                Ok(frame) => frame,
                Err(_) if position.frames > 0 && self.is_blank(position.offset)? => break,
                Err(damage) => return Err(damage.at(self.path)),
            };
            for ((offset, _), number) in frame.records.iter().zip(&frame.numbers) {
                each(*number, *offset);
            }
            position = position.after(&frame);
        }
        Ok(())
    }

    /// Tells what follows a boundary, as far as a frame's header tells. One read of 24 bytes.
    ///
    /// # Errors
    /// [`StoreError`] when the file became shorter meanwhile or cannot be read.
    pub(crate) fn ahead(&self, position: Position) -> Result<Ahead, StoreError> {
        let left = self.end.saturating_sub(position.offset);
        if left < HEADER_BYTES {
            return Ok(Ahead::Unfinished);
        }
        let mut front = [0; FrameHeader::BYTES];
        let offset = u64::from(position.offset);
        self.file
            .read_at(&mut front, offset)
            .map_err(damage::read(self.path, offset))?;
        if front == [0; FrameHeader::BYTES] {
            return Ok(Ahead::Unfinished);
        }
        Ok(
            match FrameHeader::decode(&front, &position.in_segment(self.header)) {
                None => Ahead::Other,
                Some(header) if header.payload_bytes > left - HEADER_BYTES => Ahead::Unfinished,
                Some(_) => Ahead::Frame,
            },
        )
    }

    /// Tells whether there is nothing but zeros from `offset` on.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub(crate) fn is_blank(&self, offset: u32) -> Result<bool, StoreError> {
        let mut window = Window::default();
        let mut offset = offset;
        while offset < self.end {
            let count = (self.end - offset).min(BLANK_BYTES);
            let bytes = self.bytes(&mut window, offset, count as usize)?;
            if bytes.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            offset += count;
        }
        Ok(true)
    }

    /// Tells whether a frame after `offset` says that the segment was durable beyond `offset`: then
    /// what is wrong there is no torn write.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub(crate) fn is_claimed(&self, offset: u32) -> Result<bool, StoreError> {
        let mut window = Window::default();
        let mut position = Position {
            offset: offset.saturating_add(1),
            frames: 0,
            records: 0,
        };
        while position.offset.saturating_add(HEADER_BYTES) <= self.end {
            let front = self.bytes(&mut window, position.offset, FrameHeader::BYTES)?;
            let header = front
                .first_chunk()
                .and_then(|front| FrameHeader::decode(front, &position.in_segment(self.header)));
            if header.is_some_and(|header| header.synced > offset) {
                return Ok(true);
            }
            position.offset += 1;
        }
        Ok(false)
    }

    /// Returns the bytes of the frame, as far as the file has them.
    fn frame_bytes<'w>(
        &self,
        window: &'w mut Window,
        place: &FramePlace,
    ) -> Result<Result<&'w [u8], Damage>, StoreError> {
        let left = self.end - place.offset;
        if left < HEADER_BYTES {
            let end = u64::from(self.end);
            return Ok(Err(Damage::ends(end, "the rest of a frame's header")));
        }
        let front = self.bytes(window, place.offset, FrameHeader::BYTES)?;
        let header = front
            .first_chunk()
            .and_then(|front| FrameHeader::decode(front, place));
        // A bad header is left to the parser, which says what is wrong with it.
        let length = header.map_or(0, |header| header.payload_bytes);
        let length = length.saturating_add(HEADER_BYTES).min(left);
        self.bytes(window, place.offset, length as usize).map(Ok)
    }

    fn bytes<'w>(
        &self,
        window: &'w mut Window,
        offset: u32,
        count: usize,
    ) -> Result<&'w [u8], StoreError> {
        let is_inside = offset >= window.start
            && (offset - window.start) as usize + count <= window.bytes.len();
        if !is_inside {
            let left = (self.end - offset) as usize;
            window.bytes.resize(left.min(count.max(WINDOW_BYTES)), 0);
            window.start = offset;
            self.file
                .read_at(&mut window.bytes, u64::from(offset))
                .map_err(damage::read(self.path, u64::from(offset)))?;
        }
        let start = (offset - window.start) as usize;
        Ok(window.bytes.get(start..start + count).unwrap_or_default())
    }
}

/// Only what a collection wrote keeps records under numbers of their own, and nothing else; the
/// numbers rise.
fn check_numbers(
    header: &SegmentHeader,
    position: Position,
    frame: &Frame<'_>,
    next: &mut u32,
) -> Result<(), Damage> {
    let fits = match frame.kind {
        FrameKind::Kept => header.is_sparse,
        FrameKind::Checkpoint | FrameKind::End => true,
        _ => !header.is_sparse,
    };
    let rises = frame.numbers.first().is_none_or(|first| first >= next);
    if let Some(last) = frame.numbers.last() {
        *next = last.saturating_add(1);
    }
    if fits && rises {
        return Ok(());
    }
    let expected = match fits {
        true => format!("records from number {next} on"),
        false => format!("a frame of a segment of version {}", header.version()),
    };
    let found = format!("{:?}", frame.kind);
    Err(Damage::new(u64::from(position.offset), expected, found))
}

/// Returns the length of a segment's file, which the format keeps below 4 GiB.
pub(crate) fn length(file: &dyn File, path: &Path) -> Result<u32, StoreError> {
    let length = file.length().map_err(damage::io("measure", path))?;
    if length > u64::from(u32::MAX) {
        let damage = Damage::new(0, "a file of less than 4 GiB", format!("{length} bytes"));
        return Err(damage.at(path));
    }
    Ok(narrow64(length))
}

/// The part of a file that is in memory.
#[derive(Default)]
struct Window {
    start: u32,
    bytes: Vec<u8>,
}

const WINDOW_BYTES: usize = 1 << 20;
const BLANK_BYTES: u32 = 1 << 16;
