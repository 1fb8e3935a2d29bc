//! Every source file opens by saying what it is for, no lint is allowed away, and an expected one says why.

use super::{Finding, House};

/// Expected lints in the whole tree.
const MOST_EXPECTS: usize = 10;

/// Lints that one crate has beyond those of the workspace.
const DEMANDED: [(&str, &str); 2] = [
    ("crates/engine/src/lib.rs", "clippy::wildcard_enum_match_arm"),
    ("crates/machine/src/lib.rs", "clippy::wildcard_enum_match_arm"),
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expects = Vec::new();
    for source in &house.sources {
        if source.path.starts_with("crates/") && source.path.contains("/src/") {
            let opens = source.text.iter().find(|line| !line.trim().is_empty());
            if !opens.is_some_and(|line| line.starts_with("//! ")) {
                let message = "open the file with `//!`: what it is for, and what it is not";
                findings.push(Finding::new("module comment", &source.path, message));
            }
        }
        let tokens = source.tokens();
        for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "#") {
            let words: Vec<&str> = tokens[index..].iter().take(4).map(|token| token.text).collect();
            let place = format!("{}:{}", source.path, token.line);
            if matches!(words[..], ["#", "[", "allow", ..] | ["#", "!", "[", "allow"]) {
                findings.push(Finding::new("allow", place, "no lint is allowed away: mend the cause"));
            } else if matches!(words[..], ["#", "[", "expect", ..] | ["#", "!", "[", "expect"]) {
                let close = tokens[index..].iter().position(|token| token.text == "]").unwrap_or(0);
                if !tokens[index..index + close].iter().any(|token| token.text == "reason") {
                    findings.push(Finding::new("expect", place.clone(), "give a `reason`"));
                }
                expects.push(place);
            }
        }
    }
    for (path, lint) in DEMANDED {
        let found = house.source(path).is_some_and(|source| source.text.iter().any(|line| line.contains(lint)));
        if !found {
            findings.push(Finding::new("lint", path, format!("must say `#![warn({lint})]`")));
        }
    }
    if expects.len() > MOST_EXPECTS {
        let message = format!("{} of them, at most {MOST_EXPECTS} are allowed: {}", expects.len(), expects.join(", "));
        findings.push(Finding::new("expect", "crates", message));
    }
    findings
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let of = |code: &str| super::Planted::of(&[("crates/a/src/b.rs", code)]);
    let expected = "#[expect(lint, reason = \"why\")]\nfn f() {}\n".repeat(MOST_EXPECTS + 1);
    vec![
        of("use a::b;").found("open the file with `//!`"),
        of("//! What.\n#[allow(dead_code)]\nfn f() {}").found("no lint is allowed away").at(2),
        of("#![allow(dead_code)]").found("no lint is allowed away").at(1),
        of("//! What.\n#[expect(dead_code)]\nfn f() {}").found("give a `reason`").at(2),
        of(&expected).found(format!("{} of them, at most {MOST_EXPECTS}", MOST_EXPECTS + 1)),
        super::Planted::of(&[(DEMANDED[1].0, "//! What.")]).found(format!("must say `#![warn({})]`", DEMANDED[1].1)),
    ]
}
