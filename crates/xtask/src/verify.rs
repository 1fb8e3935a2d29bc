//! `cargo xtask verify`: what must hold before a change is worth testing. It writes nothing outside `target`.

use crate::{shell, tidy};

/// Formatting, clippy with warnings denied, tidy. All three are run, so that one reading shows everything.
pub(crate) fn run() -> Result<(), String> {
    let mut failed = Vec::new();
    for (name, arguments) in [
        ("cargo fmt --check", &["fmt", "--all", "--check"][..]),
        ("cargo fmt --check, tests/rust", &["fmt", "--manifest-path", "tests/rust/Cargo.toml", "--check"]),
        ("cargo clippy", &["clippy", "--locked", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ] {
        if !shell::run(shell::cargo(arguments))?.success {
            failed.push(name);
        }
    }
    if let Err(message) = tidy::run() {
        eprintln!("{message}");
        failed.push("tidy");
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("verify failed: {}", failed.join(", "))) }
}
