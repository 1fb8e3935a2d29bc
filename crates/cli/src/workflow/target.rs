//! Which Workflow Executions a command is about: exactly one, or all that a List Filter finds, by way of a batch job.

use clap::Args;
use proto::temporal::api::{
    common::v1::WorkflowExecution,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, StartBatchOperationRequest, start_batch_operation_request::Operation,
    },
};
use uuid::Uuid;

use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    flags::values::fraction,
    output::json::Json,
};

/// One Workflow Execution.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReferenceArgs {
    /// Workflow ID. Required.
    #[arg(long, short, value_name = "string")]
    pub(crate) workflow_id: String,
    /// Run ID.
    #[arg(long, short, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) run_id: String,
}

impl ReferenceArgs {
    /// The reference as the API takes it; an empty run ID means the latest run.
    pub(crate) fn execution(&self) -> WorkflowExecution {
        WorkflowExecution { workflow_id: self.workflow_id.clone(), run_id: self.run_id.clone() }
    }
}

/// One Workflow Execution or a List Filter.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TargetArgs {
    /// Workflow ID. You must set either --workflow-id or --query.
    #[arg(long, short, value_name = "string")]
    pub(crate) workflow_id: Option<String>,
    /// Content for an SQL-like QUERY List Filter. You must set either --workflow-id or --query.
    #[arg(long, short, value_name = "QUERY")]
    pub(crate) query: Option<String>,
    /// Run ID. Only use with --workflow-id. Cannot use with --query.
    #[arg(long, short, value_name = "string")]
    pub(crate) run_id: Option<String>,
    /// Reason for the operation. Defaults to user name.
    #[arg(long, value_name = "string")]
    pub(crate) reason: Option<String>,
    /// Don't prompt to confirm.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Limit batch's requests per second. Only allowed if query is present.
    #[arg(long, value_name = "float", value_parser = fraction)]
    pub(crate) rps: Option<f32>,
}

/// Which flags go together with a single Workflow Execution.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowed {
    pub(crate) reason: bool,
    pub(crate) yes: bool,
}

/// What the flags name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    One(WorkflowExecution),
    Matching(String),
}

impl TargetArgs {
    /// Checks that the flags go together.
    pub(crate) fn target(&self, allowed: Allowed) -> Result<Target, Failure> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let refuse = |text: &str| Err(Failure::told(text));
        match (given(&self.workflow_id), given(&self.query)) {
            (Some(_), Some(_)) => refuse("cannot set query when workflow ID is set"),
            (Some(_), None) if self.reason.is_some() && !allowed.reason => {
                refuse("cannot set reason when workflow ID is set")
            }
            (Some(_), None) if self.yes && !allowed.yes => refuse("cannot set 'yes' when workflow ID is set"),
            (Some(_), None) if self.rps.is_some() => refuse("cannot set rps when workflow ID is set"),
            (Some(workflow_id), None) => {
                Ok(Target::One(WorkflowExecution { workflow_id, run_id: self.run_id.clone().unwrap_or_default() }))
            }
            (None, None) => refuse("must set either workflow ID or query"),
            (None, Some(_)) if given(&self.run_id).is_some() => refuse("cannot set run ID when query is set"),
            (None, Some(query)) => Ok(Target::Matching(query)),
        }
    }

    /// Asks for confirmation and starts a batch job over what `query` finds.
    pub(crate) async fn start_batch(
        &self,
        context: &mut Context,
        session: &mut Session,
        query: String,
        operation: Operation,
    ) -> Result<(), Failure> {
        let question = match self.yes {
            // The count is for the question only.
            true => format!("Start batch against workflows matching query {query:?}? y/N"),
            false => {
                let request =
                    CountWorkflowExecutionsRequest { namespace: session.namespace.clone(), query: query.clone() };
                let counted = session.workflow.count_workflow_executions(request).await;
                let count = counted.attempt("failed counting workflows from query")?.into_inner().count;
                format!("Start batch against approximately {count} workflow(s)? y/N")
            }
        };
        context.confirm(&question, self.yes, "user denied confirmation")?;
        let job_id = Uuid::new_v4().to_string();
        let request = StartBatchOperationRequest {
            namespace: session.namespace.clone(),
            visibility_query: query,
            job_id: job_id.clone(),
            reason: self.reason.clone().unwrap_or_else(|| context.default_reason()),
            max_operations_per_second: self.rps.unwrap_or_default(),
            operation: Some(operation),
            ..Default::default()
        };
        session.workflow.start_batch_operation(request).await.attempt("failed starting batch operation")?;
        context.printer.json(&Json::object([("batchJobId", Json::string(job_id.as_str()))]))?;
        context.printer.line(&format!("Started batch for job ID: {job_id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(args: &TargetArgs, allowed: Allowed) -> String {
        args.target(allowed).unwrap_err().to_string()
    }

    #[test]
    fn one_or_matching() {
        let one = TargetArgs { workflow_id: Some("a".to_owned()), ..Default::default() };
        let execution = WorkflowExecution { workflow_id: "a".to_owned(), run_id: String::new() };
        assert_eq!(one.target(Allowed::default()).unwrap(), Target::One(execution));
        let matching = TargetArgs { query: Some("q".to_owned()), yes: true, rps: Some(1.0), ..Default::default() };
        assert_eq!(matching.target(Allowed::default()).unwrap(), Target::Matching("q".to_owned()));
    }

    #[test]
    fn flags_that_do_not_go_together() {
        let none = TargetArgs::default();
        let one = TargetArgs { workflow_id: Some("a".to_owned()), ..Default::default() };
        let matching = TargetArgs { query: Some("q".to_owned()), ..Default::default() };
        let strict = Allowed::default();
        assert_eq!(complaint(&none, strict), "must set either workflow ID or query");
        let both = TargetArgs { query: Some("q".to_owned()), ..one.clone() };
        assert_eq!(complaint(&both, strict), "cannot set query when workflow ID is set");
        let reason = TargetArgs { reason: Some("r".to_owned()), ..one.clone() };
        assert_eq!(complaint(&reason, strict), "cannot set reason when workflow ID is set");
        assert!(reason.target(Allowed { reason: true, yes: false }).is_ok());
        let yes = TargetArgs { yes: true, ..one.clone() };
        assert_eq!(complaint(&yes, strict), "cannot set 'yes' when workflow ID is set");
        let rps = TargetArgs { rps: Some(1.0), ..one };
        assert_eq!(complaint(&rps, strict), "cannot set rps when workflow ID is set");
        let run = TargetArgs { run_id: Some("r".to_owned()), ..matching };
        assert_eq!(complaint(&run, strict), "cannot set run ID when query is set");
    }
}
