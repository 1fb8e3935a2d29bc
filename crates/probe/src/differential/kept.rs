//! Differences that are kept on purpose: where, and why. Everything else that differs fails the run. Each use is
//! counted and printed, so that an entry that is no longer needed shows.

use super::normal::Line;

/// One difference that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The RPC, or `*` for every one.
    pub(crate) rpc: &'static str,
    /// Path in the reply, with `*` for any run of characters.
    pub(crate) path: &'static str,
    pub(crate) reason: &'static str,
}

/// The kept differences.
pub(crate) const KEPT: &[Kept] = &[
    Kept { rpc: "GetSystemInfo", path: "serverVersion", reason: "each server names its own version" },
    Kept { rpc: "GetSystemInfo", path: "capabilities.supportsSchedules", reason: "schedules are not built yet" },
    Kept { rpc: "GetSystemInfo", path: "capabilities.nexus", reason: "Nexus operations are not built yet" },
    Kept {
        rpc: "GetSystemInfo",
        path: "capabilities.serverScaledDeployments",
        reason: "the server starts no workers yet",
    },
    Kept {
        rpc: "*",
        path: "*namespaceInfo.capabilities.workerHeartbeats",
        reason: "what workers report of themselves is not kept yet",
    },
    Kept {
        rpc: "*",
        path: "*namespaceInfo.capabilities.standaloneActivities",
        reason: "activities without a workflow are not built yet",
    },
    Kept {
        rpc: "*",
        path: "*namespaceInfo.capabilities.pollerAutoscaling",
        reason: "polls are told nothing about how many there should be yet",
    },
    Kept {
        rpc: "*",
        path: "*namespaceInfo.capabilities.standaloneActivityStartDelay",
        reason: "activities without a workflow are not built yet",
    },
    Kept {
        rpc: "*",
        path: "*namespaceInfo.capabilities.standaloneActivityBatchOperations",
        reason: "activities without a workflow are not built yet",
    },
    Kept {
        rpc: "*",
        path: "*namespaceInfo.capabilities.standaloneActivityOperatorCommands",
        reason: "activities without a workflow are not built yet",
    },
    Kept { rpc: "*", path: "*namespaceInfo.supportsSchedules", reason: "schedules are not built yet" },
    Kept {
        rpc: "*",
        path: "*namespaceInfo.limits.workflowTaskCompletionSizeLimitError",
        reason: "the limit of a completion sent in several pages, which is not built yet",
    },
    Kept {
        rpc: "*",
        path: "*replicationConfig.state",
        reason: "the namespace that the server makes itself is as normal as one that was registered",
    },
    Kept {
        rpc: "ListTaskQueuePartitions",
        path: "*TaskQueuePartitions*",
        reason: "the reference is run with one partition for each queue, so that polls and tasks meet at once",
    },
    Kept {
        rpc: "GetClusterInfo",
        path: "*",
        reason: "the cluster describes itself: its version, its name, its stores and its number of shards",
    },
    Kept {
        rpc: "DescribeWorkflowExecution",
        path: "workflowExecutionInfo.stateTransitionCount",
        reason: "counts internal transactions, which the two servers cut differently",
    },
    Kept {
        rpc: "*",
        path: "*executions[*].stateTransitionCount",
        reason: "counts internal transactions, which the two servers cut differently",
    },
    Kept {
        rpc: "ExecuteMultiOperation",
        path: "responses[*].startWorkflow.firstExecutionRunId",
        reason: "the reply names the first run whether the call has started a run or met one",
    },
    Kept {
        rpc: "ExecuteMultiOperation",
        path: "responses[*].*.link",
        reason: "the reply has its links also when the same call comes again",
    },
    Kept {
        rpc: "DescribeTaskQueue",
        path: "effectiveRateLimit",
        reason: "no limit is in force on a queue that nobody has limited, so none is shown",
    },
];

/// The entry that keeps this difference, as an index into [`KEPT`].
pub(crate) fn keeps(rpc: &str, line: &Line) -> Option<usize> {
    KEPT.iter().position(|kept| matches(kept.rpc, rpc) && matches(kept.path, &line.path))
}

/// True if `text` has the form of `pattern`, in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).filter_map(|at| rest.get(at..)).any(|tail| matches(after, tail))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::normal;

    /// The page that users read.
    const PAGE: &str = include_str!("../../../../docs/compatibility.md");
    const HEADING: &str = "### What is not compared";

    /// The rows of the page's table: call, field, reason.
    fn rows() -> Vec<[String; 3]> {
        let section =
            PAGE.lines().skip_while(|line| *line != HEADING).skip(1).take_while(|line| !line.starts_with('#'));
        let rows = section.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let cells = rows.map(|row| row.split(" | ").map(|cell| cell.trim_matches('`').to_owned()).collect::<Vec<_>>());
        cells.filter_map(|cells| cells.try_into().ok()).skip(1).collect()
    }

    #[test]
    fn the_page_has_every_difference_that_is_kept_and_no_other() {
        let call = |rpc: &str| if rpc == "*" { "every call".to_owned() } else { rpc.to_owned() };
        let kept = KEPT.iter().map(|kept| [call(kept.rpc), kept.path.to_owned(), kept.reason.to_owned()]);
        let left_out = normal::LEFT_OUT.iter();
        let left_out = left_out.map(|(field, reason)| [call("*"), (*field).to_owned(), (*reason).to_owned()]);
        let mut expected: Vec<_> = kept.chain(left_out).collect();
        let mut found = rows();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn star_stands_for_any_run() {
        assert!(matches("*executions[*].count", "executions[12].count"));
        assert!(matches("a.*", "a.b.c"));
        assert!(!matches("a.*", "b.a.c"));
        assert!(!matches("a", "ab"));
    }
}
