//! What a person reads of a difference: which program, which call, what differed, and the calls that led there.

use std::fmt::Write;

use super::{
    pair::{Difference, Stop},
    program::Program,
};

/// Calls shown before the one that differed.
const TAIL: usize = 14;
/// Characters shown of one value.
const WIDTH: usize = 400;

/// Why a program stopped.
pub(super) fn stop(program: &Program, number: u64, seed: u64, stop: &Stop) -> String {
    let step = program.pair.log.len();
    let mut text = format!("\n### program {number} of seed {seed}, call {step}: `--seed {seed} --program {number}`\n");
    let log: Vec<_> = program.pair.log.iter().collect();
    for exchange in log.iter().skip(log.len().saturating_sub(TAIL)) {
        if is_settling(&exchange.rpc) {
            continue;
        }
        let answer = exchange.answer.to_string();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {} {}", exchange.rpc, cut(&exchange.request.to_string()));
        let _ = writeln!(text, "        {}", cut(&answer));
    }
    match stop {
        Stop::Broken(why) => {
            let _ = writeln!(text, "  broken: {}", cut(why));
        }
        Stop::Undecided => text.push_str("  undecided: the reference is late, or forgot something\n"),
        Stop::Difference(difference) => text.push_str(&lines(difference)),
    }
    text
}

fn lines(difference: &Difference) -> String {
    let mut text = format!("  {} {}\n", difference.rpc, cut(&difference.request.to_string()));
    for line in difference.lines.iter().take(30) {
        let shown = |value: &Option<String>| value.as_deref().map_or("(absent)".to_owned(), cut);
        let _ = writeln!(text, "  at {}", line.path);
        let _ = writeln!(text, "      reference: {}", shown(&line.reference));
        let _ = writeln!(text, "      perdure:   {}", shown(&line.subject));
    }
    text
}

/// Every call of a program with its answer.
pub(super) fn transcript(program: &Program) {
    for exchange in &program.pair.log {
        println!("{} {}", exchange.rpc, cut(&exchange.request.to_string()));
        println!("    {}", exchange.answer);
    }
}

fn is_settling(rpc: &str) -> bool {
    matches!(rpc, "GetWorkflowExecutionHistory" | "DescribeWorkflowExecution")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
