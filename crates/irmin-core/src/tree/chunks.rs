//! Large values, cut by content so that a small change rewrites few bytes.
//!
//! The cut is a gear hash as in FastCDC (Xia et al., USENIX ATC 2016) without its normalisation: a
//! chunk ends where the 64-bit rolling hash has its 17 highest bits zero, after at least 64 KiB and
//! at most 1 MiB. It depends on nothing but the bytes, so equal values have equal ids everywhere.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;

use super::blob::{Blob, BlobCell, Data, blob_id, encode_blob, strip};
use super::link::Place;
use crate::codec::{Reader, header, put_varint};
use crate::error::{Error, Result};
use crate::{Id, Key, Kind, Object, ObjectStore};

/// Values of at least this many bytes are cut.
pub(super) const CHUNKED_BYTES_MIN: usize = 1 << 20;
const CHUNK_BYTES_MIN: usize = 64 << 10;
pub(super) const CHUNK_BYTES_MAX: usize = 1 << 20;
/// The bits of the rolling hash that are zero at a cut: one position in 2^17.
const CUT_MASK: u64 = !(u64::MAX >> 17);
/// How many chunks are read in one round.
const CHUNKS_PER_ROUND: usize = 16;

/// Returns the length of the first chunk of `bytes`, which are all there are or at least the
/// largest chunk.
fn first_chunk(bytes: &[u8]) -> usize {
    let end = bytes.len().min(CHUNK_BYTES_MAX);
    let Some(tail) = bytes.get(CHUNK_BYTES_MIN..end) else {
        return end;
    };
    let mut hash = 0_u64;
    for (index, &byte) in tail.iter().enumerate() {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(byte)]);
        if hash & CUT_MASK == 0 {
            return CHUNK_BYTES_MIN + index + 1;
        }
    }
    end
}

/// One 64-bit number a byte value: the first 256 outputs of `SplitMix64` from seed 0.
const GEAR: [u64; 256] = gear();

const fn gear() -> [u64; 256] {
    let mut table = [0; 256];
    let mut state = 0_u64;
    let mut index = 0;
    while index < table.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[index] = z ^ (z >> 31);
        index += 1;
    }
    table
}

/// Splits a whole value.
fn split(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (chunk, rest) = bytes.split_at(first_chunk(bytes));
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Encodes the list of chunks.
fn encode_list(chunks: &[(Id, u64)]) -> Vec<u8> {
    let mut out = header(Kind::Chunks).to_vec();
    put_varint(&mut out, chunks.len() as u64);
    for (id, len) in chunks {
        out.extend_from_slice(id.as_bytes());
        put_varint(&mut out, *len);
    }
    out
}

/// Reads the list of a large value's chunks.
fn read_list(store: &dyn ObjectStore, key: &Key) -> Result<Vec<Key>> {
    let id = key.id;
    let stored = store.get(key)?.ok_or(Error::Missing { id })?;
    let mut reader = Reader::new("chunk list", &stored.bytes);
    let mut parse = || {
        reader.header(Kind::Chunks)?;
        let count = reader.varint()?;
        let mut keys = Vec::new();
        for index in 0..count {
            let id = reader.id()?;
            reader.varint()?;
            let position = usize::try_from(index).unwrap_or(usize::MAX);
            keys.push(Key {
                id,
                locator: stored.links.get(position).copied().flatten(),
            });
        }
        reader.end()?;
        Ok(keys)
    };
    parse().map_err(|source| Error::Decode { id, source })
}

/// Returns the id of a large value without storing it.
pub(super) fn id_of(bytes: &[u8]) -> Id {
    let list: Vec<_> = split(bytes)
        .map(|chunk| (blob_id(chunk), chunk.len() as u64))
        .collect();
    Id::of(&encode_list(&list))
}

/// Stores a large value that is in memory.
pub(super) fn put(store: &dyn ObjectStore, bytes: &[u8]) -> Result<Key> {
    let mut list = List::default();
    split(bytes).try_for_each(|chunk| list.put_chunk(store, chunk))?;
    list.finish(store)
}

/// Stores what a reader yields; see [`Blob::write`].
pub(super) fn write(store: &Arc<dyn ObjectStore>, reader: &mut dyn Read) -> Result<Blob> {
    let mut buffer = Vec::new();
    fill(reader, &mut buffer, CHUNKED_BYTES_MIN)?;
    if buffer.len() < CHUNKED_BYTES_MIN {
        let blob = Blob::new(buffer);
        return put_small(store, blob);
    }
    let mut list = List::default();
    loop {
        // Only an empty buffer that cannot be filled is the end: a chunk may have taken it all.
        fill(reader, &mut buffer, CHUNK_BYTES_MAX)?;
        if buffer.is_empty() {
            break;
        }
        let len = first_chunk(&buffer);
        list.put_chunk(store.as_ref(), &buffer[..len])?;
        buffer.drain(..len);
    }
    let size = list.size;
    let key = list.finish(store.as_ref())?;
    Ok(stored(store, key, size, true))
}

/// Stores a value of one object now, so that memory need not hold it until the commit.
fn put_small(store: &Arc<dyn ObjectStore>, blob: Blob) -> Result<Blob> {
    let Data::Object(cell, _) = blob.data() else {
        return Ok(blob);
    };
    let encoded = encode_blob(&blob.bytes()?);
    let key = put_object(store.as_ref(), cell.id, Kind::Blob, &encoded, &[])?;
    Ok(stored(store, key, cell.size, false))
}

fn stored(store: &Arc<dyn ObjectStore>, key: Key, size: u64, chunked: bool) -> Blob {
    let place = Place {
        store: store.store_id(),
        locator: key.locator,
    };
    let cell = Arc::new(BlobCell::stored(key.id, size, chunked, place));
    Blob::from_data(
        super::Mode::Normal,
        Data::Object(cell, Some(Arc::clone(store))),
    )
}

/// Reads until `buffer` has `len` bytes or the input ends.
fn fill(reader: &mut dyn Read, buffer: &mut Vec<u8>, len: usize) -> Result<()> {
    let missing = len.saturating_sub(buffer.len()) as u64;
    reader
        .take(missing)
        .read_to_end(buffer)
        .map(drop)
        .map_err(Error::Read)
}

/// The chunks of a value that is being stored.
#[derive(Default)]
struct List {
    chunks: Vec<(Id, u64)>,
    keys: Vec<Key>,
    size: u64,
}

impl List {
    fn put_chunk(&mut self, store: &dyn ObjectStore, chunk: &[u8]) -> Result<()> {
        let encoded = encode_blob(chunk);
        let key = put_object(store, Id::of(&encoded), Kind::Blob, &encoded, &[])?;
        self.chunks.push((key.id, chunk.len() as u64));
        self.keys.push(key);
        self.size += chunk.len() as u64;
        Ok(())
    }

    fn finish(self, store: &dyn ObjectStore) -> Result<Key> {
        let encoded = encode_list(&self.chunks);
        put_object(store, Id::of(&encoded), Kind::Chunks, &encoded, &self.keys)
    }
}

pub(super) fn put_object(
    store: &dyn ObjectStore,
    id: Id,
    kind: Kind,
    bytes: &[u8],
    links: &[Key],
) -> Result<Key> {
    let keys = store.put_many(&[Object {
        base: None,
        cut: crate::Cut::NONE,
        id,
        kind,
        bytes,
        links,
        generation: 0,
    }])?;
    Ok(keys.first().copied().unwrap_or_else(|| id.into()))
}

/// Reads a whole large value.
pub(super) fn read(store: &dyn ObjectStore, key: &Key) -> Result<Bytes> {
    let mut out = Vec::new();
    copy(store, key, &mut out)?;
    Ok(out.into())
}

/// Writes a large value to `out`, some chunks at a time.
pub(super) fn copy(store: &dyn ObjectStore, key: &Key, out: &mut dyn io::Write) -> Result<()> {
    for keys in read_list(store, key)?.chunks(CHUNKS_PER_ROUND) {
        let mut found = vec![None; keys.len()];
        store.get_many(keys, &mut |index, stored| found[index] = stored)?;
        for (key, stored) in keys.iter().zip(found) {
            let stored = stored.ok_or(Error::Missing { id: key.id })?;
            out.write_all(&strip(key.id, &stored.bytes)?)
                .map_err(Error::Write)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn chunks_have_their_bounds_and_make_up_the_value() {
        let bytes = noise(4 << 20);
        let chunks: Vec<_> = split(&bytes).collect();
        assert_eq!(chunks.concat(), bytes);
        let (last, rest) = chunks.split_last().unwrap();
        assert!(last.len() <= CHUNK_BYTES_MAX);
        assert!(
            rest.iter()
                .all(|c| (CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&c.len()))
        );
    }

    #[test]
    fn a_stream_without_cut_points_is_stored_whole_and_as_a_value_in_memory_is() {
        let store: Arc<dyn ObjectStore> = Arc::new(crate::MemoryStore::new());
        for len in [
            CHUNKED_BYTES_MIN - 1,
            CHUNKED_BYTES_MIN,
            CHUNK_BYTES_MAX,
            3 * CHUNK_BYTES_MAX,
            3 * CHUNK_BYTES_MAX + 1,
        ] {
            let bytes = vec![b'x'; len];
            let blob = Blob::write(&store, &mut bytes.as_slice()).unwrap();
            assert_eq!(
                (blob.size(), blob.bytes().unwrap().len()),
                (len as u64, len)
            );
            assert_eq!(blob, Blob::new(bytes));
        }
    }

    #[test]
    fn an_inserted_byte_changes_few_chunks() {
        let bytes = noise(6 << 20);
        let mut longer = bytes.clone();
        longer.insert(3 << 20, 7);
        let before: std::collections::HashSet<_> = split(&bytes).collect();
        let new = split(&longer)
            .filter(|chunk| !before.contains(chunk))
            .count();
        assert!(new <= 2, "{new} of {} chunks are new", before.len());
    }
}
