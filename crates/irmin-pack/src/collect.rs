//! Garbage collection: one pass over the complete segments, from the newest to the oldest.
//!
//! Links lead backward in the log, so when the pass reaches a segment everything that points into
//! it was seen: what is not marked is dead, and the segment is written anew without it at once. The
//! reasons are in `docs/adr/0004-collection.md`.

mod barrier;
pub(crate) mod bits;
mod guard;
mod holds;
mod kept;
mod mark;
mod meter;
mod rewrite;
mod shared;
mod source;
mod state;

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use irmin_core::{Collect, CollectProgress, CollectReport, Id, StoreError};

use crate::chain::Recent;
use crate::collect::barrier::Barrier;
use crate::collect::holds::held;
use crate::collect::kept::Kept;
use crate::collect::mark::{Run, Segment};
use crate::collect::meter::{Meter, Stop};
use crate::collect::rewrite::Rewritten;
use crate::collect::shared::Shared;
use crate::collect::source::Source;
use crate::damage::{self, Damage};
use crate::frame::FrameKind;
use crate::layout::temporary;
use crate::lock::{lock, read, write};
use crate::place::Place;
use crate::sealed::Sealed;
use crate::sidecar;
use crate::stats::add;
use crate::store::Inner;
use crate::write::Writing;

pub(crate) use crate::collect::state::Collection;

/// What is to be looked at, as it was when the collection began.
struct Plan {
    sealed: Vec<Arc<Sealed>>,
    /// For a dry run: the newest segment, if there are records in it.
    active: Option<Source>,
    young: Place,
}

impl Inner {
    /// See [`irmin_core::Engine::collect`].
    pub(crate) fn collect(
        &self,
        collect: &Collect<'_>,
        control: &mut dyn FnMut(CollectProgress) -> ControlFlow<()>,
    ) -> Result<CollectReport, StoreError> {
        let _running = self.collection.start(&self.layout)?;
        let dry = Shared::default();
        let barrier = match collect.dry_run {
            true => &dry,
            false => &self.collection.barrier,
        };
        let plan = self.plan(collect, barrier)?;
        if !collect.dry_run {
            // What names let go of is removed for good, so that they did must be durable.
            self.work()?;
        }
        let mut run = Run {
            inner: self,
            collect,
            meter: Meter::new(control, 2 * plan.bytes(self)?),
            barrier,
            report: CollectReport::default(),
            young: plan.young,
            named: BTreeMap::new(),
            named_ids: HashSet::new(),
            replaced: 0,
            recent: Recent::default(),
        };
        let result = run.all(plan);
        if run.replaced > 0 {
            self.tell_readers()?;
        }
        match result {
            Ok(()) => Ok(run.report),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Cancelled) => {
                run.report.is_cancelled = true;
                Ok(run.report)
            }
        }
    }

    /// Completes the newest segment, so that what is there now is in complete segments, and takes
    /// the roots. What is stored from now on is not touched. Four syncs.
    fn plan(&self, collect: &Collect<'_>, barrier: &Shared) -> Result<Plan, StoreError> {
        let may_remove = !collect.dry_run;
        let mut roots: HashSet<Id> = HashSet::new();
        let _writer = self.writing_between_segments()?;
        if !collect.dry_run {
            self.poison.check()?;
            self.roll_records()?;
            self.collection.check_from_now();
        }
        let state = read(&self.state);
        roots.extend(state.refs.values());
        roots.extend(self.holds.list());
        roots.extend(collect.roots);
        let sealed = state.sealed.to_vec();
        let has_records = collect.dry_run && state.active.table.len() > 0;
        let active = has_records.then(|| Source::active(&state.active, &state.refs));
        let active = active.transpose()?;
        let segment = state.active.header.number;
        drop(state);
        // After the names: what a name led to when a reader made its hold is kept by one of them.
        roots.extend(held(&*self.options.files, &self.layout.holds, may_remove)?);
        let next = Place { segment, number: 0 };
        let begins_anew = !collect.dry_run && !self.awaits_a_commit()?;
        let recent = self.collection.recent(begins_anew.then_some(next));
        let numbers = sealed.iter().map(|sealed| sealed.number);
        let mut new = Barrier::new(numbers.chain(active.iter().map(|_| segment)), roots);
        for (segment, bits) in recent.touched {
            new.mark_all(segment, bits);
        }
        *barrier.last() = Some(new);
        Ok(Plan {
            sealed,
            active,
            young: recent.young,
        })
    }

    /// Takes the writer's lock while no change of segment is under way, if there is such a moment:
    /// who has the lock would make writers wait for the disk.
    fn writing_between_segments(&self) -> Result<Writing<'_>, StoreError> {
        for _ in 0..ATTEMPTS {
            self.settle()?;
            let writing = self.writing()?;
            if !self.is_changing() {
                return Ok(writing);
            }
        }
        self.writing()
    }

    /// Tells whether somebody holds a commit that is not there yet: what is stored meanwhile may be
    /// what it needs, however many collections it takes.
    fn awaits_a_commit(&self) -> Result<bool, StoreError> {
        for id in self.holds.list() {
            if self.find(&id, usize::MAX)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Completes the newest segment if there are records in it.
    fn roll_records(&self) -> Result<(), StoreError> {
        let (records, pending, is_complete) = {
            let active = &read(&self.state).active;
            let pending = active.pending_bytes();
            (active.table.len(), pending, active.is_complete)
        };
        if is_complete {
            // There was no room for the next segment.
            return self.next_segment();
        }
        if pending > 0 {
            self.write_frame(FrameKind::Objects, &[])?;
        }
        if records > 0 {
            self.roll()?;
        }
        Ok(())
    }

    /// Puts a segment that was written anew in the place of the old one. Four syncs.
    fn replace(&self, old: &Arc<Sealed>, new: &Rewritten) -> Result<(), StoreError> {
        let files = &*self.options.files;
        let path = self.layout.segment(old.number);
        let fresh = temporary(&path);
        self.need_version_2()?;
        let _replacing = lock(&self.collection.replacing);
        // Who needs the segment has it open then, and does not wait for the disk.
        old.with(|_| Ok(()))?;
        let loading = lock(&old.loading);
        let renamed = files.rename(&fresh, &path);
        // Which of the two files is there is not known after a failure.
        self.poison
            .note(renamed.map_err(damage::grow("rename", &fresh)))?;
        let dir = &self.layout.segments;
        let synced = files.sync_dir(dir).map_err(damage::io("sync", dir));
        self.poison.note(synced)?;
        // Without it the next who needs it reads the segment.
        let sidecar = sidecar::write(files, &self.layout, &new.sidecar, old.number);
        let sidecar = damage::unless_full(sidecar);
        drop(loading);
        add(&self.counters.syncs, 2);
        self.counters.wrote(new.sidecar.len());
        let new = Arc::new(self.sealed(old.number));
        if sidecar.is_ok() {
            // So that no writer has to; who needs it is told what is wrong.
            let _ = new.with(|_| Ok(()));
        }
        let _writer = self.writing()?;
        let mut state = write(&self.state);
        let mut sealed = state.sealed.to_vec();
        if let Some(slot) = sealed.iter_mut().find(|sealed| sealed.number == old.number) {
            *slot = new;
        }
        state.sealed = Arc::new(sealed);
        drop(state);
        if let Some(barrier) = &mut *self.collection.barrier.last() {
            barrier.done();
        }
        self.cache.forget();
        sidecar
    }

    /// Tells processes that follow the log that complete segments were replaced. Not synced: after
    /// a crash nobody follows.
    fn tell_readers(&self) -> Result<(), StoreError> {
        let _writer = self.writing()?;
        self.poison.check()?;
        if read(&self.state).active.pending_bytes() > 0 {
            damage::unless_full(self.write_frame(FrameKind::Objects, &[]))?;
        }
        if read(&self.state).active.pending_bytes() > 0 {
            // No room: who reads the old files goes on reading them.
            return Ok(());
        }
        damage::unless_full(self.write_frame(FrameKind::Collected, &[]))
    }
}

impl Plan {
    fn bytes(&self, inner: &Inner) -> Result<u64, StoreError> {
        let mut bytes = self
            .active
            .as_ref()
            .map_or(0, |active| active.segment_bytes());
        for sealed in &self.sealed {
            let path = inner.layout.segment(sealed.number);
            let file = inner.options.files.open_read(&path);
            let file = file.map_err(damage::io("open", &path))?;
            bytes += file.length().map_err(damage::io("measure", &path))?;
        }
        Ok(bytes)
    }
}

impl Run<'_> {
    fn all(&mut self, mut plan: Plan) -> Result<(), Stop> {
        let mut reached = 0;
        if let Some(source) = plan.active {
            reached += 2 * source.segment_bytes();
            self.segment(source, None)?;
        }
        // Let go of one by one, so that the files of those that are replaced make room.
        while let Some(sealed) = plan.sealed.pop() {
            self.meter.reach(reached)?;
            let source = Source::sealed(self.inner, &sealed)?;
            reached += 2 * source.segment_bytes();
            self.segment(source, Some(&sealed))?;
        }
        self.meter.reach(reached)
    }

    fn segment(&mut self, source: Source, sealed: Option<&Arc<Sealed>>) -> Result<(), Stop> {
        let mut segment = Segment::new(source);
        self.mark(&mut segment)?;
        let kept = self.barrier(|barrier| Kept {
            objects: barrier.marks(),
            bases: barrier.bases(),
        });
        let source = &segment.source;
        let count = kept.count(source)?;
        if count.objects != kept.objects.count() {
            let expected = "all records that links lead to";
            let found = format!("{} of {}", count.objects, kept.objects.count());
            return Err(Damage::new(0, expected, found).at(&source.path).into());
        }
        let before = source.bytes;
        let mut after = before;
        if count.is_changed || !segment.cuts.is_empty() {
            let written = self.rewrite(&segment, &kept);
            after = match written.and_then(|written| self.put(&written, sealed)) {
                Ok(bytes) => bytes,
                Err(stop) => {
                    self.remove_temporary(&segment.source);
                    return Err(stop);
                }
            };
        } else {
            self.barrier(Barrier::done);
        }
        self.report.objects_kept += count.objects;
        self.report.objects_removed += count.removed;
        self.report.commits_cut += segment.cuts.len() as u64;
        self.report.bytes_before += before;
        self.report.bytes_after += after;
        Ok(())
    }

    /// Puts the new segment in place, unless it is a dry run; returns how long it is with its
    /// sidecar.
    fn put(&mut self, new: &Rewritten, sealed: Option<&Arc<Sealed>>) -> Result<u64, Stop> {
        if let Some(sealed) = sealed.filter(|_| !self.collect.dry_run) {
            // Before it is known whether it came to be: too much told is no harm.
            self.replaced += 1;
            self.inner.replace(sealed, new)?;
        }
        Ok(u64::from(new.length) + new.sidecar.len() as u64)
    }

    fn remove_temporary(&self, source: &Source) {
        if !self.collect.dry_run {
            // The next who opens the store removes it else.
            let _ = self.inner.options.files.remove(&temporary(&source.path));
        }
    }
}

/// How often the collection looks for a moment without a change of segment.
const ATTEMPTS: u32 = 8;
