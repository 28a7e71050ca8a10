//! What every manifest must say.

use std::path::Path;

use crate::metadata::{Package, Workspace};
use crate::{Failure, Findings, shown};

/// The most integration test binaries a crate may have: each is linked by itself.
const TEST_TARGETS_MAX: usize = 1;

/// Manifests outside the workspace: they cannot take its lints, because what they are built with
/// does not compile under them, or because what they depend on must not be in its lock file.
const OUTSIDE: [&str; 2] = ["fuzz/Cargo.toml", "dev/bench/peers/Cargo.toml"];

pub(crate) fn check(workspace: &Workspace) -> Result<Findings, Failure> {
    let root = std::fs::read_to_string(workspace.root.join("Cargo.toml"))?;
    let mut findings = check_root(&root);
    for package in workspace.members() {
        let place = shown(&workspace.root, &package.manifest);
        let text = std::fs::read_to_string(&package.manifest)?;
        findings.extend(check_member(&place, &text, package));
    }
    for outside in OUTSIDE {
        let text = std::fs::read_to_string(workspace.root.join(outside))?;
        findings.extend(check_licence(Path::new(outside), &text));
    }
    Ok(findings)
}

fn check_root(text: &str) -> Findings {
    let wanted = ["unsafe_code = \"deny\"", "missing_docs = \"deny\""];
    let missing = wanted.iter().filter(|wanted| !text.contains(**wanted));
    missing
        .map(|wanted| format!("Cargo.toml: the workspace's lints must say {wanted}"))
        .collect()
}

fn check_member(place: &Path, text: &str, package: &Package) -> Findings {
    let mut findings = check_licence(place, text);
    if !section(text, "[lints]").contains(&"workspace = true") {
        findings.push(format!(
            "{}: must take the workspace's lints",
            place.display()
        ));
    }
    if package.licence.as_deref() != Some("ISC") {
        findings.push(format!("{}: the licence must be ISC", place.display()));
    }
    if package.test_targets.len() > TEST_TARGETS_MAX {
        findings.push(format!(
            "{}: {} integration test binaries; make them modules of one",
            place.display(),
            package.test_targets.len()
        ));
    }
    findings
}

fn check_licence(place: &Path, text: &str) -> Findings {
    let licensed = text.contains("license.workspace = true") || text.contains("license = \"ISC\"");
    let finding = format!("{}: the licence must be ISC", place.display());
    if licensed { Vec::new() } else { vec![finding] }
}

/// Returns the lines of a section of a manifest.
fn section<'a>(text: &'a str, header: &str) -> Vec<&'a str> {
    let lines = text.lines().map(str::trim);
    let lines = lines.skip_while(|line| *line != header).skip(1);
    lines.take_while(|line| !line.starts_with('[')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(tests: usize) -> Package {
        Package {
            name: "a".to_owned(),
            version: "0.1.0".to_owned(),
            licence: Some("ISC".to_owned()),
            manifest: "/w/crates/a/Cargo.toml".into(),
            is_member: true,
            dependencies: Vec::new(),
            test_targets: vec!["tests/a.rs".into(); tests],
        }
    }

    #[test]
    fn a_manifest_needs_lints_licence_and_one_test_binary() {
        let good = "[package]\nlicense.workspace = true\n[lints]\nworkspace = true\n";
        let place = Path::new("crates/a/Cargo.toml");
        assert!(check_member(place, good, &package(1)).is_empty());
        assert_eq!(check_member(place, good, &package(2)).len(), 1);
        assert_eq!(check_member(place, "[package]\n", &package(1)).len(), 2);
        let elsewhere = "license.workspace = true\n[lints]\n[other]\nworkspace = true\n";
        assert_eq!(check_member(place, elsewhere, &package(1)).len(), 1);
    }

    #[test]
    fn the_workspace_must_forbid_unsafe_code() {
        assert_eq!(check_root("missing_docs = \"deny\"\n").len(), 1);
    }
}
