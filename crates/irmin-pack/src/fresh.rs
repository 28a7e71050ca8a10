//! A segment that was completed a moment ago: its tables are in memory until its sidecar is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use irmin_core::{Id, StoreError};

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
    /// Appends the numbers of the records whose ids begin as this one, last ones first.
    pub(crate) fn candidates(&self, id: &Id, out: &mut Vec<u32>) -> Result<(), StoreError> {
        out.extend(self.table.find_recent(id));
        self.table.candidates(id, out)
    }

    /// Returns where a record starts and where the next one does, or the segment ends.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(u32, u32)>, StoreError> {
        let span = self.table.span(number)?;
        Ok(span.map(|(start, next)| (start, next.unwrap_or(self.end.offset))))
    }

    /// Returns the sidecar. Sorts the ids.
    pub(crate) fn sidecar(&self) -> Result<Vec<u8>, StoreError> {
        sidecar::encode(self.header, self.end, true, &self.table, &self.refs)
    }
}
