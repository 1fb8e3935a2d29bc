//! What became of the callers of a flood.

use std::time::{Duration, Instant};

/// Counts of what became of calls.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    began: Instant,
    /// Calls that went out.
    pub(super) sent: u64,
    /// Calls that were given up before they could go out: the server took no more at a time.
    pub(super) unsent: u64,
    /// Calls that went out and were given up.
    pub(super) given_up: u64,
    /// Calls whose connection was closed under them, and how often that was.
    pub(super) lost: u64,
    pub(super) closings: u64,
    /// How long calls stood in the generator's line before they were written: the generator was late, or the server took
    /// no more at a time.
    pub(super) line: Times,
    /// How long the answered had waited since they were written.
    pub(super) answers: Times,
    /// How long the refused had waited since they were written.
    pub(super) refusals: Times,
    /// Seconds of processor time of the generator, which has one thread.
    pub(super) cpu: f64,
    /// Answers in each second since the beginning.
    pub(super) by_second: Vec<u64>,
}

/// Many durations, each known to a fiftieth of itself.
#[derive(Clone, Debug)]
pub(super) struct Times {
    counts: Vec<u64>,
    pub(super) total: u64,
}

/// Steps of the scale that the durations are put on.
const STEP: f64 = 1.02;
/// Where the scale begins, in seconds.
const LEAST: f64 = 10e-6;
/// Steps: up to some minutes.
const STEPS: usize = 900;

impl Times {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; STEPS], total: 0 }
    }

    pub(super) fn add(&mut self, time: Duration) {
        let step = (time.as_secs_f64().max(LEAST) / LEAST).log(STEP) as usize;
        self.counts[step.min(STEPS - 1)] += 1;
        self.total += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, more)| *mine += more);
        self.total += other.total;
    }

    /// The duration that this share of them does not exceed, in milliseconds.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        let mut left = (self.total as f64 * share).ceil() as u64;
        for (step, count) in self.counts.iter().enumerate() {
            if left <= *count && left > 0 {
                return LEAST * STEP.powi(step as i32 + 1) * 1_000.0;
            }
            left = left.saturating_sub(*count);
        }
        0.0
    }
}

impl Tally {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            sent: 0,
            unsent: 0,
            given_up: 0,
            lost: 0,
            closings: 0,
            line: Times::new(),
            answers: Times::new(),
            refusals: Times::new(),
            cpu: 0.0,
            by_second: Vec::new(),
        }
    }

    pub(super) fn sent(&mut self, stood: Duration) {
        self.sent += 1;
        self.line.add(stood);
    }

    pub(super) fn answered(&mut self, now: Instant, took: Duration) {
        let second = (now - self.began).as_secs() as usize;
        if self.by_second.len() <= second {
            self.by_second.resize(second + 1, 0);
        }
        self.by_second[second] += 1;
        self.answers.add(took);
    }

    pub(super) fn refused(&mut self, took: Duration) {
        self.refusals.add(took);
    }

    pub(super) fn closed(&mut self, open: usize) {
        self.closings += 1;
        self.lost += open as u64;
    }

    /// Adds what another connection counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.given_up += other.given_up;
        self.lost += other.lost;
        self.closings += other.closings;
        self.line.merge(&other.line);
        self.answers.merge(&other.answers);
        self.refusals.merge(&other.refusals);
        self.cpu += other.cpu;
        let seconds = self.by_second.len().max(other.by_second.len());
        self.by_second.resize(seconds, 0);
        self.by_second.iter_mut().zip(&other.by_second).for_each(|(mine, more)| *mine += more);
    }

    /// What went in, and what came of it.
    pub(super) fn accounted(&self) -> [u64; 2] {
        [self.sent, self.answers.total + self.refusals.total + self.given_up + self.lost]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_near() {
        let mut times = Times::new();
        (1..=1_000).for_each(|milliseconds| times.add(Duration::from_millis(milliseconds)));
        for share in [0.5, 0.99, 1.0] {
            let near = times.percentile(share) / (share * 1_000.0);
            assert!((0.97..1.03).contains(&near), "{share}: {near}");
        }
        assert_eq!(Times::new().percentile(0.99), 0.0);
    }
}
