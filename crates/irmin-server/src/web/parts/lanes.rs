//! Which lanes the lines of a history run in, from the newest commit down.

use irminsule::Id;

/// One commit's part of a graph: lines in the upper half end at the commit or pass it, those in the
/// lower half begin at it or go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::web) struct Row {
    /// The commit's lane.
    pub(in crate::web) lane: usize,
    /// Lanes that end at the commit.
    pub(in crate::web) ends: Vec<usize>,
    /// Lanes that pass it.
    pub(in crate::web) passes: Vec<usize>,
    /// Lanes that its parents are in.
    pub(in crate::web) begins: Vec<usize>,
}

/// The lanes below the commits that were added so far: each waits for a commit.
#[derive(Debug, Default)]
pub(in crate::web) struct Lanes(Vec<Option<Id>>);

impl Lanes {
    /// Adds the next commit: none of its children may follow. O(lanes × parents).
    pub(in crate::web) fn add(&mut self, commit: Id, parents: &[Id]) -> Row {
        let waiting = |lane: &Option<Id>| *lane == Some(commit);
        let indices = 0..self.0.len();
        let (ends, rest): (Vec<usize>, Vec<usize>) =
            indices.partition(|&lane| waiting(&self.0[lane]));
        let passes = rest
            .into_iter()
            .filter(|&lane| self.0[lane].is_some())
            .collect();
        for &lane in &ends {
            self.0[lane] = None;
        }
        let lane = ends.first().copied().unwrap_or_else(|| self.free(0));
        let begins = parents
            .iter()
            .map(|&parent| self.wait_for(parent, lane))
            .collect();
        while self.0.last().is_some_and(Option::is_none) {
            self.0.pop();
        }
        Row {
            lane,
            ends,
            passes,
            begins,
        }
    }

    /// Returns the lane that waits for a commit: one that does already, unless that is to the right of
    /// its child's, which then waits, too; that of its child; a free one.
    fn wait_for(&mut self, parent: Id, child: usize) -> usize {
        let own = self.0.get(child).copied().flatten();
        if let Some(lane) = self.0.iter().position(|lane| *lane == Some(parent))
            && (lane < child || own.is_some())
        {
            return lane;
        }
        let lane = self.free(child);
        if self.0.len() <= lane {
            self.0.resize(lane + 1, None);
        }
        self.0[lane] = Some(parent);
        lane
    }

    /// Returns a lane that nobody uses: the wanted one, else one beside it, where lines cross less.
    fn free(&self, wanted: usize) -> usize {
        let is_free = |lane: &usize| self.0.get(*lane).is_none_or(Option::is_none);
        let right = (wanted..).find(is_free);
        right.unwrap_or(self.0.len())
    }
}

impl Row {
    /// Returns how many lanes it takes.
    pub(in crate::web) fn width(&self) -> usize {
        let lanes = [&self.ends, &self.passes, &self.begins];
        let most = lanes.into_iter().flatten().copied().max().unwrap_or(0);
        most.max(self.lane) + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: usize) -> Id {
        Id::of(&number.to_le_bytes())
    }

    /// Draws commits that name their parents by number, newest first.
    fn rows(commits: &[(usize, &[usize])]) -> Vec<Row> {
        let mut lanes = Lanes::default();
        let add = |(commit, parents): &(usize, &[usize])| {
            let parents: Vec<Id> = parents.iter().copied().map(id).collect();
            lanes.add(id(*commit), &parents)
        };
        commits.iter().map(add).collect()
    }

    #[test]
    fn a_line_stays_in_its_lane_and_a_merge_opens_one_that_ends_where_they_fork() {
        let rows = rows(&[(4, &[3, 2]), (3, &[1]), (2, &[1]), (1, &[])]);
        let lanes: Vec<usize> = rows.iter().map(|row| row.lane).collect();
        assert_eq!(lanes, [0, 0, 1, 0]);
        assert_eq!(
            (&rows[0].begins[..], &rows[1].passes[..]),
            (&[0, 1][..], &[1][..])
        );
        // Both wait for the root: the second goes over to the first one's lane.
        assert_eq!(
            (&rows[2].begins[..], &rows[3].ends[..]),
            (&[0][..], &[0][..])
        );
        assert!(rows[3].begins.is_empty());
    }

    proptest! {
        #[test]
        fn every_line_that_leaves_a_row_enters_the_next_one(
            parents in prop::collection::vec(prop::collection::btree_set(1_usize..6, 0..4), 1..40),
        ) {
            let parents: Vec<Vec<usize>> = parents.iter().enumerate().map(|(at, gaps)| {
                gaps.iter().map(|gap| at + gap).collect()
            }).collect();
            let commits: Vec<(usize, &[usize])> =
                parents.iter().enumerate().map(|(at, parents)| (at, &parents[..])).collect();
            for pair in rows(&commits).windows(2) {
                let [above, below] = pair else { unreachable!() };
                let mut leaving: Vec<usize> = above.passes.iter().chain(&above.begins).copied().collect();
                let mut entering: Vec<usize> = below.passes.iter().chain(&below.ends).copied().collect();
                leaving.sort_unstable();
                leaving.dedup();
                entering.sort_unstable();
                prop_assert_eq!(leaving, entering);
            }
        }
    }
}
