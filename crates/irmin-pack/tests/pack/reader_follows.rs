//! Random writers with a reader that looks at random moments.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use irmin_core::{Durability, Id, Key, Kind, ObjectStore, RefEdit, RefStore};
use irmin_pack::{Options, PackReader, PackStore};
use proptest::prelude::*;

use crate::{put, small_segments};

type Refs = Vec<(String, Id)>;

#[derive(Clone, Debug)]
enum Step {
    /// Objects without a commit.
    Put(u16),
    /// A commit that several branches move to, and others away.
    Swap(u8),
    /// The writer ends in order.
    Reopen,
    /// The writer ends and leaves something behind its last frame.
    Tear(Vec<u8>),
    /// The reader looks.
    Look,
    /// Another reader opens.
    Open,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..700u16).prop_map(Step::Put),
        6 => any::<u8>().prop_map(Step::Swap),
        1 => Just(Step::Reopen),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Step::Tear),
        4 => Just(Step::Look),
        1 => Just(Step::Open),
    ]
}

/// A writer that remembers all that it committed.
struct Writer {
    dir: PathBuf,
    store: Option<PackStore>,
    /// All refs after each commit; no two are equal.
    states: Vec<Refs>,
}

impl Writer {
    fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            store: Some(PackStore::create(dir, small_segments()).unwrap()),
            states: vec![Vec::new()],
        }
    }

    fn store(&self) -> &PackStore {
        self.store.as_ref().unwrap()
    }

    /// Bits choose the branches that are moved; the others are removed if they are there.
    fn swap(&mut self, bits: u8) {
        let number = self.states.len();
        let bytes = format!("commit {number}").repeat(number % 9 + 1);
        let id = put(self.store(), Kind::Commit, bytes.as_bytes(), &[]).id;
        let mut edits = Vec::new();
        for name in 0..5 {
            let name = format!("heads/{name}");
            let expected = self.store().get_ref(&name).unwrap();
            // One moves always, so that each state is another one.
            let new = (bits >> edits.len() & 1 == 1 || edits.is_empty()).then_some(id);
            edits.push(RefEdit {
                name,
                expected,
                new,
            });
        }
        let edits: Vec<RefEdit> = edits
            .into_iter()
            .filter(|edit| edit.expected.is_some() || edit.new.is_some())
            .collect();
        self.store()
            .compare_and_swap(&edits, Durability::None)
            .unwrap();
        self.states.push(self.store().list_refs("").unwrap());
    }

    fn reopen(&mut self, tail: &[u8]) {
        self.store.take().unwrap().close().unwrap();
        let mut file = File::options()
            .append(true)
            .open(segments(&self.dir).pop().unwrap())
            .unwrap();
        file.write_all(tail).unwrap();
        self.store = Some(PackStore::open(&self.dir, small_segments()).unwrap());
    }
}

/// A reader that remembers how far it was.
struct Reader {
    reader: PackReader,
    /// The number of the state that it saw last.
    at: Option<usize>,
}

impl Reader {
    fn open(dir: &Path) -> Self {
        Self {
            reader: PackReader::open(dir, Options::default()).unwrap(),
            at: None,
        }
    }

    /// Looks, and checks that what it sees was committed, is readable, and no older than before.
    fn look(&mut self, states: &[Refs]) {
        let seen = self.reader.changes();
        let refs = self.reader.list_refs("").unwrap();
        let at = states.iter().position(|state| *state == refs);
        let at = at.unwrap_or_else(|| panic!("{refs:?} was never committed"));
        if let Some(before) = self.at.replace(at) {
            assert!(at >= before, "{at} after {before}");
            assert!(at == before || self.reader.changes() != seen, "not told");
        }
        for (name, id) in refs {
            assert!(self.reader.get(&Key::from(id)).unwrap().is_some());
            assert_eq!(self.reader.get_ref(&name).unwrap(), Some(id));
        }
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("segments")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    paths.sort();
    paths
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn a_reader_sees_only_committed_states_and_never_goes_back(
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::new(dir.path());
        let mut readers = vec![Reader::open(dir.path())];
        for step in steps {
            match step {
                Step::Put(length) => {
                    put(writer.store(), Kind::Blob, &vec![1; usize::from(length)], &[]);
                }
                Step::Swap(bits) => writer.swap(bits),
                Step::Reopen => writer.reopen(&[]),
                Step::Tear(tail) => writer.reopen(&tail),
                Step::Look => readers[0].look(&writer.states),
                Step::Open => readers.push(Reader::open(dir.path())),
            }
        }
        for reader in &mut readers {
            reader.look(&writer.states);
            prop_assert_eq!(reader.at, Some(writer.states.len() - 1));
            prop_assert!(reader.reader.verify_is_clean());
        }
    }

    /// Every part of a write is there at some moment, and a killed writer leaves it so.
    #[test]
    fn a_reader_beside_a_log_that_grows_byte_by_byte_sees_whole_commits(
        commits in prop::collection::vec((any::<u8>(), 0..900u16), 1..25),
        pieces in prop::collection::vec((1..400usize, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let (source, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut writer = Writer::new(source.path());
        let first = fs::read(&segments(source.path())[0]).unwrap();
        for (bits, length) in commits {
            put(writer.store(), Kind::Blob, &vec![bits; usize::from(length)], &[]);
            writer.swap(bits);
        }
        // Which gives the last segment its name.
        writer.store().sync().unwrap();
        let last = fs::read(segments(source.path()).last().unwrap()).unwrap();
        writer.store.take().unwrap().close().unwrap();
        // Where each segment's file begins, which is never seen half.
        fs::create_dir(copy.path().join("segments")).unwrap();
        fs::write(copy.path().join("segments/00000001.seg"), &first).unwrap();
        fs::copy(source.path().join("format"), copy.path().join("format")).unwrap();
        let mut reader = Reader::open(copy.path());
        let mut pieces = pieces.iter().cycle();
        let paths = segments(source.path());
        for path in &paths {
            let mut bytes = fs::read(path).unwrap();
            if path == paths.last().unwrap() {
                bytes.truncate(last.len());
            }
            grow(path, &bytes, copy.path(), &mut pieces, &mut |is_new| {
                if is_new {
                    Reader::open(copy.path()).look(&writer.states);
                }
                reader.look(&writer.states);
            });
        }
        reader.look(&writer.states);
        prop_assert_eq!(reader.at, Some(writer.states.len() - 1));
    }
}

/// Appends a segment's bytes to its copy, piece by piece, and at times cuts off a part again that is
/// no whole frame, as a writer does that finds it.
fn grow<'p>(
    path: &Path,
    bytes: &[u8],
    copy: &Path,
    pieces: &mut impl Iterator<Item = &'p (usize, bool, bool)>,
    look: &mut dyn FnMut(bool),
) {
    let copy = copy.join("segments").join(path.file_name().unwrap());
    let ends = frame_ends(bytes);
    let (mut length, mut furthest) = (ends[0], 0);
    // The first one is there already.
    if !copy.exists() {
        fs::write(copy.with_extension("tmp"), &bytes[..length]).unwrap();
        fs::rename(copy.with_extension("tmp"), &copy).unwrap();
    }
    look(false);
    let mut file = File::options().append(true).open(&copy).unwrap();
    while length < bytes.len() {
        let (piece, is_cut, is_new) = pieces.next().unwrap();
        // A writer that cut something off comes further next time.
        let next = bytes.len().min(piece + length.max(furthest));
        file.write_all(&bytes[length..next]).unwrap();
        (length, furthest) = (next, next);
        look(*is_new);
        if *is_cut {
            length = *ends.iter().rfind(|&&end| end <= length).unwrap();
            file.set_len(length as u64).unwrap();
            look(*is_new);
        }
    }
}

/// Returns where the frames of a segment end.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 32;
    while at < bytes.len() {
        let payload = bytes[at..at + 4].try_into().unwrap();
        at += 24 + usize::try_from(u32::from_le_bytes(payload)).unwrap();
        ends.push(at);
    }
    ends
}

trait IsClean {
    fn verify_is_clean(&self) -> bool;
}

impl IsClean for PackReader {
    fn verify_is_clean(&self) -> bool {
        irmin_core::Engine::verify(self, &mut |_| ())
            .unwrap()
            .is_clean()
    }
}
