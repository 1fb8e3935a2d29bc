//! `cargo xtask bench`: builds both sides of the comparison and hands over to `probe bench`, which does the measuring.

use crate::{shell, suites, tree};

/// Options are passed on to `probe bench` as they are. Its tables go straight to the standard output, and it has no
/// limit of time: how long it takes is for its options to say.
pub(crate) fn run(options: &[String]) -> Result<(), String> {
    suites::build_dist()?;
    let folder = tree::root().join("target/dist");
    shell::must(shell::command(folder.join("probe"), &["install-reference"]))?;
    let mut bench = shell::command(folder.join("probe"), &["bench"]);
    bench.args(options);
    if !options.iter().any(|option| option.starts_with("--perdure")) {
        bench.arg("--perdure").arg(folder.join("perdure"));
    }
    let status = bench.status().map_err(|error| format!("cannot start probe: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("probe bench ended with {status}")) }
}
