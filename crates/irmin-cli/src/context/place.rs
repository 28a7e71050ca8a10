//! Where the repository is.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use irminsule::Url;

use crate::failure::Failure;

/// The directory of a repository inside the directory that it belongs to.
pub(crate) const DIRECTORY: &str = ".irmin";

/// Returns the place that a user names, that `IRMIN_REPO` names, or the nearest one upwards.
pub(super) fn find(named: Option<&OsStr>) -> Result<Url, Failure> {
    match self::named(named)? {
        Some(url) => Ok(inside(url)),
        None => nearest(),
    }
}

/// Returns the place that a user or `IRMIN_REPO` names, if any.
pub(super) fn named(named: Option<&OsStr>) -> Result<Option<Url>, Failure> {
    let from_env = || env::var_os("IRMIN_REPO").filter(|text| !text.is_empty());
    let named = named.map(OsString::from).or_else(from_env);
    named.as_deref().map(parse).transpose()
}

/// Reads a URL or a directory, which may have any bytes in its name.
pub(crate) fn parse(text: &OsStr) -> Result<Url, Failure> {
    match text.to_str() {
        Some(text) => Ok(text.parse()?),
        None => Ok(Url::Pack(text.into())),
    }
}

/// Takes the repository that belongs to a directory, unless the directory is one. A file is a bundle.
pub(crate) fn inside(url: Url) -> Url {
    if let Url::Pack(path) = &url
        && path.is_file()
    {
        return Url::Bundle(path.clone());
    }
    match url.dir().map(|dir| dir.join(DIRECTORY)) {
        Some(below) if is_store(&below) => Url::Pack(below),
        _ => url,
    }
}

fn nearest() -> Result<Url, Failure> {
    let here = env::current_dir()
        .map_err(|error| Failure::file("find", Path::new("the current directory"), &error))?;
    let found: Option<PathBuf> = here
        .ancestors()
        .map(|dir| dir.join(DIRECTORY))
        .find(|dir| is_store(dir));
    found.map(Url::Pack).ok_or_else(|| {
        Failure::new("there is no repository here or in any directory above")
            .hint("'irmin init' makes one here; '--repo DIR' or IRMIN_REPO names another")
    })
}

/// Tells whether a directory holds a store: an exported tree may have a `.irmin` that is none.
pub(crate) fn is_store(dir: &Path) -> bool {
    dir.join("format").is_file()
}
