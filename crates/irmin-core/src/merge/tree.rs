//! The merge of two trees that come from a third.

use super::{Conflict, ConflictKind, Merged};
use crate::error::Result;
use crate::rules::{RULES_PATH, RuleConflict, RuleTypes, Rules};
use crate::tree::{Verdict, combine};
use crate::{Blob, Entry, Mode, Path, Tree};

/// Merges what `ours` and `theirs` changed since `base`, with the rules that the merged
/// `.irmin/rules` gives. Finds all conflicts. Renames are not detected: one is a removal and an
/// addition.
///
/// Subtrees that only one side changed are taken whole; equal ones are skipped unread. Reads are
/// proportional to the number of differences between base and sides.
///
/// ```
/// use irmin_core::{Path, Tree, merge_trees, rules::RuleTypes};
/// let at = |text| Path::parse(text);
/// let mut base = Tree::empty();
/// base.set(&at("a")?, "1")?;
/// let (mut ours, mut theirs) = (base.clone(), base.clone());
/// ours.set(&at("b")?, "2")?;
/// theirs.remove(&at("a")?)?;
/// let merged = merge_trees(&base, &ours, &theirs, &RuleTypes::default())?;
/// assert!(merged.conflicts().is_empty());
/// assert_eq!(merged.tree().kind(&at("a")?)?, None);
/// assert_eq!(merged.tree().get_bytes(&at("b")?)?.unwrap(), "2");
/// # Ok::<(), irmin_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Rules`](crate::Error::Rules) when the merged rules file cannot be read; as [`Tree::get`].
pub fn merge_trees(base: &Tree, ours: &Tree, theirs: &Tree, types: &RuleTypes) -> Result<Merged> {
    let rules = merged_rules(base, ours, theirs, types)?;
    let mut merge = Merge {
        rules: &rules,
        conflicts: Vec::new(),
    };
    let mut decide = |path: &dyn Fn() -> Result<Path>, sides: [_; 3]| merge.entry(path, sides);
    let tree = combine([base, ours, theirs], rules.adds_up(), &mut decide)?;
    let mut conflicts = merge.conflicts;
    conflicts.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(Merged { tree, conflicts })
}

/// Returns the rules that both sides agree on: the merged rules file, or the base's where the file
/// itself is in conflict, so that both directions of a merge use the same.
fn merged_rules(base: &Tree, ours: &Tree, theirs: &Tree, types: &RuleTypes) -> Result<Rules> {
    let path = Path::parse(RULES_PATH)?;
    let [base, ours, theirs] = [base, ours, theirs].map(|tree| tree.get_bytes(&path));
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let bytes = if ours == theirs || theirs == base {
        ours
    } else if ours == base {
        theirs
    } else {
        let default = Rules::default();
        let both = ours.as_deref().zip(theirs.as_deref());
        let merged = both.map(|(o, t)| default.rule_for(&path).merge(base.as_deref(), o, t));
        merged
            .and_then(std::result::Result::ok)
            .map(Into::into)
            .or(base)
    };
    Ok(types.clone().parse(&bytes.unwrap_or_default())?)
}

struct Merge<'a> {
    rules: &'a Rules,
    conflicts: Vec<Conflict>,
}

impl Merge<'_> {
    /// Decides what becomes of one entry. Directories that one side removed and the other changed are
    /// looked at entry by entry.
    fn entry(
        &mut self,
        path: &dyn Fn() -> Result<Path>,
        [base, ours, theirs]: [Option<Entry>; 3],
    ) -> Result<Verdict> {
        if let (Some(Entry::Tree(_)), Some(Entry::Tree(_))) = (&ours, &theirs) {
            return Ok(Verdict::Enter);
        }
        if Entry::both_equal(base.as_ref(), theirs.as_ref())? {
            return Ok(Verdict::Keep);
        }
        if Entry::both_equal(base.as_ref(), ours.as_ref())? {
            return Ok(Verdict::Put(theirs));
        }
        match (base, ours, theirs) {
            (base, Some(Entry::Blob(ours)), Some(Entry::Blob(theirs))) => {
                self.blobs(path()?, base, ours, theirs)
            }
            (_, ours, theirs) if Entry::both_equal(ours.as_ref(), theirs.as_ref())? => {
                Ok(Verdict::Keep)
            }
            (Some(Entry::Tree(_)), Some(Entry::Tree(_)), None)
            | (Some(Entry::Tree(_)), None, Some(Entry::Tree(_))) => Ok(Verdict::Enter),
            (base, ours, theirs) => {
                let removed = ours.is_none() || theirs.is_none();
                let kind = if removed {
                    ConflictKind::ModifyRemove
                } else {
                    ConflictKind::BlobTree
                };
                Ok(self.conflict(path()?, kind, [base, ours, theirs], None))
            }
        }
    }

    /// Merges two changed blobs; a base that is a directory counts as absent.
    fn blobs(
        &mut self,
        path: Path,
        base: Option<Entry>,
        ours: Blob,
        theirs: Blob,
    ) -> Result<Verdict> {
        let old = base.clone().and_then(Entry::into_blob);
        let mode = merge_modes(old.as_ref().map(Blob::mode), ours.mode(), theirs.mode());
        let content = self.contents(&path, old.as_ref(), &ours, &theirs)?;
        let sides = [base, Some(ours.into()), Some(theirs.into())];
        Ok(match (mode, content) {
            (Some(mode), Ok(content)) => Verdict::Put(Some(content.with_mode(mode).into())),
            (None, Ok(_)) => self.conflict(path, ConflictKind::Mode, sides, None),
            (_, Err((kind, reason))) => self.conflict(path, kind, sides, reason),
        })
    }

    /// Merges the contents of two blobs of which at least one has changed.
    #[allow(clippy::type_complexity)]
    fn contents(
        &self,
        path: &Path,
        base: Option<&Blob>,
        ours: &Blob,
        theirs: &Blob,
    ) -> Result<Result<Blob, (ConflictKind, Option<String>)>> {
        let rule = self.rules.rule_for(path);
        let (old, our_id, their_id) = (base.map(Blob::id), ours.id(), theirs.id());
        let same = our_id == their_id;
        if (same && !rule.adds_up()) || old == Some(their_id) {
            return Ok(Ok(ours.clone()));
        }
        if old == Some(our_id) {
            return Ok(Ok(theirs.clone()));
        }
        let old = base.map(Blob::bytes).transpose()?;
        Ok(
            match rule.merge(old.as_deref(), &ours.bytes()?, &theirs.bytes()?) {
                Ok(bytes) => Ok(Blob::new(bytes)),
                Err(RuleConflict { reason }) if rule.name() != "bytes" => {
                    Err((ConflictKind::Rule, Some(reason)))
                }
                Err(_) if base.is_none() => Err((ConflictKind::AddAdd, None)),
                Err(_) => Err((ConflictKind::Content, None)),
            },
        )
    }

    fn conflict(
        &mut self,
        path: Path,
        kind: ConflictKind,
        [base, ours, theirs]: [Option<Entry>; 3],
        reason: Option<String>,
    ) -> Verdict {
        self.conflicts.push(Conflict {
            path,
            kind,
            base,
            ours,
            theirs,
            reason,
        });
        Verdict::Keep
    }
}

/// Returns the mode that one side or both changed to; `None` if they disagree.
fn merge_modes(base: Option<Mode>, ours: Mode, theirs: Mode) -> Option<Mode> {
    if ours == theirs || base == Some(theirs) {
        Some(ours)
    } else if base == Some(ours) {
        Some(theirs)
    } else {
        None
    }
}
