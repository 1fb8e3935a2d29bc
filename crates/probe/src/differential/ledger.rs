//! What a run has reached: which RPCs succeeded, which of their declared failures occurred, and which kept differences
//! were used. A run is complete only when nothing declared is missing.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    kept::KEPT,
    refusals::{self, Refusal},
};

/// RPCs that have to succeed at least once.
pub(crate) const IMPLEMENTED: [&str; 40] = [
    "AddSearchAttributes",
    "CountWorkflowExecutions",
    "DeleteNamespace",
    "DeleteWorkflowExecution",
    "DeprecateNamespace",
    "DescribeNamespace",
    "DescribeTaskQueue",
    "DescribeWorkflowExecution",
    "GetClusterInfo",
    "GetSystemInfo",
    "GetWorkflowExecutionHistory",
    "GetWorkflowExecutionHistoryReverse",
    "ListNamespaces",
    "ListSearchAttributes",
    "ListWorkflowExecutions",
    "PollActivityTaskQueue",
    "PollWorkflowTaskQueue",
    "QueryWorkflow",
    "RecordActivityTaskHeartbeat",
    "RecordActivityTaskHeartbeatById",
    "RegisterNamespace",
    "RemoveSearchAttributes",
    "RequestCancelWorkflowExecution",
    "ResetStickyTaskQueue",
    "RespondActivityTaskCanceled",
    "RespondActivityTaskCanceledById",
    "RespondActivityTaskCompleted",
    "RespondActivityTaskCompletedById",
    "RespondActivityTaskFailed",
    "RespondActivityTaskFailedById",
    "RespondQueryTaskCompleted",
    "RespondWorkflowTaskCompleted",
    "RespondWorkflowTaskFailed",
    "ScanWorkflowExecutions",
    "ShutdownWorker",
    "SignalWithStartWorkflowExecution",
    "SignalWorkflowExecution",
    "StartWorkflowExecution",
    "TerminateWorkflowExecution",
    "UpdateNamespace",
];

/// Counts of everything that both servers agreed on.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    succeeded: BTreeMap<String, u64>,
    /// By RPC, code and text.
    refused: BTreeMap<(String, String, String), u64>,
    kept: BTreeMap<usize, u64>,
}

impl Ledger {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn succeeded(&self, rpc: &str) {
        *self.counts().succeeded.entry(rpc.to_owned()).or_default() += 1;
    }

    pub(crate) fn refused(&self, rpc: &str, code: &str, text: &str) {
        *self
            .counts()
            .refused
            .entry((rpc.to_owned(), code.to_owned(), text.to_owned()))
            .or_default() += 1;
    }

    pub(crate) fn kept(&self, entry: usize) {
        *self.counts().kept.entry(entry).or_default() += 1;
    }

    /// What is declared for `only`, or for every RPC, and has not been reached.
    pub(crate) fn missing(&self, only: Option<&str>) -> Vec<String> {
        let counts = self.counts();
        let wanted = |rpc: &str| only.is_none_or(|only| only == rpc);
        let successes = IMPLEMENTED
            .iter()
            .filter(|rpc| wanted(rpc) && !counts.succeeded.contains_key(**rpc));
        let refusals = refusals::declared().filter(|declared| wanted(declared.rpc) && reached(&counts, declared) == 0);
        successes
            .map(|rpc| format!("{rpc}: success"))
            .chain(refusals.map(|declared| format!("{}: {} {:?}", declared.rpc, declared.code, declared.text)))
            .collect()
    }

    /// Prints one line for each RPC, one for each declared refusal, and one for each kept difference.
    pub(crate) fn print(&self, only: Option<&str>) {
        let counts = self.counts();
        println!("\n## Reached");
        for rpc in IMPLEMENTED.iter().filter(|rpc| only.is_none_or(|only| only == **rpc)) {
            println!("{rpc}: {} successes", counts.succeeded.get(*rpc).copied().unwrap_or(0));
            for declared in refusals::declared().filter(|declared| declared.rpc == *rpc) {
                println!(
                    "    {:>6}  {} {:?}",
                    reached(&counts, declared),
                    declared.code,
                    declared.text
                );
            }
        }
        println!("\n## Refusals seen that are not declared");
        for ((rpc, code, text), times) in &counts.refused {
            if !refusals::declared().any(|declared| is(declared, rpc, code, text)) {
                println!("{times:>6}  {rpc} {code} {text:?}");
            }
        }
        println!("\n## Differences kept");
        for (at, kept) in KEPT.iter().enumerate() {
            let times = counts.kept.get(&at).copied().unwrap_or(0);
            println!("{times:>6}  {} {}: {}", kept.rpc, kept.path, kept.reason);
        }
    }
}

fn reached(counts: &Counts, declared: &Refusal) -> u64 {
    let of = counts
        .refused
        .iter()
        .filter(|((rpc, code, text), _)| is(declared, rpc, code, text));
    of.map(|(_, times)| times).sum()
}

fn is(declared: &Refusal, rpc: &str, code: &str, text: &str) -> bool {
    declared.rpc == rpc && declared.code == code && text.contains(declared.text)
}
