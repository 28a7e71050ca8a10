use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use irminsule::{Change, Env, MemoryStore, Mode, Repo};
use tempfile::TempDir;

use super::*;

fn repo() -> Repo {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0))
}

fn options() -> ImportOptions {
    ImportOptions {
        keep_going: false,
        skip_caches: false,
        commit: TransactOptions::new("Import"),
    }
}

fn take(repo: &Repo, dir: &FilePath, at: &str) -> ImportReport {
    let branch = repo.branch("main").unwrap();
    let at = Path::parse(at).unwrap();
    import(&branch, dir, &at, &options(), &mut |_| ()).unwrap()
}

fn notices(repo: &Repo, dir: &FilePath, options: &ImportOptions) -> Vec<String> {
    let branch = repo.branch("main").unwrap();
    let mut seen = Vec::new();
    let done = import(&branch, dir, &Path::root(), options, &mut |event| {
        if let ImportEvent::Notice(notice) = event {
            seen.push(format!("{notice:?}"));
        }
    });
    done.unwrap();
    seen
}

fn bytes(repo: &Repo, path: &str) -> Option<Vec<u8>> {
    let path = Path::parse(path).unwrap();
    let branch = repo.branch("main").unwrap();
    branch.get(&path).unwrap().map(|bytes| bytes.to_vec())
}

fn mode(repo: &Repo, path: &str) -> Option<Mode> {
    let tree = repo.branch("main").unwrap().tree().unwrap();
    let blob = tree.get_blob(&Path::parse(path).unwrap()).unwrap();
    blob.map(|blob| blob.mode())
}

fn sample() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("a/deep/er")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("a/deep/er/small"), "small").unwrap();
    fs::write(at("a/medium"), vec![b'm'; 5000]).unwrap();
    fs::write(at("large"), noise(3 << 20)).unwrap();
    fs::write(at("tool"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(at("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("nowhere/at all", at("link")).unwrap();
    fs::write(dir.path().join(OsStr::from_bytes(b"\xff\n")), "odd").unwrap();
    dir
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn files_become_blobs_with_their_modes_and_links_stay_links() {
    let (repo, dir) = (repo(), sample());
    let report = take(&repo, dir.path(), "in/here");
    assert_eq!((report.files, report.changed, report.empty_dirs), (6, 6, 1));
    assert_eq!(bytes(&repo, "in/here/a/deep/er/small").unwrap(), b"small");
    assert_eq!(bytes(&repo, "in/here/a/medium").unwrap(), vec![b'm'; 5000]);
    assert_eq!(bytes(&repo, "in/here/large").unwrap(), noise(3 << 20));
    assert_eq!(mode(&repo, "in/here/tool"), Some(Mode::Executable));
    assert_eq!(mode(&repo, "in/here/link"), Some(Mode::Link));
    assert_eq!(bytes(&repo, "in/here/link").unwrap(), b"nowhere/at all");
    let odd = Path::parse(b"in/here/\xff\n").unwrap();
    let main = repo.branch("main").unwrap();
    assert_eq!(main.get(&odd).unwrap().unwrap(), "odd");
    assert_eq!(mode(&repo, "in/here/empty"), None);
}

#[test]
fn importing_again_commits_nothing() {
    let (repo, dir) = (repo(), sample());
    assert!(take(&repo, dir.path(), "").commit.is_some());
    let again = take(&repo, dir.path(), "");
    assert_eq!((again.files, again.changed, again.removed), (6, 0, 0));
    assert!(again.commit.is_none());
}

#[test]
fn only_what_changed_is_changed() {
    let (repo, dir) = (repo(), sample());
    let first = take(&repo, dir.path(), "").commit.unwrap();
    let mut large = noise(3 << 20);
    large[1 << 20] ^= 1;
    fs::write(dir.path().join("large"), large).unwrap();
    fs::remove_file(dir.path().join("a/deep/er/small")).unwrap();
    fs::write(dir.path().join("a/new"), "new").unwrap();
    fs::set_permissions(dir.path().join("tool"), fs::Permissions::from_mode(0o644)).unwrap();
    let report = take(&repo, dir.path(), "");
    assert_eq!((report.changed, report.removed), (3, 1));
    let second = report.commit.unwrap();
    let changes = first.tree().diff(second.tree()).unwrap();
    let paths: Vec<_> = changes
        .iter()
        .map(|Change { path, .. }| path.to_string())
        .collect();
    assert_eq!(paths, ["a/deep/er/small", "a/new", "large", "tool"]);
}

#[test]
fn files_and_directories_change_places() {
    let (repo, dir) = (repo(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("x")).unwrap();
    fs::write(at("x/1"), "1").unwrap();
    fs::write(at("y"), "2").unwrap();
    take(&repo, dir.path(), "");
    fs::remove_dir_all(at("x")).unwrap();
    fs::remove_file(at("y")).unwrap();
    fs::write(at("x"), "3").unwrap();
    fs::create_dir(at("y")).unwrap();
    fs::write(at("y/1"), "4").unwrap();
    take(&repo, dir.path(), "");
    assert_eq!(bytes(&repo, "x").unwrap(), b"3");
    assert_eq!(bytes(&repo, "y/1").unwrap(), b"4");
    fs::remove_file(at("y/1")).unwrap();
    take(&repo, dir.path(), "");
    assert_eq!(bytes(&repo, "y/1"), None);
    assert_eq!(mode(&repo, "x"), Some(Mode::Normal));
}

#[test]
fn many_files_in_one_directory_come_and_go_in_order() {
    let (repo, dir) = (repo(), tempfile::tempdir().unwrap());
    for number in 0..1000 {
        fs::write(dir.path().join(format!("f{number}")), format!("{number}")).unwrap();
    }
    assert_eq!(take(&repo, dir.path(), "").changed, 1000);
    for number in (0..1000).step_by(3) {
        fs::remove_file(dir.path().join(format!("f{number}"))).unwrap();
    }
    let report = take(&repo, dir.path(), "");
    assert_eq!(
        (report.files, report.changed, report.removed),
        (666, 0, 334)
    );
    let tree = repo.branch("main").unwrap().tree().unwrap();
    assert_eq!(tree.len().unwrap(), 666);
}

#[test]
fn what_belongs_to_a_version_control_system_is_neither_taken_nor_removed() {
    let (repo, dir) = (repo(), tempfile::tempdir().unwrap());
    let rules = Path::parse(".irmin/rules").unwrap();
    repo.branch("main")
        .unwrap()
        .set(&rules, "* text", "Rules")
        .unwrap();
    fs::create_dir_all(dir.path().join("sub/.git")).unwrap();
    fs::write(dir.path().join("sub/.git/HEAD"), "ref").unwrap();
    fs::write(dir.path().join("sub/file"), "1").unwrap();
    let notices = notices(&repo, dir.path(), &options());
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(bytes(&repo, ".irmin/rules").unwrap(), b"* text");
    assert_eq!(bytes(&repo, "sub/.git/HEAD"), None);
    assert_eq!(bytes(&repo, "sub/file").unwrap(), b"1");
}

#[test]
fn sockets_are_left_out_aloud() {
    let (repo, dir) = (repo(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("socket"), "once a file").unwrap();
    take(&repo, dir.path(), "");
    fs::remove_file(dir.path().join("socket")).unwrap();
    let _socket = UnixListener::bind(dir.path().join("socket")).unwrap();
    fs::write(dir.path().join("file"), "1").unwrap();
    let notices = notices(&repo, dir.path(), &options());
    assert!(notices[0].starts_with("Special"), "{notices:?}");
    assert_eq!(bytes(&repo, "socket"), None);
}

#[test]
fn what_cannot_be_read_stops_the_import_unless_it_keeps_going() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new());
    let missing = || Task::Read(Step::new("x").unwrap(), "/nowhere/x".into(), None);
    let edit = Reader::new(Arc::clone(&store), false).edit(missing());
    assert!(matches!(edit, Err(FilesError::Io { .. })));
    let edit = Reader::new(store, true).edit(missing());
    assert!(matches!(edit, Ok(Edit::Notice(Notice::Unreadable(_)))));
}

#[test]
fn what_is_no_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let branch = repo().branch("main").unwrap();
    for path in [file, dir.path().join("absent")] {
        let done = import(&branch, &path, &Path::root(), &options(), &mut |_| ());
        assert!(done.is_err());
        assert!(branch.head().unwrap().is_none());
    }
}

#[test]
fn a_repository_inside_the_directory_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let repo = irminsule::create(&format!("pack:{}/store", dir.path().display())).unwrap();
    fs::write(dir.path().join("file"), "1").unwrap();
    let report = take(&repo, dir.path(), "");
    assert_eq!(report.files, 1);
    assert!(take(&repo, dir.path(), "").commit.is_none());
}

#[test]
fn directories_marked_as_caches_are_left_out_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("target/debug")).unwrap();
    fs::write(dir.path().join("target/CACHEDIR.TAG"), "Signature").unwrap();
    fs::write(dir.path().join("target/debug/large"), "object").unwrap();
    fs::write(dir.path().join("source"), "text").unwrap();
    let repo = repo();
    let main = repo.branch("main").unwrap();
    let skipping = ImportOptions {
        skip_caches: true,
        ..options()
    };
    let run = |options: &ImportOptions| {
        import(&main, dir.path(), &Path::root(), options, &mut |_| {}).unwrap()
    };
    assert_eq!(run(&skipping).files, 1);
    assert_eq!(run(&options()).files, 3);
}
