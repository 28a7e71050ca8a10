//! Commits as text.

use std::collections::HashMap;

use irminsule::{Commit, Id, Repo, Signature, Time};

use crate::commands::names::of_remotes;
use crate::failure::Failure;
use crate::paint::Style;
use crate::quote::{quote, tame};
use crate::ui::Ui;

/// The names of commits: branches, tags, branches of remotes, pins.
pub(crate) struct Names(HashMap<Id, Vec<String>>);

impl Names {
    pub(crate) fn load(repo: &Repo) -> Result<Self, Failure> {
        let mut names: HashMap<Id, Vec<String>> = HashMap::new();
        for (name, id) in repo.branches()? {
            names.entry(id).or_default().push(name.as_str().to_owned());
        }
        for (name, id) in repo.tags()? {
            names.entry(id).or_default().push(format!("tag {name}"));
        }
        for (name, id) in of_remotes(repo)? {
            names.entry(id).or_default().push(name);
        }
        for (name, id) in repo.pins()? {
            names.entry(id).or_default().push(format!("pins/{name}"));
        }
        Ok(Self(names))
    }

    /// Writes the names of a commit, with a blank in front if there are any.
    fn show(&self, ui: &Ui, id: Id) -> String {
        match self.0.get(&id) {
            None => String::new(),
            Some(names) => {
                let names: Vec<_> = names
                    .iter()
                    .map(|name| ui.paint(Style::Name, name))
                    .collect();
                format!(" ({})", names.join(", "))
            }
        }
    }
}

/// Writes a commit with its whole message and an empty line behind it.
pub(crate) fn print(ui: &mut Ui, commit: &Commit, names: &Names) -> Result<(), Failure> {
    let id = ui.paint(Style::Id, format!("commit {}", commit.id()));
    let names = names.show(ui, commit.id());
    ui.line(format!("{id}{names}"))?;
    if let [_, _, ..] = commit.parents() {
        let parents = commit.parents().iter().map(|parent| parent.id.short());
        let parents: Vec<String> = parents.collect();
        ui.line(format!("Merge:  {}", parents.join(" ")))?;
    }
    let info = commit.info();
    ui.line(format!("Author: {}", person(&info.author)))?;
    if (info.committer.name(), info.committer.email()) != (info.author.name(), info.author.email())
    {
        ui.line(format!("Commit: {}", person(&info.committer)))?;
    }
    ui.line(format!("Date:   {}", time(info.author.time())))?;
    if let Some(cut) = left_out(commit) {
        ui.line(format!("Kept:   {cut}"))?;
    }
    ui.line("")?;
    for line in tame(&info.message).lines() {
        let line = format!("    {line}");
        ui.line(line.trim_end())?;
    }
    ui.line("")
}

/// Tells what is left out beneath a commit, if anything is.
fn left_out(commit: &Commit) -> Option<&'static str> {
    let cut = commit.cut();
    match (cut.contents, cut.parents) {
        (false, false) => None,
        (true, false) => Some("without contents"),
        (false, true) => Some("without the history before it"),
        (true, true) => Some("without contents, without the history before it"),
    }
}

/// Returns a commit on one line.
pub(crate) fn one_line(ui: &Ui, commit: &Commit, names: &Names) -> String {
    let id = ui.paint(Style::Id, commit.id().short());
    let names = names.show(ui, commit.id());
    let subject = quote(commit.info().subject().as_bytes());
    let author = &commit.info().author;
    let who = quote(author.name());
    let cut = left_out(commit).map_or(String::new(), |cut| format!(", kept {cut}"));
    let about = format!("{who}, {}{cut}", time(author.time()));
    let about = ui.paint(Style::Faint, about);
    format!("{id}{names} {subject}  {about}")
}

/// Writes who it was.
pub(crate) fn person(signature: &Signature) -> String {
    let person = [signature.name(), &b" <"[..], signature.email(), b">"].concat();
    tame(&person)
}

/// Writes a time with its zone.
pub(crate) fn time(time: Time) -> String {
    let text = time.to_string().replacen('T', " ", 1);
    match text.strip_suffix('Z') {
        Some(utc) => format!("{utc} UTC"),
        // The zone is the last six letters: a sign, hours, a colon, minutes.
        None => match text.split_at_checked(text.len().saturating_sub(6)) {
            Some((clock, zone)) => format!("{clock} {zone}"),
            None => text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_with_their_zone() {
        assert_eq!(time(Time::utc(0)), "1970-01-01 00:00:00 UTC");
        assert_eq!(
            time(Time::new(0, 90).unwrap()),
            "1970-01-01 01:30:00 +01:30"
        );
    }
}
