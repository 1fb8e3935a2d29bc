//! Updates over a restart: what was accepted goes on, what has an outcome keeps it, and what no worker had accepted is gone.

use serde_json::{Value, json};

use super::{STAGES, Word, poll_request, protocol_message};
use crate::differential::{
    pair::Stop,
    program::{NAMESPACE, Program, across::Begun, worker::without_new_task},
};

impl Program {
    pub(crate) async fn begin_update_accepted(&mut self) -> Result<Option<Begun>, Stop> {
        let Some((at, request)) = self.worked_update(Word::Accept).await? else { return Ok(None) };
        Ok(Some(Begun::UpdateAccepted { at, request }))
    }

    pub(crate) async fn begin_update_completed(&mut self) -> Result<Option<Begun>, Stop> {
        let Some((_, request)) = self.worked_update(Word::Complete).await? else { return Ok(None) };
        Ok(Some(Begun::UpdateEnded { request }))
    }

    /// An update of a new run that its worker has said this word of.
    async fn worked_update(&mut self, word: Word) -> Result<Option<(usize, Value)>, Stop> {
        let at = self.scene(|_| {}).await?;
        let execution = self.runs[at].execution();
        let request = self.update_request(&execution, STAGES[0]);
        let pending = self.begin_update(&request).await?;
        let Some(task) = self.take_task_of(at).await? else { return Ok(None) };
        self.tasks.retain(|held| held.token != task.token);
        let completion = self.completion_with(&task, Vec::new(), |_| word);
        self.respond(completion).await?;
        self.pair.finish(pending).await?;
        self.settle().await?;
        Ok(Some((at, request)))
    }

    pub(crate) async fn begin_update_aborted(&mut self) -> Result<Option<Begun>, Stop> {
        let at = self.scene(|_| {}).await?;
        let execution = self.runs[at].execution();
        let request = self.update_request(&execution, STAGES[1]);
        let pending = self.begin_update(&request).await?;
        let terminate = json!({"namespace": NAMESPACE, "workflowExecution": execution});
        self.must("TerminateWorkflowExecution", terminate).await?;
        self.pair.finish(pending).await?;
        Ok(Some(Begun::UpdateEnded { request }))
    }

    /// The client goes away before a worker comes.
    pub(crate) async fn begin_update_admitted(&mut self) -> Result<Option<Begun>, Stop> {
        let at = self.scene(|_| {}).await?;
        self.settle().await?;
        let execution = self.runs[at].execution();
        let request = self.update_request(&execution, STAGES[1]);
        drop(self.begin_update(&request).await?);
        Ok(Some(Begun::UpdateAdmitted { at, request }))
    }

    /// The worker says what came of an update that it had accepted before.
    pub(crate) async fn go_on_with_update(&mut self, at: usize, request: Value) -> Result<(), Stop> {
        self.call("PollWorkflowExecutionUpdate", poll_request(&request, None)).await?;
        if self.seed.chance(50) {
            self.call("UpdateWorkflowExecution", request.clone()).await?;
        }
        self.signal_run(at).await?;
        self.settle().await?;
        let Some(task) = self.take_task_of(at).await? else {
            return Err(Stop::Broken("no task came after a signal".to_owned()));
        };
        self.tasks.retain(|held| held.token != task.token);
        let update_id = super::text(&request, "/request/meta/updateId");
        let response = self.response(&update_id);
        let mut completion = self.completion(&task, vec![protocol_message(&response["id"])]);
        without_new_task(&mut completion);
        completion["messages"] = json!([response]);
        self.respond(completion).await?;
        self.ask_after_update(request).await
    }

    /// Asks how an update has ended, and for the same update once more.
    pub(crate) async fn ask_after_update(&mut self, request: Value) -> Result<(), Stop> {
        for stage in [None, Some(STAGES[1])] {
            self.call("PollWorkflowExecutionUpdate", poll_request(&request, stage)).await?;
        }
        self.call("UpdateWorkflowExecution", request).await?;
        Ok(())
    }

    /// The task comes without the update, which its client would have to ask for again.
    pub(crate) async fn miss_update(&mut self, at: usize, request: &Value) -> Result<(), Stop> {
        self.call("PollWorkflowExecutionUpdate", poll_request(request, None)).await?;
        self.step(at, Vec::new()).await?;
        Ok(())
    }
}
