//! The async client.

mod commit;
mod contents;
mod manage;
mod merge;
mod session;
mod watch;

use irmin_proto::v1;

pub use commit::{Changes, CommitOutcome, Precondition, Write};
pub use contents::LogQuery;
pub use merge::{MergeOutcome, MergeRequest, Settle};
pub use session::Session;
pub use watch::{RemoteEvent, WatchOptions, WatchStream};

use crate::connection::Connection;
use crate::error::Result;
use crate::{ClientOptions, RemoteUrl};

/// A client of one repository on a server, async. Cheap to clone.
///
/// Connects with the first call and again when the connection broke. Every call has a deadline in
/// all. Calls that read, and calls that commit, are tried again with back-off when no answer came:
/// commits carry a key that is made once for each call, by which the server knows that it is the same
/// one and does it once. Each method is one round trip, unless it says otherwise.
///
/// Revisions are texts as the library and the command line have them: `main`, `main~3`, `v1`, an id.
///
/// ```no_run
/// # async fn example() -> Result<(), irmin_client::ClientError> {
/// use irmin_client::{Changes, Client, ClientOptions, CommitOutcome};
/// # let path = |text: &str| irmin_core::Path::parse(text).unwrap();
/// let url = "irmin://localhost".parse().unwrap();
/// let client = Client::new(&url, ClientOptions::from_env()?);
/// let changes = Changes::new("main", "say hello").set(&path("greetings/en"), "hello");
/// let done = client.commit(&changes).await?;
/// assert!(matches!(done, CommitOutcome::Committed { .. }));
/// assert_eq!(client.value("main", &path("greetings/en")).await?.unwrap(), "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Connection);

impl Client {
    /// Returns a client of the repository at a URL. Asks nobody yet.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn new(url: &RemoteUrl, options: ClientOptions) -> Self {
        Self(Connection::new(url.clone(), options))
    }

    /// Returns where the repository is.
    #[must_use]
    pub fn url(&self) -> &RemoteUrl {
        self.0.url()
    }

    /// Returns how many calls were made so far, repeated ones counted each time.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.calls()
    }

    fn repository(&self) -> String {
        self.0.repository()
    }

    fn at(&self, revision: &str) -> Option<v1::At> {
        Some(v1::At {
            repository: self.repository(),
            revision: revision.to_owned(),
        })
    }

    /// Makes a value of an answer.
    fn read<T>(&self, call: &'static str, read: Result<T, String>) -> Result<T> {
        read.map_err(|problem| self.0.broken(call, problem))
    }
}
