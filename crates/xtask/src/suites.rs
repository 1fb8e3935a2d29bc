//! `cargo xtask test`: every kind of test this repository has, one after another, with one summary at the end. A part
//! that fails does not stop the others, but a part whose binary could not be built is failed without being run.

use std::{process::Command, time::Duration};

use crate::{
    machine,
    shell::{self, Ending},
    totals::{self, Totals},
    tree, verify,
};

/// One part of the test command, in the order in which it runs.
struct Part {
    name: &'static str,
    about: &'static str,
    /// Whether the release binaries must be there.
    needs_release: bool,
    run: fn() -> Result<Ending, String>,
}

const PARTS: &[Part] = &[
    Part { name: "verify", about: "formatting, lints, tidy", needs_release: false, run: verified },
    Part { name: "workspace", about: "unit and integration tests, transcripts", needs_release: false, run: workspace },
    Part { name: "python", about: "the Python SDK and the money transfer", needs_release: true, run: python },
    Part { name: "typescript", about: "the TypeScript SDK", needs_release: true, run: || sdk("typescript") },
    Part { name: "rust", about: "the Rust SDK", needs_release: true, run: || sdk("rust") },
    Part {
        name: "differential",
        about: "random programs, reference and Perdure",
        needs_release: true,
        run: differential,
    },
    Part { name: "limits", about: "what both servers refuse under low limits", needs_release: true, run: limits },
    Part { name: "malformed", about: "broken, oversized and foreign requests", needs_release: true, run: malformed },
    Part { name: "substitution", about: "one tenant set on another", needs_release: true, run: substitution },
    Part { name: "strangers", about: "clients that no server wishes for", needs_release: true, run: strangers },
    Part { name: "overload", about: "more calls than can be served", needs_release: true, run: overload },
    Part { name: "bench", about: "every benchmark once, briefly", needs_release: true, run: bench },
    Part { name: "simulation", about: "seeds of the simulator", needs_release: true, run: simulation },
    Part { name: "planted-bugs", about: "bugs that the simulator must find", needs_release: true, run: planted_bugs },
];

/// What became of a part.
struct Outcome {
    name: &'static str,
    totals: Totals,
    took: Duration,
    note: String,
    /// The last lines of a part that failed, for who sees the end alone.
    last: Vec<String>,
}

impl Outcome {
    /// A part that could not be run.
    fn not_run(name: &'static str, note: String) -> Self {
        Self { name, totals: FAILED, took: Duration::ZERO, note, last: Vec::new() }
    }
}

/// Runs the parts that the options choose.
pub(crate) fn run(options: &[String]) -> Result<(), String> {
    let chosen = match choose(options)? {
        Some(chosen) => chosen,
        None => return Ok(()),
    };
    machine::prepare(&chosen.iter().map(|part| part.name).collect::<Vec<_>>())?;
    let mut release = None;
    let mut outcomes = Vec::new();
    for part in chosen {
        println!("\n=== {}: {}", part.name, part.about);
        if part.needs_release && release.get_or_insert_with(build_release).is_err() {
            outcomes.push(Outcome::not_run(part.name, "not run: the release build failed".to_owned()));
            continue;
        }
        outcomes.push(outcome(part.name, (part.run)()));
    }
    summary(&outcomes)
}

/// How many lines of a part that failed are shown again at the end.
const LAST: usize = 40;

const PASSED: Totals = Totals { passed: 1, failed: 0 };
const FAILED: Totals = Totals { passed: 0, failed: 1 };

/// A part counts the tests its runner counted; without a runner it is one test. A bad exit code is always a failure,
/// also when the runner counted none.
fn outcome(name: &'static str, ended: Result<Ending, String>) -> Outcome {
    match ended {
        Err(note) => Outcome::not_run(name, note),
        Ok(Ending { success, output, took }) => {
            let counted = totals::read(&output);
            let (totals, note) = match (success, counted) {
                (true, Some(totals)) => (totals, ""),
                (true, None) => (PASSED, ""),
                (false, Some(totals)) if totals.failed > 0 => (totals, ""),
                (false, Some(totals)) => (Totals { failed: 1, ..totals }, "bad exit code"),
                (false, None) => (FAILED, "bad exit code"),
            };
            let last = if totals.failed > 0 { last_lines(&output) } else { Vec::new() };
            Outcome { name, totals, took, note: note.to_owned(), last }
        }
    }
}

fn last_lines(output: &str) -> Vec<String> {
    let lines: Vec<_> = output.lines().collect();
    lines[lines.len().saturating_sub(LAST)..].iter().map(|line| (*line).to_owned()).collect()
}

fn choose(options: &[String]) -> Result<Option<Vec<&'static Part>>, String> {
    let mut chosen: Vec<&Part> = PARTS.iter().collect();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let keep = match option.as_str() {
            "--only" => true,
            "--skip" => false,
            "--list" => {
                PARTS.iter().for_each(|part| println!("{:13} {}", part.name, part.about));
                return Ok(None);
            }
            other => return Err(format!("unknown option \"{other}\" of `cargo xtask test`")),
        };
        let names = options.next().ok_or_else(|| format!("the option \"{option}\" needs names of parts"))?;
        let names: Vec<&str> = names.split(',').collect();
        if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|part| part.name == **name)) {
            return Err(format!("no part \"{unknown}\". `cargo xtask test --list` names them all."));
        }
        chosen.retain(|part| names.contains(&part.name) == keep);
    }
    Ok(Some(chosen))
}

fn summary(outcomes: &[Outcome]) -> Result<(), String> {
    for Outcome { name, last, .. } in outcomes.iter().filter(|outcome| !outcome.last.is_empty()) {
        println!("\n=== the end of {name}\n{}", last.join("\n"));
    }
    let mut sum = Totals::default();
    println!("\n=== summary");
    for Outcome { name, totals, took, note, .. } in outcomes {
        let Totals { passed, failed } = totals;
        println!("{name:13} {passed:6} passed {failed:4} failed {:6} s  {note}", took.as_secs());
        sum.passed += passed;
        sum.failed += failed;
    }
    println!("\n{} passed, {} failed", sum.passed, sum.failed);
    if sum.failed == 0 { Ok(()) } else { Err(format!("{} tests failed", sum.failed)) }
}

/// Builds the server, the probe and the simulator once, with one set of dependencies.
pub(crate) fn build_release() -> Result<(), String> {
    shell::must(shell::cargo(&["build", "--locked", "--release", "-p", "perdure", "-p", "probe", "-p", "sim"]))
}

/// Builds the server and the probe as they are packaged, for a benchmark whose figures count.
pub(crate) fn build_dist() -> Result<(), String> {
    shell::must(shell::cargo(&["build", "--locked", "--profile", "dist", "-p", "perdure", "-p", "probe"]))
}

/// Puts the reference server where the probe looks for it.
pub(crate) fn install_reference() -> Result<(), String> {
    shell::must(probe("install-reference"))
}

/// One of the probe's commands, with its release build.
pub(crate) fn probe(verb: &str) -> Command {
    shell::command(tree::root().join("target/release/probe"), &[verb])
}

fn verified() -> Result<Ending, String> {
    let begun = std::time::Instant::now();
    let success = verify::run().map_err(|message| eprintln!("error: {message}")).is_ok();
    Ok(Ending { success, output: String::new(), took: begun.elapsed() })
}

/// With nextest where it is installed: it runs the tests of all crates side by side.
fn workspace() -> Result<Ending, String> {
    let nextest = shell::cargo(&["nextest", "--version"]).output().is_ok_and(|output| output.status.success());
    let runner: &[&str] = if nextest { &["nextest", "run", "--no-fail-fast"] } else { &["test", "--no-fail-fast"] };
    let mut command = shell::cargo(runner);
    command.args(["--locked", "--workspace"]);
    shell::run(command)
}

/// Some of its tests compare with the official command line, which comes with the reference.
fn python() -> Result<Ending, String> {
    install_reference()?;
    sdk("python")
}

fn sdk(language: &str) -> Result<Ending, String> {
    let mut command = shell::command(tree::root().join(format!("tests/{language}/run")), &[]);
    command.env("PERDURE_BIN", tree::root().join("target/release/perdure"));
    shell::run(command)
}

fn differential() -> Result<Ending, String> {
    install_reference()?;
    let mut command = probe("differential");
    // Goes on until every declared outcome has been seen, which takes about three times as many programs.
    command.args(["--programs", "100"]);
    shell::run(command)
}

fn limits() -> Result<Ending, String> {
    install_reference()?;
    shell::run(probe("limits"))
}

fn malformed() -> Result<Ending, String> {
    shell::run(probe("malformed"))
}

fn substitution() -> Result<Ending, String> {
    shell::run(probe("substitution"))
}

fn strangers() -> Result<Ending, String> {
    let mut command = probe("strangers");
    command.arg("--brief");
    shell::run(command)
}

fn overload() -> Result<Ending, String> {
    let mut command = probe("overload");
    command.arg("--smoke");
    shell::run(command)
}

fn bench() -> Result<Ending, String> {
    install_reference()?;
    let mut command = probe("bench");
    command.arg("--smoke");
    shell::run(command)
}

fn simulation() -> Result<Ending, String> {
    simulator(&["--seeds", "2000"])
}

fn planted_bugs() -> Result<Ending, String> {
    simulator(&["--all-bugs", "--seeds", "6000"])
}

fn simulator(options: &[&str]) -> Result<Ending, String> {
    shell::run(shell::command(tree::root().join("target/release/sim"), options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(success: bool, lines: usize) -> Ending {
        let output: String = (0..lines).map(|line| format!("line {line}\n")).collect();
        Ending { success, output: format!("{output}3 passed, {} failed\n", u8::from(!success)), took: Duration::ZERO }
    }

    #[test]
    fn the_end_of_what_failed_is_kept() {
        let failed = outcome("one", Ok(ended(false, 2 * LAST)));
        assert_eq!((failed.totals, failed.last.len()), (Totals { passed: 3, failed: 1 }, LAST));
        assert_eq!(failed.last.last().unwrap(), "3 passed, 1 failed");
        assert_eq!(outcome("one", Ok(ended(false, 1))).last.len(), 2);
        assert!(outcome("one", Ok(ended(true, 2 * LAST))).last.is_empty());
    }
}
