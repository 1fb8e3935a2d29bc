//! Messages between entities: delivered at least once, applied once by their request ids, forgotten when acknowledged.

use std::{collections::BTreeMap, time::Duration};

use machine::{ChildClosed, ChildOutcome, ExternalOutcome, Input, Message, MessageKey, Signal, Target};
use model::{Kind, Namespace, NamespaceId, Reject, RunId, ShardId, Time, WorkflowKey};
use proto::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{
        CancelExternalWorkflowExecutionFailedCause as CancelCause,
        SignalExternalWorkflowExecutionFailedCause as SignalCause,
        StartChildWorkflowExecutionFailedCause as StartCause,
    },
};

use super::{
    Lane, ReplyTo, Sender, Timer, Work, answer,
    apply::{Apply, Presence},
    parcel::Content,
    quarantine::Place,
    shard::{Effect, Entry, Need},
    start::{ChildStart, ParentInfo, child_request},
};
use crate::Answer;

/// How long a message waits before it is sent again: one that could not be taken for a passing reason, and one that was not
/// acknowledged by another lane. Twice as long each time, and at most `LONGEST_WAIT`.
const RESEND_AFTER: Duration = Duration::from_millis(100);
const UNACKNOWLEDGED_AFTER: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A message for a run that is not known yet by its id.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) sender: Sender,
    target: Target,
    /// Only a run of the chain that began with this one is meant; empty for any.
    first_run_id: String,
    input: Input,
}

/// Messages that will be sent again unless they are acknowledged before: how often they were sent, and when the next time is.
#[derive(Debug, Default)]
pub(crate) struct Unacknowledged(BTreeMap<Sender, (u32, Time)>);

impl Lane {
    /// Delivers a message of a run, if the run still has it to send.
    pub(crate) fn send(&mut self, sender: Sender) {
        if self.is_quarantined(sender.shard, sender.run_id) {
            // It stays in the outbox.
            self.acknowledged(sender);
            return;
        }
        if matches!(self.presence(sender.shard, sender.run_id), Presence::Missing) {
            return self.wait_for_data(sender.shard, Need::Run(sender.run_id), Work::Send(sender));
        }
        let Some(message) = self.message_of(sender) else {
            self.acknowledged(sender);
            return;
        };
        match message {
            Message::StartChild { .. } => self.send_start(sender, message),
            Message::Signal { target, request_id, from, name, input, header } => {
                let signal = Signal {
                    name,
                    input,
                    header,
                    request_id,
                    identity: "history-service".into(),
                    external: Some(from),
                    ..Signal::default()
                };
                self.dispatch_message(Delivery {
                    sender,
                    target,
                    first_run_id: String::new(),
                    input: Input::Signal(signal),
                });
            }
            Message::Cancel { target, request_id, from, reason } => {
                let input = Input::RequestCancel {
                    reason,
                    identity: "history-service".into(),
                    request_id,
                    external: Some(from),
                    links: Vec::new(),
                };
                self.dispatch_message(Delivery { sender, target, first_run_id: String::new(), input });
            }
            Message::ClosePolicy { target, first_run_id, request_id, terminate, from } => {
                let input = close_policy(request_id, terminate, from);
                self.dispatch_message(Delivery { sender, target, first_run_id, input });
            }
            Message::ParentNotice { target, initiated_event_id, first_run_id, event } => {
                let Some(entry) = self.entry(sender.shard, sender.run_id) else {
                    return;
                };
                let child = ChildClosed {
                    first_run_id,
                    run_id: sender.run_id.to_string(),
                    workflow_id: entry.run.key.workflow.workflow_id.to_string(),
                    event: *event,
                };
                let input = Input::ChildClosed { initiated_event_id, child: Box::new(child) };
                self.dispatch_message(Delivery { sender, target, first_run_id: String::new(), input });
            }
        }
    }

    /// The message, if the run still has it to send.
    fn message_of(&mut self, sender: Sender) -> Option<Message> {
        let run = &self.entry(sender.shard, sender.run_id)?.run;
        match self.caught(Place::of(run, "making a message"), || run.message(sender.key)) {
            Ok(message) => message,
            Err(panicked) => {
                self.quarantine(sender.shard, sender.run_id, panicked);
                None
            }
        }
    }

    fn send_start(&mut self, sender: Sender, message: Message) {
        let Message::StartChild {
            request_id,
            namespace_id,
            attributes,
            user_metadata,
            initiated_event_id,
            root_workflow_id,
            root_run_id,
        } = message
        else {
            return;
        };
        let Some(entry) = self.entry(sender.shard, sender.run_id) else {
            return;
        };
        let key = entry.run.key.clone();
        let own = self.namespace(key.workflow.namespace);
        let Some(namespace) = namespace_id.parse().ok().map(|id: NamespaceId| self.namespace(id)) else {
            return self.message_done(sender, Err(namespace_gone(&namespace_id)));
        };
        let parent = ParentInfo {
            namespace: own.name.to_string(),
            namespace_id: own.id.to_string(),
            execution: WorkflowExecution {
                workflow_id: key.workflow.workflow_id.to_string(),
                run_id: key.run_id.to_string(),
            },
            initiated_event_id,
            root: WorkflowExecution { workflow_id: root_workflow_id, run_id: root_run_id },
        };
        let request = child_request(*attributes, user_metadata, request_id);
        let shard = WorkflowKey::new(namespace.id, &request.workflow_id).shard(self.config.placement.shards());
        let start = ChildStart { sender, namespace, request, parent };
        if self.owns(shard) {
            return self.run_queue.push_back(Work::StartChild(Box::new(start)));
        }
        self.expect_acknowledgement(sender);
        self.send_to_shard(shard, Content::StartChild(Box::new(start)));
    }

    /// Brings a message to the shard of its target: at once where that is of this lane.
    fn dispatch_message(&mut self, delivery: Delivery) {
        let sender = delivery.sender;
        let Some(workflow) = self.target_of(&delivery) else {
            return self.message_done(sender, Err(namespace_gone(&delivery.target.namespace_id)));
        };
        let shard = workflow.shard(self.config.placement.shards());
        if self.owns(shard) {
            return self.deliver(delivery);
        }
        self.expect_acknowledgement(sender);
        self.send_to_shard(shard, Content::Message(delivery));
    }

    /// A message has come to the shard of its target.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        let reply_to = ReplyTo::Message(delivery.sender);
        let Some(workflow) = self.target_of(&delivery) else {
            return self.answer_now(reply_to, Err(namespace_gone(&delivery.target.namespace_id)));
        };
        let shard = workflow.shard(self.config.placement.shards());
        match self.resolve(shard, &workflow, &delivery.target.run_id) {
            Ok(Some(run_id)) => self.deliver_to(delivery, (shard, run_id), &workflow),
            Ok(None) => self.wait_for_data(shard, Need::Current(workflow), Work::Deliver(Box::new(delivery))),
            Err(reject) => self.after_commit(shard, Effect::Answer(reply_to, Err(reject))),
        }
    }

    fn deliver_to(&mut self, delivery: Delivery, (shard, run_id): (ShardId, RunId), workflow: &WorkflowKey) {
        if matches!(self.presence(shard, run_id), Presence::Missing) {
            return self.wait_for_data(shard, Need::Run(run_id), Work::Deliver(Box::new(delivery)));
        }
        let Delivery { sender, target: _, first_run_id, input } = delivery;
        let reply_to = ReplyTo::Message(sender);
        let is_meant = |entry: &Entry| {
            let first = &entry.run.started().first_execution_run_id;
            entry.run.key.workflow == *workflow && (first_run_id.is_empty() || *first == first_run_id)
        };
        if !self.entry(shard, run_id).is_some_and(is_meant) {
            let reject = answer::workflow_not_found(&workflow.workflow_id);
            return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
        }
        self.apply(Apply { reply_to, shard, run_id, input });
    }

    /// The workflow id that a message is for; `None` where its namespace is gone.
    fn target_of(&self, delivery: &Delivery) -> Option<WorkflowKey> {
        let namespace = self.known_namespace(&delivery.target.namespace_id)?;
        Some(WorkflowKey::new(namespace, &delivery.target.workflow_id))
    }

    /// Sends a message again later, unless it is acknowledged before.
    fn expect_acknowledgement(&mut self, sender: Sender) {
        self.send_again_after(sender, UNACKNOWLEDGED_AFTER);
    }

    fn send_again_after(&mut self, sender: Sender, wait: Duration) {
        let tries = self.acknowledged(sender);
        let at = self.now + wait.saturating_mul(1 << tries.min(16)).min(LONGEST_WAIT);
        self.unacknowledged.0.insert(sender, (tries + 1, at));
        self.set_timer(at, Timer::Resend(sender));
    }

    /// The message need not be sent again; how often it was.
    fn acknowledged(&mut self, sender: Sender) -> u32 {
        let Some((tries, at)) = self.unacknowledged.0.remove(&sender) else { return 0 };
        self.timers.remove(&(at, Timer::Resend(sender)));
        tries
    }

    /// The shard's memory is dropped: what is in its outbox is read again when it is acquired.
    pub(crate) fn lose_messages(&mut self, shard: ShardId) {
        self.send_no_more(|sender| sender.shard == shard);
    }

    /// The run's messages stay in its outbox, and are not sent from there.
    pub(crate) fn keep_messages(&mut self, shard: ShardId, run_id: RunId) {
        self.send_no_more(|sender| sender.shard == shard && sender.run_id == run_id);
    }

    fn send_no_more(&mut self, is_of: impl Fn(&Sender) -> bool) {
        let senders: Vec<Sender> = self.unacknowledged.0.keys().filter(|sender| is_of(sender)).copied().collect();
        for sender in senders {
            self.acknowledged(sender);
        }
    }

    fn known_namespace(&self, id: &str) -> Option<NamespaceId> {
        let id = id.parse().ok()?;
        self.namespaces.by_id(id).map(|(_, namespace): (_, &std::sync::Arc<Namespace>)| namespace.id)
    }

    /// The receiver has answered, durably: the sender is told, or the message is sent again later.
    pub(crate) fn message_done(&mut self, sender: Sender, result: Result<Answer, Reject>) {
        if self.is_quarantined(sender.shard, sender.run_id) {
            // It is sent again when the run is taken up, and answered as the first time.
            self.acknowledged(sender);
            return;
        }
        if matches!(result.as_ref().map_err(refusal), Err(Refusal::Passing)) {
            return self.send_again_after(sender, RESEND_AFTER);
        }
        self.acknowledged(sender);
        let input = match sender.key {
            MessageKey::StartChild(initiated_event_id) => {
                Input::ChildStarted { initiated_event_id, outcome: child_outcome(result) }
            }
            MessageKey::Signal(initiated_event_id) => {
                Input::ExternalSignalDelivered { initiated_event_id, outcome: signal_outcome(result) }
            }
            MessageKey::Cancel(initiated_event_id) => {
                Input::ExternalCancelDelivered { initiated_event_id, outcome: cancel_outcome(result) }
            }
            MessageKey::ClosePolicy(initiated_event_id) => Input::ClosePolicyApplied { initiated_event_id },
            MessageKey::ParentNotice => Input::ParentNotified,
        };
        let apply = Apply { reply_to: ReplyTo::None, shard: sender.shard, run_id: sender.run_id, input };
        self.run_queue.push_back(Work::Apply(Box::new(apply)));
    }
}

/// What a parent's close policy asks of a child.
fn close_policy(request_id: String, terminate: bool, from: machine::External) -> Input {
    if terminate {
        return Input::Terminate {
            reason: "by parent close policy".into(),
            details: None,
            identity: "history-service".into(),
            links: Vec::new(),
        };
    }
    // Unlike a request by command, one by policy gives no reason, and the reference names no event of the parent.
    let from = machine::External { initiated_event_id: 0, ..from };
    Input::RequestCancel {
        reason: String::new(),
        identity: "history-service".into(),
        request_id,
        external: Some(from),
        links: Vec::new(),
    }
}

fn namespace_gone(id: &str) -> Reject {
    Reject::new(Kind::NamespaceNotFound { namespace: id.into() }, format!("Namespace {id} is not found."))
}

/// What a receiver's refusal means to the run that sent the message.
enum Refusal {
    /// The same message may be taken a moment later.
    Passing,
    NamespaceGone,
    /// The receiver takes no more of the kind.
    Full,
    /// An earlier message asked for it: what this one wants is so.
    AlreadySo,
    /// The receiver is not there, is closed, or has no use for the message.
    Final,
}

fn refusal(reject: &Reject) -> Refusal {
    match reject.kind {
        Kind::Unavailable | Kind::Aborted | Kind::DeadlineExceeded | Kind::Quarantined => Refusal::Passing,
        Kind::NamespaceNotFound { .. } => Refusal::NamespaceGone,
        Kind::InvalidArgument | Kind::ResourceExhausted { .. } => Refusal::Full,
        Kind::CancellationAlreadyRequested => Refusal::AlreadySo,
        Kind::NotFound
        | Kind::NamespaceInvalidState { .. }
        | Kind::NamespaceAlreadyExists
        | Kind::WorkflowAlreadyStarted { .. }
        | Kind::AlreadyExists
        | Kind::FailedPrecondition
        | Kind::WorkflowNotReady
        | Kind::QueryFailed { .. }
        | Kind::ClientVersionNotSupported { .. }
        | Kind::ServerVersionNotSupported { .. }
        | Kind::MultiOperation { .. }
        | Kind::MultiOperationAborted
        | Kind::PermissionDenied
        | Kind::Unauthenticated
        | Kind::Unimplemented
        | Kind::Canceled
        | Kind::Internal => Refusal::Final,
    }
}

fn child_outcome(result: Result<Answer, Reject>) -> ChildOutcome {
    match result.map_err(|reject| refusal(&reject)) {
        Ok(Answer::Started(started)) => ChildOutcome::Started { run_id: started.run_id },
        Ok(
            Answer::Done
            | Answer::Signaled { .. }
            | Answer::Description(_)
            | Answer::HistoryState(_)
            | Answer::WorkflowTask(_)
            | Answer::WorkflowTaskCompleted { .. }
            | Answer::ActivityTask(_)
            | Answer::Heartbeat { .. }
            | Answer::QueryAnswer { .. }
            | Answer::Update(_)
            | Answer::UpdateWithStart { .. }
            | Answer::TaskQueue(_)
            | Answer::Workers(_)
            | Answer::JobPart(_)
            | Answer::Jobs(_),
        ) => ChildOutcome::Failed(StartCause::Unspecified),
        Err(Refusal::NamespaceGone) => ChildOutcome::Failed(StartCause::NamespaceNotFound),
        Err(Refusal::Passing | Refusal::Full | Refusal::AlreadySo | Refusal::Final) => {
            ChildOutcome::Failed(StartCause::WorkflowAlreadyExists)
        }
    }
}

fn signal_outcome(result: Result<Answer, Reject>) -> ExternalOutcome<SignalCause> {
    ExternalOutcome::Failed(match result.map_err(|reject| refusal(&reject)) {
        Ok(_) => return ExternalOutcome::Delivered,
        Err(Refusal::NamespaceGone) => SignalCause::NamespaceNotFound,
        Err(Refusal::Full) => SignalCause::SignalCountLimitExceeded,
        Err(Refusal::Passing | Refusal::AlreadySo | Refusal::Final) => SignalCause::ExternalWorkflowExecutionNotFound,
    })
}

fn cancel_outcome(result: Result<Answer, Reject>) -> ExternalOutcome<CancelCause> {
    match result.map_err(|reject| refusal(&reject)) {
        Ok(_) | Err(Refusal::AlreadySo) => ExternalOutcome::Delivered,
        Err(Refusal::NamespaceGone) => ExternalOutcome::Failed(CancelCause::NamespaceNotFound),
        Err(Refusal::Passing | Refusal::Full | Refusal::Final) => {
            ExternalOutcome::Failed(CancelCause::ExternalWorkflowExecutionNotFound)
        }
    }
}
