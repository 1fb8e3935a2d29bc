//! Tasks that were not written to their workers' connections go back to where they waited: a worker gave up its poll, or its
//! connection broke, while the task was on its way.

use bytes::Bytes;
use machine::Input;
use model::{NamespaceId, RunId, Token, WorkflowKey};

use super::{Lane, ReplyTo, Work, apply::Apply, calls::task_ref};

impl Lane {
    /// Takes the tasks of an answer back; one that is not as it was handed out is left alone.
    pub(crate) fn undelivered(&mut self, tokens: &[Bytes]) {
        for sealed in tokens {
            match self.config.token_key.open(sealed) {
                Ok(token) if token.query_id.is_empty() => self.take_back(&token),
                Ok(token) => self.run_queue.push_back(Work::DispatchQuery(token.query_id)),
                Err(reject) => tracing::error!("a task that was not delivered has no token of this cluster: {reject}"),
            }
        }
    }

    fn take_back(&mut self, token: &Token) {
        let ids = NamespaceId::from_slice(&token.namespace_id).zip(RunId::from_slice(&token.run_id));
        let Some((namespace, run_id)) = ids else { return };
        let shard = WorkflowKey::new(namespace, &token.workflow_id).shard(self.config.placement.shards());
        let input = if token.activity_id.is_empty() {
            if self.epoch(shard).0 != token.epoch {
                // The start was in a memory that is gone.
                return;
            }
            Input::WorkflowTaskUndelivered { task: task_ref(token) }
        } else {
            let Token { scheduled_event_id, attempt, started_time, .. } = *token;
            Input::ActivityUndelivered { scheduled_event_id, attempt, started_time }
        };
        let work = Work::Apply(Box::new(Apply { reply_to: ReplyTo::None, shard, run_id, input }));
        if !self.defer_until_open(shard, &work) {
            self.run_queue.push_back(work);
        }
    }
}
