//! Bundles: written, read, damaged.

use std::num::NonZeroU32;

use bytes::Bytes;

use super::*;
use crate::sync::{BundleOptions, BundleStore, CopyOptions, FetchOptions, SyncError};
use crate::{Error, Id, RefName, StoreError};

fn write(repo: &Repo, options: &BundleOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    repo.write_bundle(options, &mut bytes, &mut go_on())
        .unwrap();
    bytes
}

fn open(bytes: &[u8]) -> Result<BundleStore, StoreError> {
    let bytes = Bytes::copy_from_slice(bytes);
    BundleStore::open("test.bundle".into(), Box::new(bytes))
}

fn all(repo: &Repo) -> BundleOptions {
    let refs = engine(repo).list_refs("").unwrap();
    let refs = refs
        .into_iter()
        .map(|(name, id)| (RefName::new(name).unwrap(), id));
    BundleOptions::new(refs.collect())
}

fn head(repo: &Repo) -> Id {
    repo.branch("main").unwrap().head_id().unwrap().unwrap()
}

#[test]
fn a_bundle_holds_all_once_and_can_be_used_in_place() {
    let source = sample();
    let bytes = write(&source, &all(&source));
    assert_eq!(bytes, write(&source, &all(&source)), "the same every time");
    let bundle = open(&bytes).unwrap();
    let target = repo();
    let fetched = target.fetch(&bundle, "origin", &FetchOptions::default(), &mut go_on());
    let copied = fetched.unwrap().copied;
    assert_eq!(copied.objects, bundle.len() as u64);
    assert!(
        bytes.len() as u64 <= copied.bytes + copied.objects * 10 + 1000,
        "little is added"
    );
    assert_clean(&target);
    let in_place = Repo::new(Arc::new(bundle), Env::fixed(0));
    assert_clean(&in_place);
    assert_eq!(in_place.branches().unwrap(), source.branches().unwrap());
    let refused = in_place.branch("main").unwrap().set(&path("x"), "1", "No");
    assert!(matches!(
        refused,
        Err(Error::Store(StoreError::ReadOnly { .. }))
    ));
}

#[test]
fn a_bundle_since_a_commit_holds_what_is_new() {
    let (source, target) = (sample(), repo());
    target
        .fetch(
            engine(&source),
            "origin",
            &FetchOptions::default(),
            &mut go_on(),
        )
        .unwrap();
    let since = head(&source);
    let new = set(&source, "main", "d/new", vec![1; 500]);
    let options = BundleOptions {
        prerequisites: vec![since],
        ..BundleOptions::new(vec![(RefName::new("heads/main").unwrap(), new.id())])
    };
    let bundle = open(&write(&source, &options)).unwrap();
    assert_eq!(bundle.len(), 4, "a commit, two directories, a value");
    target
        .fetch(&bundle, "origin", &FetchOptions::default(), &mut go_on())
        .unwrap();
    assert_eq!(
        engine(&target).get_ref("remotes/origin/main").unwrap(),
        Some(new.id())
    );
    assert_clean(&target);

    let stranger = repo();
    let fetched = stranger.fetch(&bundle, "origin", &FetchOptions::default(), &mut go_on());
    let error = fetched.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Sync(SyncError::Prerequisites { count: 1, .. })
        ),
        "{error}"
    );
    assert_eq!(engine(&stranger).list_refs("").unwrap(), []);
}

#[test]
fn older_lines_are_left_out_of_a_bundle_too() {
    let source = repo();
    let first = set(&source, "main", "a", "1");
    set(&source, "main", "a", "2");
    let since = set(&source, "main", "a", "3");
    source.branch("old").unwrap().reset(&first).unwrap();
    let old = set(&source, "old", "b", "1");
    let options = BundleOptions {
        prerequisites: vec![since.id()],
        ..BundleOptions::new(vec![(RefName::new("heads/old").unwrap(), old.id())])
    };
    let bundle = open(&write(&source, &options)).unwrap();
    assert_eq!(bundle.len(), 2, "one commit and its tree");
}

#[test]
fn one_commit_without_its_history_fits_into_a_bundle() {
    let source = sample();
    let options = BundleOptions {
        copy: CopyOptions {
            depth: NonZeroU32::new(1),
        },
        ..BundleOptions::new(vec![(RefName::new("heads/main").unwrap(), head(&source))])
    };
    let bundle = open(&write(&source, &options)).unwrap();
    let target = repo();
    target
        .fetch(&bundle, "origin", &FetchOptions::default(), &mut go_on())
        .unwrap();
    assert_clean(&target);
    let commit = target.must_load(head(&source)).unwrap();
    assert!(commit.cut().parents && commit.parents().is_empty());
    assert_eq!(
        commit.generation(),
        source.must_load(head(&source)).unwrap().generation()
    );
}

#[test]
fn a_bundle_that_is_cut_off_anywhere_is_refused_with_the_place() {
    let source = repo();
    set(&source, "main", "a", vec![1; 200]);
    set(&source, "main", "b/c", "1");
    let bytes = write(&source, &all(&source));
    for len in 0..bytes.len() {
        match open(&bytes[..len]) {
            Err(StoreError::Corrupt { offset, .. }) => assert_eq!(offset, len as u64),
            other => panic!("cut off at {len}: {other:?}"),
        }
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(open(&longer), Err(StoreError::Corrupt { .. })));
}

#[test]
fn a_bundle_with_any_bit_flipped_is_refused_with_a_place_before_the_end() {
    let source = repo();
    set(&source, "main", "a", vec![1; 200]);
    set(&source, "main", "b/c", "1");
    let bytes = write(&source, &all(&source));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            match open(&bytes) {
                Err(StoreError::UnsupportedFormat { .. }) => assert!((8..12).contains(&at)),
                Err(StoreError::Corrupt { offset, .. }) => assert!(offset <= bytes.len() as u64),
                other => panic!("bit {bit} of byte {at} flipped: {other:?}"),
            }
        }
    }
}

#[test]
fn a_full_disk_is_told_as_what_it_is() {
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let source = sample();
    for room in [0, 100, 2000, 100_000] {
        let written = source.write_bundle(&all(&source), &mut Full(room), &mut go_on());
        let error = written.unwrap_err();
        assert!(matches!(error, Error::Sync(SyncError::Write(_))), "{error}");
    }
}

#[test]
fn the_bytes_of_a_bundle_are_those_of_version_1() {
    let source = repo();
    set(&source, "main", "a", "1");
    let since = head(&source);
    set(&source, "main", "b/c", vec![7; 200]);
    let options = BundleOptions {
        prerequisites: vec![since],
        ..all(&source)
    };
    let bytes = write(&source, &options);
    let found = (bytes.len(), Id::of(&bytes).to_string());
    let expected = "3d80822a1c95f7ce4fe7abe1253f96d48b8fc09e73d3cb2289f668d46d9261a1";
    assert_eq!(found, (550, expected.to_owned()));
}
