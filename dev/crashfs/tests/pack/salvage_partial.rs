//! Of a commit that lost something, the copy gets what is left.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use irmin_core::{
    Blob, Commit, CommitInfo, Cut, Env, Id, IdPrefix, Key, Object, ObjectStore, Path, RefStore,
    Repo, Signature, StoreError, StoreId, Stored, Time, Tree, WalkOptions,
};
use irmin_crashfs::CrashFs;
use irmin_pack::PackStore;

use crate::place::dir;
use crate::salvage::{closure, find, options, salvage_checked};

const PARTIAL: &str = "heads/salvaged/partial/main";

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Commits trees one after the other to `main`. Returns the disk, all objects, and the last commit.
fn stored(trees: &[Tree]) -> (CrashFs, BTreeMap<Id, Vec<u8>>, Commit) {
    let disk = CrashFs::new();
    let store = Arc::new(PackStore::create(dir(), options(&disk)).unwrap());
    let repo = Repo::new(Arc::<PackStore>::clone(&store), Env::fixed(0));
    let branch = repo.branch("main").unwrap();
    let by = |name: &'static str| Signature::new(name, "a@example.org", Time::utc(7)).unwrap();
    let mut last = None;
    for tree in trees {
        let info = CommitInfo {
            committer: by("Grace"),
            ..CommitInfo::new(by("Ada"), "Go on\n\nas before")
        };
        let parents: Vec<Commit> = last.into_iter().collect();
        let commit = repo.create_commit(tree, &parents, info).unwrap();
        branch.reset(&commit).unwrap();
        last = Some(commit);
    }
    let last = last.unwrap();
    let objects = closure(&*store, vec![last.id()]);
    let objects = objects.into_iter().map(|(id, (bytes, _))| (id, bytes));
    (disk.after_kill(), objects.collect(), last)
}

fn lose(disk: &CrashFs, object: &[u8]) {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "seg");
    let mut places = 0;
    for path in disk.paths().into_iter().filter(is_segment) {
        let mut content = disk.bytes(&path);
        for at in find(&content, object) {
            content[at + object.len() / 2] ^= 4;
            places += 1;
        }
        disk.set_bytes(&path, &content);
    }
    assert!(places > 0);
}

#[test]
fn a_branch_whose_commits_all_lost_one_value_keeps_the_others() {
    let name = |number: usize| path(&format!("dir{}/file{number}", number % 3));
    let value = |number: usize, version: usize| format!("{number}.{version} ").repeat(60);
    let mut tree = Tree::empty();
    for number in 0..300 {
        tree.set(&name(number), value(number, 0)).unwrap();
    }
    let mut trees = vec![tree.clone()];
    for version in 1..50 {
        tree.set(&name(100 + version), value(100 + version, version))
            .unwrap();
        trees.push(tree.clone());
    }
    let (disk, objects, head) = stored(&trees);
    let lost = Blob::new(value(7, 0)).id();
    lose(&disk, &objects[&lost]);

    let (report, copy) = salvage_checked(&disk);
    let [main, partial] = &report.names[..] else {
        panic!("{:?}", report.names);
    };
    assert_eq!((&*main.name, main.now), ("heads/main", None));
    assert_eq!(main.missing.len(), 1);
    assert_eq!(main.missing[0].path, "dir1/file7");
    assert_eq!((&*partial.name, partial.was), (PARTIAL, Some(head.id())));
    assert_eq!(partial.missing, []);

    let repo = Repo::new(Arc::new(copy), Env::fixed(0));
    let commit = repo.must_load(partial.now.unwrap()).unwrap();
    assert_eq!(commit.parents(), []);
    assert_eq!(commit.info().author, head.info().author);
    assert_eq!(commit.info().committer, head.info().committer);
    assert_eq!(commit.info().subject(), "Salvaged in part: Go on");
    let message = String::from_utf8(commit.info().message.to_vec()).unwrap();
    assert!(message.contains(&head.id().to_string()), "{message}");
    for number in 0..300 {
        let found = commit.tree().get_bytes(&name(number)).unwrap();
        let expected = tree.get_bytes(&name(number)).unwrap();
        assert_eq!(found, expected.filter(|_| number != 7), "{number}");
    }
    // Nothing else, and the ids are those of the tree without the value.
    tree.remove(&name(7)).unwrap();
    assert_eq!(commit.tree().id().unwrap(), tree.id().unwrap());
}

#[test]
fn a_lost_part_of_history_leaves_the_whole_tree() {
    let trees: Vec<Tree> = (0..4)
        .map(|number| {
            let mut tree = Tree::empty();
            tree.set(&path("a"), vec![number; 200]).unwrap();
            tree
        })
        .collect();
    let (disk, objects, head) = stored(&trees);
    lose(&disk, &objects[&head.parents()[0].id]);
    let (report, copy) = salvage_checked(&disk);
    let partial = copy.get_ref(PARTIAL).unwrap().unwrap();
    let repo = Repo::new(Arc::new(copy), Env::fixed(0));
    let commit = repo.must_load(partial).unwrap();
    assert_eq!(commit.tree().id().unwrap(), trees[3].id().unwrap());
    assert_eq!(report.names[0].missing[0].id, head.parents()[0].id);
}

/// What is stored, but for one object.
struct Without(Arc<BTreeMap<Id, Vec<u8>>>, Id, StoreId);

impl ObjectStore for Without {
    fn store_id(&self) -> StoreId {
        self.2
    }

    fn get_many(
        &self,
        keys: &[Key],
        out: &mut dyn FnMut(usize, Option<Stored>),
    ) -> Result<(), StoreError> {
        for (position, key) in keys.iter().enumerate() {
            let bytes = self.0.get(&key.id).filter(|_| key.id != self.1);
            let stored = bytes.map(|bytes| Stored {
                region: None,
                bytes: bytes.clone().into(),
                links: Vec::new(),
                generation: 0,
                cut: Cut::NONE,
            });
            out(position, stored);
        }
        Ok(())
    }

    fn put_many(&self, _: &[Object<'_>]) -> Result<Vec<Key>, StoreError> {
        unreachable!("because nothing is stored")
    }

    fn commits_with_prefix(&self, _: &IdPrefix, _: usize) -> Result<Vec<Id>, StoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn whichever_part_of_a_tree_is_lost_everything_beside_it_is_kept() {
    let mut tree = Tree::empty();
    for number in 0..700_u32 {
        let text = match number % 70 {
            0 => format!("wide/{number}/below/{number}"),
            _ => format!("wide/{number}"),
        };
        tree.set(&path(&text), number.to_string()).unwrap();
    }
    for number in 0..3_u8 {
        let text = format!("deep/er/large{number}");
        tree.set(&path(&text), vec![number; 400]).unwrap();
    }
    // The same directory twice.
    let deep = tree.get_tree(&path("deep")).unwrap().unwrap();
    tree.set(&path("again"), deep).unwrap();
    let (disk, objects, head) = stored(std::slice::from_ref(&tree));
    let objects = Arc::new(objects);
    let paths: Vec<Path> = tree
        .walk(WalkOptions::default())
        .map(|found| found.unwrap())
        .filter(|(_, entry)| matches!(entry, irmin_core::Entry::Blob(_)))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths.len(), 706);
    let root = tree.id().unwrap();
    let mut kept_least = paths.len();
    for (lost, bytes) in &*objects {
        let disk = disk.copy();
        lose(&disk, bytes);
        let (_, copy) = salvage_checked(&disk);
        let partial = copy.get_ref(PARTIAL).unwrap();
        if *lost == root || *lost == head.id() {
            assert_eq!(partial, None);
            continue;
        }
        let repo = Repo::new(Arc::new(copy), Env::fixed(0));
        let commit = repo.must_load(partial.unwrap()).unwrap();
        let left = Without(Arc::clone(&objects), *lost, StoreId::fresh());
        let left: Arc<dyn ObjectStore> = Arc::new(left);
        let mut kept = 0;
        for path in &paths {
            let left = Tree::load(Arc::clone(&left), root.into()).get_bytes(path);
            let left = left.ok().flatten();
            kept += usize::from(left.is_some());
            let found = commit.tree().get_bytes(path).unwrap();
            assert_eq!(found, left, "{path:?} without {lost}");
        }
        kept_least = kept_least.min(kept);
    }
    assert!(objects.len() > 30 && kept_least < 100);
}
