//! An update with start: the update goes to the run that the policies on the workflow id let stand, and both operations
//! are answered together.

use std::sync::Arc;

use machine::{UpdateStage, on::start::Current};
use model::{Namespace, Reject, RunId, ShardId, Time, WorkflowKey};
use proto::temporal::api::{
    enums::v1::{WorkflowExecutionStatus, WorkflowIdConflictPolicy},
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use super::{Lane, ReplyTo, Work, shard::Effect, start::Start, updates::Waiting};
use crate::{Call, Started, UpdateCall};

/// The two operations of one call; `again` where the run that had the update has closed.
pub(crate) struct UpdateAndStart {
    pub(crate) start: Box<StartWorkflowExecutionRequest>,
    pub(crate) update: Box<UpdateCall>,
    pub(crate) again: bool,
}

/// The same, and who asks.
struct Pair {
    reply_to: ReplyTo,
    namespace: Arc<Namespace>,
    start: Box<StartWorkflowExecutionRequest>,
    update: Box<UpdateCall>,
    again: bool,
}

impl Lane {
    /// Starts a run for an update, or has the open one take it.
    pub(crate) fn update_with_start(
        &mut self,
        reply_to: ReplyTo,
        namespace: Arc<Namespace>,
        operations: UpdateAndStart,
        until: Time,
    ) {
        let UpdateAndStart { start, update, again } = operations;
        let workflow = WorkflowKey::new(namespace.id, &start.workflow_id);
        let shard = workflow.shard(self.config.placement.shards());
        // Also one that is closed may know the update.
        let current = match self.current_for_start(shard, &workflow) {
            Ok(current) => current,
            Err(need) => {
                let call = Call::UpdateWithStart { start, update, again };
                return self.wait_for_data(shard, need, Work::Call { reply_to, namespace, call, until });
            }
        };
        let run_id = current.as_ref().and_then(|current| current.run_id.parse::<RunId>().ok());
        let pair = Pair { reply_to, namespace, start, update, again };
        match run_id.filter(|run_id| self.takes_update(shard, *run_id, &pair)) {
            Some(run_id) => {
                let status = self.entry(shard, run_id).map_or(WorkflowExecutionStatus::Running, |it| it.run.status());
                let started = Started { status, ..self.existing(shard, run_id) };
                self.update_for_pair(pair, shard, run_id, started);
            }
            None => self.start_for_pair(pair, shard, workflow, current),
        }
    }

    /// Whether the newest run is the one to update: it knows the update's outcome, or is open and the start may be
    /// answered with it.
    fn takes_update(&self, shard: ShardId, run_id: RunId, pair: &Pair) -> bool {
        let Some(entry) = self.entry(shard, run_id) else { return false };
        let stage = entry.run.update_stage(pair.update.update_id());
        if let Some(UpdateStage::Completed { .. }) = stage {
            return true;
        }
        let is_same = entry.run.core.start_request_ids.first() == Some(&pair.start.request_id);
        let uses = pair.start.workflow_id_conflict_policy() == WorkflowIdConflictPolicy::UseExisting;
        entry.run.is_open() && (is_same || stage.is_some() || uses)
    }

    fn update_for_pair(&mut self, pair: Pair, shard: ShardId, run_id: RunId, started: Started) {
        if let Err(reject) = self.admit_update(shard, run_id, &pair.update.request) {
            let start = (!started.started).then(Reject::operation_aborted);
            return self.after_commit(
                shard,
                Effect::Answer(pair.reply_to, Err(Reject::update_with_start(start, Some(reject)))),
            );
        }
        let Pair { reply_to, namespace, start, update, again } = pair;
        let (update_id, wait, deadline) = (update.update_id().to_owned(), update.wait, update.deadline);
        let waiting = Waiting {
            namespace,
            call: Call::UpdateWithStart { start, update, again },
            shard,
            run_id,
            update_id,
            wait,
            deadline,
            started: Some(Box::new(started)),
            is_accepted: false,
        };
        self.wait_for_update(reply_to, waiting);
    }

    fn start_for_pair(&mut self, pair: Pair, shard: ShardId, workflow: WorkflowKey, current: Option<Current>) {
        let request = (*pair.start).clone();
        let start = Start { reply_to: pair.reply_to.clone(), workflow, shard, request, signal: None, parent: None };
        let known = current.as_ref().map(|current| current.run_id.clone());
        let started = self.started(start, current).and_then(|started| {
            // The answer to a repeated start is a run that doesn't know of the update.
            if known.as_ref() == Some(&started.run_id) {
                return Err(Reject::unavailable("Workflow was not started: StartDeduped"));
            }
            let run_id = started.run_id.parse().map_err(|_| Reject::internal("a new run id is damaged"))?;
            Ok((started, run_id))
        });
        match started {
            Ok((started, run_id)) => self.update_for_pair(pair, shard, run_id, started),
            Err(reject) => {
                let reject = Reject::update_with_start(Some(reject), Some(Reject::operation_aborted()));
                self.after_commit(shard, Effect::Answer(pair.reply_to, Err(reject)));
            }
        }
    }
}
