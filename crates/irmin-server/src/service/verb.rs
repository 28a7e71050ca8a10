//! What can be asked of the server, and what right each takes.

use super::access::Right;

/// A thing that can be asked of the service. Each method of [`Scope`](super::Scope) is one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Verb {
    /// Finding the commit that a revision means.
    Resolve,
    /// Looking paths up.
    Get,
    /// Listing a directory.
    List,
    /// Reading a value.
    ReadBlob,
    /// Reading a directory by its id.
    Tree,
    /// Comparing two commits.
    Diff,
    /// Listing commits.
    Log,
    /// Asking who last changed what.
    Blame,
    /// Asking where two lines of history meet.
    Ancestors,
    /// Listing names, or looking one up.
    Refs,
    /// Watching a branch.
    Watch,
    /// Watching names.
    WatchRefs,
    /// Seeing what a merge would do.
    MergePreview,
    /// Committing writes to a branch.
    Commit,
    /// Working in a session.
    Session,
    /// Storing a value on its way into a commit.
    WriteBlob,
    /// Merging into a branch, or reverting on it.
    Merge,
    /// Making, moving or removing a branch.
    Branch,
    /// Making or removing a tag.
    Tag,
    /// Reading objects by their ids.
    ReadObjects,
    /// Reading the objects of a branch.
    Fetch,
    /// Storing objects.
    WriteObjects,
    /// Moving names by compare-and-swap.
    UpdateRefs,
    /// Making all that was written durable.
    Sync,
    /// Reading figures about the store.
    Stats,
    /// Removing what nothing leads to.
    Collect,
    /// Checking all that is stored.
    Verify,
    /// Copying all that is stored.
    Backup,
    /// Listing repositories.
    ListRepos,
    /// Making a repository.
    CreateRepo,
    /// Removing a repository.
    DropRepo,
    /// Making, listing and revoking tokens.
    Tokens,
}

/// What a verb takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Any right: shows only what the caller may see.
    Nothing,
    /// The right on some path of the branch: shows or changes only what the caller may.
    Some(Right),
    /// The right on the whole branch.
    Branch(Right),
    /// The right on the whole repository.
    Repo(Right),
    /// The right to write the whole branch (if none is named, some branch), and to read the whole
    /// repository: whoever brings objects by id can make a name lead to any of them.
    Push,
    /// Admin of the server.
    Server,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 32] = [
        Self::Resolve,
        Self::Get,
        Self::List,
        Self::ReadBlob,
        Self::Tree,
        Self::Diff,
        Self::Log,
        Self::Blame,
        Self::Ancestors,
        Self::Refs,
        Self::Watch,
        Self::WatchRefs,
        Self::MergePreview,
        Self::Commit,
        Self::Session,
        Self::WriteBlob,
        Self::Merge,
        Self::Branch,
        Self::Tag,
        Self::ReadObjects,
        Self::Fetch,
        Self::WriteObjects,
        Self::UpdateRefs,
        Self::Sync,
        Self::Stats,
        Self::Collect,
        Self::Verify,
        Self::Backup,
        Self::ListRepos,
        Self::CreateRepo,
        Self::DropRepo,
        Self::Tokens,
    ];

    /// Returns what it takes.
    #[must_use]
    pub const fn needs(self) -> Needs {
        match self {
            Self::Refs | Self::WatchRefs | Self::ListRepos => Needs::Nothing,
            Self::Resolve
            | Self::Get
            | Self::List
            | Self::ReadBlob
            | Self::Diff
            | Self::Log
            | Self::Blame
            | Self::Ancestors
            | Self::Watch
            | Self::MergePreview => Needs::Some(Right::Read),
            Self::Commit | Self::Session | Self::WriteBlob => Needs::Some(Right::Write),
            Self::Fetch => Needs::Branch(Right::Read),
            Self::Merge | Self::Branch | Self::Tag => Needs::Branch(Right::Write),
            Self::Tree | Self::ReadObjects | Self::Stats => Needs::Repo(Right::Read),
            Self::WriteObjects | Self::UpdateRefs => Needs::Push,
            Self::Sync => Needs::Repo(Right::Read),
            Self::Collect | Self::Verify | Self::Backup => Needs::Repo(Right::Admin),
            Self::CreateRepo | Self::DropRepo => Needs::Repo(Right::Admin),
            Self::Tokens => Needs::Server,
        }
    }

    /// Tells whether it can change anything.
    #[must_use]
    pub const fn is_write(self) -> bool {
        !matches!(
            self.needs(),
            Needs::Nothing | Needs::Some(Right::Read) | Needs::Branch(Right::Read)
        ) && !matches!(
            self,
            Self::Tree | Self::ReadObjects | Self::Stats | Self::Verify
        )
    }

    /// Returns the name in metrics and in the audit log, such as `merge_preview`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Get => "get",
            Self::List => "list",
            Self::ReadBlob => "read_blob",
            Self::Tree => "tree",
            Self::Diff => "diff",
            Self::Log => "log",
            Self::Blame => "blame",
            Self::Ancestors => "ancestors",
            Self::Refs => "refs",
            Self::Watch => "watch",
            Self::WatchRefs => "watch_refs",
            Self::MergePreview => "merge_preview",
            Self::Commit => "commit",
            Self::Session => "session",
            Self::WriteBlob => "write_blob",
            Self::Merge => "merge",
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::ReadObjects => "read_objects",
            Self::Fetch => "fetch",
            Self::WriteObjects => "write_objects",
            Self::UpdateRefs => "update_refs",
            Self::Sync => "sync",
            Self::Stats => "stats",
            Self::Collect => "collect",
            Self::Verify => "verify",
            Self::Backup => "backup",
            Self::ListRepos => "list_repos",
            Self::CreateRepo => "create_repo",
            Self::DropRepo => "drop_repo",
            Self::Tokens => "tokens",
        }
    }
}
