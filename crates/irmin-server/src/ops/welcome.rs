//! What somebody who tries it out finds in a new repository.

use irminsule::Path;

use crate::service::{Caller, CommitOptions, Result, Server};

/// What is in it.
const VALUES: [(&str, &str); 4] = [
    (
        "welcome",
        "This is a value. Change it, and look at the history.\n",
    ),
    ("settings/colour", "blue"),
    ("settings/size", "7"),
    (
        "docs/branches",
        "A branch is a name for a commit. Fork one, change it, and merge it back.\n",
    ),
];

/// Puts something to look at into the repository if there is nothing in it. Blocks.
///
/// # Errors
/// [`ServiceError`](crate::service::ServiceError) when it cannot be read or written.
pub(super) fn fill(server: &Server, repository: &str) -> Result<bool> {
    let open = server.repos().get(repository)?;
    if !open.repo().engine().list_refs("")?.is_empty() {
        return Ok(false);
    }
    let scope = server.scope(&Caller::local(), repository)?;
    let options = CommitOptions::new("Begin with something to look at");
    scope.transact("main", &options, |view| {
        for (path, value) in VALUES {
            view.set(&Path::parse(path)?, value)?;
        }
        Ok(())
    })?;
    Ok(true)
}
