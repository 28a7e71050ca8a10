//! Which files a repository consists of.

use std::path::{Path, PathBuf};

/// The paths of one repository.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) dir: PathBuf,
    pub(crate) segments: PathBuf,
    pub(crate) format: PathBuf,
    pub(crate) lock: PathBuf,
    /// Where reader processes say what they hold.
    pub(crate) holds: PathBuf,
    /// The segment that is read under its temporary name: by who salvages only.
    pub(crate) begun: Option<u32>,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            segments: dir.join("segments"),
            format: dir.join("format"),
            lock: dir.join("lock"),
            holds: dir.join("holds"),
            begun: None,
        }
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        let path = self.segments.join(format!("{number:08}.seg"));
        match self.begun == Some(number) {
            true => temporary(&path),
            false => path,
        }
    }

    pub(crate) fn sidecar(&self, number: u32) -> PathBuf {
        self.segments.join(format!("{number:08}.idx"))
    }
}

/// The name under which a file is written before it gets its own.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    PathBuf::from(name)
}

pub(crate) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// Returns the number in the name of a segment's file.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    let number = digits.parse().ok()?;
    (number > 0 && format!("{number:08}") == digits).then_some(number)
}

/// What the file `format` says.
pub(crate) const FORMAT: &str = "irminsule pack\nversion 1\nhash sha256\n";
/// The same, of a store that may have segments with gaps and commits that are cut.
pub(crate) const FORMAT_2: &str = "irminsule pack\nversion 2\nhash sha256\n";
const TEMPORARY: &str = ".tmp";
