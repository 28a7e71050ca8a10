//! What a handle that writes remembers for collections.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use irmin_core::StoreError;

use crate::collect::bits::Bits;
use crate::collect::shared::Shared;
use crate::layout::Layout;
use crate::lock::lock;
use crate::place::Place;

/// What a handle that writes remembers for collections.
#[derive(Debug, Default)]
pub(crate) struct Collection {
    /// Whether one runs.
    is_running: AtomicBool,
    /// Whether the writer must look whether what it points to is there: records may have been
    /// collected, or are just now.
    is_checked: AtomicBool,
    /// Whether the store says that it has version 2.
    is_version_2: Mutex<bool>,
    /// Present while objects are removed.
    pub(crate) barrier: Shared,
    /// Held while the files of a segment are replaced. Taken before the writer's lock.
    pub(crate) replacing: Mutex<()>,
    recent: Mutex<Recent>,
}

/// What may be in use by a commit that is on its way: no name leads to it yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    /// From here on everything was stored by this handle, after the last collection began.
    pub(crate) young: Place,
    /// What was found stored already when it was stored again since then, or asked for.
    pub(crate) touched: BTreeMap<u32, Bits>,
}

impl Collection {
    /// Takes the right to collect.
    pub(crate) fn start(&self, layout: &Layout) -> Result<Running<'_>, StoreError> {
        match self.is_running.swap(true, Ordering::SeqCst) {
            false => Ok(Running(self)),
            true => Err(StoreError::Collecting {
                path: layout.dir.clone(),
            }),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::SeqCst)
    }

    pub(crate) fn is_checked(&self) -> bool {
        self.is_checked.load(Ordering::SeqCst)
    }

    /// Has the writer look from now on.
    pub(crate) fn check_from_now(&self) {
        self.is_checked.store(true, Ordering::SeqCst);
    }

    /// Notes that the store has version 2, as soon as `write` has seen to it.
    pub(crate) fn set_version_2(
        &self,
        write: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut is_version_2 = lock(&self.is_version_2);
        if !*is_version_2 {
            write()?;
            *is_version_2 = true;
            self.check_from_now();
        }
        Ok(())
    }

    /// Notes an object that whoever asked for it may come to depend on.
    pub(crate) fn touch(&self, place: Place) {
        let mut recent = lock(&self.recent);
        let bits = recent.touched.entry(place.segment).or_default();
        bits.set(place.number);
    }

    /// Says where what this handle stores begins.
    pub(crate) fn set_young(&self, young: Place) {
        lock(&self.recent).young = young;
    }

    /// Returns what may be in use, and begins anew at `next` unless that is `None`.
    pub(crate) fn recent(&self, next: Option<Place>) -> Recent {
        let mut recent = lock(&self.recent);
        match next {
            None => recent.clone(),
            Some(young) => std::mem::replace(
                &mut *recent,
                Recent {
                    young,
                    touched: BTreeMap::new(),
                },
            ),
        }
    }
}

/// The right to collect, until it is dropped.
pub(crate) struct Running<'a>(&'a Collection);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.barrier.last() = None;
        // Held meanwhile: the writer may just be about to make it version 2.
        let is_version_2 = lock(&self.0.is_version_2);
        self.0.is_checked.store(*is_version_2, Ordering::SeqCst);
        drop(is_version_2);
        self.0.is_running.store(false, Ordering::SeqCst);
    }
}
