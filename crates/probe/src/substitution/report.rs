//! What was tried and what was found.

use std::collections::BTreeMap;

use super::data::Seen;

/// Faults that are printed one by one.
const SHOWN: usize = 80;

/// The outcome of some checks.
#[derive(Debug, Default)]
pub(super) struct Report {
    passed: u64,
    faults: Vec<String>,
    /// How often which code was the answer.
    codes: BTreeMap<String, u64>,
}

impl Report {
    /// Adds what another part has found.
    pub(super) fn add(&mut self, other: Report) {
        self.passed += other.passed;
        self.faults.extend(other.faults);
        for (code, times) in other.codes {
            *self.codes.entry(code).or_default() += times;
        }
    }

    /// Counts one check.
    pub(super) fn check(&mut self, title: &str, check: impl FnOnce() -> Result<(), String>) {
        match check() {
            Ok(()) => self.passed += 1,
            Err(fault) => self.faults.push(format!("{title}: {fault}")),
        }
    }

    /// Two answers, for what nobody has and for what the other tenant has, must be the same and hold nothing of its.
    pub(super) fn compare(&mut self, title: &str, answers: &[Seen]) {
        let [nobodys, theirs] = answers else {
            return self.faults.push(format!("{title}: {} answers", answers.len()));
        };
        *self.codes.entry(format!("{:?}", theirs.code)).or_default() += 1;
        self.check(title, || {
            if !theirs.leaks.is_empty() || !nobodys.leaks.is_empty() {
                return Err(format!("the answer tells {:?} and {:?}: {}", nobodys.leaks, theirs.leaks, theirs.normal));
            }
            if nobodys.normal == theirs.normal {
                return Ok(());
            }
            Err(format!("what nobody has: {}\n      what they have: {}", short(&nobodys.normal), short(&theirs.normal)))
        });
    }

    /// Prints how the other tenant's values were answered.
    pub(super) fn print_codes(&self) {
        for (code, times) in &self.codes {
            println!("{times:>7}  {code}");
        }
    }

    /// Prints the faults; whether there are none.
    pub(super) fn print(&self) -> bool {
        for fault in self.faults.iter().take(SHOWN) {
            println!("    {fault}");
        }
        if self.faults.len() > SHOWN {
            println!("    and {} more", self.faults.len() - SHOWN);
        }
        println!("{} passed, {} failed", self.passed, self.faults.len());
        self.faults.is_empty()
    }
}

fn short(text: &str) -> String {
    text.chars().take(400).collect()
}
