//! What cannot be typed into a transcript.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use irminsule::{Durability, Env, Path, Repo, TransactOptions, Url};
use tempfile::TempDir;

/// All that reads.
const READING: &[&[&str]] = &[
    &["get", "greeting"],
    &["ls"],
    &["tree"],
    &["dump"],
    &["log"],
    &["log", "--graph"],
    &["show"],
    &["diff", "main", "main"],
    &["blame", "greeting"],
    &["branch"],
    &["branch", "--list"],
    &["tag"],
    &["rules"],
    &["stats"],
    &["dot"],
    &["verify"],
];

/// A repository, and the program to use it.
struct Place {
    dir: TempDir,
    url: PathBuf,
}

impl Place {
    fn new() -> (Self, Repo) {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("repo");
        let engine = Url::Pack(url.clone()).create().unwrap();
        let repo = Repo::new(Arc::clone(&engine), Env::fixed(0));
        (Self { dir, url }, repo)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_irmin"));
        command.arg("--repo").arg(&self.url).args(args);
        command
    }

    fn irmin(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_repository_that_somebody_writes_to_is_read_and_a_second_writer_told_who() {
    let (place, held) = Place::new();
    let main = held.branch("main").unwrap();
    main.set(&Path::parse("greeting").unwrap(), "hello", "greet")
        .unwrap();
    for args in READING {
        let read = place.irmin(args);
        assert_eq!(read.status.code(), Some(0), "{args:?} {read:?}");
    }
    assert_eq!(text(place.irmin(&["get", "greeting"]).stdout), "hello");
    let refused = place.irmin(&["set", "greeting", "goodbye"]);
    assert_eq!(refused.status.code(), Some(2));
    let error = text(refused.stderr);
    let holder = format!("is in use by process {}\n", std::process::id());
    assert!(error.contains(&holder), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
    drop((main, held));
    let set = place.irmin(&["set", "greeting", "goodbye"]);
    assert_eq!(set.status.code(), Some(0));
}

#[test]
fn a_repository_of_somebody_else_is_read_without_leave_to_write() {
    let (place, repo) = Place::new();
    let main = repo.branch("main").unwrap();
    main.set(&Path::parse("greeting").unwrap(), "hello", "greet")
        .unwrap();
    drop((main, repo));
    let program = place.dir.path().join("irmin");
    fs::copy(env!("CARGO_BIN_EXE_irmin"), &program).unwrap();
    let is_root = fs::metadata(&place.url).unwrap().uid() == 0;
    let mode = |path: &std::path::Path, bits| {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    };
    mode(place.dir.path(), 0o755);
    for dir in [place.url.clone(), place.url.join("segments")] {
        for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap) {
            if entry.metadata().unwrap().is_file() {
                mode(&entry.path(), 0o444);
            }
        }
        mode(&dir, 0o555);
    }
    let irmin = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("--repo").arg(&place.url).args(args);
        if is_root {
            // Leave or not is nothing to the superuser.
            command.uid(65_534).current_dir("/");
        }
        command.output().unwrap()
    };
    for args in READING {
        let read = irmin(args);
        assert_eq!(read.status.code(), Some(0), "{args:?} {read:?}");
    }
    let refused = irmin(&["set", "greeting", "goodbye"]);
    assert_eq!(refused.status.code(), Some(2));
    let error = text(refused.stderr);
    assert!(error.contains("Permission denied"), "{error}");
    for dir in [place.url.clone(), place.url.join("segments")] {
        mode(&dir, 0o755);
    }
}

#[test]
fn an_ambiguous_prefix_is_told_with_what_it_may_mean() {
    let (place, repo) = Place::new();
    let main = repo.branch("main").unwrap();
    let options = TransactOptions::new("count").durability(Durability::None);
    let path = Path::parse("n").unwrap();
    let mut seen = HashMap::new();
    // Two of 65,536 prefixes meet within a few hundred commits.
    let (prefix, both) = (0..)
        .find_map(|n: u32| {
            let done = main.transact(&options, |view| view.set(&path, n.to_string()));
            let id = done.unwrap().commit.unwrap().id().to_string();
            let prefix = id.get(..4).unwrap().to_owned();
            let other = seen.insert(prefix.clone(), id.clone())?;
            Some((prefix, [id, other]))
        })
        .unwrap();
    drop((main, repo));
    let refused = place.irmin(&["get", "n", "--at", &prefix]);
    assert_eq!(refused.status.code(), Some(2));
    let error = text(refused.stderr);
    assert!(
        error.starts_with(&format!("error: '{prefix}' is ambiguous: ")),
        "{error}"
    );
    for id in both {
        assert!(error.contains(id.get(..12).unwrap()), "{error}");
        assert_eq!(
            place.irmin(&["get", "n", "--at", &id]).status.code(),
            Some(0)
        );
    }
    assert!(error.contains("\nhint: write more digits"), "{error}");
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let (place, repo) = Place::new();
    let main = repo.branch("main").unwrap();
    let options = TransactOptions::new("fill");
    let filled = main.transact(&options, |view| {
        for n in 0..20_000 {
            view.set(&Path::parse(format!("many/{n}"))?, "")?;
        }
        Ok(())
    });
    filled.unwrap();
    drop((main, repo));
    for args in [
        &["ls", "many"][..],
        &["tree"],
        &["show"],
        &["ls", "many", "--json"],
        &["dump"],
    ] {
        let mut child = place
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        assert_eq!(said, "", "{args:?}");
    }
}

#[cfg(unix)]
#[test]
fn directories_and_values_may_have_any_name() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    let irmin = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_irmin"));
        command.args(args).arg(&odd).output().unwrap()
    };
    assert_eq!(irmin(&["init"]).status.code(), Some(0));
    assert_eq!(irmin(&["set", "a", "1", "-r"]).status.code(), Some(0));
    assert_eq!(irmin(&["get", "a", "-r"]).stdout, b"1");
    let refused = irmin(&["set", "b", "--file"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(refused.stderr).starts_with("error: "));
}
