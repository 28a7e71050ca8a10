//! The newest segment, as it was left or as far as it was written.

use std::collections::BTreeMap;
use std::sync::Arc;

use irmin_core::{Id, StoreError};

use crate::active::Active;
use crate::damage::{self, Damage};
use crate::files::File;
use crate::frame::FrameKind;
use crate::home::Home;
use crate::layout::temporary;
use crate::older::Older;
use crate::replay::Replay;
use crate::scan::{self, Position, Scan};
use crate::segment::SegmentHeader;
use crate::sidecar::Sidecar;
use crate::stats::{Counters, add};

/// What the newest segment says.
pub(crate) struct Recovered {
    pub(crate) active: Active,
    pub(crate) refs: BTreeMap<String, Id>,
    /// Whether a frame that was read said that earlier segments were written anew.
    pub(crate) has_collected: bool,
    /// Up to which offset the segment is known to be durable.
    pub(crate) synced: u64,
    /// How long the file was.
    end: u32,
    /// What is wrong behind the last good frame.
    damage: Option<Damage>,
}

impl Recovered {
    /// Reads what the sidecar knows and replays the frames after it, up to the first bad one.
    pub(crate) fn read(
        home: &Arc<Home>,
        number: u32,
        file: Arc<dyn File>,
    ) -> Result<Self, StoreError> {
        let path = home.layout.segment(number);
        let header = SegmentHeader::read(&*file, &path, number)?;
        if header.is_sparse {
            // What a collection wrote is followed by another segment, and says nothing of refs.
            let damage = Damage::new(8, "a segment that no collection wrote, as the last", "one");
            return Err(damage.at(&path));
        }
        let sidecar = home.sidecar(header)?.and_then(Result::ok);
        let was_complete = sidecar.as_ref().is_some_and(|s| s.meta.is_complete);
        // After the sidecar: a writer that goes on meanwhile must not look like lost bytes.
        let end = scan::length(&*file, &path)?;
        let (mut replay, from) = start(home, sidecar);
        if from.offset > end {
            let expected = format!("{} durable bytes", from.offset);
            return Err(Damage::ends(u64::from(end), &expected).at(&path));
        }
        let scan = Scan {
            file: &*file,
            path: &path,
            header,
            end,
        };
        let mut older = Older::new(home);
        let scanned = replay.run(&scan, from, &mut older)?;
        let position = scanned.position;
        add(
            &home.counters.bytes_scanned,
            u64::from(position.offset - from.offset),
        );
        // A writer extends the log by zeros ahead of what it writes.
        let is_blank = position.frames > 0 && scan.is_blank(position.offset)?;
        let last = scanned.last;
        let mut active = Active::new(header, path, file, replay.table, position);
        active.is_marked = matches!(last, None | Some(FrameKind::Close | FrameKind::Checkpoint));
        active.is_complete = last.map_or(was_complete, |last| last == FrameKind::End);
        active.covered = from.offset;
        active.prepared = if is_blank { end } else { 0 };
        let synced = scanned.synced.max(from.offset);
        active.is_durable_to(synced);
        Ok(Self {
            active,
            refs: replay.refs,
            has_collected: replay.has_collected,
            synced: u64::from(synced),
            end,
            damage: scanned.damage.filter(|_| !is_blank),
        })
    }

    /// Reads a segment that has no name yet; `None` when it has no checkpoint and was never durable.
    pub(crate) fn begun(
        home: &Arc<Home>,
        number: u32,
        file: Arc<dyn File>,
    ) -> Result<Option<Self>, StoreError> {
        let path = home.layout.segment(number);
        match SegmentHeader::read(&*file, &path, number) {
            Err(StoreError::Corrupt { .. }) => return Ok(None),
            header => header?,
        };
        // Damage to what its objects are made from is none of its own.
        let next = Self::read(home, number, file)?;
        let has_begun = next.active.written.frames > 0;
        if !has_begun && !next.is_claimed()? {
            return Ok(None);
        }
        Ok(Some(next))
    }

    /// Refuses a segment without its end when the one that was begun after it says that it was durable
    /// itself: both were then, and to cut the end off would lose what was acknowledged.
    pub(crate) fn check_end(&self, home: &Home) -> Result<(), StoreError> {
        if self.active.is_complete {
            return Ok(());
        }
        let number = self.active.header.number + 1;
        let path = temporary(&home.layout.segment(number));
        let file = home.files.open(&path).map_err(damage::io("open", &path))?;
        let header = match SegmentHeader::read(&*file, &path, number) {
            Err(StoreError::Corrupt { .. }) => return Ok(()),
            header => header?,
        };
        let next = Scan {
            file: &*file,
            path: &path,
            header,
            end: scan::length(&*file, &path)?,
        };
        if !next.is_claimed(0)? {
            return Ok(());
        }
        let end = u64::from(self.active.written.offset);
        let missing = || Damage::ends(end, "the frame that ends the segment");
        let damage = self.damage.clone().unwrap_or_else(missing);
        Err(damage.at(&self.active.path))
    }

    fn is_claimed(&self) -> Result<bool, StoreError> {
        let active = &self.active;
        let scan = Scan {
            file: &*active.file,
            path: &active.path,
            header: active.header,
            end: self.end,
        };
        scan.is_claimed(active.written.offset)
    }

    /// Damage to what was durable is an error; what was never acknowledged as durable may be torn.
    pub(crate) fn check_tail(&self) -> Result<(), StoreError> {
        let Some(damage) = &self.damage else {
            return Ok(());
        };
        let active = &self.active;
        // A segment gets its name after its checkpoint is durable.
        if active.written.frames == 0 || self.is_claimed()? {
            return Err(damage.clone().at(&active.path));
        }
        Ok(())
    }

    /// Cuts off what a power cut left of frames that were never acknowledged as durable. Where there
    /// is no room to do it, as on file systems that never write in place, it is done before the
    /// first write.
    pub(crate) fn cut_tail(&mut self, counters: &Counters) -> Result<(), StoreError> {
        self.check_tail()?;
        if self.damage.is_none() {
            return Ok(());
        }
        let (file, path) = (&self.active.file, &self.active.path);
        let offset = self.active.written.offset;
        let cut = file.truncate(u64::from(offset));
        match cut.map_err(damage::grow("truncate", path)) {
            Err(StoreError::Full { .. }) => {
                self.active.is_ragged = true;
                return Ok(());
            }
            other => other?,
        }
        // Before new frames follow, or a later crash could bring old ones back behind them.
        file.sync().map_err(damage::io("sync", path))?;
        add(&counters.syncs, 1);
        add(&counters.bytes_cut, u64::from(self.end - offset));
        Ok(())
    }
}

/// Returns what the sidecar knows, and where to go on reading.
fn start(home: &Arc<Home>, sidecar: Option<Sidecar>) -> (Replay, Position) {
    let after = |sidecar: Sidecar| {
        let covered = sidecar.meta.covered;
        Some((Replay::after(home, sidecar)?, covered))
    };
    sidecar
        .and_then(after)
        .unwrap_or_else(|| (Replay::default(), Position::START))
}
