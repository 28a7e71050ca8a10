//! Checks of the workspace that no other tool makes.
//!
//! `cargo xtask layout` checks which crate depends on which, the manifests, the size of files and
//! functions, words that must not stay in the code, and the links between documents.
//! `cargo xtask licences` checks the licences of all dependencies. Findings go to the error
//! output, one a line with its place; the exit code is 0 when there are none, else 1.

mod arrows;
mod documents;
mod functions;
mod licences;
mod lock;
mod manifests;
mod metadata;
mod purity;
mod size;
mod source;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use metadata::Workspace;

/// What a check found wrong, one line each.
type Findings = Vec<String>;

/// Why a check could not be made.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let findings = match command.as_str() {
        "layout" => layout(),
        "licences" => Workspace::load().map(|workspace| licences::check(&workspace)),
        _ => Err("usage: cargo xtask layout | licences".into()),
    };
    report(&command, findings)
}

fn layout() -> Result<Findings, Failure> {
    let workspace = Workspace::load()?;
    let mut findings = arrows::check(&workspace);
    findings.extend(manifests::check(&workspace)?);
    findings.extend(lock::check(&workspace)?);
    let files = source::find(&workspace.root)?;
    for path in &files {
        let place = source::relative(&workspace.root, path);
        let text = std::fs::read_to_string(path)?;
        findings.extend(check_file(&workspace.root, &place, &text));
    }
    Ok(findings)
}

/// Checks one file, given its path from the root of the workspace.
fn check_file(root: &Path, place: &Path, text: &str) -> Findings {
    let mut findings = words::check(place, text);
    if place.extension().is_some_and(|end| end == "rs") {
        let code = source::Code::read(text);
        findings.extend(size::check(place, text));
        findings.extend(functions::check(place, &code));
        findings.extend(words::check_code(place, &code));
        findings.extend(purity::check(place, text, &code));
    }
    if place.extension().is_some_and(|end| end == "md") {
        findings.extend(documents::check(root, place, text));
    }
    findings
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
fn report(command: &str, findings: Result<Findings, Failure>) -> ExitCode {
    match findings {
        Ok(findings) if findings.is_empty() => {
            println!("{command}: nothing to report");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            findings.iter().for_each(|finding| eprintln!("{finding}"));
            eprintln!("{command}: {} findings", findings.len());
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Writes a finding with its place.
fn at(place: &Path, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", place.display())
}

/// Returns the path of a crate's manifest relative to the root, for findings.
fn shown(root: &Path, path: &Path) -> PathBuf {
    source::relative(root, path)
}
