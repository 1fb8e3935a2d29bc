//! The simulator's own promises: one seed has one log, the product keeps its promises, and planted bugs are found.

use sim::{Bug, Options, run};

fn options(seed: u64, bug: Option<Bug>) -> Options {
    Options { seed, bug, keeps_log: false }
}

#[test]
fn the_same_seed_gives_the_same_log() {
    for seed in [1, 39, 72] {
        let logged = Options { keeps_log: true, ..options(seed, None) };
        let first = run(&logged);
        assert_eq!(first, run(&logged), "seed {seed}");
        assert!(first.happenings > 500, "seed {seed} is no story: {} happenings", first.happenings);
        assert_eq!(first.log_hash, run(&options(seed, None)).log_hash, "keeping the log has changed it");
    }
    assert_ne!(run(&options(1, None)).log_hash, run(&options(2, None)).log_hash);
}

#[test]
fn no_seed_breaks_a_promise() {
    for seed in 1..=60 {
        let report = run(&options(seed, None));
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        assert!(report.runs > 0, "seed {seed} started nothing");
    }
}

/// Seeds that once found a defect: the namespaces were read after the first message, so that its target seemed gone; a
/// superseded owner took its shards back.
#[test]
fn seeds_of_old_defects_stay_clean() {
    for seed in [4, 8, 162, 1_091, 11_596] {
        let report = run(&options(seed, None));
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
    }
}

#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        let found = (1..=6_000).find(|seed| !run(&options(*seed, Some(bug))).violations.is_empty());
        assert!(found.is_some(), "{bug:?} was not found within 6,000 seeds");
    }
}
