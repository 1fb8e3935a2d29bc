//! Every limit in one typed table. The defaults are Temporal's; a rejection names the limit, its scope, its value and
//! the setting. `perdure config limits` makes a page of it, which stands in `docs/limits.md`.

mod seen;
mod value;

use std::{collections::BTreeMap, time::Duration};

use proto::temporal::api::enums::v1::{ResourceExhaustedCause as Busy, WorkflowTaskFailedCause as Fails};

pub use self::seen::{Scope, Seen};
use self::{
    Scope::{Connection, Namespace, Request, Server, WorkflowExecution},
    seen::{described, exhausted, exhausted_server, refused, task_fails},
    value::Value,
};

/// Makes the struct and the table. A row has, in this order and all of it: what the limit means, its field and type, the
/// default, the key of the reference's dynamic configuration (a key of ours where it has none), the unit, what it counts
/// over ([`Scope`]), and what the caller sees when it is exceeded ([`Seen`]; in texts, `…` is what varies).
macro_rules! limits {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $type:ty = $default:expr, $setting:literal, $unit:literal, $scope:ident, $seen:expr;
    )+) => {
        /// The limits in force. Each field's documentation gives its unit.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
            /// What holds in one namespace, by its name, where that is something of its own: all limits as they are there.
            /// Only those of the scope [`Scope::Namespace`] are looked up here.
            pub namespaces: BTreeMap<String, Limits>,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ namespaces: BTreeMap::new() }
            }
        }

        impl Limits {
            /// Sets the limit that the reference's dynamic configuration knows under `setting` (in any case). `value` is
            /// a number, or for a duration a text such as `90s` or `1h30m`.
            pub fn assign(&mut self, setting: &str, value: &str) -> Assigned {
                $(if setting.eq_ignore_ascii_case($setting) {
                    return match Value::read(value) {
                        Some(value) => {
                            self.$name = value;
                            Assigned::Done
                        }
                        None => Assigned::Invalid,
                    };
                })+
                Assigned::Unknown
            }

            /// The value of the field `name`, as [`Limits::assign`] takes it. `None`: there is no such field.
            pub fn formatted(&self, name: &str) -> Option<String> {
                $(if name == stringify!($name) {
                    return Some(self.$name.formatted());
                })+
                None
            }
        }

        /// The table behind `Limits`, in its order.
        pub const TABLE: &[Entry] = &[
            $(Entry {
                name: stringify!($name),
                setting: $setting,
                unit: $unit,
                scope: $scope,
                seen: $seen,
                kind: <$type as Value>::KIND,
                accepted: <$type as Value>::ACCEPTED,
                meaning: concat!($($doc),+),
            },)+
        ];
    };
}

/// What a caller gets while there is more to do than can be done.
pub const OVERLOADED: Seen = exhausted_server(Busy::SystemOverloaded, "server is overloaded, try again later");

/// What became of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    Done,
    /// No limit has this setting.
    Unknown,
    /// The value is not one of the limit's type.
    Invalid,
}

/// One line of the limits table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    /// The key under which the reference's dynamic configuration knows the limit; one of ours where it has none.
    pub setting: &'static str,
    /// What the value counts; empty where it counts nothing, and for durations, which name their unit.
    pub unit: &'static str,
    /// What the limit counts over.
    pub scope: Scope,
    /// What the caller sees when it is exceeded.
    pub seen: Seen,
    /// What a value is called.
    pub kind: &'static str,
    /// What values are taken, with their bounds, for people to read.
    pub accepted: &'static str,
    pub meaning: &'static str,
}

limits! {
    /// Bytes that may be held for callers at one time: requests, replies, waiting calls and caches. Not set, it is half of what
    /// the machine, or the control group, gives, without what the server takes for itself.
    memory: usize = 1024 * 1024 * 1024, "server.memory", "bytes", Server,
        OVERLOADED;
    /// Lanes among which the shards are dealt out, at most 64, and at most as many as there are shards: each has its own inbox,
    /// lock, timers and commits. Not set, there are as many as the machine has processors to give.
    lanes: u32 = 1, "server.lanes", "lanes", Server,
        described("With one lane everything is worked off one after the other; with more, several processors are at work.");
    /// How long a call of a client may wait for the server. While the oldest has waited for half of it, new ones are refused.
    /// Zero: for ever.
    call_wait: Duration = Duration::from_millis(200), "server.callWait", "", Server,
        OVERLOADED;
    /// Calls of one kind that wait for the server for as long as they must: they are no load, and have met a disk that stands
    /// still. Of fewer none is refused for the time that one waits.
    few_calls: u32 = 128, "server.fewCalls", "calls", Server,
        described("From here on `limits.call_wait` counts.");
    /// Calls whose outcome waits to be on disk beyond which nothing new is begun.
    unwritten_calls: usize = 10_000, "server.unwrittenCalls", "calls", Server,
        OVERLOADED;
    /// Wrong API keys, client certificates and login codes that one address (of IPv6 a network of 64 bits) may show at once; it gets
    /// one try back in a second.
    wrong_credentials: u32 = 20, "frontend.wrongCredentials", "tries", Server,
        exhausted_server(Busy::RpsLimit, "too many wrong credentials from this address: try again later");
    /// Longest id (workflow, activity, timer, task queue, type, signal and query names), in bytes.
    id_length: usize = 1_000, "limit.maxIDLength", "bytes", Request,
        refused("INVALID_ARGUMENT", "… length exceeds limit.");
    /// Size of one payload set (input, result, details, memo) at which a request is refused, in bytes.
    blob_size_error: usize = 2 * 1024 * 1024, "limit.blobSize.error", "bytes", Request,
        refused("INVALID_ARGUMENT", "Blob data size exceeds limit.");
    /// Size of one payload set at which a warning is logged, in bytes.
    blob_size_warn: usize = 512 * 1024, "limit.blobSize.warn", "bytes", Request,
        described("What is kept of a failure that is too large has at most this size.");
    /// Size of a memo at which a request is refused, in bytes.
    memo_size_error: usize = 2 * 1024 * 1024, "limit.memoSize.error", "bytes", Request,
        refused("INVALID_ARGUMENT", "Memo size exceeds limit.");
    /// Events in one history at which the run is terminated.
    history_count_error: i64 = 50 * 1024, "limit.historyCount.error", "events", WorkflowExecution,
        refused("INVALID_ARGUMENT", "Workflow history count exceeds limit.");
    /// Events in one history at which workers are advised to continue as new.
    history_count_suggest_continue_as_new: i64 = 4 * 1024, "limit.historyCount.suggestContinueAsNew", "events", WorkflowExecution,
        described("The worker is advised to continue as new.");
    /// Bytes of one history at which the run is terminated.
    history_size_error: i64 = 50 * 1024 * 1024, "limit.historySize.error", "bytes", WorkflowExecution,
        refused("INVALID_ARGUMENT", "Workflow history size exceeds limit.");
    /// Bytes of one history at which workers are advised to continue as new.
    history_size_suggest_continue_as_new: i64 = 4 * 1024 * 1024, "limit.historySize.suggestContinueAsNew", "bytes", WorkflowExecution,
        described("The worker is advised to continue as new.");
    /// Activities of one run that may be pending.
    pending_activities: usize = 2_000, "limit.numPendingActivities.error", "activities", WorkflowExecution,
        task_fails(
            Fails::PendingActivitiesLimitExceeded,
            "the number of pending activities, …, has reached the per-workflow limit of …",
        );
    /// Child workflows of one run that may be pending.
    pending_children: usize = 2_000, "limit.numPendingChildExecutions.error", "child workflows", WorkflowExecution,
        task_fails(
            Fails::PendingChildWorkflowsLimitExceeded,
            "the number of pending child workflow executions, …, has reached the per-workflow limit of …",
        );
    /// Signals to other workflows that may be pending in one run.
    pending_signals: usize = 2_000, "limit.numPendingSignals.error", "signals", WorkflowExecution,
        task_fails(
            Fails::PendingSignalsLimitExceeded,
            "the number of pending signals to external workflows, …, has reached the per-workflow limit of …",
        );
    /// Cancel requests to other workflows that may be pending in one run.
    pending_cancel_requests: usize = 2_000, "limit.numPendingCancelRequests.error", "requests", WorkflowExecution,
        task_fails(
            Fails::PendingRequestCancelLimitExceeded,
            "the number of pending requests to cancel external workflows, …, has reached the per-workflow limit of …",
        );
    /// Signals that one run takes in its life.
    signals_per_execution: i64 = 10_000, "history.maximumSignalsPerExecution", "signals", WorkflowExecution,
        refused("INVALID_ARGUMENT", "exceeded workflow execution limit for signal events");
    /// Events that are buffered while a workflow task is running.
    buffered_events: usize = 100, "history.maximumBufferedEventsBatch", "events", WorkflowExecution,
        described("The running Workflow Task fails, cause FORCE_CLOSE_COMMAND, and is scheduled again with the events.");
    /// Bytes of buffered events.
    buffered_bytes: usize = 2 * 1024 * 1024, "history.maximumBufferedEventsSizeInBytes", "bytes", WorkflowExecution,
        described("The running Workflow Task fails, cause FORCE_CLOSE_COMMAND, and is scheduled again with the events.");
    /// Workflow task timeout where the caller gives none.
    workflow_task_timeout: Duration = Duration::from_secs(10), "history.defaultWorkflowTaskTimeout", "", WorkflowExecution,
        described("The Workflow Task times out and is scheduled again.");
    /// Longest workflow task timeout; longer ones are cut to it.
    workflow_task_timeout_max: Duration = Duration::from_secs(120), "history.maxWorkflowTaskTimeout", "", WorkflowExecution,
        described("The timeout is cut to it.");
    /// How long a worker may keep a workflow task by heartbeats that bring nothing new.
    workflow_task_heartbeat: Duration = Duration::from_secs(30 * 60), "history.workflowTaskHeartbeatTimeout", "", WorkflowExecution,
        described("The Workflow Task times out and is scheduled again.");
    /// Most that repeated failures add to a workflow task's timeout.
    workflow_task_retry_max: Duration = Duration::from_secs(10 * 60), "history.workflowTaskRetryMaxInterval", "", WorkflowExecution,
        described("The wait is cut to it.");
    /// Failed workflow tasks in a row at which visibility reports a problem.
    workflow_task_problems: i32 = 5, "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute", "failures", WorkflowExecution,
        described("The search attribute TemporalReportedProblems says so.");
    /// Shortest time between the starts of two runs of a chain.
    run_interval_min: Duration = Duration::from_secs(1), "history.workflowIdReuseMinimalInterval", "", WorkflowExecution,
        described("The first Workflow Task of the next run waits.");
    /// How long a call waits for history to grow before it answers with an empty page.
    history_long_poll: Duration = Duration::from_secs(20), "history.longPollExpirationInterval", "", Request,
        described("An empty page, with a token to go on with.");
    /// How long a poll for a task waits before it answers empty.
    task_long_poll: Duration = Duration::from_secs(60), "matching.longPollExpirationInterval", "", Request,
        described("An empty answer: the worker polls again.");
    /// Most events in one page of history.
    history_page: i32 = 256, "frontend.historyMaxPageSize", "events", Request,
        described("A page that is not longer, with a token for the next.");
    /// Bytes of the events in one page of history, also in the one that a worker gets with its task. A batch of events that is
    /// larger is a page of its own. Clients read messages of 4 MiB, if they are not configured otherwise.
    history_page_bytes: usize = 3 * 1024 * 1024 + 512 * 1024, "frontend.historyMaxPageBytes", "bytes", Request,
        described("A page that is not longer, with a token for the next.");
    /// Whether histories are sent raw: batch by batch as encoded bytes, not as events.
    raw_history: bool = false, "frontend.sendRawWorkflowHistory", "", Request,
        described("Histories in the field raw_history.");
    /// Most rows in one page of a list.
    visibility_page: i32 = 1_000, "frontend.visibilityMaxPageSize", "rows", Request,
        described("A page that is not longer, with a token for the next.");
    /// Custom search attributes on one run.
    search_attributes_count: usize = 100, "system.searchAttributesNumberOfKeysLimit", "attributes", Request,
        refused("INVALID_ARGUMENT", "number of search attributes … exceeds limit …");
    /// Bytes of one search attribute's value.
    search_attribute_size: usize = 2 * 1024, "system.searchAttributesSizeOfValueLimit", "bytes", Request,
        refused("INVALID_ARGUMENT", "search attribute … value size … exceeds size limit …");
    /// Bytes of all search attributes of a run.
    search_attributes_total_size: usize = 40 * 1024, "system.searchAttributesTotalSizeLimit", "bytes", Request,
        refused("INVALID_ARGUMENT", "total size of search attributes … exceeds size limit …");
    /// Queries that may wait on one run.
    buffered_queries: usize = 1, "history.maxBufferedQueryCount", "queries", WorkflowExecution,
        exhausted(
            Busy::BusyWorkflow,
            "consistent query buffer is full, this may be caused by too many queries and workflow not able to process \
             query fast enough",
        );
    /// Updates of one run that may be under way: admitted or accepted, and not completed.
    updates_in_flight: usize = 10, "history.maxInFlightUpdates", "updates", WorkflowExecution,
        exhausted(
            Busy::ConcurrentLimit,
            "limit on number of concurrent in-flight updates has been reached (…)",
        );
    /// Bytes of the requests of one run's updates that wait to be accepted.
    updates_in_flight_bytes: usize = 20 * 1024 * 1024, "history.maxInFlightUpdatePayloads", "bytes", WorkflowExecution,
        exhausted(
            Busy::ConcurrentLimit,
            "limit on total payload size of in-flight updates has been reached (… bytes)",
        );
    /// Updates that one run takes in its life.
    updates_per_execution: usize = 2_000, "history.maxTotalUpdates", "updates", WorkflowExecution,
        refused(
            "FAILED_PRECONDITION",
            "The limit on the total number of distinct updates in this workflow has been reached (…). …",
        );
    /// Events that a workflow task which only rejected updates may have brought to its worker and still leave no trace.
    speculative_task_events: i64 = 10, "history.discardSpeculativeWorkflowTaskMaximumEventsCount", "events", WorkflowExecution,
        described("The Workflow Task is written into the history.");
    /// Links on one request.
    links_per_request: usize = 10, "frontend.maxlinksPerRequest", "links", Request,
        refused("INVALID_ARGUMENT", "cannot attach more than … links per request, got …");
    /// Shortest retention that a namespace may have.
    retention_min: Duration = Duration::from_secs(3_600), "system.namespaceMinRetentionGlobal", "", Request,
        refused("INVALID_ARGUMENT", "A valid retention period is not set on request.");
    /// Calls that one namespace may make in a second, lists and changes of namespaces apart. What brings on what has begun
    /// goes before what asks for more work, and is refused last.
    requests_per_second: u32 = 2_400, "frontend.namespaceRPS", "calls per second", Namespace,
        exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// `requests_per_second` of all servers of a cluster together; if it is not 0, it counts instead.
    requests_per_second_cluster: u32 = 0, "frontend.globalNamespaceRPS", "calls per second", Namespace,
        exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// How many calls a namespace may make at once after a rest, as a multiple of what it may make in a second.
    requests_burst: f64 = 2.0, "frontend.namespaceBurstRatio", "seconds", Namespace,
        exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// Lists and counts of workflows that one namespace may ask for in a second; 100 on a development server.
    lists_per_second: u32 = 10, "frontend.namespaceRPS.visibility", "calls per second", Namespace,
        exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// `lists_per_second` of all servers of a cluster together; if it is not 0, it counts instead.
    lists_per_second_cluster: u32 = 0, "frontend.globalNamespaceRPS.visibility", "calls per second", Namespace,
        exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// How many lists a namespace may ask for at once after a rest, as a multiple of what it may in a second.
    lists_burst: f64 = 1.0, "frontend.namespaceBurstRatio.visibility", "seconds", Namespace,
        exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// Calls in a second that register a namespace of one name, or change it.
    namespace_changes_per_second: u32 = 1, "frontend.namespaceRPS.namespaceReplicationInducingAPIs", "calls per second",
        Namespace, exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// `namespace_changes_per_second` of all servers of a cluster together; if it is not 0, it counts instead.
    namespace_changes_per_second_cluster: u32 = 10, "frontend.globalNamespaceRPS.namespaceReplicationInducingAPIs",
        "calls per second", Namespace, exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// How many changes of a namespace may come at once after a rest, as a multiple of what may in a second.
    namespace_changes_burst: f64 = 10.0, "frontend.namespaceBurstRatio.namespaceReplicationInducingAPIs", "seconds",
        Namespace, exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// Part of a namespace's calls that are kept for operators (the command line, the pages) and for calls about the
    /// namespace itself, which go before all others.
    operator_share: f64 = 0.2, "system.operatorRPSRatio", "", Namespace,
        exhausted(Busy::RpsLimit, "namespace rate limit exceeded");
    /// Calls of one method that may wait in one namespace at a time: polls, updates, queries, and histories that are waited
    /// for.
    waiting_calls: u32 = 1_200, "frontend.namespaceCount", "calls", Namespace,
        exhausted(Busy::ConcurrentLimit, "namespace concurrent poller limit exceeded");
    /// `waiting_calls` of all servers of a cluster together; if it is not 0, it counts instead.
    waiting_calls_cluster: u32 = 0, "frontend.globalNamespaceCount", "calls", Namespace,
        exhausted(Busy::ConcurrentLimit, "namespace concurrent poller limit exceeded");
    /// Calls that all namespaces together may make in a second, and as many lists; twice as many at once after a rest.
    server_requests_per_second: Option<u32> = None, "frontend.rps", "calls per second", Server,
        exhausted_server(Busy::RpsLimit, "service rate limit exceeded");
    /// Calls in a second that register or change any namespace; twice as many at once after a rest.
    server_namespace_changes_per_second: u32 = 20, "frontend.rps.namespaceReplicationInducingAPIs", "calls per second",
        Server, exhausted_server(Busy::RpsLimit, "service rate limit exceeded");
    /// Bytes that the fields of one request may take in memory, its texts and payloads not counted: an empty message in a list
    /// is two bytes on the wire and up to a thousand there.
    message_fields_size: usize = 64 * 1024 * 1024, "frontend.maxMessageFieldsSize", "bytes", Request,
        refused("INVALID_ARGUMENT", "the request has too many fields and values: they would take more than … bytes of memory (limits.message_fields_size)");
    /// Bytes of one gRPC message.
    message_size: usize = 4 * 1024 * 1024, "frontend.maxMessageSize", "bytes", Request,
        refused("RESOURCE_EXHAUSTED", "grpc: received message larger than max (… vs. …)");
    /// Bytes of one request's headers.
    header_size: u32 = 64 * 1024, "frontend.maxHeaderSize", "bytes", Request,
        described("The call is reset by HTTP/2, or answered with 431.");
    /// Connections that may be open at one time, over all ports: no more than the limit on open files leaves room for.
    connections: usize = 10_000, "server.connections", "connections", Server,
        described("A connection on which no caller is identified is closed for the new one; where there is none, the new one.");
    /// Connections, over all ports, on which no caller is identified.
    unidentified_connections: usize = 4_096, "server.unidentifiedConnections", "connections", Server,
        described("The oldest of the address that has the most of them is closed for the new one.");
    /// Calls whose message has begun and not come to its end. Until a caller is identified on the connection, a tenth of it.
    unfinished_calls: usize = 10_000, "server.unfinishedCalls", "calls", Connection,
        exhausted_server(Busy::ConcurrentLimit, "too many calls of this connection have not come to their end");
    /// Bytes of messages that have begun and not come to their end. Until a caller is identified on the connection, a tenth
    /// of it.
    unfinished_bytes: usize = 64 * 1024 * 1024, "server.unfinishedBytes", "bytes", Connection,
        exhausted_server(Busy::ConcurrentLimit, "too many messages of this connection have not come to their end");
    /// Bytes of replies that the client has not taken. Until a caller is identified on the connection, a tenth of it.
    unread_bytes: usize = 64 * 1024 * 1024, "server.unreadBytes", "bytes", Connection,
        exhausted_server(Busy::ConcurrentLimit, "too many replies of this connection wait to be taken");
    /// How long a client may take for its TLS handshake, and for the first bytes of HTTP.
    handshake_time: Duration = Duration::from_secs(10), "server.handshakeTimeout", "", Connection,
        described("The connection is closed.");
    /// How long a connection may be open without a first request.
    first_request_time: Duration = Duration::from_secs(60), "server.firstRequestTimeout", "", Connection,
        described("The connection is closed.");
    /// How long a message may come no further; all of it may take ten times as long.
    request_time: Duration = Duration::from_secs(30), "server.requestTimeout", "", Request,
        refused("DEADLINE_EXCEEDED", "the request did not come to its end in time");
    /// How long a client may take nothing of the replies that wait for it.
    reply_time: Duration = Duration::from_secs(60), "server.replyTimeout", "", Connection,
        described("The connection is closed.");
}

impl Limits {
    /// Sets the limit of the field `name` for one namespace, which has the limits of all namespaces for the rest;
    /// so these must be set before. Only limits of the scope [`Scope::Namespace`] can be set so.
    pub fn assign_within(&mut self, namespace: &str, name: &str, value: &str) -> Assigned {
        let is_of_namespaces = |entry: &&Entry| entry.name == name && entry.scope == Scope::Namespace;
        let Some(entry) = TABLE.iter().find(is_of_namespaces) else {
            return Assigned::Unknown;
        };
        let all = Self { namespaces: BTreeMap::new(), ..self.clone() };
        self.namespaces.entry(namespace.to_owned()).or_insert(all).assign(entry.setting, value)
    }

    /// The limits as they are in the namespace of this name.
    pub fn within(&self, namespace: &str) -> &Self {
        self.namespaces.get(namespace).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_assigned_by_name() {
        let mut limits = Limits::default();
        assert_eq!(limits.assign("LIMIT.maxidlength", "7"), Assigned::Done);
        assert_eq!(limits.assign("history.longPollExpirationInterval", "1m30s"), Assigned::Done);
        assert_eq!((limits.id_length, limits.history_long_poll), (7, Duration::from_secs(90)));
        assert_eq!(limits.assign("limit.maxIDLength", "many"), Assigned::Invalid);
        assert_eq!(limits.assign("history.longPollExpirationInterval", "5"), Assigned::Invalid);
        assert_eq!(limits.assign("limit.maxIDLength", "-1"), Assigned::Invalid);
        assert_eq!(limits.assign("history.longPollExpirationInterval", "876001h"), Assigned::Invalid);
        assert_eq!(limits.assign("no.such", "1"), Assigned::Unknown);
    }

    #[test]
    fn a_namespace_has_limits_of_its_own() {
        let mut limits = Limits { lists_per_second: 5, ..Limits::default() };
        assert_eq!(limits.assign_within("payments", "requests_per_second", "7"), Assigned::Done);
        assert_eq!(limits.assign_within("payments", "requests_burst", "1.5"), Assigned::Done);
        assert_eq!(limits.assign_within("payments", "requests_per_second", "x"), Assigned::Invalid);
        assert_eq!(limits.assign_within("payments", "id_length", "7"), Assigned::Unknown);
        let own = limits.within("payments");
        assert_eq!((own.requests_per_second, own.requests_burst, own.lists_per_second), (7, 1.5, 5));
        assert_eq!(limits.within("other").requests_per_second, 2_400);
    }

    #[test]
    fn a_limit_that_is_off_is_none() {
        let mut limits = Limits::default();
        assert_eq!(limits.assign("frontend.rps", "9"), Assigned::Done);
        assert_eq!(
            (limits.server_requests_per_second, limits.formatted("server_requests_per_second")),
            (Some(9), Some("9".into()))
        );
        assert_eq!(limits.assign("frontend.rps", "off"), Assigned::Done);
        assert_eq!(limits, Limits::default());
        assert_eq!(limits.assign("frontend.namespaceBurstRatio", "-1"), Assigned::Invalid);
    }

    #[test]
    fn every_limit_has_its_own_setting() {
        let mut settings: Vec<_> = TABLE.iter().map(|entry| entry.setting).collect();
        settings.sort_unstable();
        settings.dedup();
        assert_eq!(settings.len(), TABLE.len());
        assert!(TABLE.iter().all(|entry| !entry.meaning.is_empty()));
    }

    #[test]
    fn what_is_shown_is_taken() {
        let (defaults, mut limits) = (Limits::default(), Limits::default());
        for entry in TABLE {
            let text = defaults.formatted(entry.name).unwrap();
            assert_eq!(limits.assign(entry.setting, &text), Assigned::Done, "{} = {text}", entry.name);
        }
        assert_eq!(limits, defaults);
        let formatted = |name| defaults.formatted(name).unwrap();
        assert_eq!(formatted("id_length"), "1000");
        assert_eq!(formatted("workflow_task_heartbeat"), "30m");
        assert_eq!(formatted("history_long_poll"), "20s");
        assert_eq!(defaults.formatted("no_such"), None);
    }
}
