//! How far a collection is, and whether it shall go on.

use std::ops::ControlFlow;

use irmin_core::{CollectProgress, StoreError};

/// Why a collection ends early.
pub(crate) enum Stop {
    Cancelled,
    Failed(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Counts the work and asks the caller whether to go on.
pub(crate) struct Meter<'a> {
    control: &'a mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    progress: CollectProgress,
    /// Set while the writer waits: then the caller must not make it wait longer.
    pub(crate) is_silent: bool,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(
        control: &'a mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
        bytes_total: u64,
    ) -> Self {
        Self {
            control,
            progress: CollectProgress {
                bytes_done: 0,
                bytes_total,
            },
            is_silent: false,
        }
    }

    /// Notes work.
    pub(crate) fn spend(&mut self, bytes: u64) -> Result<(), Stop> {
        let done = self.progress.bytes_done + bytes;
        self.reach(done)
    }

    /// Notes that all up to here is done.
    pub(crate) fn reach(&mut self, bytes_done: u64) -> Result<(), Stop> {
        self.progress.bytes_done = bytes_done.min(self.progress.bytes_total);
        if self.is_silent {
            return Ok(());
        }
        match (self.control)(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Cancelled),
        }
    }
}
