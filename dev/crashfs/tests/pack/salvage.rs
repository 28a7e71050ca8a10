//! A store is damaged here and there, and what does not depend on that is copied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use irmin_core::{
    Collect, Durability, Engine, Env, Id, Key, ObjectStore, RefEdit, RefStore, Repo, StoreError,
    links_of,
};
use irmin_crashfs::{CrashFs, Random};
use irmin_pack::{Files, Options, PackStore, SalvageReport, SalvagedName, salvage};

use crate::place::dir;
use crate::whole::Whole;

const COPY: &str = "/repositories/copy";

pub(crate) fn options(disk: &CrashFs) -> Options {
    Options {
        segment_bytes: 4000,
        pending_bytes: 700,
        checkpoint_bytes: 100_000,
        files: Arc::new(disk.clone()),
        ..Options::default()
    }
}

struct Sample {
    disk: CrashFs,
    refs: BTreeMap<String, Id>,
    /// All objects that names lead to, with what they lead to.
    objects: BTreeMap<Id, (Vec<u8>, Vec<Id>)>,
}

impl Sample {
    /// Three branches with files of all sizes. With `is_collected`, the oldest segments have gaps.
    fn new(is_collected: bool) -> Self {
        Self::through(is_collected, |store| store)
    }

    /// The same, with all objects whole.
    fn whole(is_collected: bool) -> Self {
        Self::through(is_collected, |store| Arc::new(Whole(store)))
    }

    fn through(is_collected: bool, engine: fn(Arc<PackStore>) -> Arc<dyn Engine>) -> Self {
        let disk = CrashFs::new();
        let store = Arc::new(PackStore::create(dir(), options(&disk)).unwrap());
        let repo = Repo::new(engine(Arc::clone(&store)), Env::fixed(0));
        let path = |text: &str| irmin_core::Path::parse(text).unwrap();
        for number in 0..24_u8 {
            let name = ["main", "other", "third"][usize::from(number % 3)];
            let value = [number; 3].repeat(20 + usize::from(number) * 5);
            let text = format!("dir/{}/file{}", number % 4, number % 6);
            let branch = repo.branch(name).unwrap();
            branch.set(&path(&text), value, "Go on").unwrap();
        }
        if is_collected {
            let gone = RefEdit {
                name: "heads/third".to_owned(),
                expected: store.get_ref("heads/third").unwrap(),
                new: None,
            };
            store.compare_and_swap(&[gone], Durability::Sync).unwrap();
            store
                .collect(&Collect::everything_named(), &mut |_| {
                    std::ops::ControlFlow::Continue(())
                })
                .unwrap();
        }
        let refs: BTreeMap<String, Id> = store.list_refs("").unwrap().into_iter().collect();
        let objects = closure(&*store, refs.values().copied().collect());
        drop(repo);
        Arc::into_inner(store).unwrap().close().unwrap();
        Self {
            disk: disk.after_kill(),
            refs,
            objects,
        }
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut paths = self.disk.paths();
        paths
            .retain(|path| path.extension().is_some_and(|e| e == "seg") && path.starts_with(dir()));
        paths
    }

    /// What an object leads to, with itself.
    fn below(&self, id: Id) -> BTreeSet<Id> {
        let mut frontier = vec![id];
        let mut seen = BTreeSet::new();
        while let Some(id) = frontier.pop() {
            if seen.insert(id) {
                frontier.extend(&self.objects[&id].1);
            }
        }
        seen
    }

    /// The newest commit at or before `id` along the first parents that does not lead to `lost`.
    fn newest_without(&self, id: Id, lost: Id) -> Option<Id> {
        let mut id = id;
        while self.below(id).contains(&lost) {
            id = *self.objects[&id].1.get(1)?;
            self.objects.get(&id)?;
        }
        Some(id)
    }
}

pub(crate) fn closure(
    store: &dyn ObjectStore,
    mut frontier: Vec<Id>,
) -> BTreeMap<Id, (Vec<u8>, Vec<Id>)> {
    let mut objects = BTreeMap::new();
    while let Some(id) = frontier.pop() {
        if objects.contains_key(&id) {
            continue;
        }
        let bytes = store.get(&Key::from(id)).unwrap().unwrap().bytes.to_vec();
        let links = links_of(&bytes).unwrap();
        frontier.extend(&links);
        objects.insert(id, (bytes, links));
    }
    objects
}

/// Salvages, and checks what must be so whatever the damage is.
pub(crate) fn salvage_checked(disk: &CrashFs) -> (SalvageReport, PackStore) {
    let before: Vec<(PathBuf, Vec<u8>)> = disk
        .paths()
        .into_iter()
        .map(|path| (path.clone(), disk.bytes(&path)))
        .collect();
    let report = salvage(dir(), Some(Path::new(COPY)), &options(disk), &mut |_| ()).unwrap();
    for (path, bytes) in before {
        assert_eq!(disk.bytes(&path), bytes, "{} was changed", path.display());
    }
    let store = PackStore::open(Path::new(COPY), options(disk)).unwrap();
    let checked = store.verify(&mut |_| ()).unwrap();
    assert!(checked.is_clean(), "{:?}", checked.problems);
    let refs = store.list_refs("").unwrap();
    let kept: Vec<_> = report
        .names
        .iter()
        .filter(|name| name.now.is_some())
        .collect();
    assert_eq!(refs.len(), kept.len());
    // Reads all that the names lead to.
    closure(&store, refs.into_iter().map(|(_, id)| id).collect());
    (report, store)
}

fn tells_of(report: &SalvageReport, file: &Path, at: u64) -> bool {
    report.problems.iter().any(|problem| match problem {
        // Of the record or of its frame, whichever is told of.
        StoreError::Corrupt { path, offset, .. } => path == file && offset.abs_diff(at) < 3000,
        _ => false,
    })
}

pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(part.len()).enumerate();
    windows
        .filter(|(_, window)| *window == part)
        .map(|(at, _)| at)
        .collect()
}

fn lose_each_object(sample: &Sample) {
    let mut lost = 0;
    for (id, (bytes, _)) in &sample.objects {
        let disk = sample.disk.copy();
        let mut places = Vec::new();
        for path in sample.segments() {
            let mut content = disk.bytes(&path);
            for at in find(&content, bytes) {
                content[at + bytes.len() / 2] ^= 4;
                places.push((path.clone(), (at + bytes.len() / 2) as u64));
            }
            disk.set_bytes(&path, &content);
        }
        assert!(!places.is_empty());
        let (report, store) = salvage_checked(&disk);
        for (path, at) in places {
            assert!(tells_of(&report, &path, at), "{id}: {:?}", report.problems);
        }
        for (name, head) in &sample.refs {
            let salvaged = report
                .names
                .iter()
                .find(|other| other.name == *name)
                .unwrap();
            let expected = sample.newest_without(*head, *id);
            assert_eq!(store.get_ref(name).unwrap(), salvaged.now);
            if salvaged.now.is_none() {
                // A collection forgets what a name pointed to before. Nothing else is forgotten.
                let is_there = |other: &SalvagedName| other.now == expected;
                assert!(report.names.iter().any(is_there), "{name} without its head");
                continue;
            }
            assert_eq!(salvaged.now, expected, "{name} without {id}");
            let is_told = salvaged.missing.iter().any(|missing| missing.id == *id);
            // The head itself may be what is lost, and a lost parent hides what is below it.
            let is_near = sample.below(*head).contains(id) && is_of_tree(sample, *head, *id);
            let is_told = is_told || salvaged.was.is_none();
            assert!(is_told || !is_near, "{name} without {id}: {salvaged:?}");
        }
        let is_kept = |other: &Id| !sample.below(*other).contains(id);
        for (other, (bytes, _)) in sample.objects.iter().filter(|(other, _)| is_kept(other)) {
            let stored = store.get(&Key::from(*other)).unwrap();
            assert_eq!(stored.unwrap().bytes, bytes);
        }
        lost += 1;
    }
    assert!(lost > 50, "{lost}");
}

/// Whether an object is the commit itself or in its tree.
fn is_of_tree(sample: &Sample, commit: Id, id: Id) -> bool {
    let tree = sample.objects[&commit].1[0];
    commit == id || sample.below(tree).contains(&id)
}

#[test]
fn whichever_object_is_lost_all_that_does_not_lead_to_it_is_copied() {
    lose_each_object(&Sample::whole(false));
}

#[test]
fn segments_that_a_collection_wrote_are_salvaged_too() {
    let sample = Sample::whole(true);
    lose_each_object(&sample);
}

#[test]
fn a_sound_store_is_copied_whole() {
    for is_collected in [false, true] {
        let sample = Sample::new(is_collected);
        let disk = sample.disk.copy();
        let (report, store) = salvage_checked(&disk);
        assert!(report.is_whole(), "{report:?}");
        let refs: BTreeMap<String, Id> = store.list_refs("").unwrap().into_iter().collect();
        assert_eq!(refs, sample.refs);
    }
}

#[test]
fn headers_of_frames_and_segments_are_not_needed_for_the_records_behind_them() {
    let sample = Sample::new(false);
    for with_sidecars in [true, false] {
        for path in sample.segments() {
            let disk = sample.disk.copy();
            let mut content = disk.bytes(&path);
            // The segment's header, and with it the salt of all frames.
            content[8..32].fill(0);
            disk.set_bytes(&path, &content);
            if !with_sidecars {
                let _ = disk.remove(&path.with_extension("idx"));
            }
            let (report, store) = salvage_checked(&disk);
            assert!(tells_of(&report, &path, 0));
            let refs: BTreeMap<String, Id> = store.list_refs("").unwrap().into_iter().collect();
            assert_eq!(refs, sample.refs, "{}", path.display());
        }
    }
}

#[test]
fn any_damage_at_any_place_leaves_a_sound_copy() {
    let samples = [Sample::new(false), Sample::new(true)];
    let mut random = Random::new(7);
    let rounds: usize = std::env::var("CRASH_SEEDS").map_or(400, |text| text.parse().unwrap());
    let mut whole_names = 0;
    for round in 0..rounds {
        let sample = &samples[round % 2];
        let disk = sample.disk.copy();
        let paths: Vec<PathBuf> = disk.paths();
        for _ in 0..1 + random.below(3) {
            let path = &paths[random.below(paths.len())];
            let mut content = disk.bytes(path);
            let at = random.below(content.len());
            match random.below(5) {
                0 => content.truncate(at),
                1 => {
                    let end = (at + random.below(600)).min(content.len());
                    content[at..end].fill(0);
                }
                2 => {
                    let end = (at + random.below(50)).min(content.len());
                    content.drain(at..end);
                }
                3 => {
                    let more = random.draw().to_le_bytes().repeat(random.below(20));
                    content.splice(at..at, more);
                }
                _ => {
                    if let Some(byte) = content.get_mut(at) {
                        *byte ^= 1 << random.below(8);
                    }
                }
            }
            disk.set_bytes(path, &content);
        }
        let (report, _) = salvage_checked(&disk);
        for name in &report.names {
            whole_names += usize::from(sample.refs.get(&name.name).copied() == name.now);
        }
    }
    // Small damage loses little.
    assert!(whole_names > rounds, "{whole_names} of {}", rounds * 5 / 2);
}

#[test]
fn what_the_disk_cannot_read_is_told_of_and_the_rest_is_copied() {
    let sample = Sample::new(false);
    let mut told = 0;
    for failing in 1..60 {
        let disk = sample.disk.copy();
        disk.fail_reads_at(failing, 2);
        let Ok(report) = salvage(dir(), None, &options(&disk), &mut |_| ()) else {
            continue;
        };
        let is_read = |problem: &&StoreError| matches!(problem, StoreError::Io { .. });
        told += report.problems.iter().filter(is_read).count();
    }
    assert!(told > 5, "{told}");
}

#[test]
fn a_store_that_is_written_to_or_not_there_is_not_salvaged() {
    let disk = CrashFs::new();
    let salvaged = |disk: &CrashFs| salvage(dir(), None, &options(disk), &mut |_| ());
    assert!(matches!(salvaged(&disk), Err(StoreError::NotFound { .. })));
    let store = PackStore::create(dir(), options(&disk)).unwrap();
    assert!(matches!(salvaged(&disk), Err(StoreError::Locked { .. })));
    drop(store);
    let report = salvaged(&disk).unwrap();
    assert!(report.is_whole() && report.objects_copied == 0);
    let occupied = salvage(dir(), Some(dir()), &options(&disk), &mut |_| ());
    assert!(occupied.is_err());
}
