//! Mutations that write values. Each is one transaction: what it looks at still holds when its commit
//! is made, and the commit that it answers with is the one that it made.

use std::fmt::Debug;

use async_graphql::{Context, Object, Result};
use irminsule::{Entry, Id, Path};

use super::commit::Commit;
use super::desk::Desk;
use super::input::{self, Info, Orders, TreeItem, blob, orders};
use super::query::MAIN;
use super::scalars::{BranchText, CommitKey, Content, Metadata, PathText};
use crate::service::{
    Committed, Details, ErrorKind, Expected, Result as Served, Scope, ScopedView, ServiceError,
    Snapshot,
};

/// What writes values.
#[derive(Default)]
pub(crate) struct Writes;

#[Object(rename_fields = "snake_case", rename_args = "snake_case")]
impl Writes {
    /// Puts a value at a path. Answers with the commit; with the head where nothing changes.
    async fn set(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        value: Content,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        let what = ("set", &path, &value);
        let blob = blob(&value);
        Ok(write(context, branch, info, &what, |view| {
            view.set(&path.0, blob.clone()).map(|_| ())
        })?)
    }

    /// Puts a value of some kind at a path.
    async fn set_all(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        value: Content,
        metadata: Option<Metadata>,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        let what = ("set_all", &path, &value, &metadata);
        let blob = blob(&value).with_mode(metadata.unwrap_or_default().0);
        Ok(write(context, branch, info, &what, |view| {
            view.set(&path.0, blob.clone()).map(|_| ())
        })?)
    }

    /// Puts a tree at a path, in place of all that is there.
    async fn set_tree(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        tree: Vec<TreeItem>,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        input::check(&Desk::of(context)?.scope(), &tree)?;
        let what = ("set_tree", &path, &tree);
        let made = input::tree(&tree)?;
        Ok(write(context, branch, info, &what, |view| {
            replace(view, &path.0, Some(&made))
        })?)
    }

    /// Puts values in the tree at a path and removes others, in order.
    async fn update_tree(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        tree: Vec<TreeItem>,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        input::check(&Desk::of(context)?.scope(), &tree)?;
        let what = ("update_tree", &path, &tree);
        Ok(write(context, branch, info, &what, |view| {
            for item in &tree {
                match item.at(&path.0) {
                    (at, Some(blob)) => view.set(&at, blob)?,
                    (at, None) => view.remove(&at)?,
                };
            }
            Ok(())
        })?)
    }

    /// Puts `set` at a path if `test` is there now; null stands for nothing. Else it is an error with
    /// the code `conflict`, and nothing changes.
    async fn test_and_set(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        test: Option<Content>,
        set: Option<Content>,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        let what = ("test_and_set", &path, &test, &set);
        Ok(write(context, branch, info, &what, |view| {
            swap(view, &path.0, test.as_ref(), set.as_ref())
        })?)
    }

    /// As `test_and_set`, which answers with its own commit here, too.
    async fn test_set_and_get(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        test: Option<Content>,
        set: Option<Content>,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        let what = ("test_set_and_get", &path, &test, &set);
        Ok(write(context, branch, info, &what, |view| {
            swap(view, &path.0, test.as_ref(), set.as_ref())
        })?)
    }

    /// Points a branch to the commit `set` if it points to `test` now; null stands for no branch. Tells
    /// whether it did.
    async fn test_and_set_branch(
        &self,
        context: &Context<'_>,
        branch: BranchText,
        test: Option<CommitKey>,
        set: Option<CommitKey>,
    ) -> Result<bool> {
        let desk = Desk::of(context)?;
        let (test, set) = (test.map(|key| key.0), set.map(|key| key.0));
        Ok(desk.change(|scope| swap_branch(scope, &branch.0, test, set))?)
    }

    /// Removes what is at a path.
    async fn remove(
        &self,
        context: &Context<'_>,
        branch: Option<BranchText>,
        path: PathText,
        info: Option<Info>,
    ) -> Result<Option<Commit>> {
        let what = ("remove", &path);
        Ok(write(context, branch, info, &what, |view| {
            view.remove(&path.0).map(|_| ())
        })?)
    }
}

/// Commits what `body` writes, and answers with the commit.
fn write(
    context: &Context<'_>,
    branch: Option<BranchText>,
    info: Option<Info>,
    what: &impl Debug,
    body: impl FnMut(&mut ScopedView<'_>) -> Served<()>,
) -> Served<Option<Commit>> {
    let desk = Desk::of(context)?;
    let branch = branch.map_or_else(|| MAIN.to_owned(), |branch| branch.0);
    let orders = orders(desk, info, &(&branch, what))?;
    desk.change(|scope| {
        let done = commit(scope, &branch, &orders, body)?;
        Ok(answer(scope, &branch, done.commit)?.map(Commit))
    })
}

/// Commits what `body` writes on a branch, where it is as ordered. Where it is is looked at in the
/// transaction only: a request that was done before is answered again, wherever the branch is by now.
pub(crate) fn commit<T>(
    scope: &Scope,
    branch: &str,
    orders: &Orders,
    mut body: impl FnMut(&mut ScopedView<'_>) -> Served<T>,
) -> Served<Committed<T>> {
    let parent = || hold(scope, branch, orders.parent);
    scope.transact_if(branch, &orders.options, &parent, |view| {
        parent()?;
        body(view)
    })
}

/// Fails unless the branch is at the commit that is to be the parent.
fn hold(scope: &Scope, branch: &str, parent: Option<Id>) -> Served<()> {
    let Some(parent) = parent else {
        return Ok(());
    };
    let name = format!("heads/{branch}");
    match scope.get_ref(&name)? {
        Some(head) if head == parent => Ok(()),
        current => {
            let message = format!("'{branch}' is not at commit {}", parent.short());
            let error = ServiceError::new(ErrorKind::Conflict, message);
            Err(error.with(Details::Moved { name, current }))
        }
    }
}

/// Returns the commit that was made; where nothing changed, the head.
pub(crate) fn answer(
    scope: &Scope,
    branch: &str,
    made: Option<Snapshot>,
) -> Served<Option<Snapshot>> {
    match made {
        Some(made) => Ok(Some(made)),
        None => scope.head(branch),
    }
}

/// Puts something at a path, in place of all that is there.
pub(crate) fn replace(view: &mut ScopedView<'_>, path: &Path, entry: Option<&Entry>) -> Served<()> {
    match entry {
        Some(Entry::Tree(tree)) if !path.is_root() && tree.is_empty()? => view.remove(path)?,
        Some(entry) => view.set(path, entry.clone())?,
        None => view.remove(path)?,
    };
    Ok(())
}

fn swap(
    view: &mut ScopedView<'_>,
    path: &Path,
    test: Option<&Content>,
    set: Option<&Content>,
) -> Served<()> {
    let found = view.find(path)?;
    let holds = match (&found, test) {
        (None, None) => true,
        (Some(Entry::Blob(found)), Some(test)) => found.id() == blob(test).id(),
        _ => false,
    };
    if !holds {
        let found = found.map(|found| found.id()).transpose()?;
        let what = match found {
            Some(_) => "something else is",
            None => "there is nothing",
        };
        let message = format!("{what} at '{path}'; nothing was changed");
        let error = ServiceError::new(ErrorKind::Conflict, message);
        return Err(error.with(Details::Precondition { index: 0, found }));
    }
    match set {
        Some(set) => view.set(path, blob(set))?,
        None => view.remove(path)?,
    };
    Ok(())
}

fn swap_branch(scope: &Scope, branch: &str, test: Option<Id>, set: Option<Id>) -> Served<bool> {
    let expected = Expected::At(test);
    let done = match (test, set) {
        (_, Some(set)) => {
            let set = scope.resolve(&set.to_string())?;
            scope.reset_branch(branch, &set, expected)
        }
        (Some(_), None) => scope.delete_branch(branch, expected),
        (None, None) => return Ok(scope.head(branch)?.is_none()),
    };
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind == ErrorKind::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}
