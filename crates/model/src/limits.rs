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

            /// The value of the field `name`, as [`Limits::assign`] takes it. `None`: there is no such field.
            pub fn shown(&self, name: &str) -> Option<String> {
                $(if name == stringify!($name) {
                    return Some(self.$name.shown());
                })+
                None
            }
        }

        /// The table behind `Limits`: field, the reference's dynamic-configuration key, what is taken for a value, and
        /// what it means.
        pub const TABLE: &[Entry] = &[
            $(Entry {
                name: stringify!($name),
                setting: $setting,
                accepted: <$type as Value>::ACCEPTED,
                meaning: concat!($($doc),+),
            },)+
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
    /// What is taken, with its bounds, for people to read.
    const ACCEPTED: &'static str;

    fn read(text: &str) -> Option<Self>;

    fn shown(&self) -> String;
}

macro_rules! numbers {
    ($($number:ty, $most:literal;)+) => {
        $(impl Value for $number {
            const ACCEPTED: &'static str = concat!("a whole number from 0 to ", $most);

            fn read(text: &str) -> Option<Self> {
                let number = text.parse::<i64>().ok().filter(|number| *number >= 0)?;
                <$number>::try_from(number).ok()
            }

            fn shown(&self) -> String {
                self.to_string()
            }
        })+
    };
}

numbers! {
    usize, "9223372036854775807";
    i64, "9223372036854775807";
    i32, "2147483647";
    u32, "4294967295";
}

impl Value for bool {
    const ACCEPTED: &'static str = "true or false";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

/// Beyond it a time that is added to could leave what can be counted.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

impl Value for Duration {
    const ACCEPTED: &'static str = "a duration such as \"90s\" or \"1h30m\", from 0s to 876000h";

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
        (!text.is_empty() && whole <= LONGEST).then_some(whole)
    }

    fn shown(&self) -> String {
        match (self.as_secs(), self.subsec_millis()) {
            (seconds, 0) if seconds > 0 && seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
            (seconds, 0) if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
            (seconds, 0) => format!("{seconds}s"),
            (seconds, milliseconds) => format!("{}ms", seconds * 1_000 + u64::from(milliseconds)),
        }
    }
}

/// One line of the limits table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    /// The key under which the reference's dynamic configuration knows the limit.
    pub setting: &'static str,
    /// What values are taken, with their bounds, for people to read.
    pub accepted: &'static str,
    pub meaning: &'static str,
}

limits! {
    /// Bytes that may be held for callers at one time: requests, replies, waiting calls and caches.
    memory: usize = 1024 * 1024 * 1024, "server.memory";
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
    /// Whether histories are sent raw: batch by batch as encoded bytes, not as events.
    raw_history: bool = false, "frontend.sendRawWorkflowHistory";
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
    /// Updates of one run that may be under way: admitted or accepted, and not completed.
    updates_in_flight: usize = 10, "history.maxInFlightUpdates";
    /// Bytes of the requests of one run's updates that wait to be accepted.
    updates_in_flight_bytes: usize = 20 * 1024 * 1024, "history.maxInFlightUpdatePayloads";
    /// Updates that one run takes in its life.
    updates_per_execution: usize = 2_000, "history.maxTotalUpdates";
    /// Events that a workflow task which only rejected updates may have shown to its worker and still leave no trace.
    speculative_task_events: i64 = 10, "history.discardSpeculativeWorkflowTaskMaximumEventsCount";
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
        assert_eq!(limits.assign("limit.maxIDLength", "-1"), Assigned::Invalid);
        assert_eq!(limits.assign("history.longPollExpirationInterval", "876001h"), Assigned::Invalid);
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

    #[test]
    fn what_is_shown_is_taken() {
        let (defaults, mut limits) = (Limits::default(), Limits::default());
        for entry in TABLE {
            let text = defaults.shown(entry.name).unwrap();
            assert_eq!(limits.assign(entry.setting, &text), Assigned::Done, "{} = {text}", entry.name);
        }
        assert_eq!(limits, defaults);
        let shown = |name| defaults.shown(name).unwrap();
        assert_eq!(shown("id_length"), "1000");
        assert_eq!(shown("workflow_task_heartbeat"), "30m");
        assert_eq!(shown("history_long_poll"), "20s");
        assert_eq!(defaults.shown("no_such"), None);
    }
}
