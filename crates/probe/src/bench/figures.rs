//! The figures of one scenario on one server, and their median over several runs.

use std::{fs, path::Path, time::Duration};

use super::play::Samples;
use crate::{Fault, server::Usage};

/// What one scenario cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Figures {
    /// Processor time of the server for one operation, in microseconds.
    pub(super) cpu_us: f64,
    /// Operations in a second.
    pub(super) per_second: f64,
    /// Median latency, in milliseconds.
    pub(super) p50_ms: f64,
    /// Latency of the slowest hundredth, in milliseconds.
    pub(super) p99_ms: f64,
    /// Resident memory at the end, in MiB.
    pub(super) resident_mib: f64,
    /// Growth of the database for one operation, in bytes.
    pub(super) disk: f64,
    /// Bytes written to storage for one operation.
    pub(super) written: f64,
}

impl Figures {
    /// The figures of a run with so many operations; what is on the disk is known only when the server has stopped.
    pub(super) fn of(operations: usize, samples: &Samples, before: Usage, after: Usage) -> Figures {
        let each = operations.max(1) as f64;
        let mut latencies = samples.latencies.clone();
        latencies.sort();
        Figures {
            cpu_us: (after.cpu - before.cpu) * 1e6 / each,
            per_second: each / samples.elapsed.as_secs_f64().max(f64::EPSILON),
            p50_ms: quantile(&latencies, 0.50),
            p99_ms: quantile(&latencies, 0.99),
            resident_mib: after.resident as f64 / (1 << 20) as f64,
            disk: 0.0,
            written: after.written.saturating_sub(before.written) as f64 / each,
        }
    }

    /// Each figure's median over the runs.
    pub(super) fn median(runs: &[Figures]) -> Figures {
        let of = |figure: fn(&Figures) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(figure).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(0.0)
        };
        Figures {
            cpu_us: of(|run| run.cpu_us),
            per_second: of(|run| run.per_second),
            p50_ms: of(|run| run.p50_ms),
            p99_ms: of(|run| run.p99_ms),
            resident_mib: of(|run| run.resident_mib),
            disk: of(|run| run.disk),
            written: of(|run| run.written),
        }
    }
}

/// The latency that a share of all stays below, in milliseconds; 0 when there is none.
pub(super) fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}

/// The size of all files in a directory and those in it; 0 when there is no such directory.
pub(super) fn bytes_in(directory: &Path) -> Result<u64, Fault> {
    if !directory.is_dir() {
        return Ok(0);
    }
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_in(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_hundred() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&sorted, 0.50), 50.0);
        assert_eq!(quantile(&sorted, 0.99), 99.0);
        assert_eq!(quantile(&[], 0.99), 0.0);
    }

    #[test]
    fn median_is_taken_figure_by_figure() {
        let run = |cpu_us: f64, p50_ms: f64| Figures { cpu_us, p50_ms, ..Figures::default() };
        let median = Figures::median(&[run(1.0, 9.0), run(3.0, 7.0), run(2.0, 8.0)]);
        assert_eq!((median.cpu_us, median.p50_ms), (2.0, 8.0));
    }
}
