//! Builds with a fault: a step of one workflow's runs panics wherever it comes to it, until a process of a mended build starts.

use engine::PlantedPanic;

use super::Options;
use crate::{bug::Bug, rng::Rng};

/// The work that may panic, beside any at all.
const WORK: [&str; 6] =
    ["Signal", "CompleteWorkflowTask", "StartActivity", "deriving rows", "starting the run", "reading the run"];

/// Whether builds of this seed have faults at all.
pub(super) fn are_planted(options: &Options) -> bool {
    options.seed.is_multiple_of(5) || options.bug == Some(Bug::HalfKeptStep)
}

/// The fault of the build that the process of this number runs, if it has one. Drawn by itself, so that the rest of the seed's
/// story is what it would be without.
pub(super) fn of_build(options: &Options, life: u64) -> Option<PlantedPanic> {
    let mut rng = Rng::new(options.seed ^ (life << 32));
    if !are_planted(options) || rng.one_in(3) {
        return None;
    }
    Some(PlantedPanic {
        workflow_id: format!("w-{}-{}", rng.below(2), rng.below(4)),
        from_event: i64::try_from(rng.below(12)).unwrap_or(0),
        behind: rng.one_in(2),
        what: if rng.one_in(2) { None } else { rng.pick(&WORK).copied() },
    })
}
