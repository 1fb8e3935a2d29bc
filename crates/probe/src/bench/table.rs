//! The tables, in the Markdown of `docs/benchmarks.md`.

use std::fmt::Write;

use super::{figures::Figures, scenario::Scenario};

/// One scenario on both servers.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) scenario: Scenario,
    pub(super) reference: Option<Figures>,
    pub(super) perdure: Option<Figures>,
}

/// One figure: its heading, how it is read, and how many decimals it has.
type Column = (&'static str, fn(&Figures) -> f64, usize);

const COLUMNS: [Column; 7] = [
    ("CPU µs/op", |figures| figures.cpu_us, 0),
    ("ops/s", |figures| figures.per_second, 0),
    ("p50 ms", |figures| figures.p50_ms, 2),
    ("p99 ms", |figures| figures.p99_ms, 2),
    ("RSS MiB", |figures| figures.resident_mib, 0),
    ("disk B/op", |figures| figures.disk, 0),
    ("written B/op", |figures| figures.written, 0),
];

/// One table: for each scenario and figure the reference, Perdure, and how many times the reference Perdure is.
/// `durable`: with what was left on the disk and written to it.
pub(super) fn markdown(title: &str, durable: bool, runs: usize, rows: &[Row]) -> String {
    let mut text = format!("\n### {title}, medians of {runs}\n\n");
    // Writing to a string cannot fail.
    let _ = write!(text, "| scenario |");
    let columns = if durable { &COLUMNS[..] } else { &COLUMNS[..5] };
    for (heading, _, _) in columns {
        let _ = write!(text, " {heading} |");
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(columns.len()));
    for row in rows {
        let _ = write!(text, "| {} |", row.scenario.title());
        for (_, read, decimals) in columns {
            let _ = write!(text, " {} |", cell(row, *read, *decimals));
        }
        text.push('\n');
    }
    text.push_str("\nEach cell: reference → Perdure (Perdure as a multiple of the reference).\n");
    text
}

fn cell(row: &Row, read: fn(&Figures) -> f64, decimals: usize) -> String {
    let shown = |figures: &Option<Figures>| match figures {
        Some(figures) => format!("{:.decimals$}", read(figures)),
        None => "–".to_owned(),
    };
    let ratio = match (&row.reference, &row.perdure) {
        (Some(reference), Some(perdure)) if read(reference) > 0.0 => {
            format!(" ({:.2}×)", read(perdure) / read(reference))
        }
        (_, _) => String::new(),
    };
    format!("{} → {}{ratio}", shown(&row.reference), shown(&row.perdure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_shows_both_and_their_ratio() {
        let figures = |cpu_us| Some(Figures { cpu_us, ..Figures::default() });
        let row = Row { scenario: Scenario::NoOp, reference: figures(400.0), perdure: figures(100.0) };
        assert_eq!(cell(&row, |figures| figures.cpu_us, 0), "400 → 100 (0.25×)");
        let alone = Row { perdure: None, ..row };
        assert_eq!(cell(&alone, |figures| figures.cpu_us, 0), "400 → –");
    }
}
