//! Finding out what is alive in a segment, newest record first.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use irmin_core::{Collect, CollectReport, Cut, Id, Kind, Locator, StoreError, links_of};

use crate::chain::{self, Piece, Recent, Whole};
use crate::collect::barrier::{Barrier, Frozen, is_possible};
use crate::collect::bits::Bits;
use crate::collect::holds::held;
use crate::collect::meter::{Meter, Stop};
use crate::collect::shared::Shared;
use crate::collect::source::{Source, Window};
use crate::damage::Damage;
use crate::frame::Frame;
use crate::log::Log;
use crate::older::missing;
use crate::place::Place;
use crate::record::Record;
use crate::scan::{Position, Scan, Visit};
use crate::store::Inner;

/// A collection on its way through the segments.
pub(crate) struct Run<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) collect: &'a Collect<'a>,
    pub(crate) meter: Meter<'a>,
    pub(crate) barrier: &'a Shared,
    pub(crate) report: CollectReport,
    /// From here on everything was stored by this handle since the last collection began.
    pub(crate) young: Place,
    /// What a name led to once, among the young.
    pub(crate) named: BTreeMap<u32, Bits>,
    /// The commits among them that are yet to be found: as many as a segment's names lead to.
    pub(crate) named_ids: HashSet<Id>,
    /// How many segments were written anew.
    pub(crate) replaced: u64,
    /// What was made last on the way to objects that are told by differences.
    pub(crate) recent: Recent,
}

/// The segment that is looked at.
pub(crate) struct Segment {
    pub(crate) source: Source,
    /// The records whose links were followed.
    followed: Bits,
    /// The records whose base was marked, for something that is made from them.
    traced: Bits,
    /// What is left out anew beneath commits, by record number.
    pub(crate) cuts: BTreeMap<u32, Cut>,
}

impl Segment {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            followed: Bits::default(),
            traced: Bits::default(),
            cuts: BTreeMap::new(),
        }
    }

    fn look_again(&mut self) {
        self.followed.clear();
        self.traced.clear();
        self.cuts.clear();
    }
}

impl Run<'_> {
    pub(crate) fn barrier<T>(&self, with: impl FnOnce(&mut Barrier) -> T) -> T {
        with(self.barrier.last().get_or_insert_default())
    }

    /// Finds all that is alive in a segment. When this returns, nothing more comes to life in it,
    /// unless it is a dry run.
    pub(crate) fn mark(&mut self, segment: &mut Segment) -> Result<(), Stop> {
        self.barrier(|barrier| barrier.enter(segment.source.header.number));
        self.read_names(&segment.source)?;
        for attempt in 0.. {
            self.read_holds(segment)?;
            self.resolve(&segment.source)?;
            self.walk(segment)?;
            if self.collect.dry_run {
                break;
            }
            // Who writes all the time must not keep this from getting through.
            let inner = self.inner;
            let _writer = inner.writing()?;
            let mut frozen = self.barrier(Barrier::freeze);
            self.meter.is_silent = attempt >= ATTEMPTS;
            while self.meter.is_silent && frozen != Frozen::Yes {
                if frozen == Frozen::Recut {
                    segment.look_again();
                }
                self.walk(segment)?;
                frozen = self.barrier(Barrier::freeze);
            }
            self.meter.is_silent = false;
            match frozen {
                Frozen::Yes => break,
                Frozen::More => {}
                Frozen::Recut => segment.look_again(),
            }
        }
        Ok(())
    }

    /// Takes up holds that reader processes made meanwhile.
    fn read_holds(&mut self, segment: &mut Segment) -> Result<(), StoreError> {
        if self.collect.dry_run {
            return Ok(());
        }
        let inner = self.inner;
        for id in held(&*inner.options.files, &inner.layout.holds, true)? {
            if self.barrier(|barrier| barrier.want_root(id)) {
                segment.look_again();
            }
        }
        Ok(())
    }

    /// Looks for what is wanted by id.
    fn resolve(&mut self, source: &Source) -> Result<(), StoreError> {
        for id in self.barrier(|barrier| barrier.wanted()) {
            if let Some(place) = source.find(self.inner, &id, u32::MAX)? {
                self.barrier(|barrier| barrier.found(&id, place));
            }
        }
        Ok(())
    }

    /// Follows the links of all records that are marked, from the last to the first: links lead
    /// backward, so the marks of a record are complete when it is reached.
    fn walk(&mut self, segment: &mut Segment) -> Result<(), Stop> {
        let mut window = Window::default();
        for row in (0..segment.source.len()).rev() {
            let (place, start, end) = segment.source.record(row)?;
            // What an earlier collection, which somebody made wait for a commit, left of an object stays
            // only while something is made from it.
            let is_young = place >= self.young && !segment.source.is_remnant(place.number)?;
            let is_named = is_young && self.is_named(place);
            let (is_live, is_base) = self.barrier(|barrier| {
                if is_young && !is_named {
                    // A commit that is on its way may need it.
                    barrier.mark(place);
                }
                (barrier.is_marked(place), barrier.is_base(place))
            });
            let is_traced = segment.traced.get(place.number) || !is_base;
            if segment.followed.get(place.number) || !(is_live || is_named) && is_traced {
                continue;
            }
            let bytes = window.get(&segment.source, (start, end), false, &mut self.meter)?;
            let record = Record::parse(bytes, place, u64::from(start))
                .map_err(|damage| damage.at(&segment.source.path))?;
            if is_live || is_base {
                self.trace(segment, place, start, &record)?;
            }
            if !is_live && (!is_named || record.is_remnant) {
                continue;
            }
            if record.kind == Kind::Blob && record.links.is_empty() && !record.is_remnant {
                // It leads nowhere.
                segment.followed.set(place.number);
                continue;
            }
            let whole = self.make(&record, place, start)?;
            if is_named {
                self.name_links(place, &whole.links);
            }
            if is_live {
                segment.followed.set(place.number);
                self.follow(segment, place, start, &record, &whole)?;
            }
        }
        Ok(())
    }

    /// Marks what a record is made from: that goes on being there, if not as an object.
    fn trace(
        &mut self,
        segment: &mut Segment,
        place: Place,
        offset: u32,
        record: &Record<'_>,
    ) -> Result<(), StoreError> {
        segment.traced.set(place.number);
        let Some(delta) = record.delta else {
            return Ok(());
        };
        let base = Place::of(delta.base);
        let is_there = (base.segment < place.segment || segment.source.has(base.number)?)
            && self.barrier(|barrier| barrier.mark_base(base));
        if is_there {
            return Ok(());
        }
        let expected = format!("record {} in segment {}", base.number, base.segment);
        let damage = Damage::new(u64::from(offset), expected, "no such record");
        Err(damage.at(&segment.source.path))
    }

    fn make(
        &mut self,
        record: &Record<'_>,
        place: Place,
        offset: u32,
    ) -> Result<Arc<Whole>, StoreError> {
        if let Some(whole) = self.recent.get(place) {
            return Ok(whole);
        }
        let log = &self.inner.log;
        let piece = Piece::copied(record, place, u64::from(offset));
        let recent = RefCell::new(&mut self.recent);
        let mut fetch = |place| match recent.borrow().get(place) {
            Some(whole) => Ok(Some(Piece::Whole(whole))),
            None => log.piece(place),
        };
        let mut made = |place, whole: &Arc<Whole>| recent.borrow_mut().add(place, whole);
        chain::make_each(piece, &mut fetch, &mut made).map_err(|unmade| unmade.at(&log.layout))
    }

    fn follow(
        &mut self,
        segment: &mut Segment,
        place: Place,
        offset: u32,
        record: &Record<'_>,
        whole: &Whole,
    ) -> Result<(), StoreError> {
        let damaged = |expected: &str, found: String| {
            let damage = Damage::new(u64::from(offset), expected, found);
            damage.at(&segment.source.path)
        };
        if record.is_remnant {
            let found = "the rest of one that is gone".to_owned();
            return Err(damaged("an object that something leads to", found));
        }
        let cut = self.cut(record, whole);
        if cut != record.cut {
            segment.cuts.insert(place.number, cut);
        }
        let ids = ids(record.kind, whole).map_err(|found| damaged("an object", found))?;
        for index in 0..whole.links.len().max(ids.len()) {
            if cut.leaves_out(index) {
                continue;
            }
            let target = whole.links.get(index).copied().flatten().map(Place::of);
            let target = match (target, ids.get(index)) {
                (Some(target), _) => target,
                (None, Some(id)) => match segment.source.find(self.inner, id, place.number)? {
                    Some(target) => target,
                    None => {
                        self.barrier(|barrier| barrier.want(*id));
                        continue;
                    }
                },
                (None, None) => continue,
            };
            let is_there = target < place
                && (target.segment < place.segment || segment.source.has(target.number)?)
                && self.barrier(|barrier| barrier.mark(target));
            if !is_there {
                let (number, segment) = (target.number, target.segment);
                let found = format!("one to record {number} in segment {segment}");
                return Err(damaged("links to earlier records", found));
            }
        }
        Ok(())
    }

    /// Returns what is left out beneath a commit from now on.
    fn cut(&self, record: &Record<'_>, whole: &Whole) -> Cut {
        if record.kind != Kind::Commit {
            return Cut::NONE;
        }
        let id = Id::of(&whole.bytes);
        if self.barrier(|barrier| barrier.is_root(&id)) {
            return record.cut;
        }
        record.cut.or(self.collect.cut_of(&id))
    }

    /// Finds out what names pointed to since the young began: what such a name led to and no name
    /// leads to any more is dead, and what no name ever led to is on its way.
    fn read_names(&mut self, source: &Source) -> Result<(), Stop> {
        if source.header.number < self.young.segment {
            return Ok(());
        }
        let scan = Scan {
            file: &*source.file,
            path: &source.path,
            header: source.header,
            end: source.frames_end,
        };
        let mut targets = Targets {
            log: &self.inner.log,
            ids: &mut self.named_ids,
        };
        scan.run(Position::START, &mut targets)?;
        for id in std::mem::take(&mut self.named_ids) {
            let Some(place) = source.find(self.inner, &id, u32::MAX)? else {
                self.named_ids.insert(id);
                continue;
            };
            let named = self.named.entry(place.segment).or_default();
            named.set(place.number);
        }
        Ok(())
    }

    fn is_named(&self, place: Place) -> bool {
        let bits = self.named.get(&place.segment);
        bits.is_some_and(|bits| bits.get(place.number))
    }

    fn name_links(&mut self, place: Place, links: &[Option<Locator>]) {
        for target in links.iter().flatten().copied().map(Place::of) {
            // Others are no links, which is told when they are followed.
            if (self.young..place).contains(&target) && is_possible(target) {
                self.named
                    .entry(target.segment)
                    .or_default()
                    .set(target.number);
            }
        }
    }
}

/// The commits that names were moved to.
struct Targets<'a> {
    log: &'a Log,
    ids: &'a mut HashSet<Id>,
}

impl Visit for Targets<'_> {
    fn base(&mut self, place: Place) -> Result<Option<Arc<Whole>>, StoreError> {
        let base = self.log.base(place)?;
        base.ok_or_else(|| missing(place, &self.log.layout))
            .map(Some)
    }

    fn frame(&mut self, _at: Position, frame: &Frame<'_>) -> Result<(), StoreError> {
        let targets = frame.changes.iter().filter_map(|change| change.target);
        self.ids.extend(targets);
        Ok(())
    }
}

/// Returns the ids of what an object points to, if the places do not tell it all.
fn ids(kind: Kind, whole: &Whole) -> Result<Vec<Id>, String> {
    if whole.links.is_empty() {
        // What cannot be read as an object leads nowhere.
        return Ok(match kind {
            Kind::Blob => Vec::new(),
            _ => links_of(&whole.bytes).unwrap_or_default(),
        });
    }
    if whole.links.iter().all(Option::is_some) {
        return Ok(Vec::new());
    }
    let ids = links_of(&whole.bytes).map_err(|error| error.to_string())?;
    match ids.len() == whole.links.len() {
        true => Ok(ids),
        false => Err(format!("{} links, not {}", whole.links.len(), ids.len())),
    }
}

/// How often a segment is looked at again beside the writer, before the writer has to wait.
const ATTEMPTS: u32 = 3;
