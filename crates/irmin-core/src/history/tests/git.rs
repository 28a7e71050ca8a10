//! The same questions to Git.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::dags::{Dag, dags};
use crate::{CommitGraph, History, Id};

#[test]
fn git_finds_the_same_merge_bases_and_logs() {
    if Command::new("git").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "git is missing");
        println!("SKIPPED: git is missing, so its view of random histories was not asked");
        return;
    }
    let mut runner = TestRunner::deterministic();
    for round in 0..4 {
        let random = dags().new_tree(&mut runner).unwrap().current();
        // Git breaks ties of time in its own way: all times differ here, some run backwards.
        let order = |i: usize| i64::try_from((i * 7 + 3) % 24 + i / 12 * 24).unwrap();
        let dag = Dag::new(&random.parents, |i| 1_700_000_000 + order(i));
        let git = Git::import(&dag, round);
        git.compare(&dag);
    }
}

struct Git {
    dir: PathBuf,
    /// What Git calls each commit.
    names: Vec<String>,
}

impl Git {
    fn import(dag: &Dag, round: usize) -> Self {
        let name = format!("irmin-core-history-{}-{round}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        run(
            &std::env::temp_dir(),
            &["init", "-q", "--bare", dir.to_str().unwrap()],
            "",
        );
        let marks = dir.join("marks");
        let export = format!("--export-marks={}", marks.display());
        run(
            &dir,
            &["fast-import", "--quiet", "--force", &export],
            &stream(dag),
        );
        let mut names = vec![String::new(); dag.ids.len()];
        for line in std::fs::read_to_string(&marks).unwrap().lines() {
            let (mark, name) = line[1..].split_once(' ').unwrap();
            names[mark.parse::<usize>().unwrap() - 1] = name.to_owned();
        }
        Self { dir, names }
    }

    fn compare(&self, dag: &Dag) {
        let graph = CommitGraph::new();
        let history = History::new(&graph, &dag.store);
        let head = dag.ids.len() - 1;
        for i in 0..head {
            let j = (i * 5 + 1) % dag.ids.len();
            let ours = history
                .lowest_common_ancestors(&[dag.ids[i]], &[dag.ids[j]])
                .unwrap();
            let theirs = self.ask(
                dag,
                &["merge-base", "--all", &self.names[i], &self.names[j]],
            );
            assert_eq!(
                ours.into_iter().collect::<BTreeSet<_>>(),
                theirs.into_iter().collect()
            );

            let exclude = format!("^{}", self.names[i]);
            let args = ["rev-list", "--date-order", &self.names[j], &exclude];
            let ours = history.commits_between(dag.ids[i], dag.ids[j]);
            let ours: Vec<Id> = ours.map(|entry| entry.unwrap().key.id).collect();
            assert_eq!(ours, self.ask(dag, &args));
        }
        let ours: Vec<Id> = history
            .log(dag.ids[head])
            .map(|e| e.unwrap().key.id)
            .collect();
        assert_eq!(
            ours,
            self.ask(dag, &["rev-list", "--date-order", &self.names[head]])
        );
    }

    fn ask(&self, dag: &Dag, args: &[&str]) -> Vec<Id> {
        let number = |name: &str| self.names.iter().position(|known| known == name).unwrap();
        run(&self.dir, args, "")
            .lines()
            .map(|name| dag.ids[number(name)])
            .collect()
    }
}

impl Drop for Git {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Writes the history as input of `git fast-import`.
fn stream(dag: &Dag) -> String {
    let mut out = String::new();
    for (i, parents) in dag.parents.iter().enumerate() {
        let (mark, time) = (i + 1, dag.times[i]);
        // Git drops a repeated parent.
        let mut seen = BTreeSet::new();
        let parents = parents.iter().filter(|&&parent| seen.insert(parent));
        write!(
            out,
            "reset refs/heads/b{mark}\n\ncommit refs/heads/b{mark}\nmark :{mark}\n"
        )
        .unwrap();
        write!(
            out,
            "committer A <a@b> {time} +0000\ndata {}\n{i}\n",
            i.to_string().len()
        )
        .unwrap();
        for (position, parent) in parents.enumerate() {
            let word = if position == 0 { "from" } else { "merge" };
            writeln!(out, "{word} :{}", parent + 1).unwrap();
        }
        out.push('\n');
    }
    out
}

fn run(dir: &Path, args: &[&str], input: &str) -> String {
    let mut child = Command::new("git")
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    // Without a common ancestor, merge-base says so by its status alone.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() || said.is_empty(),
        "git {args:?}: {said}"
    );
    String::from_utf8(output.stdout).unwrap()
}
