use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use irminsule::{Env, MemoryStore, Mode, Path, Tree};
use tempfile::TempDir;

use super::*;

fn repo() -> Repo {
    Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0))
}

fn tree(entries: &[(&str, Blob)]) -> Tree {
    let mut tree = Tree::empty();
    for (path, blob) in entries {
        tree.set(&Path::parse(path).unwrap(), blob.clone()).unwrap();
    }
    tree
}

fn write(tree: &Tree, dir: &FilePath, force: bool) -> Result<ExportReport, String> {
    let done = export(&repo(), tree, dir, force, &mut |_| ());
    done.map_err(|error| Failure::from(error).message().to_owned())
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn files_come_back_with_their_modes_and_links() {
    let tree = tree(&[
        ("a/b/c", "deep".into()),
        ("large", vec![b'x'; 3 << 20].into()),
        ("link", Blob::new("a/b").with_mode(Mode::Link)),
        ("tool", Blob::new("#!/bin/sh").with_mode(Mode::Executable)),
    ]);
    let dir = directory();
    let to = dir.path().join("new/one");
    assert_eq!(write(&tree, &to, false).unwrap().files, 4);
    assert_eq!(fs::read(to.join("a/b/c")).unwrap(), b"deep");
    assert_eq!(fs::read(to.join("large")).unwrap(), vec![b'x'; 3 << 20]);
    assert_eq!(
        fs::read_link(to.join("link")).unwrap(),
        FilePath::new("a/b")
    );
    let mode = |name| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o111;
    assert_ne!(mode("tool") & 0o100, 0);
    assert_eq!(mode("large"), 0);
    let names = fs::read_dir(&to).unwrap().count();
    assert_eq!(names, 4, "an unfinished file was left behind");
}

#[test]
fn a_directory_of_several_pages_is_written_as_a_whole() {
    let mut tree = Tree::empty();
    for number in 0..3000 {
        let path = Path::parse(format!("many/{number}")).unwrap();
        tree.set(&path, number.to_string()).unwrap();
    }
    let dir = directory();
    assert_eq!(write(&tree, dir.path(), false).unwrap().files, 3000);
    assert_eq!(fs::read_dir(dir.path().join("many")).unwrap().count(), 3000);
}

#[test]
fn what_is_there_is_left_alone_unless_forced() {
    let tree = tree(&[("name", "new".into()), ("dir/name", "new".into())]);
    let dir = directory();
    fs::write(dir.path().join("name"), "old").unwrap();
    fs::write(dir.path().join("other"), "other").unwrap();
    fs::write(dir.path().join("dir"), "a file").unwrap();
    assert!(
        write(&tree, dir.path(), false)
            .unwrap_err()
            .contains("is not empty")
    );
    assert_eq!(fs::read(dir.path().join("name")).unwrap(), b"old");
    write(&tree, dir.path(), true).unwrap();
    assert_eq!(fs::read(dir.path().join("name")).unwrap(), b"new");
    assert_eq!(fs::read(dir.path().join("other")).unwrap(), b"other");
    assert_eq!(fs::read(dir.path().join("dir/name")).unwrap(), b"new");
}

#[test]
fn nothing_is_written_through_a_link() {
    let tree = tree(&[("dir/file", "new".into()), ("file", "new".into())]);
    let (dir, outside) = (directory(), directory());
    fs::write(outside.path().join("file"), "old").unwrap();
    symlink(outside.path(), dir.path().join("dir")).unwrap();
    symlink(outside.path().join("file"), dir.path().join("file")).unwrap();
    write(&tree, dir.path(), true).unwrap();
    assert_eq!(fs::read(outside.path().join("file")).unwrap(), b"old");
    assert_eq!(fs::read(dir.path().join("dir/file")).unwrap(), b"new");
    assert!(
        fs::symlink_metadata(dir.path().join("file"))
            .unwrap()
            .is_file()
    );
}

#[test]
fn a_directory_is_not_replaced_by_a_file() {
    let dir = directory();
    fs::create_dir_all(dir.path().join("name/below")).unwrap();
    let error = write(&tree(&[("name", "new".into())]), dir.path(), true).unwrap_err();
    assert!(error.contains("is a directory where a file"), "{error}");
    assert!(dir.path().join("name/below").is_dir());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_belongs_to_a_version_control_system_is_not_written() {
    let tree = tree(&[
        (".irmin/rules", "* text".into()),
        ("sub/.git/config", "[core]".into()),
        ("sub/file", "1".into()),
    ]);
    let dir = directory();
    let mut apart = 0;
    let done = export(&repo(), &tree, dir.path(), false, &mut |event| {
        apart += u32::from(matches!(event, ExportEvent::StaysApart(_)));
    });
    assert_eq!((done.unwrap().files, apart), (1, 2));
    assert!(!dir.path().join(".irmin").exists());
    assert!(!dir.path().join("sub/.git").exists());
}

#[test]
fn nothing_is_written_into_the_store_or_over_a_file() {
    let dir = directory();
    let repo = irminsule::create(&format!("pack:{}/store", dir.path().display())).unwrap();
    let tree = tree(&[("name", "new".into())]);
    let below = dir.path().join("store/below");
    assert!(export(&repo, &tree, &below, true, &mut |_| ()).is_err());
    let file = dir.path().join("file");
    fs::write(&file, "old").unwrap();
    assert!(
        write(&tree, &file, true)
            .unwrap_err()
            .contains("is not a directory")
    );
    assert_eq!(fs::read(file).unwrap(), b"old");
}
