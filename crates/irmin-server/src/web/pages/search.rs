//! `/r/<repository>/search/<revision>?q=…`: paths that have a text in them.
//!
//! A walk in the order of paths, a bounded part of it for each page.

use axum::response::Response;
use irminsule::{Entry, EntryKind, Listing, Path, Tree};
use maud::{Markup, html};

use crate::service::{Result, Scope};
use crate::web::layout::{Page, Tab};
use crate::web::parts::{Seen, crumbs, search_form};
use crate::web::place::Place;
use crate::web::text::{count, path as path_text, percent, percent_path};
use crate::web::{Asked, Reply};

/// How many paths are on a page.
const FOUND: usize = 100;

/// How many paths are looked at for a page.
const LOOKED_AT: usize = 20_000;

/// Looks for paths.
pub(in crate::web) async fn show(asked: Asked) -> Response {
    asked
        .answer(|scope, _, place| page(scope, place).map(Reply::from))
        .await
}

fn page(scope: &Scope, place: &Place) -> Result<Page> {
    let seen = Seen::find(scope, &place.rev)?;
    let query = place.query.filled("q").unwrap_or_default();
    let after = match place.query.bytes("after") {
        Some(after) => Some(Path::parse(after)?),
        None => None,
    };
    let found = match query {
        "" => Found::default(),
        query => find(scope, &seen.at.tree()?, query, after.as_ref())?,
    };
    let next = found.next.as_ref().map(|next| {
        let after = percent(percent_path(next).as_bytes());
        format!(
            "{}?q={}&after={after}",
            place.at(&Path::root()).link("search"),
            percent(query.as_bytes())
        )
    });
    let body = html! {
        div.bar { (crumbs(&place.at(&Path::root()), "tree")) (search_form(&place.repo, &place.rev, query)) }
        h1 { "Paths with “" (query) "”" }
        p.quiet role="status" {
            (count(found.items.len() as u64)) " found"
            @if next.is_some() { " among the first " (count(found.looked_at as u64)) @if after.is_some() { " of the rest" } }
            "."
        }
        (list(place, &found))
        @if let Some(next) = next { p { a.button href=(next) { "Go on searching" } } }
    };
    Ok(Page::new(format!("Find {query}"), body).about(&place.repo, &place.rev, Tab::Files))
}

fn list(place: &Place, found: &Found) -> Markup {
    html! {
        @if !found.items.is_empty() {
            div.sheet {
                table {
                    tbody {
                        @for (path, kind) in &found.items {
                            tr {
                                td .dir[*kind == EntryKind::Tree] {
                                    a href=(place.at(path).link("tree")) {
                                        (path_text(path)) @if *kind == EntryKind::Tree { "/" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a search found.
#[derive(Default)]
struct Found {
    items: Vec<(Path, EntryKind)>,
    looked_at: usize,
    /// Behind which path to go on; `None`: that was all.
    next: Option<Path>,
}

/// Looks for paths with a text in them, upper or lower case, behind a path.
fn find(scope: &Scope, tree: &Tree, text: &str, after: Option<&Path>) -> Result<Found> {
    let wanted = text.to_lowercase();
    let mut found = Found::default();
    let mut stack = begin(tree, after)?;
    while let Some((dir, listing)) = stack.last_mut() {
        let Some(entry) = listing.next() else {
            stack.pop();
            continue;
        };
        let (name, entry) = entry?;
        let path = dir.child(name);
        if found.looked_at % 256 == 255 {
            scope.check_time()?;
        }
        found.looked_at += 1;
        if path_text(&path).to_lowercase().contains(&wanted) {
            found.items.push((path.clone(), entry.kind()));
        }
        if found.items.len() == FOUND || found.looked_at == LOOKED_AT {
            found.next = Some(path);
            break;
        }
        if let Entry::Tree(below) = entry {
            stack.push((path, below.entries()?));
        }
    }
    Ok(found)
}

/// Returns the listings to go on with behind a path, the deepest last.
fn begin(tree: &Tree, after: Option<&Path>) -> Result<Vec<(Path, Listing)>> {
    let Some(after) = after else {
        return Ok(vec![(Path::root(), tree.entries()?)]);
    };
    let mut stack = Vec::new();
    let (mut dir, mut here) = (Path::root(), Some(tree.clone()));
    for step in after.steps() {
        let Some(tree) = here else { break };
        stack.push((dir.clone(), tree.entries_after(Some(step))?));
        dir = dir.child(step.clone());
        let below = tree.get(&Path::from_steps(vec![step.clone()])?)?;
        here = below.and_then(Entry::into_tree);
    }
    if let Some(tree) = here {
        stack.push((dir, tree.entries()?));
    }
    Ok(stack)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::service::{Caller, Config, Server};

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    proptest! {
        #[test]
        fn pages_together_find_what_one_walk_finds(
            paths in prop::collection::btree_set("[ab](/[abc]){0,3}", 1..20),
            cut in 0_usize..40,
        ) {
            let mut tree = Tree::empty();
            for text in &paths {
                tree.set(&path(text), "x").unwrap();
            }
            let all = |after: Option<&Path>| {
                let mut stack = begin(&tree, after).unwrap();
                let mut found = Vec::new();
                while let Some((dir, listing)) = stack.last_mut() {
                    match listing.next() {
                        None => { stack.pop(); }
                        Some(entry) => {
                            let (name, entry) = entry.unwrap();
                            let path = dir.child(name);
                            found.push(path.clone());
                            if let Entry::Tree(below) = entry {
                                stack.push((path, below.entries().unwrap()));
                            }
                        }
                    }
                }
                found
            };
            let whole = all(None);
            let cut = cut.min(whole.len() - 1);
            prop_assert_eq!(all(Some(&whole[cut])), &whole[cut + 1..]);
        }
    }

    #[test]
    fn case_does_not_matter_and_a_page_has_an_end() {
        let server = Server::open(Config::open_in_memory()).unwrap();
        let scope = server.scope(&Caller::local(), "main").unwrap();
        let mut tree = Tree::empty();
        for number in 0..FOUND + 5 {
            tree.set(&path(&format!("Docs/file{number:04}")), "x")
                .unwrap();
        }
        let first = find(&scope, &tree, "FILE", None).unwrap();
        assert_eq!(first.items.len(), FOUND);
        let rest = find(&scope, &tree, "file", first.next.as_ref()).unwrap();
        assert_eq!((rest.items.len(), rest.next), (5, None));
        assert_eq!(
            find(&scope, &tree, "docs", None).unwrap().items[0].1,
            EntryKind::Tree
        );
    }
}
