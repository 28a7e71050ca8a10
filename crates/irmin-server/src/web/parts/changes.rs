//! What differs between two commits.

use irminsule::{Blob, Change, Difference};
use maud::{Markup, html};

use super::text_diff;
use crate::service::{Page, Result};
use crate::web::place::link;
use crate::web::text::{path, percent, percent_path, size};
use crate::web::value::{self, Kind};

/// How many changes are on a page.
pub(in crate::web) const CHANGES: usize = 50;

/// The largest values that are compared line by line, in bytes, and how many bytes on one page.
const COMPARED_BYTES_MAX: u64 = 256 << 10;
const PAGE_BYTES_MAX: u64 = 2 << 20;

/// Two revisions, for links to what they have.
pub(in crate::web) struct Between<'a> {
    /// The repository.
    pub(in crate::web) repo: &'a str,
    /// The older one; `None`: before the first commit.
    pub(in crate::web) old: Option<&'a str>,
    /// The newer one.
    pub(in crate::web) new: &'a str,
    /// The address of this page, to which `after` can be added.
    pub(in crate::web) here: &'a str,
}

impl Between<'_> {
    /// Draws a page of changes.
    pub(in crate::web) fn draw(&self, changes: &Page<Change>) -> Result<Markup> {
        let mut left = PAGE_BYTES_MAX;
        let mut drawn = Vec::new();
        for change in &changes.items {
            drawn.push(self.draw_one(change, &mut left)?);
        }
        let last = changes.items.last().filter(|_| changes.more);
        let join = if self.here.contains('?') { '&' } else { '?' };
        let next = last.map(|last| {
            let after = percent(percent_path(&last.path).as_bytes());
            format!("{}{join}after={after}", self.here)
        });
        Ok(html! {
            @if drawn.is_empty() { p.quiet { "Nothing differs." } }
            @for change in &drawn { (change) }
            @if let Some(next) = next { p { a.button href=(next) { "More changes" } } }
        })
    }

    fn draw_one(&self, change: &Change, left: &mut u64) -> Result<Markup> {
        let (word, class, old, new) = sides(&change.difference);
        let name = path(&change.path);
        let (rev, blob) = match (new, old) {
            (Some(new), _) => (Some(self.new), Some(new)),
            (None, old) => (self.old, old),
        };
        let sizes = match (old, new) {
            (Some(old), Some(new)) if old.size() != new.size() => {
                format!("{} → {}", size(old.size()), size(new.size()))
            }
            _ => blob.map_or_else(String::new, |blob| size(blob.size())),
        };
        Ok(html! {
            section.sheet {
                div.head {
                    h3 {
                        span class=(class) { (word) } " "
                        @match rev {
                            Some(rev) => { a href=(link(self.repo, "tree", rev, &change.path)) { (name) } }
                            None => { (name) }
                        }
                    }
                    @if let Some((from, to)) = modes(old, new) { span.tag { (from) " → " (to) } }
                    span.quiet.push { (sizes) }
                }
                (self.content(&name, old, new, left)?)
            }
        })
    }

    fn content(
        &self,
        name: &str,
        old: Option<&Blob>,
        new: Option<&Blob>,
        left: &mut u64,
    ) -> Result<Markup> {
        let largest = [old, new]
            .into_iter()
            .flatten()
            .map(Blob::size)
            .max()
            .unwrap_or(0);
        if largest > COMPARED_BYTES_MAX || largest > *left {
            return Ok(html! { div.inside { p.quiet { "Too large to be compared here." } } });
        }
        *left -= largest;
        let bytes = |blob: Option<&Blob>| blob.map(Blob::bytes).transpose();
        let (old, new) = (
            bytes(old)?.unwrap_or_default(),
            bytes(new)?.unwrap_or_default(),
        );
        let is_text = |bytes: &[u8]| value::kind(bytes).is_text();
        if !is_text(&old) || !is_text(&new) {
            let what = match value::kind(if new.is_empty() { &old } else { &new }) {
                Kind::Image(_) => "An image",
                _ => "Bytes that are no text",
            };
            return Ok(html! { div.inside { p.quiet { (what) "." } } });
        }
        Ok(html! {
            div.scroll tabindex="0" role="region" aria-label=(format!("Changes of {name}")) {
                @match old == new {
                    true => { p.inside.quiet { "The content is the same." } }
                    false => { (text_diff::draw(&old, &new)) }
                }
            }
        })
    }
}

fn sides(difference: &Difference) -> (&'static str, &'static str, Option<&Blob>, Option<&Blob>) {
    match difference {
        Difference::Added(new) => ("Added", "what-added", None, Some(new)),
        Difference::Removed(old) => ("Removed", "what-removed", Some(old), None),
        Difference::Modified { old, new } => ("Changed", "quiet", Some(old), Some(new)),
    }
}

fn modes(old: Option<&Blob>, new: Option<&Blob>) -> Option<(String, String)> {
    let (old, new) = (old?.mode(), new?.mode());
    (old != new).then(|| (old.to_string(), new.to_string()))
}
