//! Reading: histories page by page and backwards, lists with filters, task queues, and what the servers say of
//! themselves.

use serde_json::{Value, json};

use super::{
    NAMESPACE, Program, content, task_queue, text,
    worker::{HEAD_START, POLL_DEADLINE},
};
use crate::differential::pair::{Answer, Stop};

/// Conditions that are joined to the one that selects this program's runs.
const CONDITIONS: [&str; 22] = [
    "ExecutionStatus = 'Running'",
    "ExecutionStatus != 'Running'",
    "ExecutionStatus IN ('Completed', 'Failed', 'Terminated')",
    "WorkflowType = 'ProbeWorkflow'",
    "WorkflowType IN ('ProbeChild', 'Other')",
    "WorkflowType != 'ProbeChild'",
    "ProbeKeyword = 'word1'",
    "ProbeKeyword STARTS_WITH 'word'",
    "ProbeInt > 2",
    "ProbeInt BETWEEN 1 AND 3",
    "ProbeDouble < 2.0",
    "ProbeBool = true",
    "ProbeDatetime >= '2026-01-03T00:00:00Z'",
    "ProbeKeywordList = 'item1'",
    "ProbeKeywordList IN ('item0', 'item2')",
    "ProbeKeyword IS NULL",
    "ProbeInt IS NOT NULL",
    "CloseTime IS NULL",
    "StartTime > '2020-01-01T00:00:00Z'",
    "HistoryLength > 5",
    "(ProbeInt = 1 OR ProbeInt = 2) AND WorkflowType = 'ProbeWorkflow'",
    "NOT (ExecutionStatus = 'Running')",
];

impl Program {
    pub(crate) async fn read_something(&mut self) -> Result<(), Stop> {
        match self.seed.below(12) {
            0 | 1 => self.page_history().await,
            2 => self.page_backwards().await,
            3 => self.read_close_event().await,
            4..7 => self.list().await,
            7 => self.count().await,
            8 => self.describe_queue().await,
            9 => self.list_by_old_filters().await,
            10 => self.read_old_and_new_page(true).await,
            _ => self.read_about_server().await,
        }
    }

    /// What every program reads at its end: all histories backwards, and its runs in a list.
    pub(crate) async fn read_everything(&mut self) -> Result<(), Stop> {
        for at in 0..self.runs.len() {
            if !self.runs[at].deleted {
                let request = json!({"namespace": NAMESPACE, "execution": self.runs[at].execution()});
                self.call("GetWorkflowExecutionHistoryReverse", request).await?;
            }
        }
        self.list_where("", "ListWorkflowExecutions", 1000).await
    }

    /// Reads a history in small pages.
    async fn page_history(&mut self) -> Result<(), Stop> {
        let Some(at) = self.any_run() else { return Ok(()) };
        let mut request = json!({
            "namespace": NAMESPACE, "execution": self.runs[at].execution(), "maximumPageSize": 1 + self.seed.below(4),
        });
        if self.seed.chance(30) {
            request["execution"]["runId"] = json!("");
        }
        self.pair.read_pages("GetWorkflowExecutionHistory", request).await
    }

    async fn page_backwards(&mut self) -> Result<(), Stop> {
        let Some(at) = self.any_run() else { return Ok(()) };
        let request = json!({
            "namespace": NAMESPACE, "execution": self.runs[at].execution(), "maximumPageSize": 1 + self.seed.below(4),
        });
        self.pair.read_pages("GetWorkflowExecutionHistoryReverse", request).await
    }

    /// The close event of a closed run, with and without waiting for it.
    async fn read_close_event(&mut self) -> Result<(), Stop> {
        let closed: Vec<usize> =
            (0..self.runs.len()).filter(|at| !self.runs[*at].is_open() && !self.runs[*at].deleted).collect();
        let Some(at) = self.seed.pick(&closed).copied() else {
            return Ok(());
        };
        let wait = self.seed.chance(60);
        let request = json!({
            "namespace": NAMESPACE, "execution": self.runs[at].execution(), "waitNewEvent": wait,
            "historyEventFilterType": "HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT",
        });
        self.call("GetWorkflowExecutionHistory", request).await?;
        Ok(())
    }

    /// The first page with `waitNewEvent` while there is something to read, then the token that waits for more.
    async fn read_old_and_new_page(&mut self, wait: bool) -> Result<(), Stop> {
        let Some(at) = self.any_open() else { return Ok(()) };
        let request = json!({"namespace": NAMESPACE, "execution": self.runs[at].execution(), "waitNewEvent": wait});
        let Answer::Reply(first) = self.call("GetWorkflowExecutionHistory", request.clone()).await? else {
            return Ok(());
        };
        let mut request = request;
        request["nextPageToken"] = json!(text(&first, "/nextPageToken"));
        let pending = self.pair.begin("GetWorkflowExecutionHistory", request, POLL_DEADLINE)?;
        tokio::time::sleep(HEAD_START).await;
        let signal = json!({
            "namespace": NAMESPACE, "workflowExecution": self.runs[at].execution(), "signalName": "wake",
            "input": content::payloads("woken"), "requestId": self.fresh("s"),
        });
        self.call("SignalWorkflowExecution", signal).await?;
        self.pair.finish(pending).await?;
        Ok(())
    }

    async fn list(&mut self) -> Result<(), Stop> {
        let condition = self.seed.pick(&CONDITIONS).copied().unwrap_or_default();
        let (rpc, page) = match self.seed.below(4) {
            0 => ("ScanWorkflowExecutions", 1000),
            _ => ("ListWorkflowExecutions", 1000),
        };
        self.list_where(condition, rpc, page).await
    }

    pub(crate) fn filter(&self, condition: &str) -> String {
        let own = format!("WorkflowId STARTS_WITH '{}'", self.prefix);
        if condition.is_empty() { own } else { format!("{own} AND {condition}") }
    }

    /// The list of this program's runs, once the reference has indexed them.
    pub(crate) async fn list_where(&mut self, condition: &str, rpc: &str, page: usize) -> Result<(), Stop> {
        let request = json!({"namespace": NAMESPACE, "query": self.filter(condition), "pageSize": page});
        self.pair.read(rpc, request, |_| true).await?;
        Ok(())
    }

    async fn count(&mut self) -> Result<(), Stop> {
        let mut query = self.filter(self.seed.clone().pick(&CONDITIONS).copied().unwrap_or_default());
        self.seed.next();
        if self.seed.chance(40) {
            query = format!("{} GROUP BY ExecutionStatus", self.filter(""));
        }
        self.pair.read("CountWorkflowExecutions", json!({"namespace": NAMESPACE, "query": query}), |_| true).await?;
        Ok(())
    }

    /// The two lists that came before the list filter.
    async fn list_by_old_filters(&mut self) -> Result<(), Stop> {
        let Some(at) = self.any_run() else { return Ok(()) };
        let workflow_id = self.runs[at].workflow_id.clone();
        let request = old_list(&workflow_id);
        self.pair.read("ListOpenWorkflowExecutions", request.clone(), |_| true).await?;
        self.pair.read("ListClosedWorkflowExecutions", request, |_| true).await?;
        Ok(())
    }

    async fn describe_queue(&mut self) -> Result<(), Stop> {
        let Some(at) = self.any_run() else { return Ok(()) };
        let kind = if self.seed.chance(70) { "TASK_QUEUE_TYPE_WORKFLOW" } else { "TASK_QUEUE_TYPE_ACTIVITY" };
        let queue = task_queue(&self.runs[at].queue);
        let request = json!({"namespace": NAMESPACE, "taskQueue": queue, "taskQueueType": kind});
        self.pair.read("DescribeTaskQueue", request, |_| true).await?;
        Ok(())
    }

    async fn read_about_server(&mut self) -> Result<(), Stop> {
        self.call("GetSystemInfo", json!({})).await?;
        self.call("GetClusterInfo", json!({})).await?;
        self.call("GetSearchAttributes", json!({})).await?;
        self.call("DescribeNamespace", json!({"namespace": NAMESPACE})).await?;
        let queue = task_queue(&format!("{}partitions", self.prefix));
        self.call("ListTaskQueuePartitions", json!({"namespace": NAMESPACE, "taskQueue": queue})).await?;
        Ok(())
    }
}

/// A request of the lists that came before the list filter, for the runs of one workflow id.
pub(crate) fn old_list(workflow_id: &str) -> Value {
    json!({
        "namespace": NAMESPACE, "maximumPageSize": 100, "executionFilter": {"workflowId": workflow_id},
        "startTimeFilter": {"earliestTime": "2020-01-01T00:00:00Z", "latestTime": "2100-01-01T00:00:00Z"},
    })
}
