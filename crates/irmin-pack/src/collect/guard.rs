//! What keeps the writer from pointing to what is collected.

use std::sync::Arc;

use irmin_core::{Hold, Id, Key, Locator, Object, RefEdit, StoreError};

use crate::collect::barrier::Barrier;
use crate::damage;
use crate::layout::FORMAT_2;
use crate::lock::read;
use crate::place::Place;
use crate::read::find_segment;
use crate::sealed::Sealed;
use crate::segment::put_file;
use crate::stats::add;
use crate::store::Inner;

/// The segment that a place is in.
enum Segment {
    /// The newest one, where nothing is collected: whether the record is there.
    Newest(bool),
    Complete(Arc<Sealed>),
    Missing,
}

impl Inner {
    /// Finds an object that will stay: newest segment first, in as many as the caller allows. Called
    /// by the holder of the writer's lock.
    pub(crate) fn find_kept(
        &self,
        id: &Id,
        segments_max: usize,
    ) -> Result<Option<Place>, StoreError> {
        if !self.collection.is_running() {
            return self.find(id, segments_max);
        }
        // Nothing of the newest segment is collected.
        let newest = read(&self.state).active.header.number;
        self.find_if(id, segments_max, &|place| {
            place.segment == newest || self.keep(place)
        })
    }

    /// Tells whether a stored commit leaves out no more than the caller's would.
    pub(crate) fn is_as_whole(
        &self,
        place: Place,
        object: &Object<'_>,
    ) -> Result<bool, StoreError> {
        if object.kind != irmin_core::Kind::Commit || !self.collection.is_checked() {
            return Ok(true);
        }
        let cut = self.read(place)?.map(|stored| stored.cut);
        Ok(cut.is_some_and(|cut| cut.is_within(object.cut)))
    }

    /// Returns the place that a link is stored with. An object that links to what is not there is
    /// refused, as far as something may have been collected.
    pub(crate) fn link(
        &self,
        object: &Object<'_>,
        index: usize,
        link: &Key,
        segments_max: usize,
    ) -> Result<Option<Locator>, StoreError> {
        if !self.collection.is_checked() {
            return Ok(match link.locator {
                Some(locator) => Some(locator),
                None => self.find(&link.id, segments_max)?.and_then(Place::locator),
            });
        }
        if object.cut.leaves_out(index) {
            return Ok(None);
        }
        if let Some(locator) = link.locator
            && self.is_there(Place::of(locator))?
        {
            return Ok(Some(locator));
        }
        let found = self.find_kept(&link.id, usize::MAX)?;
        let place = found.ok_or(StoreError::Dangling { id: link.id })?;
        Ok(place.locator())
    }

    /// Checks that names will point to what is there and stays. Called by the holder of the
    /// writer's lock.
    pub(crate) fn check_edits(&self, edits: &[RefEdit]) -> Result<(), StoreError> {
        if !self.collection.is_checked() {
            return Ok(());
        }
        for id in edits.iter().filter_map(|edit| edit.new) {
            let place = self.find_kept(&id, usize::MAX)?;
            self.add_root(id, place.ok_or(StoreError::Dangling { id })?);
        }
        Ok(())
    }

    /// See [`irmin_core::Engine::hold`].
    pub(crate) fn hold(&self, commit: Id) -> Result<Hold, StoreError> {
        // In the list first: a collection that begins meanwhile finds it there.
        let hold = self.holds.hold(commit);
        if self.collection.is_running() {
            let _writer = self.writing()?;
            // One that is not there may be on its way.
            if let Some(place) = self.find_kept(&commit, usize::MAX)? {
                self.add_root(commit, place);
            }
        }
        Ok(hold)
    }

    /// Tells of each id whether the object is stored and will stay for whoever depends on it soon.
    pub(crate) fn contains_many(&self, ids: &[Id], out: &mut Vec<bool>) -> Result<(), StoreError> {
        let _writer = self.writing()?;
        for id in ids {
            let place = self.find_kept(id, usize::MAX)?;
            place.iter().for_each(|place| self.collection.touch(*place));
            out.push(place.is_some());
        }
        Ok(())
    }

    /// Has the store say that it has version 2, if it does not yet: then segments may have gaps,
    /// and commits may be cut. Two syncs, once in a store's life.
    pub(crate) fn need_version_2(&self) -> Result<(), StoreError> {
        self.collection.set_version_2(|| {
            let files = &*self.options.files;
            let path = &self.layout.format;
            put_file(files, path, FORMAT_2.as_bytes())?;
            let dir = &self.layout.dir;
            files.sync_dir(dir).map_err(damage::io("sync", dir))?;
            add(&self.counters.syncs, 2);
            self.counters.wrote(FORMAT_2.len());
            Ok(())
        })
    }

    /// Tells which segment a place is in.
    fn segment_of(&self, place: Place) -> Segment {
        let state = read(&self.state);
        if place.segment == state.active.header.number {
            return Segment::Newest(place.number < state.active.table.len());
        }
        let sealed = find_segment(&state.sealed, place.segment).cloned();
        sealed.map_or(Segment::Missing, Segment::Complete)
    }

    /// Tells whether a place that somebody was given holds a record that will stay.
    fn is_there(&self, place: Place) -> Result<bool, StoreError> {
        let sealed = match self.segment_of(place) {
            Segment::Newest(is_there) => return Ok(is_there),
            Segment::Missing => return Ok(false),
            Segment::Complete(sealed) => sealed,
        };
        // A segment that no collection wrote holds all that it ever did.
        let is_stored = !sealed.is_sparse()? || sealed.holds(place.number)?;
        Ok(is_stored && self.keep(place))
    }

    /// Tells whether a record will stay for an object that is told by its difference to it, be it
    /// without an object of its own. Called by the holder of the writer's lock.
    pub(crate) fn is_kept_as_base(&self, place: Place) -> Result<bool, StoreError> {
        let sealed = match self.segment_of(place) {
            Segment::Newest(is_there) => return Ok(is_there),
            Segment::Missing => return Ok(false),
            Segment::Complete(sealed) => sealed,
        };
        if self.collection.is_checked()
            && sealed.is_sparse()?
            && sealed.loaded()?.tables.row(place.number)?.is_none()
        {
            return Ok(false);
        }
        let mut barrier = self.collection.barrier.first();
        Ok(barrier
            .as_mut()
            .is_none_or(|barrier| barrier.keep_base(place)))
    }

    fn keep(&self, place: Place) -> bool {
        let mut barrier = self.collection.barrier.first();
        barrier.as_mut().is_none_or(|barrier| barrier.keep(place))
    }

    fn add_root(&self, id: Id, place: Place) {
        if let Some(barrier) = &mut *self.collection.barrier.first() {
            Barrier::add_root(barrier, id, place);
        }
    }
}
