//! Plots: bars and lines, each with its figures as a table for who cannot see it.

use maud::{Markup, html};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 24.0;

/// Where a scale ends.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) enum Scale {
    /// At a round number above the largest value.
    Round,
    /// At a round number of bytes above the largest value.
    Bytes,
    /// Here.
    To(f64),
}

/// The room that a character of a label takes, generously.
const CHARACTER: f64 = 7.0;

/// A plot of values in order.
pub(in crate::web) struct Plot<'a> {
    /// What it shows, in one sentence.
    pub(in crate::web) title: &'a str,
    /// What the rows of the table are called, and the values.
    pub(in crate::web) columns: [&'a str; 2],
    /// The values, with their labels.
    pub(in crate::web) values: Vec<(String, f64)>,
    /// How a value is written.
    pub(in crate::web) write: fn(f64) -> String,
    /// What the scale ends at.
    pub(in crate::web) scale: Scale,
}

impl Plot<'_> {
    /// Draws each value as a bar.
    pub(in crate::web) fn bars(&self) -> Markup {
        let top = self.top();
        let count = number(self.values.len().max(1));
        let step = (WIDTH - LEFT - RIGHT) / count;
        let bars = self.values.iter().enumerate().map(|(index, (_, value))| {
            let x = LEFT + number(index) * step + step * 0.1;
            (x, y(*value, top))
        });
        self.framed(top, true, html! {
            @for (x, y) in bars {
                rect.bar-mark x=(short(x)) y=(short(y)) width=(short(step * 0.8)) height=(short(HEIGHT - BOTTOM - y)) {}
            }
        })
    }

    /// Draws the values as a line.
    pub(in crate::web) fn line(&self) -> Markup {
        let top = self.top();
        let step = (WIDTH - LEFT - RIGHT) / number(self.values.len().saturating_sub(1).max(1));
        let points: Vec<(f64, f64)> = self
            .values
            .iter()
            .enumerate()
            .map(|(index, (_, value))| (LEFT + number(index) * step, y(*value, top)))
            .collect();
        let path: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{} {}", short(*x), short(*y)))
            .collect();
        let line = format!("M{}", path.join("L"));
        let end = points.last().copied().unwrap_or((LEFT, TOP));
        let area = format!(
            "{line}L{} {2}L{} {2}Z",
            short(end.0),
            short(LEFT),
            short(HEIGHT - BOTTOM)
        );
        self.framed(top, false, html! {
            @if points.len() > 1 {
                path.area-mark d=(area) {}
                path.line-mark d=(line) {}
            }
            @if !points.is_empty() { circle.dot-mark cx=(short(end.0)) cy=(short(end.1)) r="3.5" {} }
        })
    }

    fn top(&self) -> f64 {
        let values = self.values.iter().map(|(_, value)| *value);
        let most = values.fold(0.0, f64::max);
        match self.scale {
            Scale::Round => round_up(most),
            Scale::Bytes => {
                let units = std::iter::successors(Some(1.0), |unit| Some(unit * 1024.0));
                let unit = units.take_while(|unit| *unit <= most).last().unwrap_or(1.0);
                round_up(most / unit) * unit
            }
            Scale::To(top) => top,
        }
    }

    fn framed(&self, top: f64, are_bars: bool, marks: Markup) -> Markup {
        html! {
            section.sheet {
                div.head { h2 { (self.title) } }
                div.inside {
                    @if self.values.is_empty() {
                        p.quiet { "Nothing yet." }
                    } @else {
                        svg.plot viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.summary()) {
                            @for part in [0.0, 0.5, 1.0] {
                                @let height = y(part * top, top);
                                line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(short(height)) y2=(short(height)) {}
                                text x=(LEFT - 6.0) y=(short(height + 4.0)) text-anchor="end" { ((self.write)(part * top)) }
                            }
                            (marks)
                            (self.labels(are_bars))
                        }
                    }
                    (self.table())
                }
            }
        }
    }

    /// Draws what is written below: all labels of bars if there is room, else the first and the last.
    fn labels(&self, are_bars: bool) -> Markup {
        let y = HEIGHT - 6.0;
        let step = (WIDTH - LEFT - RIGHT) / number(self.values.len().max(1));
        let ends = self.values.first().zip(self.values.last());
        let lengths = self.values.iter().map(|(label, _)| label.chars().count());
        let longest = number(lengths.max().unwrap_or(0)) * CHARACTER;
        html! {
            @if are_bars && longest <= step {
                @for (index, (label, _)) in self.values.iter().enumerate() {
                    text x=(short(LEFT + (number(index) + 0.5) * step)) y=(y) text-anchor="middle" { (label) }
                }
            } @else if let Some((first, last)) = ends {
                text x=(LEFT) y=(y) { (first.0) }
                @if self.values.len() > 1 {
                    text x=(WIDTH - RIGHT) y=(y) text-anchor="end" { (last.0) }
                }
            }
        }
    }

    fn summary(&self) -> String {
        let most = self
            .values
            .iter()
            .max_by(|left, right| left.1.total_cmp(&right.1));
        match most.zip(self.values.last()) {
            Some((most, last)) => format!(
                "{}: at most {} ({}), at last {} ({})",
                self.title,
                (self.write)(most.1),
                most.0,
                (self.write)(last.1),
                last.0,
            ),
            None => format!("{}: nothing yet", self.title),
        }
    }

    fn table(&self) -> Markup {
        html! {
            @if !self.values.is_empty() {
                details {
                    summary { "As a table" }
                    div.scroll {
                        table {
                            thead { tr { @for column in self.columns { th scope="col" { (column) } } } }
                            tbody {
                                @for (label, value) in &self.values {
                                    tr { td { (label) } td { ((self.write)(*value)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn y(value: f64, top: f64) -> f64 {
    let part = if top > 0.0 {
        (value / top).clamp(0.0, 1.0)
    } else {
        0.0
    };
    HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)
}

/// Returns the next of 1, 2, 5, 10, 20, 50 and so on that is not below a value.
fn round_up(value: f64) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= value);
    factor.unwrap_or(10.0) * power
}

fn short(value: f64) -> String {
    format!("{value:.1}")
}

/// A number of things as a coordinate; far fewer than what loses digits.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(values: &[f64]) -> Plot<'static> {
        Plot {
            title: "Things",
            columns: ["Day", "Things"],
            values: values
                .iter()
                .map(|value| (format!("day {value}"), *value))
                .collect(),
            write: |value| format!("{value:.0}"),
            scale: Scale::Round,
        }
    }

    #[test]
    fn a_plot_says_in_words_what_it_shows_and_has_its_figures_as_a_table() {
        let drawn = plot(&[1.0, 7.0, 3.0]).bars().into_string();
        assert!(
            drawn.contains("Things: at most 7 (day 7), at last 3 (day 3)"),
            "{drawn}"
        );
        assert_eq!(drawn.matches("<rect").count(), 3);
        assert_eq!(drawn.matches("<tr>").count(), 4);
        assert!(drawn.contains(">10</text>"));
    }

    #[test]
    fn bars_have_all_their_labels_only_where_these_have_room() {
        let mut things = plot(&[1.0, 2.0, 3.0, 4.0]);
        let drawn = things.bars().into_string();
        assert!(drawn.contains(">day 2</text>"), "{drawn}");
        for (label, _) in &mut things.values {
            label.insert_str(0, "2026-11-23 ");
        }
        let drawn = things.bars().into_string();
        assert!(!drawn.contains("day 2</text>"), "{drawn}");
        assert!(drawn.contains("day 1</text>") && drawn.contains("day 4</text>"));
    }

    #[test]
    fn nothing_and_one_value_can_be_plotted() {
        for values in [&[][..], &[0.0], &[5.0]] {
            for drawn in [plot(values).bars(), plot(values).line()] {
                let drawn = drawn.into_string();
                assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
            }
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!(
            [0.0, 1.0, 1.5, 7.0, 10.0, 11.0, 4000.0].map(round_up),
            [1.0, 1.0, 2.0, 10.0, 10.0, 20.0, 5000.0]
        );
    }
}
