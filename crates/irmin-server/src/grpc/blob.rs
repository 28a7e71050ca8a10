//! Values on their way out, in pieces.

use std::io::{self, Write};

use bytes::Bytes;
use irmin_proto::v1;
use irminsule::{Blob, Error};

use super::stream::Outlet;
use super::wire::{self, Room};
use crate::service::{Result, Scope, ServiceError};

/// How many bytes of a value are in one message.
const PIECE_BYTES: usize = 256 * 1024;

/// Sends a value, or so many bytes of it from an offset on, as fast as the client takes it.
pub(super) fn send(
    scope: &Scope,
    blob: &Blob,
    offset: u64,
    length: Option<u64>,
    outlet: &Outlet<v1::ReadBlobResponse>,
) -> Result<()> {
    if offset > blob.size() {
        let size = blob.size();
        let message = format!("the value has {size} bytes, so nothing begins at {offset}");
        return Err(ServiceError::invalid(message));
    }
    outlet.send(v1::ReadBlobResponse {
        blob: Some(wire::blob(blob, &mut Room::new(0))?),
        data: Bytes::new(),
    })?;
    let rest = blob.size() - offset;
    let mut pieces = Pieces {
        skip: offset,
        left: length.map_or(rest, |length| length.min(rest)),
        failure: None,
        scope,
        outlet,
    };
    if pieces.left == 0 {
        return Ok(());
    }
    match blob.copy_to(&mut pieces) {
        Err(Error::Write(_)) if pieces.left == 0 => Ok(()),
        Err(error) => Err(pieces.failure.unwrap_or_else(|| error.into())),
        Ok(()) => Ok(()),
    }
}

/// Takes what a value has chunk by chunk, and sends what was asked for.
struct Pieces<'a> {
    skip: u64,
    left: u64,
    failure: Option<ServiceError>,
    scope: &'a Scope,
    outlet: &'a Outlet<v1::ReadBlobResponse>,
}

impl Pieces<'_> {
    fn send(&self, piece: &[u8]) -> Result<()> {
        self.scope.check_time()?;
        self.outlet.send(v1::ReadBlobResponse {
            blob: None,
            data: Bytes::copy_from_slice(piece),
        })
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            // Nobody wants what follows.
            return Err(io::ErrorKind::WriteZero.into());
        }
        let skipped = usize::try_from(self.skip)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.skip -= skipped as u64;
        let rest = bytes.get(skipped..).unwrap_or_default();
        let wanted = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(rest.len());
        for piece in rest.get(..wanted).unwrap_or_default().chunks(PIECE_BYTES) {
            if let Err(error) = self.send(piece) {
                self.failure = Some(error);
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.left -= piece.len() as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
