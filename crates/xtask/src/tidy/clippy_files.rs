//! A crate's own `clippy.toml` replaces the root's for that crate. It may ban more, and it may leave lines out where it says
//! so; it may not loosen a setting. The machine's leaves nothing out and bans what could make two steps from one state differ.

use std::collections::BTreeSet;

use super::{Finding, House};

const RULE: &str = "clippy";
const ROOT: &str = "clippy.toml";
/// The file that leaves nothing out.
const PURE: &str = "crates/machine/clippy.toml";

/// The types that it bans beyond the root's: locks, what is shared and written, clocks.
const IMPURE: [&str; 17] = [
    "std::cell::Cell",
    "std::cell::RefCell",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::RwLock",
    "std::sync::atomic::AtomicBool",
    "std::sync::atomic::AtomicI16",
    "std::sync::atomic::AtomicI32",
    "std::sync::atomic::AtomicI64",
    "std::sync::atomic::AtomicI8",
    "std::sync::atomic::AtomicU16",
    "std::sync::atomic::AtomicU32",
    "std::sync::atomic::AtomicU64",
    "std::sync::atomic::AtomicU8",
    "std::sync::atomic::AtomicUsize",
    "std::time::Instant",
    "std::time::SystemTime",
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let root: Vec<&str> = house.text(ROOT).unwrap_or_default().lines().collect();
    let mut findings = Vec::new();
    for path in house.files.iter().filter(|path| path.starts_with("crates/") && path.ends_with("/clippy.toml")) {
        let text = house.text(path).unwrap_or_default();
        if !text.starts_with("# ") {
            let message = "open the file with a comment that says what it leaves out or adds, and why";
            findings.push(Finding::new(RULE, path, message));
        }
        for (index, line) in text.lines().enumerate() {
            if !line.trim_start().starts_with('#') && !is_ban(line) && !root.contains(&line) {
                let place = format!("{path}:{}", index + 1);
                findings.push(Finding::new(RULE, place, "this line is neither a ban nor in the root's clippy.toml"));
            }
        }
    }
    findings.extend(pure(house, &root));
    findings
}

fn pure(house: &House, root: &[&str]) -> Vec<Finding> {
    let lines: BTreeSet<&str> = house.text(PURE).unwrap_or_default().lines().collect();
    let left_out = root.iter().filter(|line| !line.trim_start().starts_with('#') && !lines.contains(*line));
    let left_out = left_out.map(|line| format!("leaves out a line of the root's: {}", line.trim()));
    let bans = |kind: &&str| !lines.iter().any(|line| line.starts_with(&format!("  {{ path = \"{kind}\",")));
    let missing = IMPURE.iter().filter(|kind| bans(kind)).map(|kind| format!("must ban `{kind}`"));
    left_out.chain(missing).map(|message| Finding::new(RULE, PURE, message)).collect()
}

fn is_ban(line: &str) -> bool {
    line.starts_with("  { path = \"") && line.contains("reason = \"")
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let root = "allow-unwrap-in-tests = true\ndisallowed-types = [\n  { path = \"a::B\", reason = \"c\" },\n]\n";
    let of = |path, text| super::Planted::of(&[(ROOT, root), (path, text)]);
    vec![
        of("crates/a/clippy.toml", "disallowed-types = [\n]\n").found("open the file with a comment"),
        of("crates/a/clippy.toml", "# Why.\nallow-print-in-tests = true\n").found("neither a ban nor").at(2),
        of("crates/a/clippy.toml", "# Why.\n  { path = \"a::B\" },\n").found("neither a ban nor").at(2),
        of(PURE, "# Why.\n").found("leaves out a line of the root's: { path = \"a::B\""),
        of(PURE, "# Why.\n").found("must ban `std::sync::Mutex`"),
    ]
}
