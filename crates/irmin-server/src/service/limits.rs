//! What the server takes at once, from all and from one.

use std::time::Duration;

/// The limits of a server. All that a client can make grow has one.
///
/// ```
/// use irmin_server::service::Limits;
/// let limits = Limits { running: 16, ..Limits::default() };
/// assert_eq!(limits.request_bytes, 16 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests that run at the same time; as many threads. Default: 64, which share syncs.
    pub running: usize,
    /// Requests that wait for their turn; one more is [`Unavailable`]. Default: 1,024.
    ///
    /// [`Unavailable`]: super::ErrorKind::Unavailable
    pub waiting: usize,
    /// Requests of one principal that run or wait; all without a principal count as one.
    /// Default: 512.
    pub per_principal: usize,
    /// Uploads, downloads and other long requests at the same time, which have threads of their
    /// own. Default: 32.
    pub streams: usize,
    /// How long a request may take, with its waiting. Default: 30 s.
    pub time: Duration,
    /// How long an upload, a download or an administrator's request may take. Default: 1 h.
    pub stream_time: Duration,
    /// How long a stream may wait for its client to read or to send. Default: 30 s.
    pub stall_time: Duration,
    /// The largest request, in bytes, but for what is streamed. Default: 16 MiB.
    pub request_bytes: usize,
    /// The largest streamed value, in bytes. Default: 16 GiB.
    pub blob_bytes: u64,
    /// How many paths one call may ask for, and how many writes a transaction may have.
    /// Default: 10,000.
    pub paths: usize,
    /// The most entries on one page of a list, a log, a diff. Default: 1,000.
    pub page: usize,
    /// How many commits a log looks at for one page, where commits are passed over.
    /// Default: 100,000.
    pub log_commits: usize,
    /// How many objects one call may ask for or bring. Default: 10,000.
    pub objects: usize,
    /// Watches at the same time. Default: 10,000.
    pub watchers: usize,
    /// Changes that are told with one event of a watch. Default: 1,000.
    pub watch_changes: usize,
    /// Sessions at the same time. Default: 1,000.
    pub sessions: usize,
    /// Sessions of one principal at the same time. Default: 100.
    pub sessions_per_principal: usize,
    /// Bytes that one session may keep in memory, as values written and paths read and written.
    /// Default: 64 MiB.
    pub session_bytes: usize,
    /// How long a session may lie unused at the most. Default: 5 min.
    pub session_time: Duration,
    /// Failures to authenticate that one address has free in a minute. Default: 10.
    pub failures: u32,
    /// Answers to requests with a key that are kept in memory, for each repository.
    /// Default: 65,536.
    pub answers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            running: 64,
            waiting: 1024,
            per_principal: 512,
            streams: 32,
            time: Duration::from_secs(30),
            stream_time: Duration::from_secs(3600),
            stall_time: Duration::from_secs(30),
            request_bytes: 16 << 20,
            blob_bytes: 16 << 30,
            paths: 10_000,
            page: 1000,
            log_commits: 100_000,
            objects: 10_000,
            watchers: 10_000,
            watch_changes: 1000,
            sessions: 1000,
            sessions_per_principal: 100,
            session_bytes: 64 << 20,
            session_time: Duration::from_secs(300),
            failures: 10,
            answers: 65_536,
        }
    }
}
