//! Conflicts of a merge: both sides side by side, and what was chosen.

use std::collections::BTreeMap;

use irminsule::{Blob, Conflict, Entry, Path, Resolution};
use maud::{Markup, html};

use crate::service::{Result, Settlement, Snapshot};
use crate::web::fields::Fields;
use crate::web::parts::{short_rev, text_diff};
use crate::web::place::link;
use crate::web::text::{path as path_text, percent_path, plural, unpercent};
use crate::web::value;

/// How many conflicts one form settles.
const CONFLICTS_MAX: usize = 10_000;

/// What the sides are called, and where their values are.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) repo: &'a str,
    pub(super) into: &'a str,
    pub(super) from: &'a str,
    pub(super) ours: Option<&'a Snapshot>,
    pub(super) theirs: &'a Snapshot,
}

/// What somebody chose for a path.
#[derive(Clone, Debug, Default)]
struct Choice {
    what: String,
    text: String,
}

/// What was chosen, by path.
#[derive(Debug, Default)]
pub(super) struct Choices(BTreeMap<Path, Choice>);

impl Choices {
    /// Reads `path.0`, `choice.0`, `text.0`, `path.1` and so on.
    pub(super) fn read(fields: &Fields) -> Result<Self> {
        let mut choices = BTreeMap::new();
        for index in 0..CONFLICTS_MAX {
            let Some(path) = fields.get(&format!("path.{index}")) else {
                break;
            };
            let text = fields
                .get(&format!("text.{index}"))
                .unwrap_or_default()
                .replace("\r\n", "\n");
            let is_crlf = fields.get(&format!("lines.{index}")).is_some();
            let choice = Choice {
                what: fields
                    .get(&format!("choice.{index}"))
                    .unwrap_or_default()
                    .to_owned(),
                text: if is_crlf {
                    text.replace('\n', "\r\n")
                } else {
                    text
                },
            };
            choices.insert(Path::parse(unpercent(path.as_bytes()))?, choice);
        }
        Ok(Self(choices))
    }

    /// Returns how the conflicts are to be settled, as far as something was chosen.
    pub(super) fn settlements(&self) -> Vec<Settlement> {
        let settled = self.0.iter().filter_map(|(path, choice)| {
            let how = match choice.what.as_str() {
                "ours" => Resolution::Ours,
                "theirs" => Resolution::Theirs,
                "base" => Resolution::Base,
                "text" => Resolution::Entry(Some(Entry::Blob(Blob::new(choice.text.clone())))),
                _ => return None,
            };
            Some(Settlement {
                path: Some(path.clone()),
                how,
            })
        });
        settled.collect()
    }

    /// Draws a conflict with its choices.
    pub(super) fn draw(
        &self,
        sides: Sides<'_>,
        index: usize,
        conflict: &Conflict,
    ) -> Result<Markup> {
        let name = path_text(&conflict.path);
        let chosen = self.0.get(&conflict.path).cloned().unwrap_or_default();
        let ours_rev = sides
            .ours
            .map_or_else(|| sides.into.to_owned(), |ours| ours.id().to_string());
        let theirs_rev = sides.theirs.id().to_string();
        let texts = [
            text(conflict.ours.as_ref())?,
            text(conflict.theirs.as_ref())?,
        ];
        Ok(html! {
            fieldset.sheet {
                legend.unseen { "Conflict at " (name) }
                div.head {
                    h2 { (name) }
                    span.tag { (conflict.kind) }
                    @if let Some(reason) = &conflict.reason { span.quiet { (reason) } }
                }
                div.sides {
                    (side(sides, "On ", sides.into, &ours_rev, conflict, conflict.ours.as_ref())?)
                    (side(sides, "On ", sides.from, &theirs_rev, conflict, conflict.theirs.as_ref())?)
                }
                div.inside {
                    @if let [Some(ours), Some(theirs)] = &texts {
                        details {
                            summary { "How " (short_rev(sides.from)) " differs from " (sides.into) }
                            (text_diff::draw(ours.as_bytes(), theirs.as_bytes()))
                        }
                    }
                    details {
                        summary { "What both began with" }
                        (content("what both began with", "", conflict.base.as_ref())?)
                    }
                }
                (choices(sides, index, conflict, &chosen, &texts))
            }
        })
    }
}

/// Says how many conflicts there are.
pub(super) fn introduction(count: usize) -> String {
    let conflicts = plural(count as u64, "place", "places");
    format!(
        "Both sides changed {conflicts} in different ways. Choose for each what is right; then merge."
    )
}

fn side(
    sides: Sides<'_>,
    word: &str,
    name: &str,
    rev: &str,
    conflict: &Conflict,
    entry: Option<&Entry>,
) -> Result<Markup> {
    let raw = format!("{}?image", link(sides.repo, "raw", rev, &conflict.path));
    let called = format!("{} on {}", path_text(&conflict.path), short_rev(name));
    Ok(html! {
        div.side {
            h4 { (word) (short_rev(name)) }
            (content(&called, &raw, entry)?)
        }
    })
}

fn content(called: &str, raw: &str, entry: Option<&Entry>) -> Result<Markup> {
    Ok(match entry {
        None => html! { p.inside.quiet { "Nothing." } },
        Some(Entry::Tree(tree)) => html! {
            p.inside { "A directory with " (plural(tree.len()?, "entry", "entries")) "." }
        },
        Some(Entry::Blob(blob)) => value::draw_small(blob, called, raw)?,
    })
}

fn choices(
    sides: Sides<'_>,
    index: usize,
    conflict: &Conflict,
    chosen: &Choice,
    texts: &[Option<String>; 2],
) -> Markup {
    let name = format!("choice.{index}");
    let removes = |entry: Option<&Entry>| if entry.is_none() { " (remove it)" } else { "" };
    let options = [
        (
            "ours",
            format!("As on {}{}", sides.into, removes(conflict.ours.as_ref())),
        ),
        (
            "theirs",
            format!(
                "As on {}{}",
                short_rev(sides.from),
                removes(conflict.theirs.as_ref())
            ),
        ),
        (
            "base",
            format!("As before{}", removes(conflict.base.as_ref())),
        ),
    ];
    let can_write = texts.iter().any(Option::is_some);
    let own = match chosen.what.as_str() {
        "text" => chosen.text.clone(),
        _ => texts.iter().flatten().next().cloned().unwrap_or_default(),
    };
    let text_id = format!("text-{index}");
    html! {
        div.choices {
            input type="hidden" name=(format!("path.{index}")) value=(percent_path(&conflict.path));
            @for (value, label) in &options {
                label.inline {
                    input type="radio" name=(name) value=(value) checked[chosen.what == *value] required;
                    (label)
                }
            }
            @if can_write {
                label.inline {
                    input id=(format!("own-{index}")) type="radio" name=(name) value="text"
                        checked[chosen.what == "text"] required;
                    "As I write it:"
                }
                @if own.contains("\r\n") { input type="hidden" name=(format!("lines.{index}")) value="crlf"; }
                label.unseen for=(text_id) { "My own version of " (path_text(&conflict.path)) }
                textarea id=(text_id) name=(format!("text.{index}")) spellcheck="false"
                    data-chooses=(format!("own-{index}")) { "\n" (own) }
            }
        }
    }
}

/// Returns a value as text, if it is one that can be shown.
fn text(entry: Option<&Entry>) -> Result<Option<String>> {
    let Some(Entry::Blob(blob)) = entry else {
        return Ok(None);
    };
    let shown = value::read(blob)?;
    let is_text = shown.is_whole && shown.kind.is_text();
    Ok(is_text.then(|| String::from_utf8_lossy(&shown.bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_by_path_and_what_was_not_chosen_is_not_settled() {
        let form = b"path.0=a%252Fb&choice.0=text&text.0=x%0D%0Ay&path.1=c&choice.1=theirs&path.2=d&text.2=z";
        let choices = Choices::read(&Fields::parse(form)).unwrap();
        let settled = choices.settlements();
        let names: Vec<_> = settled
            .iter()
            .flat_map(|one| &one.path)
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["a/b", "c"]);
        let Resolution::Entry(Some(Entry::Blob(blob))) = &settled[0].how else {
            panic!("{settled:?}")
        };
        assert_eq!(blob.bytes().unwrap(), "x\ny");
        assert!(matches!(settled[1].how, Resolution::Theirs));
    }
}
