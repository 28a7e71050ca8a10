//! Storing objects and moving names.

use irmin_core::{Durability, Key, Object, RefEdit, RefOutcome, StoreError};
use irmin_proto::v1;

use super::RemoteStore;
use super::pending::Waiting;
use crate::connection::Again;
use crate::error::{ClientError, Problem, Result};
use crate::wire;

/// Up to how many bytes of objects travel with the swap of a name; else what it leads to is sent before.
const WITH_SWAP_BYTES_MAX: usize = 1 << 20;
/// From how many bytes on objects that wait are sent, whether or not a name leads to them.
const PENDING_BYTES_MAX: usize = 4 << 20;
/// About how many bytes, and at most how many objects, are in a message.
const MESSAGE_BYTES: usize = 512 << 10;
const MESSAGE_OBJECTS: usize = 512;

const PUT: &str = "Objects.Put";
const SWAP: &str = "Objects.PutAndUpdate";

impl RemoteStore {
    pub(super) fn write(&self, objects: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        let mut is_sure = true;
        let send = {
            let mut pending = self.pending();
            for object in objects {
                let links = object.links.iter().enumerate();
                let mut links = links.filter(|(index, _)| !object.cut.leaves_out(*index));
                is_sure &=
                    links.all(|(_, link)| pending.contains(&link.id) || self.cache.knows(&link.id));
                pending.add(object);
            }
            // Whether the rest is there is for the server to say, now rather than with the swap.
            match (is_sure, pending.bytes() > PENDING_BYTES_MAX) {
                (_, true) => pending.all(),
                (false, false) => pending.beneath(objects.iter().map(|object| object.id)),
                (true, false) => Vec::new(),
            }
        };
        self.send(send)?;
        Ok(objects.iter().map(|object| object.id.into()).collect())
    }

    /// Sends objects that wait, each behind what it links to.
    fn send(&self, objects: Vec<Waiting>) -> Result<(), StoreError> {
        if objects.is_empty() {
            return Ok(());
        }
        let messages = messages(&objects, &self.connection.repository());
        let sent = self
            .waiter
            .wait(self.connection.call(PUT, Again::Safe, |_| {
                let mut client = self.connection.objects();
                let messages = tokio_stream::iter(messages.clone());
                async move { client.put(messages).await.map(drop) }
            }));
        self.learn(&sent, &objects);
        Ok(sent?)
    }

    /// Keeps in mind what was sent, or cannot be.
    fn learn<T>(&self, sent: &Result<T>, objects: &[Waiting]) {
        match sent {
            Ok(_) => {
                for object in objects {
                    self.cache.insert(object.id, &object.stored(), 0);
                }
                self.pending().remove(objects);
            }
            Err(error) if is_about_objects(error) => {
                self.pending().remove(objects);
                self.cache.clear();
            }
            Err(_) => {}
        }
    }

    pub(super) fn swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        // What was asked to survive the process only survives the machine, too: the library asks so
        // and for a sync right after, which would be one more round trip.
        let durability = match durability {
            Durability::Deferred => Durability::Deferred,
            Durability::Sync | Durability::None => Durability::Sync,
        };
        let before = self.synced.reads();
        let outcome = self.send_and_swap(edits, durability)?;
        match (&outcome, durability) {
            (RefOutcome::Applied, Durability::Sync) => self.synced.up_to(before),
            _ => self.synced.read(),
        }
        if outcome == RefOutcome::Applied && !edits.is_empty() {
            self.changes.notify();
        }
        Ok(outcome)
    }

    /// Sends what waits, with the edits where it is not too much.
    fn send_and_swap(
        &self,
        edits: &[RefEdit],
        durability: Durability,
    ) -> Result<RefOutcome, StoreError> {
        let own = || {
            self.pending()
                .beneath(edits.iter().filter_map(|edit| edit.new))
        };
        let is_much = |objects: &[Waiting]| {
            objects.iter().map(Waiting::len).sum::<usize>() > WITH_SWAP_BYTES_MAX
        };
        let mut objects = self.pending().all();
        if is_much(&objects) {
            self.send(own())?;
            objects = Vec::new();
        }
        let mut outcome = self.put_and_update(edits, durability, &objects);
        if outcome.as_ref().is_err_and(is_about_objects) {
            // Those of other threads must not stop this one's.
            let own = own();
            if own.len() < objects.len() {
                outcome = self.put_and_update(edits, durability, &own);
                objects = own;
            }
        }
        match &outcome {
            // They may not have been stored, and be needed for another try.
            Ok(RefOutcome::Lost { .. }) => {}
            outcome => self.learn(outcome, &objects),
        }
        Ok(outcome?)
    }

    fn put_and_update(
        &self,
        edits: &[RefEdit],
        durability: Durability,
        objects: &[Waiting],
    ) -> Result<RefOutcome> {
        let request = v1::PutAndUpdateRequest {
            repository: self.connection.repository(),
            objects: objects.iter().map(Waiting::message).collect(),
            edits: wire::edits(edits),
            durability: wire::durability(durability),
            idempotency_key: self.connection.options().chance.key(),
            is_retry: false,
        };
        let answer = self
            .waiter
            .wait(self.connection.call(SWAP, Again::Safe, |failures| {
                let mut client = self.connection.objects();
                let request = v1::PutAndUpdateRequest {
                    is_retry: failures > 0,
                    ..request.clone()
                };
                async move { Ok(client.put_and_update(request).await?.into_inner()) }
            }));
        let answer = answer.map_err(ClientError::may_have_happened)?;
        wire::outcome(answer).map_err(|problem| self.broken(SWAP, problem))
    }
}

/// Tells whether objects were refused for what they are or link to: sending them again is no use.
fn is_about_objects(error: &ClientError) -> bool {
    match error.problem() {
        Problem::Refused { missing, code, .. } => {
            missing.is_some() || *code == tonic::Code::InvalidArgument
        }
        _ => false,
    }
}

/// Puts objects into messages of a bounded size.
fn messages(objects: &[Waiting], repository: &str) -> Vec<v1::PutRequest> {
    let mut messages = vec![v1::PutRequest {
        repository: repository.to_owned(),
        objects: Vec::new(),
    }];
    let mut bytes = 0;
    for object in objects {
        let is_full = |message: &v1::PutRequest| message.objects.len() >= MESSAGE_OBJECTS;
        if bytes > 0
            && (bytes + object.len() > MESSAGE_BYTES || messages.last().is_some_and(is_full))
        {
            messages.push(v1::PutRequest::default());
            bytes = 0;
        }
        bytes += object.len();
        if let Some(message) = messages.last_mut() {
            message.objects.push(object.message());
        }
    }
    messages
}
