//! Branches and tags.

use irminsule::{Id, Moved, RefEdit, RefName, RefOutcome};

use super::read::{Cursor, Page};
use super::visible::name_in_rules;
use super::write::NAMES;
use super::{Scope, Snapshot};
use crate::service::error::{Details, ErrorKind, Result, ServiceError};
use crate::service::verb::Verb;

/// Where a name must point for a request to do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Wherever it points.
    Any,
    /// Wherever it points, but it must exist.
    Present,
    /// To this commit; `None`: it must not exist.
    At(Option<Id>),
}

impl Scope {
    /// Lists the names that start with a prefix (`heads/`, `tags/`, or nothing for all) and of which the
    /// caller may read something, in order, a page at a time. Linear in the number of names.
    ///
    /// # Errors
    /// [`ServiceError`] when the engine fails.
    pub fn refs(&self, prefix: &str, page: &Cursor<String>) -> Result<Page<(String, Id)>> {
        self.begin(Verb::Refs, None)?;
        let mut names = self.visible().names(prefix)?;
        if let Some(after) = &page.after {
            let start = names.partition_point(|(name, _)| name <= after);
            names.drain(..start);
        }
        Ok(Page::cut(names, page.count(self.limits().page)))
    }

    /// Returns what a full name (`heads/main`, `tags/v1`) points to; `None` if there is none, or none
    /// that the caller may read anything of. One lookup.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Invalid` for a bad name.
    pub fn get_ref(&self, name: &str) -> Result<Option<Id>> {
        self.begin(Verb::Refs, None)?;
        let name = RefName::new(name)?;
        match self.visible().shows(name.as_str()) {
            true => Ok(self.repo().engine().get_ref(name.as_str())?),
            false => Ok(None),
        }
    }

    /// Makes a branch that points to a commit. One sync.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Conflict` when it exists already; `PermissionDenied` unless the caller
    /// may write the whole branch and read the whole commit.
    pub fn create_branch(&self, name: &str, at: &Snapshot) -> Result<()> {
        self.reset_branch(name, at, Expected::At(None))
    }

    /// Points a branch to a commit, and makes it if need be: test-and-set when something is expected.
    /// One sync.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `Conflict` with [`Details::Moved`] when it points elsewhere than
    /// expected; as [`create_branch`](Self::create_branch).
    pub fn reset_branch(&self, name: &str, at: &Snapshot, expected: Expected) -> Result<()> {
        self.begin(Verb::Branch, Some(name))?;
        self.must_be_whole(at)?;
        let branch = self.branch(name)?;
        loop {
            let current = match expected {
                Expected::Any | Expected::Present => branch.head_id()?,
                Expected::At(id) => id,
            };
            if expected == Expected::Present && current.is_none() {
                return Err(moved(&format!("heads/{name}"), None));
            }
            match branch.move_from(current, at.commit(), NAMES)? {
                Moved::Done => return Ok(()),
                Moved::Lost(current) if matches!(expected, Expected::At(_)) => {
                    return Err(moved(&format!("heads/{name}"), current));
                }
                Moved::Lost(_) => self.check_time()?,
            }
        }
    }

    /// Moves a branch forward to a descendant of its head; returns false, and nothing moves, if the
    /// commit is none.
    ///
    /// # Errors
    /// As [`create_branch`](Self::create_branch).
    pub fn fast_forward(&self, name: &str, to: &Snapshot) -> Result<bool> {
        self.begin(Verb::Branch, Some(name))?;
        self.must_be_whole(to)?;
        let verdict = self.branch(name)?.fast_forward(to.commit())?;
        Ok(verdict != irminsule::FastForward::Diverged)
    }

    /// Removes a branch. One sync.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` when there is none; `Conflict` with [`Details::Moved`] when
    /// it points elsewhere than expected; `PermissionDenied` unless the caller may write the whole
    /// branch.
    pub fn delete_branch(&self, name: &str, expected: Expected) -> Result<()> {
        self.begin(Verb::Branch, Some(name))?;
        let full = self.branch(name)?.name().full();
        self.remove_name(full.as_str(), expected)
    }

    /// Makes a tag that names a commit. One sync. Rules see it as `tags/<name>`.
    ///
    /// # Errors
    /// As [`create_branch`](Self::create_branch).
    pub fn create_tag(&self, name: &str, at: &Snapshot) -> Result<()> {
        let full = RefName::tag(name)?;
        self.begin(Verb::Tag, Some(full.as_str()))?;
        self.must_be_whole(at)?;
        match self.repo().tag(name, at.commit())? {
            true => Ok(()),
            false => Err(moved(
                full.as_str(),
                self.repo().engine().get_ref(full.as_str())?,
            )),
        }
    }

    /// Removes a tag. One sync.
    ///
    /// # Errors
    /// As [`delete_branch`](Self::delete_branch).
    pub fn delete_tag(&self, name: &str, expected: Expected) -> Result<()> {
        let full = RefName::tag(name)?;
        self.begin(Verb::Tag, Some(full.as_str()))?;
        self.remove_name(full.as_str(), expected)
    }

    fn remove_name(&self, full: &str, expected: Expected) -> Result<()> {
        let engine = self.repo().engine();
        loop {
            let current = match expected {
                Expected::Any | Expected::Present => engine.get_ref(full)?,
                Expected::At(id) => id,
            };
            let Some(current) = current else {
                let name = name_in_rules(full);
                return Err(ServiceError::not_found(format!("there is no '{name}'")));
            };
            let edit = RefEdit {
                name: full.to_owned(),
                expected: Some(current),
                new: None,
            };
            match engine.compare_and_swap(&[edit], NAMES)? {
                RefOutcome::Applied => return Ok(()),
                RefOutcome::Lost { current, .. } if matches!(expected, Expected::At(_)) => {
                    return Err(moved(full, current));
                }
                RefOutcome::Lost { .. } => self.check_time()?,
            }
        }
    }

    /// Whoever gives a commit a name shows all of it to those who may read that name.
    pub(super) fn must_be_whole(&self, at: &Snapshot) -> Result<()> {
        match at.is_whole() {
            true => Ok(()),
            false => Err(self.denied(format!(
                "you may not read all of commit {}",
                at.id().short()
            ))),
        }
    }
}

/// Says that somebody else moved a name.
pub(super) fn moved(full: &str, current: Option<Id>) -> ServiceError {
    let name = name_in_rules(full);
    let message = match current {
        Some(id) => format!("'{name}' is at commit {} by now", id.short()),
        None => format!("'{name}' does not exist"),
    };
    ServiceError::new(ErrorKind::Conflict, message).with(Details::Moved {
        name: full.to_owned(),
        current,
    })
}
