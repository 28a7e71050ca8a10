//! Bundles.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use irmin_core::sync::{BundleStore, FetchOptions};
use irmin_core::{Engine, Env, Id, MemoryStore, Repo};

/// How many bytes of an object's id, and of the checksum of all, are put right.
const CHECK_BYTES: usize = 4;
const SUM_BYTES: usize = 32;

/// The input is a bundle: read as it is, and with its checksums put right, as a fuzzer does not
/// guess them. What can be opened is fetched from: that shows all or nothing.
pub(crate) fn run(bytes: &[u8]) {
    open(bytes);
    let mut bytes = bytes.to_vec();
    mend(&mut bytes);
    open(&bytes);
}

fn open(bytes: &[u8]) {
    let bytes = Box::new(Bytes::copy_from_slice(bytes));
    let Ok(bundle) = BundleStore::open("fuzz".into(), bytes) else {
        return;
    };
    let found = bundle
        .verify(&mut |_| ())
        .expect("it was read a moment ago");
    assert!(found.problems.is_empty(), "it was opened");
    let here = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
    let options = FetchOptions::default();
    let fetched = here.fetch(
        &bundle,
        "fuzz",
        &options,
        &mut |_| ControlFlow::Continue(()),
    );
    let names = here.engine().list_refs("").expect("it is in memory");
    if fetched.is_err() {
        assert!(names.is_empty(), "a fetch that failed shows {names:?}");
    }
    let found = here.engine().verify(&mut |_| ()).expect("it is in memory");
    assert!(found.problems.is_empty(), "{:?}", found.problems);
}

/// Follows the objects as far as that goes, and puts the checksums right.
fn mend(bytes: &mut [u8]) -> Option<()> {
    let mut at = 12;
    for id_bytes in [true, false] {
        for _ in 0..varint(bytes, &mut at)? {
            at += match id_bytes {
                true => usize::try_from(varint(bytes, &mut at)?)
                    .ok()?
                    .min(bytes.len()),
                false => 0,
            };
            at += Id::BYTES;
        }
    }
    while let kind @ 1..=4 = *bytes.get(at)? {
        at += 1;
        if kind == 4 {
            varint(bytes, &mut at)?;
        }
        let len = usize::try_from(varint(bytes, &mut at)?).ok()?;
        let start = at + CHECK_BYTES;
        let end = start.checked_add(len)?;
        let id = Id::of(bytes.get(start..end)?);
        bytes[at..start].copy_from_slice(&id.as_bytes()[..CHECK_BYTES]);
        at = end;
    }
    let sum = bytes.len().checked_sub(SUM_BYTES)?;
    let id = Id::of(&bytes[..sum]);
    bytes[sum..].copy_from_slice(id.as_bytes());
    Some(())
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
