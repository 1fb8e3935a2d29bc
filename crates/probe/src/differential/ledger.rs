//! What a run has reached: which RPCs succeeded, which of their declared failures occurred, and which kept differences
//! were used. A run is complete only when nothing declared is missing.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    kept::KEPT,
    normal::Line,
    refusals::{self, Refusal},
};

/// RPCs that have to succeed at least once.
pub(crate) const IMPLEMENTED: [&str; 47] = [
    "AddSearchAttributes",
    "CountWorkflowExecutions",
    "DeleteNamespace",
    "DeleteWorkflowExecution",
    "DeprecateNamespace",
    "DescribeNamespace",
    "DescribeTaskQueue",
    "DescribeWorkflowExecution",
    "ExecuteMultiOperation",
    "GetClusterInfo",
    "GetSearchAttributes",
    "GetSystemInfo",
    "GetWorkflowExecutionHistory",
    "GetWorkflowExecutionHistoryReverse",
    "ListClosedWorkflowExecutions",
    "ListNamespaces",
    "ListOpenWorkflowExecutions",
    "ListSearchAttributes",
    "ListTaskQueuePartitions",
    "ListWorkflowExecutions",
    "PollActivityTaskQueue",
    "PollWorkflowExecutionUpdate",
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
    "UpdateWorkflowExecution",
];

/// How long a survey waits for answers to agree when the difference is new, and when it is known.
const NEW_PATIENCE: Duration = Duration::from_millis(2_500);
const KNOWN_PATIENCE: Duration = Duration::from_millis(150);

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
    /// By RPC and path without positions.
    differing: BTreeMap<(String, String), Differing>,
}

/// One kind of difference.
#[derive(Debug)]
struct Differing {
    times: u64,
    /// The first program that met it, by the beginning of its ids.
    program: String,
    first: Line,
}

impl Ledger {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn succeeded(&self, rpc: &str) {
        *self.counts().succeeded.entry(rpc.to_owned()).or_default() += 1;
    }

    pub(crate) fn refused(&self, rpc: &str, code: &str, text: &str) {
        *self.counts().refused.entry((rpc.to_owned(), code.to_owned(), text.to_owned())).or_default() += 1;
    }

    pub(crate) fn kept(&self, entry: usize) {
        *self.counts().kept.entry(entry).or_default() += 1;
    }

    /// Counts a difference, line by line.
    pub(crate) fn differs(&self, rpc: &str, program: &str, lines: &[Line]) {
        let mut counts = self.counts();
        for line in lines {
            let kind = counts
                .differing
                .entry((rpc.to_owned(), kind_of(&line.path, program)))
                .or_insert_with(|| Differing { times: 0, program: program.to_owned(), first: line.clone() });
            kind.times += 1;
        }
    }

    /// How long a survey waits for answers to agree that differ so: not long when it has seen all of it before.
    pub(crate) fn patience(&self, rpc: &str, program: &str, lines: &[Line]) -> Duration {
        let counts = self.counts();
        let is_known = |line: &Line| counts.differing.contains_key(&(rpc.to_owned(), kind_of(&line.path, program)));
        if lines.iter().all(is_known) { KNOWN_PATIENCE } else { NEW_PATIENCE }
    }

    /// Prints every kind of difference, the most frequent first.
    pub(crate) fn print_differences(&self) {
        let counts = self.counts();
        let mut kinds: Vec<_> = counts.differing.iter().collect();
        kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.times));
        println!("\n## Kinds of difference: {}", kinds.len());
        for ((rpc, path), kind) in kinds {
            let shown = |value: &Option<String>| -> String {
                value.as_deref().unwrap_or("(absent)").chars().take(220).collect()
            };
            println!("{:>6}  {rpc} at {path}  (first in {})", kind.times, kind.program);
            println!("            reference: {}", shown(&kind.first.reference));
            println!("            perdure:   {}", shown(&kind.first.subject));
        }
    }

    /// What is declared for `only`, or for every RPC, and has not been reached.
    pub(crate) fn missing(&self, only: Option<&str>) -> Vec<String> {
        let counts = self.counts();
        let wanted = |rpc: &str| only.is_none_or(|only| only == rpc);
        let successes = IMPLEMENTED.iter().filter(|rpc| wanted(rpc) && !counts.succeeded.contains_key(**rpc));
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
                println!("    {:>6}  {} {:?}", reached(&counts, declared), declared.code, declared.text);
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

/// A path without the positions in its lists and without the ids of its program.
fn kind_of(path: &str, program: &str) -> String {
    let pieces = path.split('.').map(|piece| match piece.split_once('[') {
        _ if piece.starts_with(program) => "@".to_owned(),
        Some((list, _)) => format!("{list}[]"),
        None => piece.to_owned(),
    });
    pieces.collect::<Vec<_>>().join(".")
}

fn reached(counts: &Counts, declared: &Refusal) -> u64 {
    let of = counts.refused.iter().filter(|((rpc, code, text), _)| is(declared, rpc, code, text));
    of.map(|(_, times)| times).sum()
}

fn is(declared: &Refusal, rpc: &str, code: &str, text: &str) -> bool {
    declared.rpc == rpc && declared.code == code && text.contains(declared.text)
}
