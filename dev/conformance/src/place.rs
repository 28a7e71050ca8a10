//! Where an engine under test keeps a repository.

use std::sync::Arc;

use irmin_core::{Branch, Engine, Env, Path, Repo, Tree};

use crate::Probe;

/// A place for one repository, empty at first. It goes away with the value.
pub trait Place {
    /// Opens the engine on what is in the place. The suite drops an engine, and all that came from
    /// it, before it opens the next.
    fn open(&self) -> Arc<dyn Engine>;
}

/// Makes a new place.
pub type Open<'a> = &'a (dyn Fn() -> Box<dyn Place> + Sync);

/// Opens a repository at a place.
pub(crate) fn repo(place: &dyn Place) -> Repo {
    Repo::new(place.open(), Env::fixed(1))
}

/// Opens a repository whose engine is watched.
pub(crate) fn probed(place: &dyn Place) -> (Repo, Arc<Probe>) {
    let probe = Arc::new(Probe::new(place.open()));
    let engine = Arc::clone(&probe) as Arc<dyn Engine>;
    (Repo::new(engine, Env::fixed(1)), probe)
}

pub(crate) fn main(repo: &Repo) -> Branch {
    repo.branch("main").unwrap()
}

pub(crate) fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Makes a tree of paths and values.
pub(crate) fn tree(entries: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::empty();
    for (at, value) in entries {
        tree.set(&path(at), (*value).to_owned()).unwrap();
    }
    tree
}

/// Returns the value at a path as text; empty if there is none.
pub(crate) fn text(tree: &Tree, at: &str) -> String {
    let bytes = tree.get_bytes(&path(at)).unwrap().unwrap_or_default();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Shows a figure beside the tests' output, for those who ask for it with `--nocapture`.
#[allow(clippy::print_stderr)]
pub(crate) fn report(figure: &str) {
    eprintln!("{figure}");
}
