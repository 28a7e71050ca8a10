//! Objects of a transfer: sent in one go, kept until they are asked for.

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use irmin_core::{Cut, Hold, Id, Kind, StoreError, Stored};
use irmin_proto::v1;
use tempfile::SpooledTempFile;
use tokio::task::AbortHandle;
use tonic::Status;

use super::{RemoteStore, locked};
use crate::connection::Connection;
use crate::error::{ClientError, Problem};
use crate::wire;

/// How many bytes of a transfer are kept in memory; with more they go to an unnamed temporary file.
const MEMORY_BYTES_MAX: usize = 16 << 20;
/// How many of the commits that arrived are named when a transfer goes on after it broke off.
const ARRIVED_MAX: usize = 64;

const CALL: &str = "Objects.Fetch";

/// The transfers that run or are kept.
#[derive(Default)]
pub(super) struct Spools(Arc<Mutex<Vec<Arc<Spool>>>>);

/// One transfer.
struct Spool {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    file: SpooledTempFile,
    end: u64,
    objects: HashMap<Id, Place>,
    /// Commits that arrived, each with all that it leads to, oldest first.
    arrived: Vec<Id>,
    is_over: bool,
}

#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    len: usize,
    generation: u32,
    cut: Cut,
}

impl Spools {
    /// Returns an object that a transfer brought, or brings: waits for it then.
    pub(super) fn get(&self, id: &Id) -> Result<Option<Stored>, StoreError> {
        let spools = locked(&self.0).clone();
        for spool in spools {
            let found = spool.get(id).map_err(|source| StoreError::Io {
                action: "read",
                path: "what a transfer brought".into(),
                offset: None,
                source,
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl RemoteStore {
    /// Has the server send all that commits lead to, from the oldest on. What does not come so, because
    /// the transfer fails or is refused, is asked for object by object.
    pub(super) fn begin_transfer(
        &self,
        wants: &[Id],
        haves: &[Id],
        depth: Option<NonZeroU32>,
    ) -> Result<Hold, StoreError> {
        let Some(handle) = self.waiter.handle() else {
            return Ok(Hold::new(()));
        };
        let request = v1::FetchRequest {
            repository: self.connection.repository(),
            want: wire::object_ids(wants),
            have: wire::object_ids(haves),
            depth: depth.map_or(0, NonZeroU32::get),
        };
        let spool = Arc::new(Spool::new());
        locked(&self.spools.0).push(Arc::clone(&spool));
        let task = handle.spawn(transfer(
            self.connection.clone(),
            request,
            Arc::clone(&spool),
        ));
        Ok(Hold::new(Guard {
            spools: Arc::clone(&self.spools.0),
            spool,
            task: task.abort_handle(),
        }))
    }
}

/// Brings objects until the server has sent all, through as many connections as it takes.
async fn transfer(connection: Connection, request: v1::FetchRequest, spool: Arc<Spool>) {
    let backoff = connection.options().backoff;
    let mut failures = 0;
    while failures < backoff.attempts_max {
        connection.count();
        let before = spool.count();
        let error = match receive(&connection, &spool.goes_on(&request), &spool).await {
            Ok(()) => break,
            Err(error) => error,
        };
        if !error.is_transient() {
            break;
        }
        failures = if spool.count() > before {
            1
        } else {
            failures + 1
        };
        connection.back_off(failures).await;
    }
    spool.finish();
}

async fn receive(
    connection: &Connection,
    request: &v1::FetchRequest,
    spool: &Spool,
) -> Result<(), ClientError> {
    let failed = |status: Status| connection.failed(CALL, &status);
    let deadline = connection.options().deadline;
    let late = |_| connection.error(CALL, Problem::Deadline(deadline));
    let begun = connection.objects().fetch(request.clone()).await;
    let mut answers = begun.map_err(failed)?.into_inner();
    loop {
        let answer = tokio::time::timeout(deadline, answers.message()).await;
        let Some(answer) = answer.map_err(late)?.map_err(failed)? else {
            return Ok(());
        };
        let kept = answer
            .objects
            .into_iter()
            .try_for_each(|object| spool.add(object));
        kept.map_err(|error| connection.broken(CALL, format!("it cannot be kept: {error}")))?;
    }
}

impl Spool {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                file: SpooledTempFile::new(MEMORY_BYTES_MAX),
                end: 0,
                objects: HashMap::new(),
                arrived: Vec::new(),
                is_over: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn add(&self, object: v1::StoredObject) -> io::Result<()> {
        let id = Id::of(&object.encoding);
        let mut state = locked(&self.state);
        let offset = state.end;
        state.file.seek(SeekFrom::Start(offset))?;
        state.file.write_all(&object.encoding)?;
        state.end += object.encoding.len() as u64;
        let place = Place {
            offset,
            len: object.encoding.len(),
            generation: object.generation,
            cut: wire::cut(object.cut),
        };
        state.objects.insert(id, place);
        if object.encoding.get(1) == Some(&Kind::Commit.code()) {
            state.arrived.push(id);
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Returns an object; waits while it may still come.
    fn get(&self, id: &Id) -> io::Result<Option<Stored>> {
        let is_open = |state: &mut State| !state.is_over && !state.objects.contains_key(id);
        let state = self.changed.wait_while(locked(&self.state), is_open);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let Some(&place) = state.objects.get(id) else {
            return Ok(None);
        };
        let mut bytes = vec![0; place.len];
        state.file.seek(SeekFrom::Start(place.offset))?;
        state.file.read_exact(&mut bytes)?;
        Ok(Some(Stored {
            bytes: bytes.into(),
            links: Vec::new(),
            region: None,
            generation: place.generation,
            cut: place.cut,
        }))
    }

    /// Returns the request that goes on behind what arrived.
    fn goes_on(&self, request: &v1::FetchRequest) -> v1::FetchRequest {
        let mut request = request.clone();
        let state = locked(&self.state);
        // With a depth, what arrived would count as history that need not be sent.
        if request.depth == 0 {
            let newest = state.arrived.iter().rev().take(ARRIVED_MAX);
            request.have.extend(newest.map(wire::object_id));
        }
        request
    }

    fn count(&self) -> usize {
        locked(&self.state).objects.len()
    }

    fn finish(&self) {
        locked(&self.state).is_over = true;
        self.changed.notify_all();
    }
}

/// Ends a transfer, and lets go of what it brought.
struct Guard {
    spools: Arc<Mutex<Vec<Arc<Spool>>>>,
    spool: Arc<Spool>,
    task: AbortHandle,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
        self.spool.finish();
        locked(&self.spools).retain(|spool| !Arc::ptr_eq(spool, &self.spool));
    }
}
