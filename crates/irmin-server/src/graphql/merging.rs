//! Mutations that merge. A conflict is an error with the code `conflict`, whose extensions name all
//! conflicts; nothing is changed then.

use std::fmt::Debug;

use async_graphql::{Context, Object, Result};
use irminsule::rules::{RULES_PATH, RuleTypes};
use irminsule::{Entry, Id, Path, Tree, merge_trees};

use super::commit::Commit;
use super::desk::Desk;
use super::input::{self, Info, TreeItem, blob, orders};
use super::query::{MAIN, find};
use super::scalars::{BranchText, Content, Hash, PathText};
use super::writes::{answer, commit, replace};
use crate::service::{
    Details, ErrorKind, Expected, MergeAnswer, MergeRequest, Result as Served, Scope, ScopedView,
    ServiceError, Snapshot,
};

/// What merges.
#[derive(Default)]
pub(crate) struct Merging;

#[Object(rename_fields = "snake_case", rename_args = "snake_case")]
impl Merging {
    /// Merges a value into the one at a path: `old` is what both come from, and null stands for nothing.
    /// Answers with the id of what is there then.
    async fn merge(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        value: Option<Content>,
        old: Option<Content>,
        info: Option<Info>,
    ) -> Result<Option<Hash>> {
        let what = ("merge", &path, &value, &old);
        let entry = |value: &Content| Entry::Blob(blob(value));
        let sides = (old.as_ref().map(entry), value.as_ref().map(entry));
        let (id, _) = merge_at(context, branch, &path.0, sides, info, &what)?;
        Ok(id.map(Hash))
    }

    /// Merges a tree into the one at a path, as `merge`.
    async fn merge_tree(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        value: Option<Vec<TreeItem>>,
        old: Option<Vec<TreeItem>>,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        let scope = Desk::of(context)?.scope();
        let what = ("merge_tree", &path, &value, &old);
        let entry = |items: &Vec<TreeItem>| {
            input::check(&scope, items)?;
            input::tree(items)
        };
        let old = old.as_ref().map(entry).transpose()?;
        let value = value.as_ref().map(entry).transpose()?;
        let (_, made) = merge_at(context, branch, &path.0, (old, value), info, &what)?;
        Ok(made.map(Commit))
    }

    /// Merges another branch into a branch. `max_depth` and `n` are taken and do nothing: common
    /// ancestors are found however far they are.
    async fn merge_with_branch(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        from: BranchText,
        info: Option<Info>,
        max_depth: Option<i32>,
        n: Option<i32>,
    ) -> Result<Option<Commit>> {
        let _ = (max_depth, n);
        let theirs = format!("refs/heads/{}", from.0);
        Ok(merge_with(context, branch, theirs, info)?)
    }

    /// Merges a commit into a branch, as `merge_with_branch`.
    async fn merge_with_commit(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        from: Hash,
        info: Option<Info>,
        max_depth: Option<i32>,
        n: Option<i32>,
    ) -> Result<Option<Commit>> {
        let _ = (max_depth, n);
        Ok(merge_with(context, branch, from.0.to_string(), info)?)
    }

    /// Points a branch to a commit, from wherever it was. Null if there is no such commit.
    async fn revert(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        commit: Hash,
    ) -> Result<Option<Commit>> {
        let branch = name(branch);
        let done = Desk::of(context)?.change(|scope| {
            let Some(to) = find(scope, commit.0)? else {
                return Ok(None);
            };
            scope.reset_branch(&branch, &to, Expected::Any)?;
            Ok(Some(Commit(to)))
        });
        Ok(done?)
    }
}

fn name(branch: Option<BranchText>) -> String {
    branch.map_or_else(|| MAIN.to_owned(), |branch| branch.0)
}

/// Merges something into what is at a path; returns the id of what is there then, and the commit.
fn merge_at(
    context: &Context<'_>,
    branch: Option<BranchText>,
    path: &Path,
    (old, new): (Option<Entry>, Option<Entry>),
    info: Option<Info>,
    what: &impl Debug,
) -> Served<(Option<Id>, Option<Snapshot>)> {
    let desk = Desk::of(context)?;
    let branch = name(branch);
    let orders = orders(desk, info, &(&branch, what))?;
    desk.change(|scope| {
        let done = commit(scope, &branch, &orders, |view| {
            let merged = merged(view, path, old.as_ref(), new.as_ref())?;
            replace(view, path, merged.as_ref())
        })?;
        let made = answer(scope, &branch, done.commit)?;
        let found = match &made {
            Some(made) => made.get(path)?,
            None => None,
        };
        let id = found.map(|found| found.id()).transpose()?;
        Ok((id, made))
    })
}

/// Merges three states of one path, by the rules of the branch.
fn merged(
    view: &ScopedView<'_>,
    path: &Path,
    old: Option<&Entry>,
    new: Option<&Entry>,
) -> Served<Option<Entry>> {
    let ours = view.find(path)?;
    let rules_path = Path::parse(RULES_PATH)?;
    let rules = match path.is_root() {
        true => None,
        false => view.find(&rules_path)?,
    };
    let tree = |entry: Option<&Entry>| -> Served<Tree> {
        let mut tree = Tree::empty();
        for (path, entry) in [(&rules_path, rules.as_ref()), (path, entry)] {
            match entry {
                Some(Entry::Tree(entry)) if path.is_root() => tree = entry.clone(),
                Some(entry) => {
                    tree.set(path, entry.clone())?;
                }
                None => {}
            }
        }
        Ok(tree)
    };
    let sides = (tree(old)?, tree(ours.as_ref())?, tree(new)?);
    let merged = merge_trees(&sides.0, &sides.1, &sides.2, &RuleTypes::default())?;
    if !merged.conflicts().is_empty() {
        return Err(conflicts(merged.conflicts().to_vec()));
    }
    let tree = merged.into_tree();
    match path.is_root() {
        true => Ok(Some(Entry::Tree(tree))),
        false => Ok(tree.get(path)?),
    }
}

fn conflicts(conflicts: Vec<irminsule::Conflict>) -> ServiceError {
    let count = conflicts.len();
    let message = match conflicts.first() {
        Some(first) if count == 1 => format!("conflict at '{}'; nothing was changed", first.path),
        _ => format!("{count} conflicts; nothing was changed"),
    };
    ServiceError::new(ErrorKind::Conflict, message).with(Details::Conflicts(conflicts))
}

fn merge_with(
    context: &Context<'_>,
    branch: Option<BranchText>,
    theirs: String,
    info: Option<Info>,
) -> Served<Option<Commit>> {
    let desk = Desk::of(context)?;
    let branch = name(branch);
    let orders = orders(desk, info, &("merge_with", &branch, &theirs))?;
    let request = MergeRequest {
        expected_head: orders.parent,
        ..MergeRequest::new(theirs, orders.options)
    };
    desk.change(|scope| settled(scope, &branch, &request).map(|made| Some(Commit(made))))
}

fn settled(scope: &Scope, branch: &str, request: &MergeRequest) -> Served<Snapshot> {
    match scope.merge(branch, request)? {
        MergeAnswer::UpToDate(head) => Ok(head),
        MergeAnswer::Forwarded(made) | MergeAnswer::Merged(made) => Ok(made),
        MergeAnswer::Conflicts {
            conflicts: found, ..
        } => Err(conflicts(found)),
        MergeAnswer::Moved { head, .. } => {
            let name = format!("heads/{branch}");
            let error = ServiceError::new(
                ErrorKind::Conflict,
                format!("'{branch}' is elsewhere by now"),
            );
            Err(error.with(Details::Moved {
                name,
                current: head,
            }))
        }
        MergeAnswer::Clean(_) => Err(ServiceError::new(
            ErrorKind::Internal,
            "a merge was only tried",
        )),
    }
}
