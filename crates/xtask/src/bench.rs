//! `cargo xtask bench`: builds both sides of the comparison and hands over to `probe bench`, which does the measuring.

use crate::{shell, suites};

/// Options are passed on to `probe bench` as they are.
pub(crate) fn run(options: &[String]) -> Result<(), String> {
    suites::build_release()?;
    suites::install_reference()?;
    let mut command = suites::probe("bench");
    command.args(options);
    shell::must(command)
}
