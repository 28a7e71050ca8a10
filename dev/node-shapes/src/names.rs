//! Directories of names as people have them: file names below /usr/share/doc, 40 to 4,000 together.

use crate::log::{Log, Rng, Shape};
use crate::report::{Figure, build, compare, stats};
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(crate) fn measure() {
    let found = collect();
    for size in [10, 40, 400, 4000] {
        let directories = deal(&found, size);
        let title = format!(
            "{} directories of {size} real file names",
            directories.len()
        );
        compare(&title, 1, |shape| directories_of(shape, &directories));
    }
}

/// Names of files and directories; invented ones where the machine has too few.
fn collect() -> Vec<Vec<u8>> {
    let mut names = BTreeSet::new();
    let mut todo: Vec<PathBuf> = ["/usr/share/doc", "/usr/bin", "/usr/lib"]
        .map(PathBuf::from)
        .into();
    while let Some(directory) = todo.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            names.insert(entry.file_name().into_encoded_bytes());
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                todo.push(entry.path());
            }
        }
    }
    for i in names.len()..4000 {
        names.insert(format!("invented-{i}.txt").into_bytes());
    }
    names.into_iter().collect()
}

/// At most 200 sorted directories of `size` names drawn without return.
fn deal(names: &[Vec<u8>], size: usize) -> Vec<Vec<Vec<u8>>> {
    let (mut names, mut rng) = (names.to_vec(), Rng(8));
    for i in (1..names.len()).rev() {
        names.swap(i, rng.below(i + 1));
    }
    names
        .chunks_exact(size)
        .take(200)
        .map(|c| {
            let mut c = c.to_vec();
            c.sort();
            c
        })
        .collect()
}

fn directories_of(shape: &dyn Shape, directories: &[Vec<Vec<u8>>]) -> Vec<Figure> {
    let (mut nodes, mut bytes, mut depth, mut largest) = (0, 0, 0.0, 0);
    let (mut written, mut hashes, mut replaced) = (0, 0, 0);
    for names in directories {
        let mut log = Log::default();
        let root = build(shape, &mut log, names);
        let s = stats(shape, &log, &root);
        nodes += s.nodes;
        bytes += s.bytes;
        depth += s.average_depth;
        largest = largest.max(s.largest);
        let (before, hashed) = (log.len(), log.hashes);
        for name in names {
            let mut path = Vec::new();
            let found = shape.locate(&log, root.off, name, &mut path).unwrap();
            log.replace(&path, &found, &[0; 100]);
        }
        written += log.len() - before;
        hashes += log.hashes - hashed;
        replaced += names.len();
    }
    let n = directories.len() as f64;
    vec![
        ("nodes/directory", nodes as f64 / n),
        ("B/directory", bytes as f64 / n),
        ("B/replace", written as f64 / replaced as f64),
        ("hashes/replace", hashes as f64 / replaced as f64),
        ("depth", depth / n),
        ("max node B", largest as f64),
    ]
}
