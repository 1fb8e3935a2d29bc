//! The rules of the house that no compiler checks. Each rule is one file below this one; a rule reports every place
//! that breaks it and says what to do. `cargo test` runs the same rules, so none can be forgotten.

mod arms;
mod arrows;
mod circles;
mod clippy_files;
mod comments;
mod coverage;
mod dead;
mod length;
mod links;
mod metadata;
mod names;
mod paths;
mod source;
mod status;
mod unwraps;
mod words;

use std::collections::BTreeMap;

use metadata::Package;
use source::Source;

use crate::tree;

/// A place that breaks a rule.
pub(crate) struct Finding {
    /// Path relative to the root, with `:line` where there is one.
    place: String,
    rule: &'static str,
    message: String,
}

impl Finding {
    fn new(rule: &'static str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), rule, message: message.into() }
    }
}

/// What the rules read: the text of every file, the Rust files scanned once, and what the manifests declare.
pub(crate) struct House {
    files: Vec<String>,
    texts: BTreeMap<String, String>,
    sources: Vec<Source>,
    packages: Vec<Package>,
}

impl House {
    fn read() -> Result<Self, String> {
        let files = tree::files()?;
        let texts = files.iter().filter_map(|path| tree::read(path).map(|text| (path.clone(), text))).collect();
        Ok(Self::new(files, texts, metadata::read()?))
    }

    fn new(files: Vec<String>, texts: BTreeMap<String, String>, packages: Vec<Package>) -> Self {
        let rust = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        let sources = rust.map(|(path, text)| Source::scan(path, text)).collect();
        Self { files, texts, sources, packages }
    }

    /// A house of these files alone, each a path and a text.
    #[cfg(test)]
    fn of(files: &[(&str, &str)]) -> Self {
        let texts: BTreeMap<_, _> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self::new(texts.keys().cloned().collect(), texts, Vec::new())
    }

    /// The text of a file; `None` if it is not UTF-8 or not there.
    fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether the path is a file, or a folder with files in it.
    fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file == path || file.starts_with(&folder))
    }

    fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }
}

/// One rule.
struct Rule {
    check: fn(&House) -> Vec<Finding>,
    /// Houses that break it: a rule that finds nothing in them would find nothing anywhere.
    #[cfg(test)]
    planted: fn() -> Vec<Planted>,
}

macro_rules! rules {
    ($($rule:ident),+) => { &[$(Rule { check: $rule::check, #[cfg(test)] planted: $rule::planted }),+] };
}

const RULES: &[Rule] = rules![
    arms,
    arrows,
    circles,
    clippy_files,
    comments,
    coverage,
    dead,
    length,
    links,
    names,
    paths,
    status,
    unwraps,
    words
];

/// Checks every rule and prints what was found and the figures a reader measures.
pub(crate) fn run() -> Result<(), String> {
    let house = House::read()?;
    let findings = check(&house);
    for Finding { place, rule, message } in &findings {
        println!("{place}: {rule}: {message}");
    }
    println!("{}", length::figures(&house));
    if findings.is_empty() { Ok(()) } else { Err(format!("tidy: {} findings", findings.len())) }
}

fn check(house: &House) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| (rule.check)(house)).collect()
}

/// A house that breaks a rule, and what the rule has to say of it.
#[cfg(test)]
struct Planted {
    house: House,
    message: String,
    line: Option<usize>,
}

#[cfg(test)]
impl Planted {
    /// A house of these files alone, each a path and a text.
    fn of(files: &[(&str, &str)]) -> Self {
        Self { house: House::of(files), message: String::new(), line: None }
    }

    /// A part of the message.
    fn found(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The line, counted from one, that the finding has to name.
    fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    fn with_packages(mut self, packages: Vec<Package>) -> Self {
        self.house.packages = packages;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, House, RULES, check};

    fn report(findings: &[Finding]) -> String {
        let lines: Vec<String> = findings.iter().map(|f| format!("{}: {}: {}", f.place, f.rule, f.message)).collect();
        lines.join("\n")
    }

    #[test]
    fn the_house_is_tidy() {
        let house = House::read().expect("the tree is readable");
        let findings = check(&house);
        assert!(findings.is_empty(), "{}", report(&findings));
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        for rule in RULES {
            let planted = (rule.planted)();
            assert!(!planted.is_empty(), "a rule without a violation that is planted for it");
            for planted in planted {
                let findings = (rule.check)(&planted.house);
                let is_meant = |finding: &Finding| {
                    let line = planted.line.map(|line| format!(":{line}"));
                    finding.message.contains(&planted.message) && line.is_none_or(|line| finding.place.ends_with(&line))
                };
                let (message, line) = (&planted.message, planted.line);
                let found = findings.iter().any(is_meant);
                assert!(found, "\"{message}\" at line {line:?} is not among\n{}", report(&findings));
            }
        }
    }
}
