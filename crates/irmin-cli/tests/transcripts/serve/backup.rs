//! Copies of a repository that is served, and repositories from copies.

use std::fs;
use std::path::Path;

use super::support::{Served, Writers, check_acknowledged, irmin, run, said};

fn head(repo: &str) -> String {
    run(&["--repo", repo, "log", "--json", "-n", "1"])
}

#[test]
fn a_copy_made_under_load_becomes_the_same_repository_again() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::new(dir.path(), &[]);
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let url = served.url();
    run(&["--repo", &url, "set", "kept", "yes"]);
    run(&["--repo", &url, "branch", "draft"]);
    run(&["--repo", &url, "tag", "v1"]);
    let writers = Writers::start(&url, 2, 0);
    // One over the network, one from the files beside the server.
    run(&["admin", "backup", &url, &path("a.bundle")]);
    run(&["admin", "backup", &path("data/main"), &path("b.bundle")]);
    served.stop();
    let acknowledged = writers.ended();
    run(&["admin", "backup", &path("data/main"), &path("c.bundle")]);
    for name in ["a", "b", "c"] {
        let (bundle, repo) = (path(&format!("{name}.bundle")), path(name));
        let told = irmin(&["admin", "restore", &bundle, &repo])
            .output()
            .unwrap();
        assert!(told.status.success(), "{}", said(&told));
        assert!(said(&told).contains("all as written"));
        assert_eq!(run(&["--repo", &repo, "get", "kept"]).trim(), "yes");
        assert!(run(&["--repo", &repo, "branch"]).contains("draft"));
        assert!(run(&["--repo", &repo, "tag"]).contains("v1"));
    }
    assert_eq!(head(&path("c")), head(&path("data/main")));
    // A restored repository is one that can be served.
    fs::rename(path("data/main"), path("lost")).unwrap();
    fs::rename(path("c"), path("data/main")).unwrap();
    let served = Served::new(dir.path(), &[]);
    check_acknowledged(&served.client(), 0, &acknowledged);
}

#[test]
fn a_copy_of_an_empty_repository_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::new(dir.path(), &[]);
    let (bundle, repo) = (dir.path().join("e.bundle"), dir.path().join("e"));
    let (bundle, repo) = (bundle.to_str().unwrap(), repo.to_str().unwrap());
    run(&["admin", "backup", &served.url(), bundle]);
    run(&["admin", "restore", bundle, repo]);
    assert_eq!(run(&["--repo", repo, "branch"]), "");
}

/// Tries to restore a file, which must fail and make nothing.
fn refused(file: &Path, dir: &Path) -> String {
    let target = dir.join("restored");
    let output = irmin(&["admin", "restore"])
        .args([file, &target])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!target.exists());
    assert!(!dir.join("restored.restoring").exists());
    said(&output)
}

#[test]
fn a_copy_with_any_bit_turned_is_refused_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("r");
    let repo = repo.to_str().unwrap();
    run(&["init", &format!("pack:{repo}")]);
    run(&["--repo", repo, "set", "a", "some text"]);
    let file = dir.path().join("r.bundle");
    run(&["admin", "backup", repo, file.to_str().unwrap()]);
    let bytes = fs::read(&file).unwrap();
    let step = (bytes.len() / 24).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        fs::write(&file, bad).unwrap();
        refused(&file, dir.path());
    }
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    refused(&file, dir.path());
    run(&["--repo", repo, "set", "a", "more"]);
    run(&[
        "--repo",
        repo,
        "bundle",
        "create",
        file.to_str().unwrap(),
        "--since",
        "main~1",
    ]);
    assert!(refused(&file, dir.path()).contains("not all"));
}

#[test]
fn nothing_is_overwritten_and_a_data_directory_is_told_from_a_repository() {
    let dir = tempfile::tempdir().unwrap();
    Served::new(dir.path(), &[]).stop();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let output = irmin(&["admin", "backup", &path("data"), &path("f")])
        .output()
        .unwrap();
    assert!(said(&output).contains("data/main"), "{}", said(&output));
    run(&["admin", "backup", &path("data/main"), &path("f")]);
    let output = irmin(&["admin", "restore", &path("f"), &path("data/main")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("there already"), "{}", said(&output));
}
