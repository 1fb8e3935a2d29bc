//! The goals as lines of a table: what is measured, both figures, their ratio, and whether the goal is reached.

use std::fmt::Write;

/// What Perdure's figure has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Aim {
    /// At most one such part of the reference's.
    Share(f64),
    /// At least so many times the reference's.
    Times(f64),
    /// At most that much, whatever the reference's is.
    AtMost(f64),
    /// At most so many times the figure beside it, which is its own at a smaller size.
    Flat(f64),
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    what: String,
    unit: &'static str,
    decimals: usize,
    aim: Aim,
    reference: Option<f64>,
    perdure: Option<f64>,
    note: String,
}

impl Line {
    /// A line without figures.
    pub(super) fn new(what: impl Into<String>, unit: &'static str, decimals: usize, aim: Aim) -> Line {
        Line { what: what.into(), unit, decimals, aim, reference: None, perdure: None, note: String::new() }
    }

    /// The same line with the reference's figure and Perdure's.
    pub(super) fn with(self, [reference, perdure]: [Option<f64>; 2]) -> Line {
        Line { reference, perdure, ..self }
    }

    /// The same line with what a reader has to know about its figures.
    pub(super) fn noting(self, note: String) -> Line {
        Line { note, ..self }
    }

    fn shown(&self, value: Option<f64>) -> String {
        value.map_or("–".to_owned(), |value| format!("{value:.*} {}", self.decimals, self.unit))
    }

    /// Perdure's figure against the one beside it, in the way in which the goal is told.
    fn ratio(&self) -> String {
        match (self.reference, self.perdure, self.aim) {
            (Some(_), Some(perdure), Aim::Share(_) | Aim::AtMost(_)) if perdure <= 0.0 => "below the clock".to_owned(),
            (Some(reference), Some(perdure), Aim::Share(_) | Aim::AtMost(_)) if reference > 0.0 => {
                format!("1/{:.1}", reference / perdure)
            }
            (Some(reference), Some(perdure), Aim::Times(_) | Aim::Flat(_)) if reference > 0.0 => {
                format!("{:.2} ×", perdure / reference)
            }
            (_, _, _) => "–".to_owned(),
        }
    }

    fn target(&self) -> String {
        match self.aim {
            Aim::Share(part) => format!("≤ 1/{part}"),
            Aim::Times(times) => format!("≥ {times} ×"),
            Aim::AtMost(most) => format!("≤ {most} {}", self.unit),
            Aim::Flat(times) => format!("≤ {times} ×"),
        }
    }

    /// Whether the goal is reached; none where a figure is missing.
    pub(super) fn reached(&self) -> Option<bool> {
        let perdure = self.perdure?;
        match self.aim {
            Aim::Share(part) => Some(perdure * part <= self.reference?),
            Aim::Times(times) => Some(perdure >= self.reference? * times),
            Aim::AtMost(most) => Some(perdure <= most),
            Aim::Flat(times) => Some(perdure <= self.reference? * times),
        }
    }
}

/// The table in Markdown.
pub(super) fn markdown(lines: &[Line]) -> String {
    let mut text = "| what | reference | Perdure | ratio | goal | reached |\n|---|---|---|---|---|---|\n".to_owned();
    for line in lines {
        let note = if line.note.is_empty() { String::new() } else { format!(" ({})", line.note) };
        let reached = match line.reached() {
            Some(true) => "yes",
            Some(false) => "no",
            None => "–",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {}{note} | {} | {} | {} | {} | {reached} |",
            line.what,
            line.shown(line.reference),
            line.shown(line.perdure),
            line.ratio(),
            line.target(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(aim: Aim, reference: f64, perdure: f64) -> Line {
        Line::new("it", "ms", 1, aim).with([Some(reference), Some(perdure)])
    }

    #[test]
    fn a_share_is_told_as_a_fraction() {
        let line = line(Aim::Share(60.0), 14_400.0, 200.0);
        assert_eq!((line.ratio().as_str(), line.target().as_str(), line.reached()), ("1/72.0", "≤ 1/60", Some(true)));
    }

    #[test]
    fn goals_are_reached_at_their_bounds_only() {
        assert_eq!(line(Aim::Share(10.0), 99.0, 10.0).reached(), Some(false));
        assert_eq!(line(Aim::Share(10.0), 100.0, 10.0).reached(), Some(true));
        assert_eq!(line(Aim::Times(20.0), 10.0, 199.0).reached(), Some(false));
        assert_eq!(line(Aim::Times(20.0), 10.0, 200.0).reached(), Some(true));
        assert_eq!(line(Aim::AtMost(3.0), 1.0, 3.1).reached(), Some(false));
        assert_eq!(line(Aim::Flat(1.3), 10.0, 13.0).reached(), Some(true));
    }

    #[test]
    fn a_missing_figure_decides_nothing() {
        let line = Line::new("it", "ms", 2, Aim::Share(3.0));
        assert_eq!((line.ratio().as_str(), line.reached()), ("–", None));
        let absolute = Line::new("it", "ms", 2, Aim::AtMost(3.0)).with([None, Some(2.0)]);
        assert_eq!(absolute.reached(), Some(true));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(line(Aim::Share(5.0), 3.0, 0.0).ratio(), "below the clock");
        assert_eq!(line(Aim::Times(5.0), 0.0, 3.0).ratio(), "–");
    }

    #[test]
    fn a_row_shows_what_was_measured() {
        let row = line(Aim::Times(20.0), 46.0, 3_229.0).noting("over 10".to_owned());
        let table = markdown(&[row]);
        let last = table.lines().last().unwrap();
        assert_eq!(last, "| it (over 10) | 46.0 ms | 3229.0 ms | 70.20 × | ≥ 20 × | yes |");
    }
}
