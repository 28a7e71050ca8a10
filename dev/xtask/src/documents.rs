//! Whether the documents point to something.

use std::path::Path;

use crate::{Findings, at};

/// The most lines of some documents: those that must stay a quick read.
const LINES_MAX: [(&str, usize); 2] = [("ARCHITECTURE.md", 300), ("README.md", 200)];

pub(crate) fn check(root: &Path, place: &Path, text: &str) -> Findings {
    let mut findings = Findings::new();
    let dir = root.join(place.parent().unwrap_or(Path::new("")));
    for (index, line) in text.lines().enumerate() {
        let broken = links(line).filter(|link| !dir.join(link).exists());
        findings.extend(broken.map(|link| at(place, index + 1, &format!("a broken link: {link}"))));
    }
    let lines = text.lines().count();
    for (name, max) in LINES_MAX {
        if place == Path::new(name) && lines > max {
            findings.push(at(
                place,
                lines,
                &format!("at most {max} lines are allowed"),
            ));
        }
    }
    findings
}

/// Returns the files that a line links to, without anchors. Code and the web are not followed.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let parts = line.split("](").skip(1);
    let targets = parts.filter_map(|part| part.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|file| !file.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_followed() {
        let line = "[a](b.md#c), [d](https://example.org/e), [f](#g), [h](i/j.md)";
        assert_eq!(links(line).collect::<Vec<_>>(), ["b.md", "i/j.md"]);
    }

    #[test]
    fn a_broken_link_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let place = Path::new("README.md");
        assert!(check(root, place, "[here](Cargo.toml)").is_empty());
        assert_eq!(check(root, place, "[there](nowhere.md)").len(), 1);
    }
}
