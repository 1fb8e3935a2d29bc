//! What a person reads of a difference: which program, which call, what differed, and the calls that led there.

use std::fmt::{self, Write};

use super::{
    Outcome,
    pair::{Difference, Stop},
    program::Program,
};

/// Calls shown before the one that differed.
const TAIL: usize = 14;
/// Characters shown of one value.
const WIDTH: usize = 400;
/// Characters shown of one value where a program has one line.
const BRIEF: usize = 120;

/// Which program: what to say on the command line so that it runs again.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) seed: u64,
    pub(super) flag: &'static str,
    pub(super) number: u64,
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "--seed {} {} {}", self.seed, self.flag, self.number)
    }
}

/// Why a program stopped.
pub(super) fn stop(name: &Name, program: &Program, stop: &Stop) -> String {
    let step = program.pair.log.len();
    let mut text = format!("\n### `{name}`, call {step}\n");
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

/// What is to be looked at, a line each: the last words of a run before its totals.
pub(super) fn end(outcome: &Outcome, missing: &[String]) -> String {
    let groups = [
        ("Differed among others, agreed when run again alone", &outcome.crowded[..]),
        ("Declared and not reached", missing),
        ("Differed", &outcome.differing[..]),
    ];
    let mut text = String::new();
    for (heading, lines) in groups.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        let _ = writeln!(text, "\n## {heading}\n{}", lines.join("\n"));
    }
    text
}

/// The same in one line, which the end of a run repeats: the end is all that some readers see.
pub(super) fn brief(name: &Name, stop: &Stop) -> String {
    let why = match stop {
        Stop::Broken(why) => format!("broken: {why}"),
        Stop::Undecided => "undecided".to_owned(),
        Stop::Difference(difference) => {
            let first = difference.lines.first();
            let first = first.map(|line| {
                let shown =
                    |value: &Option<String>| value.as_deref().map_or("(absent)".to_owned(), |it| cut_to(it, BRIEF));
                format!(" at {}: reference {}, perdure {}", line.path, shown(&line.reference), shown(&line.subject))
            });
            format!("{}{}", difference.rpc, first.unwrap_or_default())
        }
    };
    format!("{name}: {}", cut_to(&why, 3 * BRIEF).replace('\n', " "))
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
    cut_to(text, WIDTH)
}

fn cut_to(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::differential::normal::Line;

    #[test]
    fn the_end_names_each_program_with_its_first_difference() {
        let line = |path: &str| Line {
            path: path.to_owned(),
            reference: Some(format!("\"{}\"", "long ".repeat(200))),
            subject: None,
        };
        let name = |flag, number| Name { seed: 1, flag, number };
        let lines = vec![line("status"), line("other")];
        let difference = Difference { rpc: "QueryWorkflow".to_owned(), request: json!({}), lines };
        let differing = vec![
            brief(&name("--program", 207), &Stop::Difference(Box::new(difference))),
            brief(&name("--restarted-program", 38), &Stop::Broken("no task\ncame".to_owned())),
        ];
        let end = end(&Outcome { differing, ..Outcome::default() }, &[]);
        let lines: Vec<&str> = end.lines().collect();
        assert_eq!(lines[..2], ["", "## Differed"]);
        assert!(lines[2].starts_with("--seed 1 --program 207: QueryWorkflow at status: reference \"long "), "{end}");
        assert!(lines[2].ends_with("perdure (absent)"), "{end}");
        assert_eq!(lines[3..], ["--seed 1 --restarted-program 38: broken: no task came"]);
    }
}
