//! The state of one run, and the rules that hold for it whatever happens.

mod event_kind;
mod evolve;
#[cfg(test)]
mod golden;
mod records;
mod requests;
mod state;

use std::time::Duration;

use model::Time;
use proto::temporal::api::history::v1::HistoryEvent;

pub use records::{
    Activity, Attributes, Child, Core, EARLIER_STARTS, EarlierRequest, ExternalCancel, ExternalSignal, Sticky, Timer,
    Update, WorkflowTask,
};
pub use requests::Requests;
pub use state::{Run, StartedWorkflowTask};

pub(crate) use event_kind::{
    Closed, Role, ended_activity, event_type, is_signal, is_workflow_task_scheduled, role, run_closed, run_started,
    started_event_id, timer_fired,
};
pub(crate) use evolve::inherited_reset_points;

/// When the event happened; zero where it doesn't say.
pub(crate) fn event_time(event: &HistoryEvent) -> Time {
    event.event_time.as_ref().map_or(Time::ZERO, Time::from_proto)
}

/// A span as records keep it.
pub(crate) fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// A record's span; a negative one is none.
pub(crate) fn span(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
