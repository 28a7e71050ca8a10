//! The search for a shortest edit between two sequences, in bounded memory.

/// After how many insertions and deletions the search for the shortest edit settles for the
/// furthest point that it reached. Bounds its memory (33,000 numbers) and its time (about 500 steps
/// a line).
const EDITS_MAX: usize = 256;

/// A run of equal lines.
pub(super) struct Snake {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) length: usize,
}

/// The search for a shortest edit, forwards from the start of both sequences.
///
/// Round `d` holds, for each `j <= d`, the furthest line of `a` that `j` deletions and `d - j`
/// insertions can reach: line `x` of `a` then stands against line `(x - j) + (d - j)` of `b`. It
/// is kept at `d * (d + 1) / 2 + j`.
pub(super) struct Search {
    pub(super) snakes: Vec<Snake>,
    /// How much of each sequence is settled.
    pub(super) a: usize,
    pub(super) b: usize,
}

impl Search {
    pub(super) fn run(a: &[usize], b: &[usize]) -> Self {
        let mut furthest: Vec<Option<usize>> = Vec::new();
        let mut best = (0, 0, 0);
        for d in 0..=EDITS_MAX {
            best = (0, 0, 0);
            for j in 0..=d {
                let reached = start_of(&furthest, d, j, a.len(), b.len()).map(|x| {
                    let y = x - j + (d - j);
                    x + common(&a[x..], &b[y..])
                });
                furthest.push(reached);
                let Some(x) = reached else { continue };
                let y = x - j + (d - j);
                if x == a.len() && y == b.len() {
                    return Self::traced(&furthest, d, j, [x, y], [a.len(), b.len()]);
                }
                best = best.max((x + y, j, x));
            }
        }
        let (sum, j, x) = best;
        Self::traced(&furthest, EDITS_MAX, j, [x, sum - x], [a.len(), b.len()])
    }

    /// Walks back from where the search ended.
    fn traced(
        furthest: &[Option<usize>],
        mut d: usize,
        mut j: usize,
        [end_a, end_b]: [usize; 2],
        [len_a, len_b]: [usize; 2],
    ) -> Self {
        let mut snakes = Vec::new();
        while let (Some(x), Some(start)) = (
            furthest[place(d, j)],
            start_of(furthest, d, j, len_a, len_b),
        ) {
            snakes.push(Snake {
                a: start,
                b: start - j + (d - j),
                length: x - start,
            });
            if d == 0 {
                break;
            }
            if deletion_to(furthest, d, j, len_a) == Some(start) {
                j -= 1;
            }
            d -= 1;
        }
        Self {
            snakes,
            a: end_a,
            b: end_b,
        }
    }
}

const fn place(d: usize, j: usize) -> usize {
    d * (d + 1) / 2 + j
}

/// Returns the line of `a` that the last deletion or insertion leads to, whichever is further.
fn start_of(
    furthest: &[Option<usize>],
    d: usize,
    j: usize,
    len_a: usize,
    len_b: usize,
) -> Option<usize> {
    if d == 0 {
        return Some(0);
    }
    deletion_to(furthest, d, j, len_a).max(insertion_to(furthest, d, j, len_b))
}

fn deletion_to(furthest: &[Option<usize>], d: usize, j: usize, len_a: usize) -> Option<usize> {
    let before = furthest[place(d - 1, j.checked_sub(1)?)]?;
    (before < len_a).then_some(before + 1)
}

fn insertion_to(furthest: &[Option<usize>], d: usize, j: usize, len_b: usize) -> Option<usize> {
    if j == d {
        return None;
    }
    let before = furthest[place(d - 1, j)]?;
    (before - j + (d - j) <= len_b).then_some(before)
}

fn common(a: &[usize], b: &[usize]) -> usize {
    a.iter()
        .zip(b)
        .take_while(|(one, other)| one == other)
        .count()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::laws::config;
    use super::*;

    /// The cost of the shortest edit, by the table of all prefixes.
    pub(in super::super) fn shortest(a: &[usize], b: &[usize]) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, one) in a.iter().enumerate() {
            let mut corner = i;
            row[0] = i + 1;
            for (j, other) in b.iter().enumerate() {
                let cheapest = if one == other {
                    corner
                } else {
                    1 + row[j].min(row[j + 1])
                };
                corner = std::mem::replace(&mut row[j + 1], cheapest);
            }
        }
        row[b.len()]
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn a_search_within_the_bound_finds_a_shortest_edit(
            a in prop::collection::vec(0..3usize, 0..30), b in prop::collection::vec(0..3usize, 0..30),
        ) {
            let search = Search::run(&a, &b);
            let kept: usize = search.snakes.iter().map(|snake| snake.length).sum();
            prop_assert_eq!((search.a, search.b), (a.len(), b.len()));
            prop_assert_eq!(a.len() + b.len() - 2 * kept, shortest(&a, &b));
        }
    }
}
