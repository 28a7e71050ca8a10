//! Pieces that several pages have.

pub(super) mod changes;
pub(super) mod commits;
pub(super) mod graph;
pub(super) mod lanes;
pub(super) mod plot;
pub(super) mod text_diff;

use irminsule::{BranchName, Entry, Id, Path};
use maud::{Markup, html};

use super::place::{Place, link, page_link};
use super::text::{percent, percent_path, step};
use crate::service::{Cursor, ErrorKind, Result, Scope, Snapshot};

/// A revision as a page shows it.
pub(super) struct Seen {
    /// As it was asked for.
    pub(super) rev: String,
    /// Whether it is a branch, which can be written and watched.
    pub(super) is_branch: bool,
    /// The commit.
    pub(super) at: Snapshot,
}

impl Seen {
    /// Finds a revision: a branch first.
    pub(super) fn find(scope: &Scope, rev: &str) -> Result<Self> {
        let head = match BranchName::new(rev) {
            Ok(_) => scope.head(rev)?,
            Err(_) => None,
        };
        let is_branch = head.is_some();
        let at = head.map_or_else(|| scope.resolve(rev), Ok)?;
        Ok(Self {
            rev: rev.to_owned(),
            is_branch,
            at,
        })
    }

    /// Returns where events tell that the branch moved on; nothing for what does not move.
    pub(super) fn events(&self, repo: &str, path: &Path) -> Option<String> {
        self.is_branch
            .then(|| events_link(repo, &self.rev, path, Some(self.at.id())))
    }
}

/// Returns the address of the events of a branch, from a commit on.
pub(super) fn events_link(repo: &str, branch: &str, path: &Path, since: Option<Id>) -> String {
    let base = page_link(repo, "events");
    let since = since.map_or_else(|| "absent".to_owned(), |id| id.to_string());
    let branch = percent(branch.as_bytes());
    format!(
        "{base}?branch={branch}&path={}&since={since}",
        percent(percent_path(path).as_bytes())
    )
}

/// Returns the address of the events that tell when any name moves, from what they are now on.
pub(super) fn names_events(scope: &Scope, repo: &str) -> Result<String> {
    let names = scope.refs("", &Cursor::default())?.items;
    let now =
        super::pages::events::fingerprint(names.iter().map(|(name, id)| (name.as_str(), *id)));
    Ok(format!("{}?names&since={now}", page_link(repo, "events")))
}

/// Lists the branches that the caller may see, by short name, with where they are.
pub(super) fn branches(scope: &Scope) -> Result<Vec<(String, Id)>> {
    names(scope, "heads/")
}

/// Lists names under a prefix, without it.
pub(super) fn names(scope: &Scope, prefix: &str) -> Result<Vec<(String, Id)>> {
    let page = scope.refs(prefix, &Cursor::default())?;
    let short = |(name, id): (String, Id)| Some((name.strip_prefix(prefix)?.to_owned(), id));
    Ok(page.items.into_iter().filter_map(short).collect())
}

/// Returns the branch that a repository's pages begin with: `main`, or the first one.
pub(super) fn first_branch(branches: &[(String, Id)]) -> Option<&str> {
    let main = branches.iter().find(|(name, _)| name == "main");
    main.or(branches.first()).map(|(name, _)| name.as_str())
}

/// The way from the root of a revision to a path.
pub(super) fn crumbs(place: &Place, page: &str) -> Markup {
    let steps = place.path.steps();
    let above = (1..steps.len()).filter_map(|depth| Path::from_steps(steps[..depth].to_vec()).ok());
    html! {
        nav.crumbs aria-label="Path" {
            ol {
                li { a href=(link(&place.repo, page, &place.rev, &Path::root())) { (short_rev(&place.rev)) } }
                @for path in above {
                    @if let Some(last) = path.steps().last() {
                        li { a href=(place.at(&path).link(page)) { (step(last)) } }
                    }
                }
                @if let Some(last) = steps.last() {
                    li aria-current="page" { (step(last)) }
                }
            }
        }
    }
}

/// A revision for people: ids are cut.
pub(super) fn short_rev(rev: &str) -> String {
    rev.parse::<Id>()
        .map_or_else(|_| rev.to_owned(), |id| id.short())
}

/// The search for paths.
pub(super) fn search_form(repo: &str, rev: &str, query: &str) -> Markup {
    html! {
        form.push action=(link(repo, "search", rev, &Path::root())) role="search" {
            label.unseen for="find" { "Find a path" }
            input #find type="search" name="q" value=(query) placeholder="Find a path" title="Key: /" autocomplete="off";
            button { "Find" }
        }
    }
}

/// A way to the same path on another branch.
pub(super) fn branch_switch(scope: &Scope, place: &Place, page: &str) -> Result<Markup> {
    let branches = branches(scope)?;
    Ok(html! {
        @if branches.len() > 1 || !branches.iter().any(|(name, _)| *name == place.rev) {
            form action=(page_link(&place.repo, "go")) {
                input type="hidden" name="page" value=(page);
                input type="hidden" name="path" value=(percent_path(&place.path));
                label.unseen for="rev" { "Branch" }
                (branch_select("rev", "rev", &branches, &place.rev))
                button { "Go" }
            }
        }
    })
}

/// A choice of a branch.
pub(super) fn branch_select(
    id: &str,
    name: &str,
    branches: &[(String, Id)],
    chosen: &str,
) -> Markup {
    html! {
        select id=(id) name=(name) {
            @if !branches.iter().any(|(branch, _)| branch == chosen) {
                option value=(chosen) selected { (short_rev(chosen)) }
            }
            @for (branch, _) in branches {
                option value=(branch) selected[branch == chosen] { (branch) }
            }
        }
    }
}

/// Returns the entry at a path, or says that there is none.
pub(super) fn entry_at(scope: &Scope, at: &Snapshot, path: &Path) -> Result<Entry> {
    if path.is_root() {
        return Ok(Entry::Tree(at.tree()?));
    }
    scope.get(at, path)?.ok_or_else(|| nothing_at(path))
}

/// Says that there is nothing at a path.
pub(super) fn nothing_at(path: &Path) -> crate::service::ServiceError {
    let message = format!("there is nothing at '{}'", super::text::path(path));
    crate::service::ServiceError::new(ErrorKind::NotFound, message)
}
