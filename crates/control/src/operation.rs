//! Asynchronous operations: every change is one, done at once or by a job, and asked for by its id.

use std::{sync::Arc, time::Duration};

use auth::Principal;
use model::{Reject, Time, to_proto_duration};
use prost_types::Any;
use proto::temporal::api::{
    cloud::{
        cloudservice::v1::{GetAsyncOperationRequest, GetAsyncOperationResponse},
        operation::v1::{AsyncOperation, async_operation::State as Progress},
    },
    enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope},
};

use crate::{
    record::OperationRecord,
    request::{ApiRequest, Applied, Query},
    state::{State, rights},
    turn::{Turn, View, find},
};

/// Longest operation id that a client may choose, in characters.
pub(crate) const MOST_ID: usize = 200;
/// Operations that may run at a time.
const MOST_RUNNING: usize = 10;
/// Finished operations that are remembered; when there are more, the oldest tenth is forgotten.
const MOST_REMEMBERED: usize = 2_000;
/// How soon it is worth asking again.
const CHECK_AGAIN: Duration = Duration::from_secs(1);

impl ApiRequest for GetAsyncOperationRequest {
    type Answer = GetAsyncOperationResponse;
}

impl Query for GetAsyncOperationRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        let row = find::<OperationRecord>(view.state, "async operation", &self.async_operation_id)?;
        let mut operation = describe(row);
        // Everybody may ask how an operation stands; what was asked for is told to its caller and to administrators.
        if row.principal.id != view.caller.id && !view.caller.is_account_admin() {
            operation.operation_input = None;
            operation.failure_reason.clear();
        }
        Ok(GetAsyncOperationResponse { async_operation: Some(operation) })
    }
}

/// An operation as the API shows it.
pub(crate) fn describe(row: &OperationRecord) -> AsyncOperation {
    let finished = Time(row.finished_time).non_zero();
    AsyncOperation {
        id: row.id.clone(),
        state_deprecated: crate::twins::operation_state(row.state()),
        state: row.state,
        check_duration: finished.is_none().then(|| to_proto_duration(CHECK_AGAIN)),
        operation_type: row.method.clone(),
        operation_input: Some(Any {
            type_url: format!("type.googleapis.com/temporal.api.cloud.cloudservice.v1.{}Request", row.method),
            value: row.input.clone(),
        }),
        failure_reason: row.failure_reason.clone(),
        started_time: Some(Time(row.started_time).to_proto()),
        finished_time: finished.map(Time::to_proto),
    }
}

/// The operation that the same request of the same caller started before, if its client chose the id of it again.
///
/// # Errors
/// `InvalidArgument` for an id that is too long, or stands for another request.
pub(crate) fn repeated(
    state: &State,
    method: &str,
    chosen: &str,
    input: &[u8],
    caller: &Principal,
) -> Result<Option<Arc<OperationRecord>>, Reject> {
    if chosen.chars().count() > MOST_ID {
        return Err(Reject::invalid(format!("the async operation id is longer than {MOST_ID} characters")));
    }
    let Some(row) = state.operations.get(chosen) else {
        return Ok(None);
    };
    if row.method == method && row.input == input && row.principal.id == caller.id {
        return Ok(Some(row.clone()));
    }
    Err(Reject::invalid(format!("async operation id \"{chosen}\" was used for another request")))
}

/// Writes the operation of a change that was made.
///
/// # Errors
/// `ResourceExhausted` when too many run.
pub(crate) fn start(
    turn: &mut Turn<'_>,
    method: &str,
    chosen: &str,
    input: &[u8],
    caller: &Principal,
    applied: Applied,
) -> Result<Arc<OperationRecord>, Reject> {
    let is_running = applied.work.is_some();
    if is_running && turn.state.running().count() >= MOST_RUNNING {
        let text = format!("{MOST_RUNNING} async operations are running, please retry later");
        return Err(Reject::exhausted(ResourceExhaustedCause::ConcurrentLimit, ResourceExhaustedScope::System, text));
    }
    forget_oldest(turn);
    let id = if chosen.is_empty() { turn.id() } else { chosen.to_owned() };
    let row = OperationRecord {
        id: id.clone(),
        method: method.to_owned(),
        input: input.to_vec(),
        state: if is_running { Progress::Pending } else { Progress::Fulfilled } as i32,
        failure_reason: String::new(),
        started_time: turn.now.0,
        finished_time: if is_running { 0 } else { turn.now.0 },
        principal: rights::remembered(caller),
        subject: applied.subject,
        work: applied.work,
    };
    if is_running {
        attach(turn, &row);
    }
    turn.put(row.clone());
    Ok(Arc::new(row))
}

/// Names the operation in the namespace that it works on.
fn attach(turn: &mut Turn<'_>, row: &OperationRecord) {
    if let Some(namespace) = turn.state.namespaces.get(&row.subject) {
        let mut namespace = crate::record::NamespaceRecord::clone(namespace);
        namespace.meta.operation_id.clone_from(&row.id);
        turn.put_namespace(namespace);
    }
}

fn forget_oldest(turn: &mut Turn<'_>) {
    if turn.state.operations.len() < MOST_REMEMBERED {
        return;
    }
    let mut finished: Vec<(i64, String)> = turn
        .state
        .operations
        .values()
        .filter(|row| row.finished_time != 0)
        .map(|row| (row.finished_time, row.id.clone()))
        .collect();
    finished.sort();
    for (_, id) in finished.into_iter().take(MOST_REMEMBERED / 10) {
        turn.remove::<OperationRecord>(&id);
    }
}
