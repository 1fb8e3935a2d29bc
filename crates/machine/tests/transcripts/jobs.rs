//! Does what a transcript says to a job.

use std::time::Duration;

use machine::{Job, JobChange, JobDue, JobInput, JobStage, Machine, StepContext};
use model::JobId;

use super::{script::Line, show, stage::namespace};

/// The job that a transcript begins.
pub(crate) fn begin(line: &Line, context: &StepContext) -> Job {
    let seconds = line.get("delay").map_or(0, |delay| delay.parse().expect("a delay is a number of seconds"));
    let delay = Duration::from_secs(seconds);
    Job::delete_namespace(JobId(namespace(7).0), namespace(7), delay, context.now)
}

/// Steps the job by a line; says what was written, or why it was refused.
pub(crate) fn play(job: &mut Job, line: &Line, context: &StepContext) -> Vec<String> {
    let input = match line.verb.as_str() {
        "wake" => JobInput::Wake,
        "worked" => JobInput::Worked { items: line.number().unsigned_abs(), is_all: line.has("all") },
        "failed" => JobInput::Failed { message: line.words.join(" ") },
        verb => panic!("a job knows no {verb}"),
    };
    let before = job.clone();
    match job.handle(input, context) {
        Ok(step) => {
            let mut folded = before;
            step.changes.iter().for_each(|change| folded.evolve(change));
            assert_eq!(folded, step.next, "the next state is the state before with the changes applied");
            *job = step.next;
            step.changes.iter().map(shown).collect()
        }
        Err(reject) => vec![show::reject("rejects", &reject)],
    }
}

fn shown(change: &JobChange) -> String {
    match change {
        JobChange::Woken => "woken".to_owned(),
        JobChange::Worked { items, is_all, time } => {
            let rest = if *is_all { "all is done" } else { "more is left" };
            format!("worked {items} {}, {rest}", show::time(*time))
        }
        JobChange::Failed { message, visible_time } => {
            format!("failed \"{message}\" until {}", show::time(*visible_time))
        }
    }
}

/// What stands after a block: how far the job is, and what is due.
pub(crate) fn standing(job: &Job) -> Vec<String> {
    let record = &job.record;
    let JobDue { wake, work } = job.due();
    let mut lines = vec![format!("{:?} done={}", record.stage(), record.items_done)];
    if record.failures > 0 {
        lines.push(format!("failures={} last={}", record.failures, record.last_failure));
    }
    lines.extend(wake.map(|time| format!("wake {}", show::time(time))));
    lines.extend(work.map(|work| format!("work {work:?}")));
    assert!(record.stage() == JobStage::Ended || wake.is_some() || work.is_some(), "a job is always going somewhere");
    lines
}
