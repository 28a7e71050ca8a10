//! The graph beside a list of commits, one drawing for each row.

use maud::{Markup, html};

use super::lanes::Row;

/// How wide a lane is, and how high a row.
const LANE: usize = 16;
const HEIGHT: usize = 52;

/// How many lanes are drawn; lines further to the right are cut off.
const LANES_MAX: usize = 16;

/// How many colours there are.
const COLOURS: usize = 6;

/// Returns how wide the drawings of some rows are.
pub(in crate::web) fn width(rows: &[Row]) -> usize {
    let lanes = rows.iter().map(Row::width).max().unwrap_or(1);
    lanes.min(LANES_MAX) * LANE
}

/// Draws a row. It says nothing that the words beside it do not say, so it is hidden from who listens.
pub(in crate::web) fn draw(row: &Row, width: usize) -> Markup {
    let (x, y) = (middle(row.lane), HEIGHT / 2);
    let class = |lane: usize| format!("lane-{}", lane % COLOURS);
    let hollow = if row.begins.len() > 1 { " hollow" } else { "" };
    let dot = format!("{}{hollow}", class(row.lane));
    html! {
        svg.graph width=(width) height=(HEIGHT) viewBox=(format!("0 0 {width} {HEIGHT}"))
            preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            @for &lane in &row.passes {
                path class=(class(lane)) d=(format!("M{0} 0V{HEIGHT}", middle(lane))) {}
            }
            @for &lane in &row.ends {
                path class=(class(lane)) d=(line(middle(lane), 0, x, y)) {}
            }
            @for &lane in &row.begins {
                path class=(class(lane)) d=(line(x, y, middle(lane), HEIGHT)) {}
            }
            circle class=(dot) cx=(x) cy=(y) r="5" {}
        }
    }
}

fn middle(lane: usize) -> usize {
    lane * LANE + LANE / 2
}

fn line(x: usize, y: usize, to_x: usize, to_y: usize) -> String {
    let half = usize::midpoint(y, to_y);
    format!("M{x} {y}C{x} {half} {to_x} {half} {to_x} {to_y}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_has_a_hollow_dot_and_two_lines_down() {
        let row = Row {
            lane: 0,
            ends: vec![],
            passes: vec![2],
            begins: vec![0, 1],
        };
        let drawn = draw(&row, width(std::slice::from_ref(&row))).into_string();
        assert_eq!(drawn.matches("<path").count(), 3);
        assert!(
            drawn.contains("<circle class=\"lane-0 hollow\"") && drawn.contains("width=\"48\"")
        );
        assert!(!drawn.contains("style="));
    }

    #[test]
    fn a_graph_has_a_widest_width() {
        let row = Row {
            passes: (0..1000).collect(),
            ..Row::default()
        };
        assert_eq!(width(&[row]), LANES_MAX * LANE);
    }
}
