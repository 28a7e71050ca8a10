//! Sets of paths that are closed downwards.

use irminsule::Path;

/// Some paths and all that is below them.
///
/// ```
/// use irmin_server::service::PathSet;
/// use irminsule::Path;
/// let set: PathSet = [Path::parse("a/b")?].into_iter().collect();
/// assert!(set.covers(&Path::parse("a/b/c")?));
/// assert!(!set.covers(&Path::parse("a")?));
/// # Ok::<(), irminsule::PathError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathSet(Vec<Path>);

impl PathSet {
    /// Returns the set of all paths.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Path::root()])
    }

    /// Tells whether all paths are in it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.first().is_some_and(Path::is_root)
    }

    /// Tells whether no path is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the shortest paths in it, in order: none lies below another.
    #[must_use]
    pub fn prefixes(&self) -> &[Path] {
        &self.0
    }

    /// Tells whether a path is in it, and so all below. O(log n) for n prefixes.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        // Whatever prefix the path has is the nearest one that is not behind it.
        let behind = self.0.partition_point(|prefix| prefix <= path);
        let nearest = behind.checked_sub(1).and_then(|at| self.0.get(at));
        nearest.is_some_and(|prefix| path.starts_with(prefix))
    }

    /// Returns what of it lies at or below a path.
    #[must_use]
    pub fn within(&self, path: &Path) -> Self {
        if self.covers(path) {
            return Self(vec![path.clone()]);
        }
        let start = self.0.partition_point(|prefix| prefix < path);
        let below = self.0.iter().skip(start);
        Self(
            below
                .take_while(|below| below.starts_with(path))
                .cloned()
                .collect(),
        )
    }
}

impl FromIterator<Path> for PathSet {
    fn from_iter<I: IntoIterator<Item = Path>>(paths: I) -> Self {
        let mut sorted: Vec<Path> = paths.into_iter().collect();
        sorted.sort();
        let mut kept: Vec<Path> = Vec::with_capacity(sorted.len());
        for path in sorted {
            if !kept.last().is_some_and(|last| path.starts_with(last)) {
                kept.push(path);
            }
        }
        Self(kept)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path() -> impl Strategy<Value = Path> {
        "([ab](/[ab]){0,3})?".prop_map(|text| Path::parse(text).unwrap())
    }

    proptest! {
        #[test]
        fn a_set_covers_what_starts_with_one_of_its_paths(
            paths in prop::collection::vec(path(), 0..6), asked in path(), at in path()
        ) {
            let set: PathSet = paths.iter().cloned().collect();
            let covered = paths.iter().any(|prefix| asked.starts_with(prefix));
            prop_assert_eq!(set.covers(&asked), covered);
            let within = covered && asked.starts_with(&at);
            prop_assert_eq!(set.within(&at).covers(&asked), within);
            prop_assert_eq!(set.is_all(), paths.iter().any(Path::is_root));
        }
    }
}
