//! The files of the pack engine.

use std::path::Path;
use std::sync::Arc;

use irmin_core::{Id, ObjectStore, RefStore};
use irmin_crashfs::CrashFs;
use irmin_pack::{Files, Frame, FramePlace, Options, PackStore};

use crate::input::Input;

const SALT: u64 = 5;
const SEGMENT: u32 = 1;
const SEGMENT_HEADER_BYTES: usize = 32;
/// Where a frame says how many records it has.
const RECORDS_AT: usize = 5;

/// The front of a sidecar: two checksums at its end, the first of all that follows it.
const SIDECAR_HEADER_BYTES: usize = 120;

/// The input is a record without its checksum, and ref changes; the checksums are put right, for a
/// fuzzer does not guess them. It is also read as it is.
pub(crate) fn frame(bytes: &[u8]) {
    let place = FramePlace {
        salt: SALT,
        segment: SEGMENT,
        offset: 32,
        frame: 0,
        record: 0,
    };
    assert!(
        Frame::parse(bytes, &place).is_err(),
        "a checksum was guessed"
    );
    let mut input = Input::new(bytes);
    let bytes = next_frame(&mut input, &place);
    if let Ok(frame) = Frame::parse(&bytes, &place) {
        assert_eq!(usize::try_from(frame.length).ok(), Some(bytes.len()));
        assert_eq!(frame.ids.len(), frame.records.len());
    }
}

/// Opens a store with the input as its segment, as its frames, or as its sidecar, and reads all.
pub(crate) fn store(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mode = input.byte() % 3;
    let (segment, sidecar) = match mode {
        0 => (frames(&mut input), Vec::new()),
        1 => (input.piece().to_vec(), input.rest().to_vec()),
        _ => (frames(&mut input), sidecar(input.rest())),
    };
    let files = [
        ("format", &b"irminsule pack\nversion 1\nhash sha256\n"[..]),
        ("segments/00000001.seg", &segment),
        ("segments/00000001.idx", &sidecar),
    ];
    let disk = CrashFs::new();
    for (name, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        write(&disk, &Path::new("/s").join(name), bytes);
    }
    let options = Options {
        files: Arc::new(disk),
        ..Options::default()
    };
    let Ok(store) = PackStore::open(Path::new("/s"), options) else {
        return;
    };
    for (_, id) in store.list_refs("").unwrap_or_default() {
        let _damaged = store.get(&id.into()).map(drop);
    }
    let _damaged = store.get(&Id::of(b"").into()).map(drop);
    let _damaged = store.verify(&mut |_| ()).map(drop);
    let _damaged = store.stats().map(drop);
    let _damaged = store.close();
}

fn write(disk: &CrashFs, path: &Path, bytes: &[u8]) {
    let dir = path.parent().expect("it has a directory");
    let file = disk
        .create_dirs(dir)
        .and_then(|()| disk.open_or_create(path));
    let file = file.expect("nothing fails unless told to");
    file.write_at(bytes, 0).expect("nothing fails");
    file.sync().expect("nothing fails");
}

/// Builds a segment of up to 255 frames.
fn frames(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = b"irmnpack".to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(SEGMENT.to_le_bytes());
    bytes.extend(SALT.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    assert_eq!(bytes.len(), SEGMENT_HEADER_BYTES);
    let mut place = FramePlace {
        salt: SALT,
        segment: SEGMENT,
        offset: 0,
        frame: 0,
        record: 0,
    };
    for _ in 0..input.byte() {
        place.offset = u32::try_from(bytes.len()).expect("the input is short");
        let frame = next_frame(input, &place);
        place.frame += 1;
        place.record += u32::from(frame[RECORDS_AT] > 0);
        bytes.extend(frame);
    }
    bytes
}

/// Builds a frame: kind, record without checksum, ref changes.
fn next_frame(input: &mut Input<'_>, place: &FramePlace) -> Vec<u8> {
    let kind = input.byte();
    let (record, changes) = (input.piece(), input.piece());
    let mut payload = Vec::new();
    if !record.is_empty() {
        let of_record = u64::from(place.segment) << 32 | u64::from(place.record);
        payload.extend(crc(&[&of_record.to_le_bytes(), record]));
        payload.extend(record);
    }
    payload.extend(changes);
    let length = u32::try_from(payload.len()).expect("the input is short");
    let records = u32::from(!record.is_empty());
    let mut bytes = Vec::new();
    bytes.extend(length.to_le_bytes());
    bytes.extend((records << 8 | u32::from(kind)).to_le_bytes());
    bytes.extend(place.frame.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(crc32fast::hash(&payload).to_le_bytes());
    let salt = place.salt.to_le_bytes();
    let (segment, offset) = (place.segment.to_le_bytes(), place.offset.to_le_bytes());
    bytes.extend(crc(&[&salt, &segment, &offset, &bytes]));
    bytes.extend(payload);
    bytes
}

/// Puts magic, version, number, salt and checksums of a sidecar right.
fn sidecar(bytes: &[u8]) -> Vec<u8> {
    let mut sidecar = bytes.to_vec();
    sidecar.resize(bytes.len().max(SIDECAR_HEADER_BYTES), 0);
    let mut fix = |at: usize, bytes: &[u8]| sidecar[at..at + bytes.len()].copy_from_slice(bytes);
    fix(0, b"irmnside");
    fix(8, &1_u32.to_le_bytes());
    fix(12, &SEGMENT.to_le_bytes());
    fix(16, &SALT.to_le_bytes());
    let rest = crc32fast::hash(&sidecar[SIDECAR_HEADER_BYTES..]);
    sidecar[112..116].copy_from_slice(&rest.to_le_bytes());
    let front = crc32fast::hash(&sidecar[..116]);
    sidecar[116..120].copy_from_slice(&front.to_le_bytes());
    sidecar
}

fn crc(parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_le_bytes()
}
