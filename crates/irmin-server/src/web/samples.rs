//! What engines say about themselves, taken now and then: for plots over time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use irminsule::StoreStats;
use tokio::runtime::Handle;

use crate::service::Server;

/// How far two samples are apart.
const APART: Duration = Duration::from_secs(10);

/// How many are kept of a repository: an hour.
const KEPT: usize = 360;

/// How many repositories are sampled.
const REPOS_MAX: usize = 256;

/// What an engine said at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// When, in milliseconds since 1970.
    pub(super) at: u64,
    /// What.
    pub(super) stats: StoreStats,
}

/// The samples of the last hour, by repository. 100 KiB for each that is open.
#[derive(Default)]
pub(super) struct Samples(Mutex<BTreeMap<String, VecDeque<Sample>>>);

impl Samples {
    /// Begins to take samples, as long as there is the server. Does not keep it alive.
    pub(super) fn start(server: &Server) -> Arc<Self> {
        let samples = Arc::new(Self::default());
        let (held, server) = (Arc::clone(&samples), Arc::downgrade(&server.0));
        Handle::current().spawn(async move {
            while let Some(server) = server.upgrade().map(Server)
                && !server.is_stopping()
            {
                let samples = Arc::clone(&held);
                // Whatever went wrong, the next sample is another try.
                let _ = tokio::task::spawn_blocking(move || samples.take(&server)).await;
                tokio::time::sleep(APART).await;
            }
        });
        samples
    }

    fn take(&self, server: &Server) {
        let at = server.now();
        let Ok(stats) = server.repos().stats() else {
            return;
        };
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.retain(|name, _| stats.iter().any(|(open, _)| open == name));
        for (name, stats) in stats.into_iter().take(REPOS_MAX) {
            let of = samples.entry(name).or_default();
            if of.len() == KEPT {
                of.pop_front();
            }
            of.push_back(Sample { at, stats });
        }
    }

    /// Returns the samples of a repository, oldest first, and one of now.
    pub(super) fn of(&self, repo: &str, now: Sample) -> Vec<Sample> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = samples.get(repo).into_iter().flatten().copied();
        taken
            .filter(|sample| sample.at < now.at)
            .chain([now])
            .collect()
    }
}
