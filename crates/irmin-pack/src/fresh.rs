//! A segment that was completed a moment ago: its tables are in memory until its sidecar is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use irmin_core::{Id, KindStats};

use crate::files::File;
use crate::scan::Position;
use crate::segment::SegmentHeader;
use crate::sidecar;
use crate::table::Table;

/// What is known of such a segment.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn File>,
    /// Where the segment ends.
    pub(crate) end: Position,
    pub(crate) table: Table,
    /// All refs at its end.
    pub(crate) refs: BTreeMap<String, Id>,
}

impl Fresh {
    /// Returns where a record starts and where the next one does, or the segment ends.
    pub(crate) fn span(&self, number: u32) -> Option<(u32, u32)> {
        let (start, next) = self.table.span(number)?;
        Some((start, next.unwrap_or(self.end.offset)))
    }

    /// Returns how many objects of each kind there are.
    pub(crate) fn kinds(&self) -> [KindStats; 4] {
        self.table.kinds
    }

    /// Returns the sidecar. Sorts the ids.
    pub(crate) fn sidecar(&self) -> Vec<u8> {
        sidecar::encode(self.header, self.end, true, &self.table, &self.refs)
    }
}
