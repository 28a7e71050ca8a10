use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

#[test]
fn full_names_have_a_namespace_and_obey_its_rules() {
    for good in [
        "heads/main",
        "tags/v1.2",
        "remotes/o/a/b",
        "pins/x",
        "pins/a/@",
        "heads/a@b",
    ] {
        assert_eq!(RefName::new(good).unwrap().as_str(), good);
        assert_eq!(RefName::new(format!("refs/{good}")).unwrap().as_str(), good);
    }
    for bad in [
        "main",
        "heads/",
        "heads",
        "/heads",
        "heads/-x",
        "heads/HEAD",
        "tags/-x",
        "remotes/o",
        "remotes/o/",
        "remotes/-o/x",
        "remotes/o/-x",
        "pins/",
        "pins//x",
        "pins/x.lock",
        ".pins/x",
        "heads/a b",
        "heads/é~",
    ] {
        assert!(RefName::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_parts_of_a_full_name_can_be_taken_apart() {
    let main = BranchName::new("a/b").unwrap();
    assert_eq!(main.full().as_branch(), Some(main.clone()));
    assert_eq!(main.full().as_tag(), None);
    let tag = RefName::tag("v1").unwrap();
    assert_eq!(
        (tag.as_str(), tag.as_tag(), tag.as_branch()),
        ("tags/v1", Some("v1"), None)
    );
    let remote = RefName::remote("origin", &main).unwrap();
    assert_eq!(
        (remote.namespace(), remote.short()),
        ("remotes", "origin/a/b")
    );
    assert_eq!(RefName::new(remote.as_str()).unwrap(), remote);
    assert!(RefName::remote("a/b", &main).is_err());
    assert!(RefName::remote("", &main).is_err());
    assert!(RefName::tag("v 1").is_err());
}

#[test]
fn long_names_are_refused_in_every_namespace() {
    for namespace in ["heads/", "tags/", "remotes/o/", "remotes/", "pins/"] {
        let fits = "x".repeat(REF_NAME_BYTES_MAX - namespace.len() - 2) + "/x";
        assert!(
            RefName::new(format!("{namespace}{fits}")).is_ok(),
            "{namespace}"
        );
        assert!(
            RefName::new(format!("{namespace}{fits}x")).is_err(),
            "{namespace}"
        );
    }
    assert!(BranchName::new("x".repeat(REF_NAME_BYTES_MAX - 6)).is_ok());
    assert!(BranchName::new("x".repeat(REF_NAME_BYTES_MAX - 5)).is_err());
}

#[test]
fn an_error_names_the_rule_and_escapes_control_characters() {
    let error = BranchName::new("a\nb").unwrap_err().to_string();
    assert_eq!(
        error,
        r"'a\nb' is not a branch name: it cannot contain control characters"
    );
}

/// Git is the judge. Ours is stricter only about `@`, which Git takes for the current branch too.
#[test]
fn git_accepts_the_same_branch_names() {
    if Command::new("git").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "git is missing");
        println!("SKIPPED: git is missing, so its judgement of branch names was not asked");
        return;
    }
    let names = generated_names(2_000);
    let accepted = names
        .iter()
        .filter(|name| BranchName::new(name.as_str()).is_ok())
        .count();
    assert!(
        (200..1_800).contains(&accepted),
        "{accepted} is no useful mix"
    );
    for name in names {
        let ours = BranchName::new(name.as_str()).is_ok();
        assert_eq!(ours, name != "@" && git_accepts(&name), "{name:?}");
    }
}

/// Names of pieces that the rules speak of, each once, from a fixed seed.
fn generated_names(count: usize) -> Vec<String> {
    const PIECES: &[&str] = &[
        "a", "b", "main", "HEAD", "/", "/", "/", ".", ".", "-", "@", "{", "lock", ".lock", "..",
        " ", "~", "^", ":", "?", "*", "[", "]", "\\", "\t", "\x7f", "é", "x", "y", "1", "refs",
        "heads", "_", "+", "}", "\"", "'", "#", "!", "$", "(", "|", ";", "<", ",", "=",
    ];
    let strategy = prop::collection::vec(prop::sample::select(PIECES), 1..5);
    let mut runner = TestRunner::deterministic();
    let mut names = std::collections::BTreeSet::new();
    names.extend(PIECES.iter().copied().map(str::to_owned));
    while names.len() < count {
        let name = strategy.new_tree(&mut runner).unwrap().current().concat();
        names.insert(name);
    }
    names.into_iter().collect()
}

fn git_accepts(name: &str) -> bool {
    Command::new("git")
        .args(["check-ref-format", "--branch", name])
        .current_dir(std::env::temp_dir())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

proptest! {
    #[test]
    fn checking_never_panics(name: String) {
        let _ = (BranchName::new(name.clone()), RefName::new(name.clone()), RefName::tag(&name));
    }
}
