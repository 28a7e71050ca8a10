//! How many packages the lock file may name.

use crate::metadata::Workspace;
use crate::{Failure, Findings};

/// The most packages from elsewhere. Each one is code to trust, build and update: raise the number
/// in a commit of its own that says what for.
const FOREIGN_PACKAGES_MAX: usize = 300;

pub(crate) fn check(workspace: &Workspace) -> Result<Findings, Failure> {
    let lock = std::fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    Ok(check_count(foreign_packages(&lock)))
}

/// Counts the packages that come from a registry or a repository.
fn foreign_packages(lock: &str) -> usize {
    lock.lines()
        .filter(|line| line.starts_with("source = "))
        .count()
}

fn check_count(count: usize) -> Findings {
    if count <= FOREIGN_PACKAGES_MAX {
        return Findings::new();
    }
    vec![format!(
        "Cargo.lock: {count} foreign packages, at most {FOREIGN_PACKAGES_MAX} are allowed"
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_packages_count() {
        let lock = "[[package]]\nname = \"a\"\n\n[[package]]\nname = \"b\"\nsource = \"r\"\n";
        assert_eq!(foreign_packages(lock), 1);
        assert!(check_count(FOREIGN_PACKAGES_MAX).is_empty());
        assert_eq!(check_count(FOREIGN_PACKAGES_MAX + 1).len(), 1);
    }
}
