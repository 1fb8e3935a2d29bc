//! What an operator is told of a server that runs.

use std::fmt::Write as _;

use engine::QuarantinedRun;

/// The page: one line for each thing, and two for each run that is quarantined.
pub(super) fn page(shards: u32, quarantined: &[QuarantinedRun]) -> String {
    let mut page = format!("Serving, with {shards} shards.\nQuarantined runs: {}\n", quarantined.len());
    for run in quarantined {
        let QuarantinedRun { namespace, workflow_id, run_id, since, panicked } = run;
        let _ = writeln!(page, "  namespace {namespace:?}, workflow {workflow_id:?}, run {run_id}");
        let _ = writeln!(page, "    since {}, when this panicked: {}", since.to_proto(), panicked.replace('\n', " "));
    }
    if !quarantined.is_empty() {
        page.push_str(
            "Their callers are refused, and nothing is done with them, until another build of the server is started.\n",
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use model::{RunId, Time};

    use super::*;

    #[test]
    fn each_quarantined_run_is_named_with_its_panic() {
        assert_eq!(page(64, &[]), "Serving, with 64 shards.\nQuarantined runs: 0\n");
        let run = QuarantinedRun {
            namespace: "shop".into(),
            workflow_id: "order".into(),
            run_id: RunId::default(),
            since: Time::ZERO,
            panicked: "Signal: attempt to\nadd with overflow".into(),
        };
        let page = page(4, std::slice::from_ref(&run));
        assert!(page.contains("Quarantined runs: 1\n"), "{page}");
        let name = format!("  namespace \"shop\", workflow \"order\", run {}\n", run.run_id);
        assert!(page.contains(&name) && page.contains("panicked: Signal: attempt to add with overflow\n"), "{page}");
    }
}
