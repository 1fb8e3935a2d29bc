//! What a Workflow Execution waits for: the pending and callback sections of `workflow describe`.

use proto::temporal::api::{
    common::v1::callback::Variant,
    enums::v1::{CallbackState, NexusOperationCancellationState, PendingActivityState, PendingNexusOperationState},
    failure::v1::Failure as FailureInfo,
    workflow::v1::{
        CallbackInfo, PendingActivityInfo, PendingChildExecutionInfo, PendingNexusOperationInfo,
        callback_info::trigger::Variant as Trigger,
    },
    workflowservice::v1::DescribeWorkflowExecutionResponse,
};

use super::outcome::failure_text;
use crate::{
    failure::Failure,
    output::{Printer, blocks::Card, json::Layout, names, proto_json, time},
};

/// Operations on this endpoint are the system's own.
const SYSTEM_ENDPOINT: &str = "__temporal_system";

/// Activities, children and Nexus operations that are not closed.
pub(crate) fn print(printer: &mut Printer, response: &DescribeWorkflowExecutionResponse) -> Result<(), Failure> {
    printer.line("")?;
    let activities: Vec<Card> =
        response.pending_activities.iter().map(|activity| activity_card(printer, activity)).collect();
    print_section(printer, "Pending Activities", &activities, true)?;
    let children: Vec<Card> = response.pending_children.iter().map(child_card).collect();
    print_section(printer, "Pending Child Workflows", &children, false)?;
    let operations = response.pending_nexus_operations.iter();
    let operations: Vec<Card> = operations
        .filter(|operation| operation.endpoint != SYSTEM_ENDPOINT)
        .map(|operation| operation_card(printer, operation))
        .collect();
    print_section(printer, "Pending Nexus Operations", &operations, true)
}

fn print_section(printer: &mut Printer, title: &str, cards: &[Card], parted: bool) -> Result<(), Failure> {
    printer.heading(&format!("{title}: {}", cards.len()))?;
    if cards.is_empty() {
        return Ok(());
    }
    printer.line("")?;
    printer.cards(cards)?;
    match parted {
        true => printer.line(""),
        false => Ok(()),
    }
}

fn activity_card(printer: &Printer, activity: &PendingActivityInfo) -> Card {
    let name = activity.activity_type.as_ref().map(|name| name.name.clone()).unwrap_or_default();
    let details = activity.heartbeat_details.as_ref().map(|details| details.payloads.as_slice()).unwrap_or_default();
    let details: Vec<String> = details
        .iter()
        .map(|payload| proto_json::to_json(payload, printer.payloads()).render(Layout::Compact))
        .collect();
    let details = if details.is_empty() { String::new() } else { format!("[{}]", details.join(", ")) };
    Card::default()
        .field("ActivityId", activity.activity_id.as_str())
        .field("Type", name)
        .field("State", enum_name::<PendingActivityState>(activity.state, "PENDING_ACTIVITY_STATE_"))
        .field("Attempt", activity.attempt.to_string())
        .field("MaximumAttempts", activity.maximum_attempts.to_string())
        .field("ScheduledTime", printer.time(activity.scheduled_time.as_ref()))
        .optional("LastStartedTime", printer.time(activity.last_started_time.as_ref()))
        .optional("LastHeartbeatTime", printer.time(activity.last_heartbeat_time.as_ref()))
        .optional("ExpirationTime", printer.time(activity.expiration_time.as_ref()))
        .optional("LastFailure", failure_json(printer, activity.last_failure.as_ref()))
        .optional("LastWorkerIdentity", activity.last_worker_identity.as_str())
        .optional("LastHeartbeatDetails", details)
}

fn child_card(child: &PendingChildExecutionInfo) -> Card {
    let policy = child.parent_close_policy();
    Card::default()
        .field("WorkflowId", child.workflow_id.as_str())
        .field("RunId", child.run_id.as_str())
        .field("WorkflowTypeName", child.workflow_type_name.as_str())
        .field("InitiatedId", child.initiated_id.to_string())
        .field("ParentClosePolicy", names::short(policy.as_str_name(), "PARENT_CLOSE_POLICY_"))
}

fn operation_card(printer: &Printer, operation: &PendingNexusOperationInfo) -> Card {
    let token = match operation.operation_token.as_str() {
        "" => operation.operation_id.as_str(),
        token => token,
    };
    let timeout =
        |timeout: &Option<prost_types::Duration>| time::spaced_duration(time::duration_from_proto(timeout.as_ref()));
    let state = enum_name::<PendingNexusOperationState>(operation.state, "PENDING_NEXUS_OPERATION_STATE_");
    let card = Card::default()
        .field("Endpoint", operation.endpoint.as_str())
        .field("Service", operation.service.as_str())
        .field("Operation", operation.operation.as_str())
        .field("OperationToken", token)
        .field("State", state)
        .field("Attempt", operation.attempt.to_string())
        .field("ScheduleToCloseTimeout", timeout(&operation.schedule_to_close_timeout))
        .field("StartToCloseTimeout", timeout(&operation.start_to_close_timeout))
        .field("ScheduleToStartTimeout", timeout(&operation.schedule_to_start_timeout))
        .optional("NextAttemptScheduleTime", printer.time(operation.next_attempt_schedule_time.as_ref()))
        .optional("LastAttemptCompleteTime", printer.time(operation.last_attempt_complete_time.as_ref()))
        .optional("LastAttemptFailure", failure_json(printer, operation.last_attempt_failure.as_ref()))
        .optional("BlockedReason", operation.blocked_reason.as_str());
    let Some(cancellation) = &operation.cancellation_info else {
        return card;
    };
    let prefix = "NEXUS_OPERATION_CANCELLATION_STATE_";
    card.field("CancelationState", enum_name::<NexusOperationCancellationState>(cancellation.state, prefix))
        .field("CancelationAttempt", cancellation.attempt.to_string())
        .optional("CancelationRequestedTime", printer.time(cancellation.requested_time.as_ref()))
        .optional("CancelationNextAttemptScheduleTime", printer.time(cancellation.next_attempt_schedule_time.as_ref()))
        .optional("CancelationLastAttemptCompleteTime", printer.time(cancellation.last_attempt_complete_time.as_ref()))
        .optional("CancelationLastAttemptFailure", failure_json(printer, cancellation.last_attempt_failure.as_ref()))
        .optional("CancelationBlockedReason", cancellation.blocked_reason.as_str())
}

/// Who is told when the Workflow Execution closes; nothing if nobody is.
pub(crate) fn print_callbacks(printer: &mut Printer, callbacks: &[CallbackInfo]) -> Result<(), Failure> {
    if callbacks.is_empty() {
        return Ok(());
    }
    let cards: Vec<Card> = callbacks.iter().map(|callback| callback_card(printer, callback)).collect();
    printer.line("")?;
    printer.heading(&format!("Callbacks: {}", callbacks.len()))?;
    printer.line("")?;
    printer.cards(&cards)
}

fn callback_card(printer: &Printer, callback: &CallbackInfo) -> Card {
    let url = match callback.callback.as_ref().and_then(|callback| callback.variant.as_ref()) {
        Some(Variant::Nexus(nexus)) => nexus.url.as_str(),
        Some(_) | None => "",
    };
    let trigger = match callback.trigger.as_ref().and_then(|trigger| trigger.variant.as_ref()) {
        Some(Trigger::WorkflowClosed(_)) => "WorkflowClosed",
        Some(_) | None => "Unknown",
    };
    Card::default()
        .field("URL", url)
        .field("Trigger", trigger)
        .field("State", enum_name::<CallbackState>(callback.state, "CALLBACK_STATE_"))
        .field("Attempt", callback.attempt.to_string())
        .optional("RegistrationTime", printer.time(callback.registration_time.as_ref()))
        .optional("NextAttemptScheduleTime", printer.time(callback.next_attempt_schedule_time.as_ref()))
        .optional("LastAttemptCompleteTime", printer.time(callback.last_attempt_complete_time.as_ref()))
        .optional("BlockedReason", callback.blocked_reason.as_str())
        .optional("LastAttemptFailure", failure_text(callback.last_attempt_failure.as_ref(), "    "))
}

fn failure_json(printer: &Printer, failure: Option<&FailureInfo>) -> String {
    let json = failure.map(|failure| proto_json::to_json(failure, printer.payloads()).render(Layout::Compact));
    json.unwrap_or_default()
}

/// The states of pending work by their short names.
trait State: TryFrom<i32> {
    fn full_name(&self) -> &'static str;
}

impl State for PendingActivityState {
    fn full_name(&self) -> &'static str {
        self.as_str_name()
    }
}

impl State for PendingNexusOperationState {
    fn full_name(&self) -> &'static str {
        self.as_str_name()
    }
}

impl State for NexusOperationCancellationState {
    fn full_name(&self) -> &'static str {
        self.as_str_name()
    }
}

impl State for CallbackState {
    fn full_name(&self) -> &'static str {
        self.as_str_name()
    }
}

fn enum_name<T: State>(number: i32, prefix: &str) -> String {
    match T::try_from(number) {
        Ok(state) => names::short(state.full_name(), prefix),
        Err(_) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::{common::v1::ActivityType, enums::v1::ParentClosePolicy};

    use super::*;
    use crate::output::{Format, tests::printer};

    #[test]
    fn sections() {
        let activity = PendingActivityInfo {
            activity_id: "1".to_owned(),
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            state: PendingActivityState::CancelRequested.into(),
            attempt: 3,
            last_failure: Some(FailureInfo { message: "no".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let child = PendingChildExecutionInfo {
            workflow_id: "c".to_owned(),
            parent_close_policy: ParentClosePolicy::RequestCancel.into(),
            ..Default::default()
        };
        let response = DescribeWorkflowExecutionResponse {
            pending_activities: vec![activity],
            pending_children: vec![child],
            ..Default::default()
        };
        let (mut printer, sink) = printer(Format::Text);
        print(&mut printer, &response).unwrap();
        let wanted = "
Pending Activities: 1

  ActivityId       1
  Type             charge
  State            CancelRequested
  Attempt          3
  MaximumAttempts  0
  ScheduledTime     \n  LastFailure      {\"message\":\"no\"}

Pending Child Workflows: 1

  WorkflowId         c
  RunId               \n  WorkflowTypeName    \n  InitiatedId        0
  ParentClosePolicy  RequestCancel
Pending Nexus Operations: 0
";
        assert_eq!(sink.text(), wanted);
    }
}
