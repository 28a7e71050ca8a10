//! A segment that is complete: opened when it is first needed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};

use irmin_core::{Id, KindStats, StoreError};

use crate::damage;
use crate::files::File;
use crate::fresh::Fresh;
use crate::home::Home;
use crate::lock::lock;
use crate::mapped::Mapped;
use crate::meta::Meta;
use crate::poison::Poison;
use crate::replay;
use crate::scan::Scan;
use crate::sidecar::{Entry, Sidecar};
use crate::tables::Tables;

/// A complete segment.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) number: u32,
    home: Arc<Home>,
    /// What is in memory of a segment that has no sidecar yet.
    fresh: Arc<Mutex<Option<Arc<Fresh>>>>,
    loaded: OnceLock<Arc<Loaded>>,
    /// Held while the segment is opened, and while its files are replaced.
    pub(crate) loading: Arc<Mutex<()>>,
    is_sparse: OnceLock<bool>,
}

/// A complete segment that was opened.
#[derive(Debug)]
pub(crate) struct Loaded {
    home: Arc<Home>,
    pub(crate) tables: Tables,
    pub(crate) records: Records,
}

/// Where the bytes of a complete segment are.
#[derive(Debug)]
pub(crate) enum Records {
    Mapped(Mapped),
    File(Arc<dyn File>),
}

impl Sealed {
    pub(crate) fn new(number: u32, home: Arc<Home>) -> Self {
        Self {
            number,
            home,
            fresh: Arc::default(),
            loaded: OnceLock::new(),
            loading: Arc::default(),
            is_sparse: OnceLock::new(),
        }
    }

    /// Returns the same segment, to be opened when it is next needed.
    pub(crate) fn closed(&self) -> Self {
        Self {
            fresh: Arc::clone(&self.fresh),
            loading: Arc::clone(&self.loading),
            ..Self::new(self.number, Arc::clone(&self.home))
        }
    }

    /// Has what is in memory serve until [`seal`](Self::seal) is called.
    #[must_use]
    pub(crate) fn with_fresh(self, fresh: Fresh) -> Self {
        *lock(&self.fresh) = Some(Arc::new(fresh));
        self
    }

    /// Returns what is in memory of a segment that has no sidecar yet.
    pub(crate) fn fresh(&self) -> Option<Arc<Fresh>> {
        match self.loaded.get() {
            Some(_) => None,
            None => lock(&self.fresh).clone(),
        }
    }

    /// Writes the sidecar of a segment that was completed and is durable by now. Where there is no room
    /// for it, it is made again when it is needed.
    pub(crate) fn seal(&self, poison: &Poison) -> Result<(), StoreError> {
        let guard = lock(&self.loading);
        let Some(fresh) = self.fresh() else {
            return Ok(());
        };
        let bytes = fresh.sidecar()?;
        poison.note(self.home.keep_sidecar(&bytes, self.number))?;
        drop(bytes);
        *lock(&self.fresh) = None;
        drop(guard);
        // So that no writer has to; who needs it is told what is wrong.
        let _ = self.loaded();
        Ok(())
    }

    /// Appends the numbers of the records whose ids begin as this one, last ones first.
    pub(crate) fn candidates(&self, id: &Id, out: &mut Vec<u32>) -> Result<(), StoreError> {
        match self.fresh() {
            Some(fresh) => fresh.candidates(id, out),
            None => self.with(|loaded| loaded.tables.candidates(id, out)),
        }
    }

    /// Appends the entries of commits whose ids begin within a range.
    pub(crate) fn commits(
        &self,
        range: (u32, u32),
        out: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        match self.fresh() {
            Some(fresh) => fresh.table.commits(range, out),
            None => self.with(|loaded| loaded.tables.commits(range, out)),
        }
    }

    /// Returns the length of the segment in bytes, and how many objects of each kind it has.
    pub(crate) fn figures(&self) -> Result<(u32, [KindStats; 4]), StoreError> {
        if let Some(fresh) = self.fresh() {
            return Ok((fresh.end.offset, fresh.table.kinds));
        }
        let loaded = self.peek()?;
        let meta = loaded.meta();
        Ok((meta.covered.offset, meta.kinds))
    }

    /// Returns the segment opened. The first time its sidecar is, or the segment is read when the
    /// sidecar is missing or damaged: then a new one is written, or kept in memory by a handle that
    /// only reads.
    pub(crate) fn loaded(&self) -> Result<&Loaded, StoreError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let _guard = lock(&self.loading);
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = Arc::new(self.load()?);
        Ok(self.loaded.get_or_init(|| loaded))
    }

    /// Returns the segment opened, without keeping it so for the next who asks.
    pub(crate) fn peek(&self) -> Result<Arc<Loaded>, StoreError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(Arc::clone(loaded));
        }
        let _guard = lock(&self.loading);
        match self.loaded.get() {
            Some(loaded) => Ok(Arc::clone(loaded)),
            None => self.load().map(Arc::new),
        }
    }

    /// Asks the segment something. It is kept open for others who ask, unless many are: who looks into
    /// all segments must not open them all.
    pub(crate) fn with<T>(
        &self,
        question: impl FnOnce(&Loaded) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let open = self.home.open.load(Ordering::Relaxed);
        match self.loaded.get() {
            None if open >= self.home.open_max() => question(&*self.peek()?),
            _ => question(self.loaded()?),
        }
    }

    /// Tells whether a collection took records out of the segment. Reads its header once.
    pub(crate) fn is_sparse(&self) -> Result<bool, StoreError> {
        if let Some(is_sparse) = self.is_sparse.get() {
            return Ok(*is_sparse);
        }
        let is_sparse = match (self.loaded.get(), self.fresh()) {
            (Some(loaded), _) => loaded.meta().segment.is_sparse,
            (None, Some(fresh)) => fresh.header.is_sparse,
            (None, None) => self.home.open_segment(self.number)?.1.is_sparse,
        };
        Ok(*self.is_sparse.get_or_init(|| is_sparse))
    }

    /// Tells whether there is a record with an object.
    pub(crate) fn holds(&self, number: u32) -> Result<bool, StoreError> {
        let tables = &self.loaded()?.tables;
        Ok(tables.row(number)?.is_some() && !tables.is_remnant(number)?)
    }

    fn load(&self) -> Result<Loaded, StoreError> {
        let attempts = match self.home.may_write {
            true => 1,
            false => READER_ATTEMPTS,
        };
        for _ in 0..attempts {
            if let Some(loaded) = self.load_kept()? {
                return Ok(loaded);
            }
        }
        let (file, header, length) = self.home.open_segment(self.number)?;
        let bytes = replay::sidecar_of(&self.home, &*file, header, length)?;
        self.home.keep_sidecar(&bytes, self.number)?;
        let path = self.home.layout.sidecar(self.number);
        let made = || damage::Damage::new(0, "the sidecar that was made", "another one").at(&path);
        let sidecar = Sidecar::open(bytes.into(), header).map_err(|damage| damage.at(&path))?;
        Ok(self.open(file, length, sidecar.ok_or_else(made)?))
    }

    /// Opens the segment if there is a sidecar of this very segment and all of it.
    fn load_kept(&self) -> Result<Option<Loaded>, StoreError> {
        let (file, header, length) = self.home.open_segment(self.number)?;
        let sidecar = self.home.sidecar(header)?.and_then(Result::ok);
        let Some(sidecar) = sidecar.filter(|sidecar| sidecar.meta.is_complete) else {
            return Ok(None);
        };
        let path = self.home.layout.segment(self.number);
        let scan = Scan {
            file: &*file,
            path: &path,
            header,
            end: length,
        };
        let covered = sidecar.meta.covered.offset;
        if covered > length || !scan.is_blank(covered)? {
            return Ok(None);
        }
        Ok(Some(self.open(file, covered, sidecar)))
    }

    fn open(&self, file: Arc<dyn File>, length: u32, sidecar: Sidecar) -> Loaded {
        // A complete segment was synced before the next one got its name, and is only ever replaced. A
        // handle that writes opens it later than that.
        let next = || self.home.layout.segment(self.number + 1);
        let is_durable = self.home.may_write || self.home.files.open_read(&next()).is_ok();
        let map = is_durable.then(|| self.home.map(&*file, u64::from(length)));
        let records = match map.flatten() {
            Some(map) => Records::Mapped(Mapped::new(map)),
            None => Records::File(file),
        };
        self.home.open.fetch_add(1, Ordering::Relaxed);
        Loaded {
            home: Arc::clone(&self.home),
            tables: Tables::new(Arc::clone(&self.home), sidecar),
            records,
        }
    }
}

impl Loaded {
    pub(crate) const fn meta(&self) -> &Meta {
        self.tables.meta()
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.home.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How often a reader looks for the sidecar of the segment: both may just be replaced.
const READER_ATTEMPTS: usize = 3;
