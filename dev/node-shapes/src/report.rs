//! Runs every shape in turn, several times over, and prints medians.

use crate::log::{Child, Entry, Log, Shape};
use crate::shapes;

/// One figure: its column and its value.
pub(crate) type Figure = (&'static str, f64);

/// Interleaves the shapes, so that a noisy minute hits all of them.
pub(crate) fn compare(title: &str, runs: usize, measure: impl Fn(&dyn Shape) -> Vec<Figure>) {
    let shapes = shapes();
    let mut seen: Vec<Vec<Vec<Figure>>> = vec![Vec::new(); shapes.len()];
    for _ in 0..runs {
        for (i, (_, shape)) in shapes.iter().enumerate() {
            seen[i].push(measure(&**shape));
        }
    }
    let rows = shapes
        .iter()
        .zip(&seen)
        .map(|((name, _), runs)| ((*name).to_owned(), medians(runs)));
    print(title, &rows.collect::<Vec<_>>());
}

fn medians(runs: &[Vec<Figure>]) -> Vec<Figure> {
    (0..runs[0].len())
        .map(|column| {
            let mut values: Vec<f64> = runs.iter().map(|r| r[column].1).collect();
            values.sort_by(f64::total_cmp);
            (runs[0][column].0, values[values.len() / 2])
        })
        .collect()
}

/// Prints one markdown table.
pub(crate) fn print(title: &str, rows: &[(String, Vec<Figure>)]) {
    println!("\n### {title}\n");
    let heads: Vec<&str> = rows[0].1.iter().map(|f| f.0).collect();
    println!("| | {} |", heads.join(" | "));
    println!("|---|{}", "---|".repeat(heads.len()));
    for (name, figures) in rows {
        let cells: Vec<String> = figures.iter().map(|f| number(f.1)).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
}

fn number(v: f64) -> String {
    if v >= 100.0 || v == v.trunc() {
        let digits = format!("{v:.0}");
        let mut out = String::new();
        for (i, c) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                out.push(',');
            }
            out.push(c);
        }
        return out;
    }
    if v >= 10.0 {
        format!("{v:.1}")
    } else {
        format!("{v:.2}")
    }
}

/// What a directory looks like: nodes, depth of entries in nodes, node sizes in bytes.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) nodes: usize,
    pub(crate) depth: usize,
    pub(crate) average_depth: f64,
    pub(crate) largest: usize,
    pub(crate) bytes: usize,
}

/// Walks all nodes of one directory.
pub(crate) fn stats(shape: &dyn Shape, log: &Log, root: &Child) -> Stats {
    let mut s = Stats::default();
    let (mut weighted, mut todo) = (0, vec![(root.off, 1)]);
    while let Some((off, depth)) = todo.pop() {
        let node = shape.node(log, off);
        s.nodes += 1;
        s.depth = s.depth.max(depth);
        s.largest = s.largest.max(log.record_len(off));
        s.bytes += log.record_len(off);
        weighted += depth * node.entries;
        todo.extend(node.children.into_iter().map(|c| (c, depth + 1)));
    }
    s.average_depth = weighted as f64 / root.count as f64;
    s
}

/// Builds a directory of blobs from sorted names.
pub(crate) fn build(shape: &dyn Shape, log: &mut Log, names: &[Vec<u8>]) -> Child {
    let mut rng = crate::log::Rng(5);
    let values: Vec<[u8; 100]> = names.iter().map(|_| rng.value()).collect();
    let entries: Vec<Entry<'_>> = names
        .iter()
        .zip(&values)
        .map(|(name, value)| Entry {
            name,
            tag: crate::log::BLOB,
            value,
            loc: 0,
        })
        .collect();
    shape.build(log, &entries)
}
