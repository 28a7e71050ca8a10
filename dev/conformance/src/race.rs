//! Two transactions in each other's way, beside the model.
//!
//! A random transaction is interrupted by another one that commits in between. Whatever it read
//! and wrote, and whatever its calls returned, must be what it would have been if one had run
//! after the other. This finds reads that a view forgets, and writes that lose their meaning when
//! they move to a newer tree.

use irmin_core::{
    Branch, Entry, Isolation, Path, Result, Step, TransactOptions, Tree, View, WalkOptions,
};
use proptest::prelude::*;

use crate::model::{File, Files, Node, Steps};
use crate::place::{main, repo};
use crate::script::{file, run_cases};
use crate::{Check, Open};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    (
        "a transaction that was overtaken is as if it had run afterwards",
        racing_transactions_are_serialisable,
    ),
    (
        "a view does what the model does",
        a_view_does_what_the_model_does,
    ),
];

/// What a transaction does next.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Set(Steps, File),
    Copy(Steps, Steps),
    Remove(Steps),
    Get(Steps),
    Kind(Steps),
    Find(Steps),
    List(Steps, Option<u8>, usize),
    Nested(Vec<Self>, bool),
}

/// A path of few steps out of few names, so that paths meet.
fn steps() -> impl Strategy<Value = Steps> {
    let name = prop::sample::select(vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]);
    prop::collection::vec(name, 1..4)
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let leaf = prop_oneof![
        4 => (steps(), file()).prop_map(|(at, file)| Op::Set(at, file)),
        1 => (steps(), steps()).prop_map(|(to, from)| Op::Copy(to, from)),
        4 => steps().prop_map(Op::Remove),
        2 => steps().prop_map(Op::Get),
        2 => steps().prop_map(Op::Kind),
        1 => steps().prop_map(Op::Find),
        3 => (prop::collection::vec(Just(b"a".to_vec()), 0..3), prop::option::of(b'a'..b'd'), 1..4_usize)
            .prop_map(|(at, after, limit)| Op::List(at, after, limit)),
    ];
    leaf.prop_recursive(2, 8, 4, |op| {
        (prop::collection::vec(op, 1..4), any::<bool>())
            .prop_map(|(ops, keep)| Op::Nested(ops, keep))
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..6)
}

pub(crate) fn path_of(steps: &[Vec<u8>]) -> Path {
    Path::from_steps(steps.iter().map(|step| Step::new(step).unwrap()).collect()).unwrap()
}

pub(crate) fn steps_of(path: &Path) -> Steps {
    path.steps()
        .iter()
        .map(|step| step.as_bytes().to_vec())
        .collect()
}

fn blob_of(file: &File) -> irmin_core::Blob {
    irmin_core::Blob::new(file.bytes.clone()).with_mode(file.mode)
}

pub(crate) fn tree_of(files: &Files) -> Tree {
    let mut tree = Tree::empty();
    for (at, file) in &files.0 {
        tree.set(&path_of(at), blob_of(file)).unwrap();
    }
    tree
}

pub(crate) fn files_of(tree: &Tree) -> Files {
    let mut files = Files::default();
    for found in tree.walk(WalkOptions::default()) {
        let (path, entry) = found.unwrap();
        if let Entry::Blob(blob) = entry {
            files.0.insert(steps_of(&path), file_of(&blob));
        }
    }
    files
}

pub(crate) fn file_of(blob: &irmin_core::Blob) -> File {
    File {
        mode: blob.mode(),
        bytes: blob.bytes().unwrap().to_vec(),
    }
}

fn node_of(entry: Entry) -> Node {
    match entry {
        Entry::Blob(blob) => Node::File(file_of(&blob)),
        Entry::Tree(tree) => Node::Dir(files_of(&tree)),
    }
}

/// Runs operations on a view and writes down what they returned.
pub(crate) fn on_view(view: &mut View, ops: &[Op], log: &mut Vec<String>) -> Result<()> {
    for op in ops {
        match op {
            Op::Set(at, file) => drop(view.set(&path_of(at), blob_of(file))?),
            Op::Copy(to, from) => {
                if let Some(entry) = view.find(&path_of(from))? {
                    view.set(&path_of(to), entry)?;
                }
            }
            Op::Remove(at) => log.push(format!("{}", view.remove(&path_of(at))?)),
            Op::Get(at) => log.push(format!("{:?}", view.get(&path_of(at))?.map(|b| b.to_vec()))),
            Op::Kind(at) => log.push(format!("{:?}", view.kind(&path_of(at))?)),
            Op::Find(at) => log.push(format!("{:?}", view.find(&path_of(at))?.map(node_of))),
            Op::List(at, after, limit) => {
                let after = after.map(|byte| Step::new([byte]).unwrap());
                let page = view.list(&path_of(at), after.as_ref(), *limit)?;
                let page = page
                    .into_iter()
                    .map(|(step, kind)| (step.as_bytes().to_vec(), kind));
                log.push(format!("{:?}", page.collect::<Vec<_>>()));
            }
            Op::Nested(ops, keep) => {
                let mut nested = view.nested();
                on_view(&mut nested, ops, log)?;
                // What a dropped view read is forgotten: then nobody may rely on it.
                if *keep {
                    view.absorb(nested)?;
                } else {
                    log.truncate(log.len().saturating_sub(count(ops)));
                }
            }
        }
    }
    Ok(())
}

/// Counts the results that operations write down.
fn count(ops: &[Op]) -> usize {
    let results = ops.iter().map(|op| match op {
        Op::Set(..) | Op::Copy(..) | Op::Nested(_, false) => 0,
        Op::Nested(ops, true) => count(ops),
        _ => 1,
    });
    results.sum()
}

/// Runs operations on the model and writes down what they must return.
pub(crate) fn on_model(files: &mut Files, ops: &[Op], log: &mut Vec<String>) {
    for op in ops {
        match op {
            Op::Set(at, file) => files.set(at, Some(Node::File(file.clone()))),
            Op::Copy(to, from) => {
                if let Some(node) = files.get(from) {
                    files.set(to, Some(node));
                }
            }
            Op::Remove(at) => {
                log.push(format!("{}", files.get(at).is_some()));
                files.set(at, None);
            }
            Op::Get(at) => log.push(match files.get(at) {
                Some(Node::File(file)) => format!("{:?}", Some(file.bytes)),
                _ => "None".to_owned(),
            }),
            Op::Kind(at) => log.push(format!("{:?}", files.get(at).map(|node| node.kind()))),
            Op::Find(at) => log.push(format!("{:?}", files.get(at))),
            Op::List(at, after, limit) => {
                let after = after.map(|byte| vec![byte]);
                let page = match files.get(at) {
                    Some(Node::Dir(dir)) => dir.page(after.as_deref(), *limit),
                    _ => Vec::new(),
                };
                log.push(format!("{page:?}"));
            }
            Op::Nested(ops, keep) => {
                let mut nested = files.clone();
                let mut nested_log = Vec::new();
                on_model(&mut nested, ops, &mut nested_log);
                if *keep {
                    *files = nested;
                    log.append(&mut nested_log);
                }
            }
        }
    }
}

fn a_view_does_what_the_model_does(_: Open<'_>) {
    run_cases(256, &(ops(), ops()), |(start, ops)| {
        let mut files = Files::default();
        on_model(&mut files, &start, &mut Vec::new());
        let mut view = View::new(tree_of(&files));
        let (mut seen, mut expected) = (Vec::new(), Vec::new());
        on_view(&mut view, &ops, &mut seen).unwrap();
        on_model(&mut files, &ops, &mut expected);
        assert_eq!(seen, expected);
        assert_eq!(files_of(view.tree()), files);
        assert_eq!(view.tree().id().unwrap(), tree_of(&files).id().unwrap());
    });
}

fn racing_transactions_are_serialisable(open: Open<'_>) {
    let place = open();
    let repo = repo(place.as_ref());
    let main = main(&repo);
    let cases = if cfg!(debug_assertions) { 1000 } else { 20_000 };
    run_cases(cases, &(ops(), ops(), ops()), |(start, other, ops)| {
        race(&main, &start, &other, &ops);
    });
}

fn race(main: &Branch, start: &[Op], other: &[Op], ops: &[Op]) {
    let options = TransactOptions::new("go").durability(irmin_core::Durability::None);
    let mut files = Files::default();
    on_model(&mut files, start, &mut Vec::new());
    let whole = options.clone().isolation(Isolation::Overwrite);
    main.transact(&whole, |view| view.set(&Path::root(), tree_of(&files)))
        .unwrap();

    let mut runs = 0;
    let done = main.transact(&options, |view| {
        runs += 1;
        let mut log = Vec::new();
        on_view(view, ops, &mut log)?;
        if runs == 1 {
            main.transact(&options, |view| on_view(view, other, &mut Vec::new()))?;
        }
        Ok(log)
    });
    let (seen, left) = (done.unwrap().value, files_of(&main.tree().unwrap()));
    let serially = |first: &[Op], second: &[Op]| {
        let (mut files, mut logs) = (files.clone(), [Vec::new(), Vec::new()]);
        on_model(&mut files, first, &mut logs[0]);
        on_model(&mut files, second, &mut logs[1]);
        (files, logs)
    };
    let (after, [_, log_after]) = serially(other, ops);
    let (before, [log_before, _]) = serially(ops, other);
    assert!(
        (&seen, &left) == (&log_after, &after) || (&seen, &left) == (&log_before, &before),
        "saw {seen:?} and left {left:?} after {runs} runs on {files:?}, \
         but alone would have seen {log_after:?} and left {after:?}"
    );
}
