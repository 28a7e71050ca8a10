//! The lines of history as lanes in front of a log.

use irminsule::Id;

use crate::paint::Style;
use crate::ui::Ui;

/// Lanes from left to right, each on its way to a commit. A commit is drawn in the leftmost lane
/// that leads to it; the others end there.
#[derive(Debug, Default)]
pub(super) struct Graph {
    lanes: Vec<Option<Id>>,
}

/// One row of lanes: two letters a lane, the second one towards the next lane.
struct Row(Vec<[char; 2]>);

impl Graph {
    /// Draws a commit with a text beside it, and how its lanes fork and join. Linear in the lanes.
    pub(super) fn rows(&mut self, ui: &Ui, id: Id, parents: &[Id], text: &str) -> Vec<String> {
        let mut rows = Vec::new();
        let lane = self.lane_of(id);
        rows.extend(self.join(id, lane).map(|row| row.show(ui, "")));
        let mut row = self.running();
        row.put(lane, '●');
        rows.push(row.show(ui, text));
        if let Some(slot) = self.lanes.get_mut(lane) {
            *slot = parents.first().copied();
        }
        for &parent in parents.iter().skip(1) {
            let row = self.fork(lane, parent);
            rows.push(row.show(ui, ""));
        }
        while self.lanes.last().is_some_and(Option::is_none) {
            self.lanes.pop();
        }
        rows
    }

    /// Returns the leftmost lane that leads to a commit, or a free one.
    fn lane_of(&mut self, id: Id) -> usize {
        let found = self.lanes.iter().position(|lane| *lane == Some(id));
        found.unwrap_or_else(|| self.take_free(id, 0))
    }

    /// Lets a free lane, not left of `from`, lead to a commit.
    fn take_free(&mut self, id: Id, from: usize) -> usize {
        let free = |&at: &usize| self.lanes.get(at).is_none_or(Option::is_none);
        let at = (from..=self.lanes.len())
            .find(free)
            .unwrap_or(self.lanes.len());
        if at >= self.lanes.len() {
            self.lanes.resize(at + 1, None);
        }
        if let Some(lane) = self.lanes.get_mut(at) {
            *lane = Some(id);
        }
        at
    }

    /// Ends all other lanes that lead to the commit in this one.
    fn join(&mut self, id: Id, into: usize) -> Option<Row> {
        let ends: Vec<usize> = (into + 1..self.lanes.len())
            .filter(|&at| self.lanes.get(at) == Some(&Some(id)))
            .collect();
        let mut row = self.running();
        for &end in &ends {
            row.connect(into, end, '╯');
            if let Some(lane) = self.lanes.get_mut(end) {
                *lane = None;
            }
        }
        (!ends.is_empty()).then_some(row)
    }

    /// Lets a lane go on to one more parent: in a lane that leads there already, or in a new one.
    fn fork(&mut self, from: usize, parent: Id) -> Row {
        let known = (0..self.lanes.len())
            .find(|&at| at != from && self.lanes.get(at) == Some(&Some(parent)));
        if let Some(to) = known {
            let mut row = self.running();
            let (left, right) = (from.min(to), from.max(to));
            row.connect(left, right, '┤');
            return row;
        }
        let mut row = self.running();
        let to = self.take_free(parent, from + 1);
        row.0.resize(row.0.len().max(to + 1), [' ', ' ']);
        row.connect(from, to, '╮');
        row
    }

    /// Returns the row in which all lanes go straight on.
    fn running(&self) -> Row {
        let lanes = self.lanes.iter();
        Row(lanes
            .map(|lane| {
                if lane.is_some() {
                    ['│', ' ']
                } else {
                    [' ', ' ']
                }
            })
            .collect())
    }
}

impl Row {
    fn put(&mut self, lane: usize, letter: char) {
        if let Some(cell) = self.0.get_mut(lane) {
            cell[0] = letter;
        }
    }

    /// Draws a line between two lanes; lanes between them are crossed.
    fn connect(&mut self, left: usize, right: usize, end: char) {
        for (at, cell) in self.0.iter_mut().enumerate().take(right + 1).skip(left) {
            cell[0] = match cell[0] {
                _ if at == left => '├',
                _ if at == right => end,
                '│' | '┼' => '┼',
                '╯' | '┴' => '┴',
                _ => '─',
            };
            if at < right {
                cell[1] = '─';
            }
        }
    }

    fn show(&self, ui: &Ui, text: &str) -> String {
        let mut line = String::new();
        for (lane, cell) in self.0.iter().enumerate() {
            for letter in cell.iter().filter(|&&letter| letter != ' ') {
                line += &ui.paint(Style::Lane(lane), letter);
                if cell[1] == ' ' {
                    break;
                }
            }
            if cell[0] == ' ' {
                line.push(' ');
            }
            if cell[1] == ' ' {
                line.push(' ');
            }
        }
        line.push_str(text);
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests;
