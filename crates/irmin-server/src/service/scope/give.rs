//! Objects on their way to those who keep a copy of the repository.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::ops::ControlFlow;

use bytes::Bytes;
use irminsule::sync::{self, CopyOptions, SyncError, Taker};
use irminsule::{Hold, Id, Object, Stored, links_of};

use super::Scope;
use super::receive::is_commit;
use super::visible::name_in_rules;
use crate::service::access::Right;
use crate::service::error::{ErrorKind, Result, ServiceError};
use crate::service::verb::Verb;

/// How many commits that a client has are looked at.
const HAVES_MAX: usize = 1024;

/// Takes objects on their way out, some at a time.
pub type Outgoing<'a> = &'a mut (dyn FnMut(Vec<(Id, Stored)>) -> Result<()> + Send);

/// How far to follow what objects point to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// How many levels of trees and values beneath what was asked for.
    pub depth: u32,
    /// How many generations of parents of commits.
    pub generations: u32,
}

impl Scope {
    /// Gives what commits lead to and a client does not have, each object after those that it points
    /// to, commits from the oldest on. `haves` are commits that it has with all that they lead to; what
    /// is not known of them here is passed over, and at most 1,024 count. With `depth`, only so many
    /// commits of each line.
    ///
    /// Reads what is given, and what was replaced by it. Memory: 64 bytes for each object that one commit
    /// adds; with `depth`, 50 for each that is given or in a tree of the haves, all nodes of which are
    /// read. Take [`run_long`](crate::service::Server::run_long).
    ///
    /// # Errors
    /// [`ServiceError`] of kind `NotFound` for a commit that no branch or tag leads to which the caller
    /// may read as a whole; what `out` says.
    pub fn give(
        &self,
        wants: &[Id],
        haves: &[Id],
        depth: Option<NonZeroU32>,
        out: Outgoing<'_>,
    ) -> Result<()> {
        let names = self.whole_names()?;
        let first = names.first().map(|(name, _)| name.as_str());
        let of_all = self.grants().on_repo(Right::Read);
        self.begin(Verb::Fetch, first.filter(|_| !of_all))?;
        self.check_count("commits", wants.len() + haves.len(), self.limits().objects)?;
        for &want in wants {
            if !self.is_led_to(want, &names)? {
                let message = format!("no name that you may read all of leads to commit {want}");
                return Err(ServiceError::not_found(message));
            }
        }
        let mut known = Vec::new();
        for &have in haves.iter().take(HAVES_MAX) {
            // What somebody has who may not see it here tells nobody anything.
            if self.is_led_to(have, &names)? {
                known.push(have);
            }
        }
        match depth {
            None => self.send_history(wants.to_vec(), known, out),
            Some(depth) => self.give_shallow(wants, &known, depth, out),
        }
    }

    /// Gives only so many commits of each line; the last ones are cut off from their parents.
    fn give_shallow(
        &self,
        wants: &[Id],
        haves: &[Id],
        depth: NonZeroU32,
        out: Outgoing<'_>,
    ) -> Result<()> {
        let mut failed = None;
        let mut take = |object: &Object<'_>| {
            let stored = Stored {
                bytes: Bytes::copy_from_slice(object.bytes),
                links: Vec::new(),
                generation: object.generation,
                cut: object.cut,
                region: None,
            };
            out(vec![(object.id, stored)]).map_err(|error| {
                failed = Some(error);
                SyncError::Cancelled
            })
        };
        let (taker, options): (Taker<'_>, _) = (&mut take, CopyOptions { depth: Some(depth) });
        let given = sync::give(
            self.repo(),
            wants,
            haves,
            &options,
            taker,
            &mut |_| match self.check_time() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
        );
        match given {
            Ok(_) => Ok(()),
            Err(_) if failed.is_some() => failed.map_or(Ok(()), Err),
            Err(error) => {
                self.check_time()?;
                Err(irminsule::Error::from(error).into())
            }
        }
    }

    /// Returns the names that the caller may read all of, as rules call them, with what they point to.
    fn whole_names(&self) -> Result<Vec<(String, Id)>> {
        let mut names = self.visible().names("")?;
        for (name, _) in &mut names {
            *name = name_in_rules(name).to_owned();
        }
        names.retain(|(name, _)| self.may(name, Right::Read));
        Ok(names)
    }

    fn is_led_to(&self, id: Id, names: &[(String, Id)]) -> Result<bool> {
        if names.iter().any(|(_, head)| *head == id) {
            return Ok(true);
        }
        if self.repo().commit(id)?.is_none() {
            return Ok(false);
        }
        if self.grants().on_repo(Right::Read) {
            return Ok(true);
        }
        for (_, head) in names {
            if self.repo().history().is_ancestor(id, *head)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads objects and what lies around them, as far as that is asked for: `out` gets each with its
    /// id, those that were asked for first, once each; `None` for those of them that are not there.
    /// Stops at [`Limits::objects`], or when `out` says that it has enough. For those who may read the
    /// whole repository.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `TooLarge` for more ids than [`Limits::objects`]; what `out` says.
    ///
    /// [`Limits::objects`]: crate::service::Limits::objects
    pub fn objects_around(
        &self,
        ids: &[Id],
        around: Around,
        out: &mut dyn FnMut(Id, Option<Stored>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.begin(Verb::ReadObjects, None)?;
        self.check_count("objects", ids.len(), self.limits().objects)?;
        let mut seen: HashSet<Id> = ids.iter().copied().collect();
        let mut level: Vec<(Id, Around)> = ids.iter().map(|&id| (id, around)).collect();
        let mut is_asked = true;
        while !level.is_empty() {
            let mut next = Vec::new();
            for round in level.chunks(ROUND_OBJECTS) {
                self.check_time()?;
                let ids: Vec<Id> = round.iter().map(|(id, _)| *id).collect();
                for (&(id, around), stored) in round.iter().zip(self.read_objects(&ids)?) {
                    let Some(stored) = stored else {
                        if is_asked && out(id, None)?.is_break() {
                            return Ok(());
                        }
                        continue;
                    };
                    self.beyond(&stored, around, &mut seen, &mut next)?;
                    if out(id, Some(stored))?.is_break() {
                        return Ok(());
                    }
                }
            }
            is_asked = false;
            let left = self
                .limits()
                .objects
                .saturating_sub(seen.len() - next.len());
            next.truncate(left);
            level = next;
        }
        Ok(())
    }

    /// Finds what an object points to that is to be read next.
    fn beyond(
        &self,
        stored: &Stored,
        around: Around,
        seen: &mut HashSet<Id>,
        next: &mut Vec<(Id, Around)>,
    ) -> Result<()> {
        if around == Around::default() {
            return Ok(());
        }
        let is_commit = is_commit(&stored.bytes);
        let links = links_of(&stored.bytes)
            .map_err(|error| ServiceError::new(ErrorKind::Corrupt, error.to_string()))?;
        for (position, id) in links.into_iter().enumerate() {
            let is_parent = is_commit && position > 0;
            let left = match is_parent {
                true => around.generations.checked_sub(1).map(|generations| Around {
                    generations,
                    ..around
                }),
                false => around.depth.checked_sub(1).map(|depth| Around {
                    depth,
                    generations: 0,
                }),
            };
            let is_cut = is_commit && stored.cut.leaves_out(position);
            if let Some(left) = left
                && !is_cut
                && seen.len() < self.limits().objects
                && seen.insert(id)
            {
                next.push((id, left));
            }
        }
        Ok(())
    }

    /// Keeps commits, there or about to be stored, from being collected while the hold lives.
    ///
    /// # Errors
    /// [`ServiceError`] of kind `TooLarge` for more than [`Limits::objects`]; when the engine cannot
    /// note it.
    ///
    /// [`Limits::objects`]: crate::service::Limits::objects
    pub fn hold(&self, commits: &[Id]) -> Result<Hold> {
        self.begin(Verb::ReadObjects, None)?;
        self.check_count("commits", commits.len(), self.limits().objects)?;
        Ok(self.repo().engine().hold_many(commits)?)
    }
}

/// How many objects are read at once.
const ROUND_OBJECTS: usize = 256;
