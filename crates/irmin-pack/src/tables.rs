//! The tables of a segment, or of its front: from its sidecar, or from the segment itself when the
//! sidecar turns out to be damaged.

use std::sync::{Arc, Mutex, OnceLock};

use irmin_core::{Id, StoreError};

use crate::damage::Damage;
use crate::home::Home;
use crate::lock::lock;
use crate::meta::Meta;
use crate::replay;
use crate::sidecar::{Entry, Sidecar};

/// Where the records of a segment are. Answers from the sidecar, of which a block is checked when it is
/// first used; the first damaged one has the tables made anew, in memory.
#[derive(Debug)]
pub(crate) struct Tables {
    home: Arc<Home>,
    sidecar: Sidecar,
    healed: OnceLock<Sidecar>,
    healing: Mutex<()>,
}

impl Tables {
    pub(crate) fn new(home: Arc<Home>, sidecar: Sidecar) -> Self {
        Self {
            home,
            sidecar,
            healed: OnceLock::new(),
            healing: Mutex::new(()),
        }
    }

    pub(crate) const fn meta(&self) -> &Meta {
        &self.sidecar.meta
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.sidecar.len()
    }

    /// Returns which of the records, in their order, has this number.
    pub(crate) fn row(&self, number: u32) -> Result<Option<usize>, StoreError> {
        self.ask(|sidecar| sidecar.row(number))
    }

    /// Returns the number of a record and where it starts, and where the next one does or what is
    /// covered ends.
    pub(crate) fn record(&self, row: usize) -> Result<(u32, (u32, u32)), StoreError> {
        self.ask(|sidecar| Ok((sidecar.number(row)?, sidecar.span(row)?)))
    }

    /// Returns where the record with a number starts and where the next one does or what is covered
    /// ends.
    pub(crate) fn span(&self, number: u32) -> Result<Option<(u32, u32)>, StoreError> {
        self.ask(|sidecar| match sidecar.row(number)? {
            Some(row) => sidecar.span(row).map(Some),
            None => Ok(None),
        })
    }

    /// Appends the numbers of the records whose ids begin as this one, last ones first.
    pub(crate) fn candidates(&self, id: &Id, out: &mut Vec<u32>) -> Result<(), StoreError> {
        let start = out.len();
        self.ask(|sidecar| {
            let mut found = Vec::new();
            sidecar.candidates(id, &mut found)?;
            Ok(found)
        })
        .map(|mut found| out.append(&mut found))?;
        debug_assert!(out.len() >= start);
        Ok(())
    }

    /// Tells whether a record has no object of its own.
    pub(crate) fn is_remnant(&self, number: u32) -> Result<bool, StoreError> {
        self.ask(|sidecar| sidecar.is_remnant(number))
    }

    /// Appends the entries of commits whose ids begin within a range, in order.
    pub(crate) fn commits(
        &self,
        (first, last): (u32, u32),
        out: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let mut found = self.ask(|sidecar| {
            let mut found = Vec::new();
            for index in sidecar.first_entry(first)?..sidecar.len() {
                let entry = sidecar.entry(index)?;
                if entry.prefix > last {
                    break;
                }
                if entry.is_commit() {
                    found.push(entry);
                }
            }
            Ok(found)
        })?;
        out.append(&mut found);
        Ok(())
    }

    pub(crate) fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        self.ask(Sidecar::entries)
    }

    pub(crate) fn offsets(&self) -> Result<Vec<u32>, StoreError> {
        self.ask(Sidecar::offsets)
    }

    fn ask<T>(&self, question: impl Fn(&Sidecar) -> Result<T, Damage>) -> Result<T, StoreError> {
        let sidecar = self.healed.get().unwrap_or(&self.sidecar);
        match question(sidecar) {
            Ok(answer) => Ok(answer),
            Err(damage) => self.heal(damage, question),
        }
    }

    #[cold]
    fn heal<T>(
        &self,
        damage: Damage,
        question: impl Fn(&Sidecar) -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        let _turn = lock(&self.healing);
        let path = || self.home.layout.sidecar(self.meta().segment.number);
        let healed = match self.healed.get() {
            Some(healed) => healed,
            None => {
                let healed = replay::rebuild(&self.home, self.meta())?;
                let healed = healed.ok_or_else(|| damage.at(&path()))?;
                self.healed.get_or_init(|| healed)
            }
        };
        question(healed).map_err(|damage| damage.at(&path()))
    }
}
