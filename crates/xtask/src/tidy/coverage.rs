//! What `docs/compatibility.md` says works has one place where it is written and at least one transcript or test that
//! shows it. The document itself is compared with the descriptor set, the router and the command line by tests that can
//! ask them; this rule only needs the names.

use std::collections::BTreeSet;

use super::{Finding, House};

const RULE: &str = "coverage";
const DOCUMENT: &str = "docs/compatibility.md";
const COMMANDS: &str = "crates/machine/src/command";
const INPUTS: &str = "crates/machine/src/on";

/// A row of one of the document's tables.
struct Row {
    name: String,
    works: bool,
}

pub(super) fn check(house: &House) -> Vec<Finding> {
    let Some(text) = house.text(DOCUMENT) else {
        return vec![Finding::new(RULE, DOCUMENT, "is missing")];
    };
    let transcripts = joined(house, |path| path.ends_with(".txt") && path.contains("/transcripts/"));
    let tests = joined(house, |path| {
        path.starts_with("crates/probe/") || path.contains("/tests/") || path.starts_with("tests/")
    });
    let services = joined(house, |path| path.starts_with("crates/frontend/src/") && path.ends_with(".rs"));
    let mut findings = Vec::new();
    for row in rows(text, "Worker commands").iter().filter(|row| row.works) {
        let path = format!("{COMMANDS}/{}.rs", snake(&row.name));
        if !house.has(&path) {
            findings.push(Finding::new(RULE, path, format!("the command \"{}\" works but has no file", row.name)));
        }
        findings.extend(shown(&transcripts, row, "command"));
    }
    for row in rows(text, "Events").iter().filter(|row| row.works) {
        findings.extend(shown(&transcripts, row, "event"));
    }
    for row in rows(text, "Workflow Task failure causes").iter().filter(|row| row.works) {
        findings.extend(shown(&transcripts, row, "cause"));
    }
    for service in ["WorkflowService", "OperatorService"] {
        for row in rows(text, service).iter().filter(|row| row.works) {
            if !mentions(&services, &row.name) {
                let message = format!("the RPC \"{}\" works but no service has a function of its name", row.name);
                findings.push(Finding::new(RULE, "crates/frontend/src", message));
            }
            if !mentions(&transcripts, &row.name) && !mentions(&tests, &row.name) {
                let message = format!("the RPC \"{}\" works but no transcript or test names it", row.name);
                findings.push(Finding::new(RULE, "tests", message));
            }
        }
    }
    findings.extend(inputs(house));
    findings
}

/// One file or folder per input of the machine: of the same words, in whichever order (`StartActivity` may be told
/// beside its siblings, in `activity_start.rs`).
fn inputs(house: &House) -> Vec<Finding> {
    let variants = house
        .sources
        .iter()
        .filter(|source| source.crate_name() == Some("machine"))
        .flat_map(|source| variants(&source.code, "pub enum Input"));
    let written: BTreeSet<BTreeSet<&str>> = house
        .files
        .iter()
        .filter_map(|path| path.strip_prefix(INPUTS)?.strip_prefix('/')?.split(['/', '.']).next())
        .map(|stem| stem.split('_').collect())
        .collect();
    variants
        .map(|variant| snake(&variant))
        .filter(|variant| !written.contains(&variant.split('_').collect::<BTreeSet<_>>()))
        .map(|variant| Finding::new(RULE, format!("{INPUTS}/{variant}.rs"), "an input of the machine without its file"))
        .collect()
}

/// The variants of an enum that opens with `opening`, read from lines that are indented once.
fn variants(code: &[String], opening: &str) -> Vec<String> {
    code.iter()
        .skip_while(|line| !(line.starts_with(opening) && line.trim_end().ends_with('{')))
        .skip(1)
        .take_while(|line| !line.starts_with('}'))
        .filter(|line| line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line[4..].chars().take_while(|c| c.is_alphanumeric()).collect())
        .collect()
}

fn shown(transcripts: &str, row: &Row, kind: &str) -> Option<Finding> {
    let message = format!("the {kind} \"{}\" works but no transcript names it", row.name);
    (!mentions(transcripts, &row.name)).then(|| Finding::new(RULE, "crates/machine/transcripts", message))
}

fn mentions(text: &str, name: &str) -> bool {
    text.contains(name) || text.contains(&snake(name)) || text.contains(&snake(name).to_uppercase())
}

fn joined(house: &House, wanted: impl Fn(&str) -> bool) -> String {
    house.files.iter().filter(|path| wanted(path)).filter_map(|path| house.text(path)).collect::<Vec<_>>().join("\n")
}

/// The rows of the table below a heading: a name in backticks, then the state.
fn rows(text: &str, heading: &str) -> Vec<Row> {
    text.lines()
        .skip_while(|line| line.trim() != format!("## {heading}"))
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let name = cells.next()?.trim().trim_end_matches('`').to_owned();
            let state = cells.next()?.trim();
            Some(Row { name, works: state.starts_with("works") || state.starts_with("partial") })
        })
        .collect()
}

/// `StartTimer` is `start_timer`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let of = |heading: &str, name: &str, others: &[(&str, &str)]| {
        let text = format!("## {heading}\n\n| | |\n|---|---|\n| `Other` | waits |\n| `{name}` | works |\n");
        super::Planted::of(&[&[(DOCUMENT, text.as_str())][..], others].concat())
    };
    let transcript = ("crates/machine/transcripts/a.txt", "start_timer");
    let input = "/// What.\npub enum Input {\n    /// One.\n    StartTimer { a: u32 },\n}";
    vec![
        super::Planted::of(&[]).found("is missing"),
        of("Worker commands", "StartTimer", &[transcript]).found("\"StartTimer\" works but has no file"),
        of("Worker commands", "StartTimer", &[]).found("the command \"StartTimer\" works but no transcript"),
        of("Events", "TimerFired", &[transcript]).found("the event \"TimerFired\" works but no transcript"),
        of("Workflow Task failure causes", "BadBinary", &[]).found("the cause \"BadBinary\" works but no transcript"),
        of("WorkflowService", "PollA", &[("tests/a.py", "PollA")])
            .found("\"PollA\" works but no service has a function of its name"),
        of("OperatorService", "PollA", &[("crates/frontend/src/a.rs", "fn poll_a() {}")])
            .found("\"PollA\" works but no transcript or test names it"),
        super::Planted::of(&[(DOCUMENT, ""), ("crates/machine/src/input.rs", input)])
            .found("an input of the machine without its file"),
    ]
}
