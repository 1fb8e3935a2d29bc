//! `workflow start`, and the start request that `workflow execute` shares with it.

use clap::Args;
use jiff::SignedDuration;
use prost::{Message, Name};
use proto::temporal::api::{
    common::v1::{Memo, Priority, SearchAttributes, WorkflowType},
    enums::v1::{TaskQueueKind, WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    errordetails::v1::WorkflowExecutionAlreadyStartedFailure,
    sdk::v1::UserMetadata,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::StartWorkflowExecutionRequest,
};
use serde_json::Value;
use tonic::Status;
use uuid::Uuid;

use super::unserved;
use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    flags::{
        payloads::{PayloadArgs, header, json_payload, json_payloads},
        values::{Choice, choice, duration, fraction, integer, proto_duration},
    },
    output::{blocks::Card, json::Json},
};

/// Initiate a Workflow Execution
///
/// Start a new Workflow Execution. Returns the Workflow- and Run-IDs.
#[derive(Args, Clone, Debug)]
pub(crate) struct StartArgs {
    /// Workflow ID. If not supplied, the Service generates a unique ID.
    #[arg(long, short, value_name = "string")]
    pub(crate) workflow_id: Option<String>,
    /// Workflow Type name. Required. Aliased as "--name".
    #[arg(long = "type", alias = "name", value_name = "string")]
    pub(crate) workflow_type: String,
    /// Workflow Task queue. Required.
    #[arg(long, short, value_name = "string")]
    pub(crate) task_queue: String,
    /// Fail a Workflow Run if it lasts longer than DURATION.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    run_timeout: Option<SignedDuration>,
    /// Fail a WorkflowExecution if it lasts longer than DURATION. This time-out includes retries and ContinueAsNew
    /// tasks.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    execution_timeout: Option<SignedDuration>,
    /// Fail a Workflow Task if it lasts longer than DURATION. This is the Start-to-close timeout for a Workflow Task.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s", hide_default_value = true)]
    task_timeout: SignedDuration,
    /// Search Attribute in KEY=VALUE format. Keys must be identifiers, and values must be JSON values. For example:
    /// 'YourKey={"your": "value"}'. Can be passed multiple times.
    #[arg(long, value_name = "stringArray")]
    search_attribute: Vec<String>,
    /// Temporal workflow headers in 'KEY=VALUE' format. Keys must be identifiers, and values must be JSON values. May
    /// be passed multiple times to set multiple Temporal headers. Note: These are workflow headers, not gRPC headers.
    #[arg(long, value_name = "stringArray")]
    headers: Vec<String>,
    /// Memo using 'KEY="VALUE"' pairs. Use JSON values.
    #[arg(long, value_name = "stringArray")]
    memo: Vec<String>,
    /// Static Workflow summary for human consumption in UIs. Uses Temporal Markdown formatting, should be a single
    /// line. EXPERIMENTAL.
    #[arg(long, value_name = "string")]
    static_summary: Option<String>,
    /// Static Workflow details for human consumption in UIs. Uses Temporal Markdown formatting, may be multiple lines.
    /// EXPERIMENTAL.
    #[arg(long, value_name = "string")]
    static_details: Option<String>,
    /// Priority key (1-5, lower numbers = higher priority). Tasks in a queue should be processed in
    /// close-to-priority-order. Default is 3 when not specified.
    #[arg(long, value_name = "int", value_parser = integer)]
    priority_key: Option<i32>,
    /// Fairness key (max 64 bytes) for proportional task dispatch. Tasks with same key share capacity based on their
    /// weight.
    #[arg(long, value_name = "string")]
    fairness_key: Option<String>,
    /// Weight [0.001-1000] for this fairness key. Keys are dispatched proportionally to their weights.
    #[arg(long, value_name = "float32", value_parser = fraction)]
    fairness_weight: Option<f32>,
    /// Cron schedule for the Workflow.
    #[arg(long, value_name = "string", hide = true)]
    cron: Option<String>,
    /// Fail if the Workflow already exists.
    #[arg(long)]
    fail_existing: bool,
    /// Delay before starting the Workflow Execution. Can't be used with cron schedules. If the Workflow receives a
    /// signal or update prior to this time, the Workflow Execution starts immediately.
    #[arg(long, value_name = "duration", value_parser = duration)]
    start_delay: Option<SignedDuration>,
    /// Re-use policy for the Workflow ID in new Workflow Executions. Accepted values: AllowDuplicate,
    /// AllowDuplicateFailedOnly, RejectDuplicate, TerminateIfRunning.
    #[arg(long, value_name = "string", value_parser = choice::<WorkflowIdReusePolicy>)]
    id_reuse_policy: Option<WorkflowIdReusePolicy>,
    /// Determines how to resolve a conflict when spawning a new Workflow Execution with a particular Workflow Id used
    /// by an existing Open Workflow Execution. Accepted values: Fail, UseExisting, TerminateExisting.
    #[arg(long, value_name = "string", value_parser = choice::<WorkflowIdConflictPolicy>)]
    id_conflict_policy: Option<WorkflowIdConflictPolicy>,
    #[command(flatten)]
    input: PayloadArgs,
}

impl Choice for WorkflowIdReusePolicy {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("AllowDuplicate", Self::AllowDuplicate),
        ("AllowDuplicateFailedOnly", Self::AllowDuplicateFailedOnly),
        ("RejectDuplicate", Self::RejectDuplicate),
        ("TerminateIfRunning", Self::TerminateIfRunning),
    ];
}

impl Choice for WorkflowIdConflictPolicy {
    const VALUES: &'static [(&'static str, Self)] =
        &[("Fail", Self::Fail), ("UseExisting", Self::UseExisting), ("TerminateExisting", Self::TerminateExisting)];
}

/// A run that was started, or that was running already.
#[derive(Clone, Debug)]
pub(crate) struct Started {
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
}

impl StartArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.warn_of_cron(context);
        let mut session = context.connect().await?;
        let started = self.start(&mut session).await?;
        self.print(context, &session, &started)?;
        context.printer.json(&Json::object([
            ("workflowId", Json::string(started.workflow_id)),
            ("runId", Json::string(started.run_id)),
            ("type", Json::string(self.workflow_type)),
            ("namespace", Json::string(session.namespace.as_str())),
            ("taskQueue", Json::string(self.task_queue.as_str())),
        ]))?;
        unserved::warn(context, &mut session, &self.task_queue).await;
        Ok(())
    }

    pub(crate) fn warn_of_cron(&self, context: &Context) {
        if self.cron.is_some() {
            context.warn("Flag --cron has been deprecated, Use Schedules instead.");
        }
    }

    /// Shows the run as text.
    pub(crate) fn print(&self, context: &mut Context, session: &Session, started: &Started) -> Result<(), Failure> {
        context.printer.heading("Running execution:")?;
        context.printer.card(
            &Card::default()
                .field("WorkflowId", started.workflow_id.as_str())
                .field("RunId", started.run_id.as_str())
                .field("Type", self.workflow_type.as_str())
                .field("Namespace", session.namespace.as_str())
                .field("TaskQueue", self.task_queue.as_str()),
        )
    }

    /// Starts the Workflow Execution. That it exists already is a success, unless `--fail-existing` says otherwise.
    pub(crate) async fn start(&self, session: &mut Session) -> Result<Started, Failure> {
        let request = self.request(session)?;
        let workflow_id = request.workflow_id.clone();
        match session.workflow.start_workflow_execution(request).await {
            Ok(response) => Ok(Started { workflow_id, run_id: response.into_inner().run_id }),
            Err(status) => match existing_run(&status).filter(|_| !self.fail_existing) {
                Some(run_id) => Ok(Started { workflow_id, run_id }),
                None => Err(status).attempt("failed starting workflow"),
            },
        }
    }

    fn request(&self, session: &Session) -> Result<StartWorkflowExecutionRequest, Failure> {
        let zero_or = |timeout: Option<SignedDuration>| Some(proto_duration(timeout.unwrap_or(SignedDuration::ZERO)));
        let memo = json_payloads(&self.memo).attempt("invalid memo values")?;
        let search_attributes = json_payloads(&self.search_attribute).attempt("invalid search attribute values")?;
        Ok(StartWorkflowExecutionRequest {
            namespace: session.namespace.clone(),
            workflow_id: self.workflow_id.clone().filter(|id| !id.is_empty()).unwrap_or_else(new_id),
            workflow_type: Some(WorkflowType { name: self.workflow_type.clone() }),
            task_queue: Some(TaskQueue {
                name: self.task_queue.clone(),
                kind: TaskQueueKind::Normal.into(),
                ..Default::default()
            }),
            input: Some(self.input.build()?).filter(|input| !input.payloads.is_empty()),
            workflow_execution_timeout: zero_or(self.execution_timeout),
            workflow_run_timeout: zero_or(self.run_timeout),
            workflow_task_timeout: Some(proto_duration(self.task_timeout)),
            identity: session.identity.clone(),
            request_id: new_id(),
            workflow_id_reuse_policy: self.id_reuse_policy.unwrap_or_default().into(),
            workflow_id_conflict_policy: self.id_conflict_policy.unwrap_or_default().into(),
            cron_schedule: self.cron.clone().unwrap_or_default(),
            memo: Some(Memo { fields: memo }).filter(|memo| !memo.fields.is_empty()),
            search_attributes: Some(SearchAttributes { indexed_fields: search_attributes })
                .filter(|attributes| !attributes.indexed_fields.is_empty()),
            header: Some(header(&self.headers)?),
            workflow_start_delay: self.start_delay.filter(|delay| !delay.is_zero()).map(proto_duration),
            user_metadata: self.user_metadata(),
            priority: self.priority(),
            ..Default::default()
        })
    }

    fn user_metadata(&self) -> Option<UserMetadata> {
        let payload = |text: &Option<String>| {
            let text = text.clone().filter(|text| !text.is_empty())?;
            Some(json_payload(&Value::String(text)))
        };
        let metadata = UserMetadata { summary: payload(&self.static_summary), details: payload(&self.static_details) };
        (metadata != UserMetadata::default()).then_some(metadata)
    }

    fn priority(&self) -> Option<Priority> {
        let priority = Priority {
            priority_key: self.priority_key.unwrap_or_default(),
            fairness_key: self.fairness_key.clone().unwrap_or_default(),
            fairness_weight: self.fairness_weight.unwrap_or_default(),
        };
        (priority != Priority::default()).then_some(priority)
    }
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

/// The run that an "already started" error is about.
fn existing_run(status: &Status) -> Option<String> {
    let details = proto::google::rpc::Status::decode(status.details()).ok()?;
    let wanted = WorkflowExecutionAlreadyStartedFailure::full_name();
    let detail = details.details.iter().find(|detail| detail.type_url.ends_with(&wanted))?;
    let failure = WorkflowExecutionAlreadyStartedFailure::decode(detail.value.as_slice()).ok()?;
    (!failure.run_id.is_empty()).then_some(failure.run_id)
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn the_details_of_already_started_name_the_run() {
        let failure = WorkflowExecutionAlreadyStartedFailure { run_id: "r".to_owned(), ..Default::default() };
        let details = proto::google::rpc::Status {
            code: Code::AlreadyExists as i32,
            message: String::new(),
            details: vec![prost_types::Any {
                type_url: format!("type.googleapis.com/{}", WorkflowExecutionAlreadyStartedFailure::full_name()),
                value: failure.encode_to_vec(),
            }],
        };
        let status = Status::with_details(Code::AlreadyExists, "x", details.encode_to_vec().into());
        assert_eq!(existing_run(&status).as_deref(), Some("r"));
        assert_eq!(existing_run(&Status::already_exists("x")), None);
    }
}
