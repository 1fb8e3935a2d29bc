//! Reads how many tests passed and failed from the closing lines of the test runners in use: nextest, `cargo test`,
//! pytest, node's runner, and the plain `N passed, N failed`.

/// A count of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// The sum over `cargo test` binaries, otherwise the last total in the output; nothing if no runner closed.
pub(crate) fn read(output: &str) -> Option<Totals> {
    let output = plain(output);
    let mut last = None;
    let mut cargo_test: Option<Totals> = None;
    let mut node = Totals::default();
    for line in output.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result:") {
            let total = cargo_test.get_or_insert_default();
            total.passed += count(rest, "passed").unwrap_or(0);
            total.failed += count(rest, "failed").unwrap_or(0);
        } else if let Some(rest) = line.strip_prefix("# pass ").or_else(|| line.strip_prefix("ℹ pass ")) {
            node.passed = rest.trim().parse().unwrap_or(0);
            last = Some(node);
        } else if let Some(rest) = line.strip_prefix("# fail ").or_else(|| line.strip_prefix("ℹ fail ")) {
            node.failed = rest.trim().parse().unwrap_or(0);
            last = Some(node);
        } else if closes(line) {
            let passed = count(line, "passed").unwrap_or(0);
            last = Some(Totals {
                passed,
                failed: count(line, "failed").unwrap_or(0) + count(line, "errors").unwrap_or(0),
            });
        }
    }
    cargo_test.or(last)
}

/// A closing line has nothing but counts, and perhaps a frame around them.
fn closes(line: &str) -> bool {
    let nextest = line.starts_with("Summary [");
    let bare = line.trim_matches(|c: char| c == '=' || c == ' ');
    let counted = count(bare, "passed").is_some() || count(bare, "failed").is_some();
    nextest || (counted && bare.starts_with(|c: char| c.is_ascii_digit()))
}

/// The number before `word`, as in `12 passed`.
fn count(line: &str, word: &str) -> Option<u64> {
    let mut before = None;
    for token in line.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty()) {
        if token == word {
            return before.and_then(|number: &str| number.parse().ok());
        }
        before = Some(token);
    }
    None
}

/// The text without terminal colours.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            for inside in rest.by_ref() {
                if inside.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{Totals, read};

    #[track_caller]
    fn check(output: &str, passed: u64, failed: u64) {
        assert_eq!(read(output), Some(Totals { passed, failed }), "{output}");
    }

    #[test]
    fn every_runner_in_use_is_read() {
        check("     Summary [   0.1s] 12 tests run: 11 passed, 1 failed, 2 skipped\n", 11, 1);
        check("\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] 3 tests run: 3 passed, 0 skipped", 3, 0);
        check("test result: ok. 2 passed; 0 failed; 0 ignored\ntest result: FAILED. 1 passed; 3 failed;", 3, 3);
        check("===== 1 failed, 5 passed in 2.10s =====", 5, 1);
        check("# tests 4\n# pass 3\n# fail 1\n", 3, 1);
        check("ok then\n7 passed, 0 failed\n", 7, 0);
    }

    #[test]
    fn prose_is_not_a_total() {
        assert_eq!(read("the test passed, none failed\n"), None);
        assert_eq!(read(""), None);
    }
}
