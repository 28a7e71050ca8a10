//! Colours, by meaning.

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// An id.
    Id,
    /// The name of a branch, a tag, a remote.
    Name,
    /// A directory.
    Directory,
    /// A file that can be executed.
    Executable,
    /// A symbolic link.
    Link,
    /// What was added, or is fine.
    Added,
    /// What was removed.
    Removed,
    /// A place in a diff.
    Place,
    /// A heading.
    Heading,
    /// What matters less.
    Faint,
    /// The word in front of an error.
    Error,
    /// The word in front of a hint.
    Hint,
    /// The n-th lane of a graph.
    Lane(usize),
}

const LANES: [&str; 6] = ["31", "32", "33", "34", "35", "36"];

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Id => "33",
            Self::Name => "1;36",
            Self::Directory => "1;34",
            Self::Executable | Self::Added => "32",
            Self::Link | Self::Place | Self::Hint => "36",
            Self::Removed => "31",
            Self::Heading => "1",
            Self::Faint => "2",
            Self::Error => "1;31",
            Self::Lane(lane) => LANES.get(lane % LANES.len()).copied().unwrap_or("31"),
        }
    }

    /// Wraps text in the codes of this style.
    pub(crate) fn wrap(self, text: &str) -> String {
        format!("\x1b[{}m{text}\x1b[0m", self.code())
    }
}
