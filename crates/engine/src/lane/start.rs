//! Starts: a client's, a signal's with start, and a child's. All of them pass the same decision on the workflow id.

use std::sync::Arc;

use machine::{
    Input, Reply, Run, Signal, StartSpec, Step, StepContext,
    on::start::{Current, Decision, Repeats, decide},
};
use model::{Kind, Namespace, Reject, RunId, RunKey, ShardId, Time, WorkflowKey};
use proto::temporal::api::{
    common::v1::{Payload, Payloads, WorkflowExecution},
    enums::v1::{NamespaceState, WorkflowExecutionStatus, WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    history::v1::StartChildWorkflowExecutionInitiatedEventAttributes,
    sdk::v1::UserMetadata,
    workflowservice::v1::{SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};

use super::{
    Lane, ReplyTo, Sender, Work,
    apply::Presence,
    quarantine::{Place, STARTING},
    shard::{Effect, Need},
};
use crate::{Answer, Call, Started, WorkflowTask};

/// The start of the first workflow task of a run that waited for nothing.
const FIRST_STARTED_EVENT: i64 = 3;

/// A client's start.
#[derive(Clone, Debug)]
pub(crate) enum StartKind {
    Start(Box<StartWorkflowExecutionRequest>),
    SignalWithStart(Box<SignalWithStartWorkflowExecutionRequest>),
}

/// A child that a run wants started.
#[derive(Clone, Debug)]
pub(crate) struct ChildStart {
    pub(crate) sender: Sender,
    /// The one that the command names, as it is when the message arrives.
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) request: StartWorkflowExecutionRequest,
    pub(crate) parent: ParentInfo,
}

/// What a child's first event says of its parent.
#[derive(Clone, Debug)]
pub(crate) struct ParentInfo {
    pub(crate) namespace: String,
    pub(crate) namespace_id: String,
    pub(crate) execution: WorkflowExecution,
    /// The event of the command, by which the parent knows the child.
    pub(crate) initiated_event_id: i64,
    /// The run that the chain of parents began with; the parent itself where it has none.
    pub(crate) root: WorkflowExecution,
}

/// Everything that a start needs, from wherever it comes.
pub(crate) struct Start {
    pub(crate) reply_to: ReplyTo,
    pub(crate) workflow: WorkflowKey,
    pub(crate) shard: ShardId,
    pub(crate) request: StartWorkflowExecutionRequest,
    pub(crate) signal: Option<Signal>,
    pub(crate) parent: Option<ParentInfo>,
}

impl Lane {
    /// Starts a run for a client, or answers as the policies on its workflow id say.
    pub(crate) fn start(&mut self, reply_to: ReplyTo, namespace: Arc<Namespace>, kind: StartKind, until: Time) {
        let workflow = WorkflowKey::new(namespace.id, kind.workflow_id());
        let shard = workflow.shard(self.config.placement.shards());
        let current = match self.current_for_start(shard, &workflow) {
            Ok(current) => current,
            Err(need) => {
                let call = match kind {
                    StartKind::Start(request) => Call::Start(request),
                    StartKind::SignalWithStart(request) => Call::SignalWithStart(request),
                };
                return self.wait_for_data(shard, need, Work::Call { reply_to, namespace, call, until });
            }
        };
        let (request, signal) = kind.into_parts();
        let start = Start { reply_to, workflow, shard, request, signal, parent: None };
        self.decide_start(start, current);
    }

    /// Starts a run for its parent, which hears of the outcome as of any message.
    pub(crate) fn start_child(&mut self, child: ChildStart) {
        let workflow = WorkflowKey::new(child.namespace.id, &child.request.workflow_id);
        let shard = workflow.shard(self.config.placement.shards());
        let current = match self.current_for_start(shard, &workflow) {
            Ok(current) => current,
            Err(need) => return self.wait_for_data(shard, need, Work::StartChild(Box::new(child))),
        };
        let reply_to = ReplyTo::Message(child.sender);
        if child.namespace.state != NamespaceState::Registered {
            let text = format!("Namespace {} is not found.", child.namespace.name);
            let kind = Kind::NamespaceNotFound { namespace: child.namespace.name.to_string() };
            return self.after_commit(shard, Effect::Answer(reply_to, Err(Reject::new(kind, text))));
        }
        let start =
            Start { reply_to, workflow, shard, request: child.request, signal: None, parent: Some(child.parent) };
        self.decide_start(start, current);
    }

    /// How the newest run of the workflow id stands; it is loaded then.
    ///
    /// # Errors
    /// What has to be read first. A shard that is not open knows nothing.
    pub(crate) fn current_for_start(
        &mut self,
        shard: ShardId,
        workflow: &WorkflowKey,
    ) -> Result<Option<Current>, Need> {
        let known = self.shards.get(&shard).and_then(|state| state.currents.get(workflow));
        let Some(run_id) = known.ok_or_else(|| Need::Current(workflow.clone()))?.run_id else { return Ok(None) };
        match self.presence(shard, run_id) {
            Presence::Here => Ok(self.entry(shard, run_id).map(|entry| entry.run.current())),
            Presence::Missing => Err(Need::Run(run_id)),
        }
    }

    fn decide_start(&mut self, start: Start, current: Option<Current>) {
        let (reply_to, shard) = (start.reply_to.clone(), start.shard);
        let result = self.started(start, current);
        self.after_commit(shard, Effect::Answer(reply_to, result.map(|started| Answer::Started(Box::new(started)))));
    }

    /// What becomes of a start.
    ///
    /// # Errors
    /// Where the policies on the workflow id forbid it.
    pub(crate) fn started(&mut self, start: Start, current: Option<Current>) -> Result<Started, Reject> {
        let context = self.step_context(start.workflow.namespace);
        let (reuse, conflict) = policies(&start);
        let request_id = start.request.request_id.as_str();
        let request = match start.signal {
            Some(_) => Repeats::SignalWithStart(request_id),
            None => Repeats::Start(request_id),
        };
        let workflow_id = &start.workflow.workflow_id;
        match decide(current.as_ref(), request, workflow_id, reuse, conflict, &context)? {
            Decision::Start => {
                let mut context = context;
                let run_id = context.entropy.run_id(self.now);
                self.start_new(start, run_id, context)
            }
            Decision::TerminateAndStart => self.replace(start, current, context),
            Decision::Repeated { run_id, started } => {
                let eager_task = self.eager_again(&start, &run_id);
                Ok(Started { eager_task, started, ..repeated(run_id, current.as_ref()) })
            }
            Decision::UseExisting { run_id } => match start.signal {
                Some(signal) => self.signal_existing(start.shard, run_id, signal),
                None => self.attach(&start, run_id),
            },
        }
    }

    /// The first workflow task once more, for a worker that has not heard that it got it with its start.
    fn eager_again(&mut self, start: &Start, run_id: &str) -> Option<Box<WorkflowTask>> {
        let run_id = run_id.parse().ok().filter(|_| start.request.request_eager_execution)?;
        let task = self.entry(start.shard, run_id)?.run.task_answer()?;
        let is_first = task.attempt == 1 && task.started_event_id == FIRST_STARTED_EVENT;
        let task = is_first.then(|| self.workflow_task(start.shard, run_id, &task, false))??;
        Some(Box::new(task))
    }

    fn signal_existing(&mut self, shard: ShardId, run_id: String, signal: Signal) -> Result<Started, Reject> {
        let id = parse(&run_id)?;
        self.step(shard, id, Input::Signal(signal))?;
        Ok(self.existing(shard, id))
    }

    fn start_new(&mut self, start: Start, run_id: RunId, context: StepContext) -> Result<Started, Reject> {
        let shard = start.shard;
        let step = self.first_step(start, run_id, &context)?;
        self.begin(shard, run_id, step)
    }

    /// The first step of a new run.
    fn first_step(&self, start: Start, run_id: RunId, context: &StepContext) -> Result<Step, Reject> {
        let Start { workflow, request, signal, parent, shard: _, reply_to: _ } = start;
        let place = Place { workflow_id: &workflow.workflow_id, next_event_id: 1, what: STARTING };
        let begun = self.caught(place, || {
            let mut spec = StartSpec::from_request(&request, context);
            spec.signal = signal;
            if let Some(parent) = parent {
                let attributes = &mut spec.attributes;
                attributes.parent_workflow_namespace = parent.namespace;
                attributes.parent_workflow_namespace_id = parent.namespace_id;
                attributes.parent_workflow_execution = Some(parent.execution);
                attributes.parent_initiated_event_id = parent.initiated_event_id;
                attributes.root_workflow_execution = Some(parent.root);
            }
            Run::start(RunKey { workflow: workflow.clone(), run_id }, spec, context)
        });
        begun.unwrap_or_else(|panicked| Err(self.start_panicked(&workflow, &panicked)))
    }

    /// Takes the first step of a new run over.
    fn begin(&mut self, shard: ShardId, run_id: RunId, step: Step) -> Result<Started, Reject> {
        let reply = self.commit(shard, step)?;
        let eager_task = match reply {
            Reply::WorkflowTask(task) => self.workflow_task(shard, run_id, &task, false).map(Box::new),
            Reply::Done
            | Reply::Refused(_)
            | Reply::WorkflowTaskCompleted { .. }
            | Reply::Activity(_)
            | Reply::Heartbeat { .. } => None,
        };
        Ok(Started { started: true, eager_task, ..self.existing(shard, run_id) })
    }

    /// The answer that stands for a loaded run.
    pub(crate) fn existing(&self, shard: ShardId, run_id: RunId) -> Started {
        let run = self.entry(shard, run_id).map(|entry| &entry.run);
        let first = run.map(|run| run.started().first_execution_run_id.clone());
        Started {
            run_id: run_id.to_string(),
            first_execution_run_id: first.unwrap_or_else(|| run_id.to_string()),
            started: false,
            status: run.map_or(WorkflowExecutionStatus::Running, Run::status),
            eager_task: None,
        }
    }

    /// Ends the open run and starts the new one, in one commit.
    fn replace(&mut self, start: Start, open: Option<Current>, mut context: StepContext) -> Result<Started, Reject> {
        let shard = start.shard;
        let run_id = context.entropy.run_id(self.now);
        // The open one ends only where the new one can begin.
        let step = self.first_step(start, run_id, &context)?;
        if let Some(open) = open {
            let terminate = Input::Terminate {
                reason: "TerminateIfRunning WorkflowIdReusePolicy".into(),
                details: Some(Payloads { payloads: vec![text(&format!("terminated by new runID: {run_id}"))] }),
                identity: "history-service".into(),
                links: Vec::new(),
            };
            self.step(shard, parse(&open.run_id)?, terminate)?;
        }
        self.begin(shard, run_id, step)
    }

    /// The open run stands in for the one asked for, and is told of it where the request wants that.
    fn attach(&mut self, start: &Start, run_id: String) -> Result<Started, Reject> {
        if let Some(options) = start.request.on_conflict_options {
            let attach = Input::AttachStart {
                request_id: if options.attach_request_id { start.request.request_id.clone() } else { String::new() },
                links: if options.attach_links { start.request.links.clone() } else { Vec::new() },
            };
            self.step(start.shard, parse(&run_id)?, attach)?;
        }
        Ok(self.existing(start.shard, parse(&run_id)?))
    }
}

impl StartKind {
    fn workflow_id(&self) -> &str {
        match self {
            StartKind::Start(request) => &request.workflow_id,
            StartKind::SignalWithStart(request) => &request.workflow_id,
        }
    }

    fn into_parts(self) -> (StartWorkflowExecutionRequest, Option<Signal>) {
        match self {
            StartKind::Start(request) => (*request, None),
            StartKind::SignalWithStart(request) => split(*request),
        }
    }
}

/// A signal with start is a start and a signal.
fn split(request: SignalWithStartWorkflowExecutionRequest) -> (StartWorkflowExecutionRequest, Option<Signal>) {
    let signal = Signal {
        name: request.signal_name,
        input: request.signal_input,
        identity: request.identity.clone(),
        header: request.header.clone(),
        request_id: request.request_id.clone(),
        links: request.links.clone(),
        external: None,
        comes_with_start: true,
    };
    let start = StartWorkflowExecutionRequest {
        namespace: request.namespace,
        workflow_id: request.workflow_id,
        workflow_type: request.workflow_type,
        task_queue: request.task_queue,
        input: request.input,
        workflow_execution_timeout: request.workflow_execution_timeout,
        workflow_run_timeout: request.workflow_run_timeout,
        workflow_task_timeout: request.workflow_task_timeout,
        identity: request.identity,
        request_id: request.request_id,
        workflow_id_reuse_policy: request.workflow_id_reuse_policy,
        workflow_id_conflict_policy: request.workflow_id_conflict_policy,
        retry_policy: request.retry_policy,
        cron_schedule: request.cron_schedule,
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        workflow_start_delay: request.workflow_start_delay,
        user_metadata: request.user_metadata,
        links: request.links,
        versioning_override: request.versioning_override,
        priority: request.priority,
        ..Default::default()
    };
    (start, Some(signal))
}

/// The request that starts a child, as its parent's command put it.
pub(crate) fn child_request(
    attributes: StartChildWorkflowExecutionInitiatedEventAttributes,
    user_metadata: Option<UserMetadata>,
    request_id: String,
) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: attributes.namespace,
        workflow_id: attributes.workflow_id,
        workflow_type: attributes.workflow_type,
        task_queue: attributes.task_queue,
        input: attributes.input,
        workflow_execution_timeout: attributes.workflow_execution_timeout,
        workflow_run_timeout: attributes.workflow_run_timeout,
        workflow_task_timeout: attributes.workflow_task_timeout,
        workflow_id_reuse_policy: attributes.workflow_id_reuse_policy,
        retry_policy: attributes.retry_policy,
        cron_schedule: attributes.cron_schedule,
        memo: attributes.memo,
        search_attributes: attributes.search_attributes,
        header: attributes.header,
        priority: attributes.priority,
        request_id,
        user_metadata,
        ..Default::default()
    }
}

/// The policies in force: what is not given depends on who starts.
fn policies(start: &Start) -> (WorkflowIdReusePolicy, WorkflowIdConflictPolicy) {
    let reuse = match start.request.workflow_id_reuse_policy() {
        WorkflowIdReusePolicy::Unspecified | WorkflowIdReusePolicy::AllowDuplicate => {
            WorkflowIdReusePolicy::AllowDuplicate
        }
        // The deprecated reuse policy says in one word what two policies say now.
        WorkflowIdReusePolicy::TerminateIfRunning => {
            return (WorkflowIdReusePolicy::AllowDuplicate, WorkflowIdConflictPolicy::TerminateExisting);
        }
        given @ (WorkflowIdReusePolicy::AllowDuplicateFailedOnly | WorkflowIdReusePolicy::RejectDuplicate) => given,
    };
    let conflict = match start.request.workflow_id_conflict_policy() {
        // A signal wants an open run if there is one.
        WorkflowIdConflictPolicy::Unspecified | WorkflowIdConflictPolicy::Fail if start.signal.is_some() => {
            WorkflowIdConflictPolicy::UseExisting
        }
        WorkflowIdConflictPolicy::Unspecified | WorkflowIdConflictPolicy::Fail => WorkflowIdConflictPolicy::Fail,
        given @ (WorkflowIdConflictPolicy::UseExisting | WorkflowIdConflictPolicy::TerminateExisting) => given,
    };
    (reuse, conflict)
}

/// The same request again: the answer is the same run, with the state of the newest of its chain.
fn repeated(run_id: String, current: Option<&Current>) -> Started {
    let status = current.map_or(WorkflowExecutionStatus::Running, |current| current.status);
    let first = current.map_or_else(|| run_id.clone(), |current| current.first_execution_run_id.clone());
    Started { run_id, first_execution_run_id: first, started: true, status, eager_task: None }
}

/// A text as SDKs encode it by default.
fn text(text: &str) -> Payload {
    let metadata = [("encoding".to_owned(), bytes::Bytes::from_static(b"json/plain"))].into();
    Payload { metadata, data: format!("\"{text}\"").into(), ..Payload::default() }
}

fn parse(run_id: &str) -> Result<RunId, Reject> {
    run_id.parse().map_err(|_| Reject::internal("a stored run id is damaged"))
}
