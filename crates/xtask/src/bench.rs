//! `cargo xtask bench`: builds both sides of the comparison and hands over to `probe bench`, which does the measuring.

use crate::suites;

/// Options are passed on to `probe bench` as they are. Its tables go straight to the standard output, and it has no
/// limit of time: how long it takes is for its options to say.
pub(crate) fn run(options: &[String]) -> Result<(), String> {
    suites::build_release()?;
    suites::install_reference()?;
    let status =
        suites::probe("bench").args(options).status().map_err(|error| format!("cannot start probe: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("probe bench ended with {status}")) }
}
