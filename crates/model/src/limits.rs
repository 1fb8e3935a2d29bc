//! Every limit in one typed table. The defaults are Temporal's; a rejection names the limit, its scope, its value and
//! the setting.

use std::time::Duration;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $setting:literal;)+) => {
        /// The limits in force. Each field's documentation gives its unit.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
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
        }

        /// The table behind `Limits`: field, the reference's dynamic-configuration key, and what it means.
        pub const TABLE: &[Entry] = &[
            $(Entry { name: stringify!($name), setting: $setting, default: stringify!($default), meaning: concat!($($doc),+) },)+
        ];
    };
}

/// What became of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned {
    Done,
    /// No limit has this setting.
    Unknown,
    /// The value is not one of the limit's type.
    Invalid,
}

/// A limit's value, from its text.
trait Value: Sized {
    fn read(text: &str) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Value for $number {
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        })+
    };
}

numbers!(usize, i64, i32, u32);

impl Value for Duration {
    /// Numbers with the units of Go's durations, one after the other.
    fn read(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut whole = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, tail) = rest.split_at(digits);
            let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit);
            let seconds = match unit {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
            let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
            whole = whole.checked_add(part)?;
            rest = tail;
        }
        (!text.is_empty()).then_some(whole)
    }
}

/// One line of the limits table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    /// The key under which the reference's dynamic configuration knows the limit.
    pub setting: &'static str,
    /// The default as it is written above.
    pub default: &'static str,
    pub meaning: &'static str,
}

limits! {
    /// Longest id (workflow, activity, timer, task queue, type, signal and query names), in bytes.
    id_length: usize = 1_000, "limit.maxIDLength";
    /// Size of one payload set (input, result, details, memo) at which a request is refused, in bytes.
    blob_size_error: usize = 2 * 1024 * 1024, "limit.blobSize.error";
    /// Size of one payload set at which a warning is logged, in bytes.
    blob_size_warn: usize = 512 * 1024, "limit.blobSize.warn";
    /// Size of a memo at which a request is refused, in bytes.
    memo_size_error: usize = 2 * 1024 * 1024, "limit.memoSize.error";
    /// Events in one history at which the run is terminated.
    history_count_error: i64 = 50 * 1024, "limit.historyCount.error";
    /// Events in one history at which workers are told to continue as new.
    history_count_suggest_continue_as_new: i64 = 4 * 1024, "limit.historyCount.suggestContinueAsNew";
    /// Bytes of one history at which the run is terminated.
    history_size_error: i64 = 50 * 1024 * 1024, "limit.historySize.error";
    /// Bytes of one history at which workers are told to continue as new.
    history_size_suggest_continue_as_new: i64 = 4 * 1024 * 1024, "limit.historySize.suggestContinueAsNew";
    /// Activities of one run that may be pending.
    pending_activities: usize = 2_000, "limit.numPendingActivities.error";
    /// Child workflows of one run that may be pending.
    pending_children: usize = 2_000, "limit.numPendingChildExecutions.error";
    /// Signals to other workflows that may be pending in one run.
    pending_signals: usize = 2_000, "limit.numPendingSignals.error";
    /// Cancel requests to other workflows that may be pending in one run.
    pending_cancel_requests: usize = 2_000, "limit.numPendingCancelRequests.error";
    /// Signals that one run takes in its life.
    signals_per_execution: i64 = 10_000, "history.maximumSignalsPerExecution";
    /// Events that are buffered while a workflow task is running.
    buffered_events: usize = 100, "history.maximumBufferedEventsBatch";
    /// Bytes of buffered events.
    buffered_bytes: usize = 2 * 1024 * 1024, "history.maximumBufferedEventsSizeInBytes";
    /// Workflow task timeout where the caller gives none.
    workflow_task_timeout: Duration = Duration::from_secs(10), "history.defaultWorkflowTaskTimeout";
    /// Longest workflow task timeout; longer ones are cut to it.
    workflow_task_timeout_max: Duration = Duration::from_secs(120), "history.maxWorkflowTaskTimeout";
    /// How long a worker may keep a workflow task by heartbeats that bring nothing new.
    workflow_task_heartbeat: Duration = Duration::from_secs(30 * 60), "history.workflowTaskHeartbeatTimeout";
    /// Most that repeated failures add to a workflow task's timeout.
    workflow_task_retry_max: Duration = Duration::from_secs(10 * 60), "history.workflowTaskRetryMaxInterval";
    /// Failed workflow tasks in a row at which visibility reports a problem.
    workflow_task_problems: i32 = 5, "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute";
    /// Shortest time between the starts of two runs of a chain.
    run_interval_min: Duration = Duration::from_secs(1), "history.workflowIdReuseMinimalInterval";
    /// How long a call waits for history to grow before it answers with an empty page.
    history_long_poll: Duration = Duration::from_secs(20), "history.longPollExpirationInterval";
    /// How long a poll for a task waits before it answers empty.
    task_long_poll: Duration = Duration::from_secs(60), "matching.longPollExpirationInterval";
    /// Most events in one page of history.
    history_page: i32 = 256, "frontend.historyMaxPageSize";
    /// Most rows in one page of a list.
    visibility_page: i32 = 1_000, "frontend.visibilityMaxPageSize";
    /// Custom search attributes on one run.
    search_attributes_count: usize = 100, "system.searchAttributesNumberOfKeysLimit";
    /// Bytes of one search attribute's value.
    search_attribute_size: usize = 2 * 1024, "system.searchAttributesSizeOfValueLimit";
    /// Bytes of all search attributes of a run.
    search_attributes_total_size: usize = 40 * 1024, "system.searchAttributesTotalSizeLimit";
    /// Queries that may wait on one run.
    buffered_queries: usize = 1, "history.maxBufferedQueryCount";
    /// Links on one request.
    links_per_request: usize = 10, "frontend.maxlinksPerRequest";
    /// Shortest retention that a namespace may have.
    retention_min: Duration = Duration::from_secs(3_600), "system.namespaceMinRetentionGlobal";
    /// Bytes of one gRPC message.
    message_size: usize = 4 * 1024 * 1024, "frontend.maxMessageSize";
    /// Bytes of one request's headers.
    header_size: u32 = 64 * 1024, "frontend.maxHeaderSize";
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
        assert_eq!(limits.assign("no.such", "1"), Assigned::Unknown);
    }

    #[test]
    fn every_limit_has_its_own_setting() {
        let mut settings: Vec<_> = TABLE.iter().map(|entry| entry.setting).collect();
        settings.sort_unstable();
        settings.dedup();
        assert_eq!(settings.len(), TABLE.len());
        assert!(TABLE.iter().all(|entry| !entry.meaning.is_empty()));
    }
}
