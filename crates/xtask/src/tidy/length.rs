//! How long files and functions may be. A listed exception carries its present length and may only shrink: when it
//! does, the figure here must follow, and when it falls under the limit the line must go.

use super::{Finding, House};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;
/// No exception reaches beyond this.
const FILE_LINES_EVER: usize = 1_000;
/// The 95th percentile of function lengths.
const FUNCTION_LINES_P95: usize = 45;

/// Path, present length, why it is one file.
const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Path, function, present length, why it is one function.
const LONG_FUNCTIONS: &[(&str, &str, usize, &str)] = &[];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = files(house);
    findings.extend(functions(house));
    let p95 = percentile(function_lengths(house), 95);
    if p95 > FUNCTION_LINES_P95 {
        let message = format!("the 95th percentile is {p95} lines, at most {FUNCTION_LINES_P95} are allowed");
        findings.push(Finding::new("function length", "crates", message));
    }
    findings
}

fn files(house: &House) -> Vec<Finding> {
    const RULE: &str = "file length";
    let mut findings = Vec::new();
    let code = |path: &&String| [".rs", ".py", ".ts", ".js", ".mjs", ".sh"].iter().any(|end| path.ends_with(end));
    for path in house.files.iter().filter(code) {
        let length = house.text(path).map_or(0, |text| text.lines().count());
        let listed = LONG_FILES.iter().find(|(listed, ..)| listed == path).map(|&(_, length, _)| length);
        let message = match listed {
            _ if length > FILE_LINES_EVER => {
                format!("{length} lines, and no file may pass {FILE_LINES_EVER}: split it")
            }
            Some(listed) => match shrink_only(listed, length, FILE_LINES) {
                Some(message) => message,
                None => continue,
            },
            None if length > FILE_LINES => {
                format!("{length} lines, at most {FILE_LINES} are allowed: split it along its meaning")
            }
            None => continue,
        };
        findings.push(Finding::new(RULE, path, message));
    }
    for (path, ..) in LONG_FILES.iter().filter(|(path, ..)| !house.has(path)) {
        findings.push(Finding::new(RULE, *path, "listed as an exception but gone: remove the line from length.rs"));
    }
    findings
}

fn functions(house: &House) -> Vec<Finding> {
    const RULE: &str = "function length";
    let mut findings = Vec::new();
    let mut met = Vec::new();
    for source in &house.sources {
        for function in &source.functions {
            let is_listed = |row: &&(&str, &str, usize, &str)| row.0 == source.path && row.1 == function.name;
            let listed = LONG_FUNCTIONS.iter().find(is_listed).map(|&(path, name, length, _)| (path, name, length));
            let message = match listed {
                Some((path, name, length)) => {
                    met.push((path, name));
                    match shrink_only(length, function.length(), FUNCTION_LINES) {
                        Some(message) => message,
                        None => continue,
                    }
                }
                None if function.length() > FUNCTION_LINES => {
                    format!("{} lines, at most {FUNCTION_LINES} are allowed", function.length())
                }
                None => continue,
            };
            let place = format!("{}:{}", source.path, function.lines.start());
            findings.push(Finding::new(RULE, place, format!("`{}`: {message}", function.name)));
        }
    }
    for (path, name, ..) in LONG_FUNCTIONS.iter().filter(|(path, name, ..)| !met.contains(&(*path, *name))) {
        let message = format!("`{name}` is listed as an exception but gone: remove the line from length.rs");
        findings.push(Finding::new(RULE, *path, message));
    }
    findings
}

fn shrink_only(listed: usize, length: usize, limit: usize) -> Option<String> {
    if length > listed {
        Some(format!("grew from {listed} to {length} lines, and an exception may only shrink"))
    } else if length <= limit {
        Some("is within the limit now: remove its line from length.rs".to_owned())
    } else if length < listed {
        Some(format!("shrank to {length} lines: lower its figure in length.rs"))
    } else {
        None
    }
}

/// One line of figures: what a reader of the code measures first.
pub(super) fn figures(house: &House) -> String {
    let files: Vec<usize> = house.sources.iter().map(|source| source.text.len()).collect();
    let functions = function_lengths(house);
    let code: usize = house.sources.iter().map(|source| source.code_lines()).sum();
    let comments: usize = house.sources.iter().map(|source| source.comment_lines()).sum();
    let share = 100 * comments / (code + comments).max(1);
    format!(
        "{} Rust files, {code} lines of code, {share} % comments; p95 of files {} lines, of {} functions {} lines",
        files.len(),
        percentile(files.clone(), 95),
        functions.len(),
        percentile(functions.clone(), 95),
    )
}

fn function_lengths(house: &House) -> Vec<usize> {
    house.sources.iter().flat_map(|source| &source.functions).map(|function| function.length()).collect()
}

/// The smallest value that at least `percent` of the values do not exceed.
fn percentile(mut values: Vec<usize>, percent: usize) -> usize {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let of = |path: &str, text: &str| super::Planted::of(&[(path, text)]);
    let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    a();\n".repeat(lines - 2));
    vec![
        of("crates/a/src/b.rs", &"\n".repeat(FILE_LINES + 1)).found("501 lines, at most 500"),
        of("tests/a/b.py", &"\n".repeat(FILE_LINES_EVER + 1)).found("no file may pass 1000"),
        of("crates/a/src/b.rs", &format!("\n{}", function(FUNCTION_LINES + 1)))
            .found("`f`: 71 lines, at most 70")
            .at(2),
        of("crates/a/src/b.rs", &function(FUNCTION_LINES_P95 + 1)).found("the 95th percentile is 46 lines"),
    ]
}

#[cfg(test)]
mod tests {
    use super::shrink_only;

    #[test]
    fn an_exception_may_only_shrink() {
        assert!(shrink_only(80, 81, 70).is_some_and(|message| message.contains("grew from 80 to 81")));
        assert!(shrink_only(80, 79, 70).is_some_and(|message| message.contains("lower its figure")));
        assert!(shrink_only(80, 70, 70).is_some_and(|message| message.contains("remove its line")));
        assert_eq!(shrink_only(80, 80, 70), None);
    }
}
