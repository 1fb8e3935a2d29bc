//! The rules of the house that no compiler checks. Each rule is one file below this one; a rule reports every place
//! that breaks it and says what to do. `cargo test` runs the same rules, so none can be forgotten.

mod arrows;
mod circles;
mod comments;
mod coverage;
mod length;
mod links;
mod metadata;
mod names;
mod paths;
mod source;
mod unwraps;
mod words;

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

/// What the rules read: every file's path, and the Rust files scanned once.
pub(crate) struct House {
    files: Vec<String>,
    sources: Vec<Source>,
}

impl House {
    fn read() -> Result<Self, String> {
        let files = tree::files()?;
        let sources = files
            .iter()
            .filter(|path| path.ends_with(".rs"))
            .filter_map(|path| tree::read(path).map(|text| Source::scan(path, &text)))
            .collect();
        Ok(Self { files, sources })
    }

    fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }
}

/// Checks every rule and prints what was found and the figures a reader measures.
pub(crate) fn run() -> Result<(), String> {
    let house = House::read()?;
    let findings = check(&house)?;
    for Finding { place, rule, message } in &findings {
        println!("{place}: {rule}: {message}");
    }
    println!("{}", length::figures(&house));
    if findings.is_empty() { Ok(()) } else { Err(format!("tidy: {} findings", findings.len())) }
}

fn check(house: &House) -> Result<Vec<Finding>, String> {
    let mut findings = arrows::check(house, &metadata::read()?);
    findings.extend(circles::check(house));
    findings.extend(length::check(house));
    findings.extend(names::check(house));
    findings.extend(comments::check(house));
    findings.extend(unwraps::check(house));
    findings.extend(words::check(house));
    findings.extend(links::check(house));
    findings.extend(paths::check(house));
    findings.extend(coverage::check(house));
    findings.extend(clippy_files(house));
    Ok(findings)
}

/// A crate's own `clippy.toml` replaces the root's, so it may leave lines out but not make up its own.
fn clippy_files(house: &House) -> Vec<Finding> {
    let root = tree::read("clippy.toml").unwrap_or_default();
    let allowed: Vec<&str> = root.lines().collect();
    let mut findings = Vec::new();
    for path in house.files.iter().filter(|path| path.starts_with("crates/") && path.ends_with("/clippy.toml")) {
        let text = tree::read(path).unwrap_or_default();
        if !text.starts_with("# ") {
            findings.push(Finding::new(
                "clippy",
                path,
                "open the file with a comment that says what it leaves out and why",
            ));
        }
        for (index, line) in text.lines().enumerate() {
            if !line.starts_with('#') && !allowed.contains(&line) {
                let place = format!("{path}:{}", index + 1);
                findings.push(Finding::new("clippy", place, "this line is not in the root's clippy.toml"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{House, check};

    #[test]
    fn the_house_is_tidy() {
        let house = House::read().expect("the tree is readable");
        let findings = check(&house).expect("the rules can be checked");
        let report: Vec<String> = findings.iter().map(|f| format!("{}: {}: {}", f.place, f.rule, f.message)).collect();
        assert!(report.is_empty(), "{}", report.join("\n"));
    }
}
