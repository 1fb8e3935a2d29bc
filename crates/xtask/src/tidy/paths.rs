//! `docs/paths.md` lists the files one opens to follow a request from the wire to the disk. Each step must name a file
//! and a function that exist, and the list may not grow beyond what a reader holds in mind.

use std::collections::BTreeSet;

use super::{Finding, House};

const RULE: &str = "paths";
const DOCUMENT: &str = "docs/paths.md";

/// Heading and most files on its list.
const HOPS: [(&str, usize); 3] =
    [("StartWorkflowExecution", 7), ("RespondWorkflowTaskCompleted", 8), ("What every request passes", 8)];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let Some(text) = house.text(DOCUMENT) else {
        return vec![Finding::new(RULE, DOCUMENT, "is missing")];
    };
    let mut findings = Vec::new();
    for (heading, most) in HOPS {
        let steps = steps(text, heading);
        if steps.is_empty() {
            findings.push(Finding::new(RULE, DOCUMENT, format!("has no numbered list under \"## {heading}\"")));
        }
        let mut files = BTreeSet::new();
        for (line, step) in steps {
            let place = format!("{DOCUMENT}:{line}");
            let mut names = step.split('`').skip(1).step_by(2);
            let path = names.next().unwrap_or_default();
            files.insert(path);
            match house.source(path) {
                None => findings.push(Finding::new(RULE, place, format!("\"{path}\" is not a source file"))),
                Some(source) => {
                    for name in names.filter(|name| !source.functions.iter().any(|f| is_named(&f.name, name))) {
                        findings.push(Finding::new(
                            RULE,
                            place.clone(),
                            format!("\"{path}\" has no function `{name}`"),
                        ));
                    }
                }
            }
        }
        if files.len() > most {
            let message = format!("{heading} passes through {} files, at most {most} are allowed", files.len());
            findings.push(Finding::new(RULE, DOCUMENT, message));
        }
    }
    findings
}

/// `Run::handle` names the function `handle`.
fn is_named(function: &str, name: &str) -> bool {
    name.rsplit("::").next() == Some(function)
}

/// The numbered items below a heading, with their line numbers. Continuation lines are explanation, not steps.
fn steps<'a>(text: &'a str, heading: &str) -> Vec<(usize, &'a str)> {
    text.lines()
        .enumerate()
        .skip_while(|(_, line)| line.trim() != format!("## {heading}"))
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## "))
        .filter(|(_, line)| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(index, line)| (index + 1, line))
        .collect()
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let (heading, most) = HOPS[0];
    let of = |steps: &str| {
        let text = format!("## {heading}\n\n{steps}");
        let code = "fn f() {}";
        let mut files = vec![(DOCUMENT.to_owned(), text)];
        files.extend((0..=most).map(|number| (format!("crates/a/src/{number}.rs"), code.to_owned())));
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        super::Planted::of(&files)
    };
    let step = |number: usize| format!("{number}. `crates/a/src/{number}.rs`: `A::f` does it\n");
    vec![
        super::Planted::of(&[]).found("is missing"),
        of("None.").found("has no numbered list"),
        of("1. `crates/a/src/gone.rs`: `f`").found("is not a source file").at(3),
        of("1. `crates/a/src/1.rs`: `f`, then `A::gone`").found("has no function `A::gone`").at(3),
        of(&(0..=most).map(step).collect::<String>()).found(format!("{heading} passes through {} files", most + 1)),
    ]
}
