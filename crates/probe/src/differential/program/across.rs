//! What a program begins before both servers are restarted, and goes on with after it: what waits has to come, what was
//! acknowledged has to be known, and what was in memory alone has to be gone on both sides.

use serde_json::{Value, json};

use super::{IDENTITY, NAMESPACE, Program, chains::Requests, commands::command, content, text, world::HeldActivity};
use crate::differential::pair::Stop;

/// So long that it ends during the restart or after it, and so short that the program can wait for it.
const SOON: &str = "5s";
/// How often a worker that holds Workflow Tasks answers before a restart.
const ANSWERS_BEFORE: usize = 8;
/// Scenes that are begun before each restart.
const SCENES: usize = 3;

/// A scene that stands at a restart.
#[derive(Debug, Clone)]
pub(crate) enum Begun {
    /// Requests that were answered, and that are sent again.
    Requests {
        at: usize,
        requests: Requests,
    },
    /// An update that a worker has accepted.
    UpdateAccepted {
        at: usize,
        request: Value,
    },
    /// An update that is over: with an outcome, or aborted by the end of its run.
    UpdateEnded {
        request: Value,
    },
    /// An update that no worker has got yet.
    UpdateAdmitted {
        at: usize,
        request: Value,
    },
    /// A run whose first Workflow Task comes soon.
    FirstTask {
        at: usize,
    },
    /// A run whose first Workflow Task is far away.
    FarTask {
        at: usize,
    },
    /// A run that a worker has in its cache; the worker is gone.
    Cached {
        at: usize,
    },
    /// A run that waits for nothing but questions.
    Idle {
        at: usize,
    },
    /// An activity that a worker is at.
    ActivityHeld {
        held: HeldActivity,
    },
    /// An activity that waits for its next attempt.
    ActivityAgain {
        queue: String,
    },
    Timer {
        at: usize,
    },
    Child {
        parent: usize,
        child: usize,
    },
    /// A run whose time is up soon.
    TimeOut {
        at: usize,
    },
    /// A client that has read a history to its end, and has the token to wait for more.
    Reader {
        at: usize,
        request: Value,
    },
}

impl Program {
    /// Runs one part of the program: the first begins it, the last ends it, and between two parts both servers are restarted.
    pub(crate) async fn part(&mut self, part: usize, last: usize) -> Result<(), Stop> {
        self.stale_queues = self.runs.iter().map(|run| run.queue.clone()).collect();
        if part == 0 {
            self.start().await?;
        }
        self.settle().await?;
        for begun in std::mem::take(&mut self.begun) {
            self.go_on(begun).await?;
            self.settle().await?;
        }
        for _ in 0..3 + self.seed.below(6) {
            let action = self.choose();
            self.act(action).await?;
            self.settle().await?;
        }
        if part == last {
            return self.read_everything().await;
        }
        self.put_down().await?;
        for _ in 0..SCENES {
            let begun = self.begin_across().await?;
            self.begun.extend(begun);
        }
        self.settle().await
    }

    /// Answers the Workflow Tasks that the program holds: which of them a worker still has after a restart is each server's own
    /// affair. A run whose task stays with a worker is not looked at any more.
    async fn put_down(&mut self) -> Result<(), Stop> {
        for _ in 0..ANSWERS_BEFORE {
            if self.tasks.is_empty() {
                break;
            }
            self.complete_task().await?;
            self.settle().await?;
        }
        self.tasks.clear();
        for run in self.runs.iter_mut().filter(|run| run.task_is_held()) {
            run.deleted = true;
            run.at_rest = true;
        }
        Ok(())
    }

    async fn begin_across(&mut self) -> Result<Option<Begun>, Stop> {
        match self.seed.below(17) {
            0 | 1 => self.begin_requests().await,
            2 | 3 => self.begin_update_accepted().await,
            4 => self.begin_update_completed().await,
            5 => self.begin_update_aborted().await,
            6 => self.begin_update_admitted().await,
            7 | 8 => self.begin_first_task().await,
            9 => Ok(self.waiting_run().await?.map(|at| Begun::FarTask { at })),
            10 => self.begin_cached().await,
            11 => {
                let at = self.scene(|_| {}).await?;
                self.step(at, Vec::new()).await?;
                Ok(Some(Begun::Idle { at }))
            }
            12 | 13 => self.begin_activity().await,
            14 => self.begin_child().await,
            15 => self.begin_reader().await,
            _ => self.begin_time().await,
        }
    }

    async fn go_on(&mut self, begun: Begun) -> Result<(), Stop> {
        match begun {
            Begun::Requests { at, requests } => self.go_on_with_requests(at, &requests).await,
            Begun::UpdateAccepted { at, request } => self.go_on_with_update(at, request).await,
            Begun::UpdateEnded { request } => self.ask_after_update(request).await,
            Begun::UpdateAdmitted { at, request } => self.miss_update(at, &request).await,
            Begun::FirstTask { at } => {
                self.wait_for(at, "WORKFLOW_TASK_SCHEDULED", 1).await?;
                self.complete_run(at).await
            }
            Begun::FarTask { at } => {
                self.hasten(at).await?;
                self.settle().await?;
                self.end_chain(at).await
            }
            Begun::Cached { at } => {
                self.signal_run(at).await?;
                self.settle().await?;
                self.complete_run(at).await
            }
            Begun::Idle { at } => self.ask_and_answer(at).await,
            Begun::ActivityHeld { held } => self.go_on_with_activity(&held).await,
            Begun::ActivityAgain { queue } => {
                let Some(held) = self.take_activity_from(&queue).await? else {
                    return Err(Stop::Broken("no next attempt came".to_owned()));
                };
                self.activities.retain(|other| other.token != held.token);
                self.answer_with("Completed", &held, false).await?;
                Ok(())
            }
            Begun::Timer { at } => {
                self.wait_for(at, "TIMER_FIRED", 1).await?;
                self.complete_run(at).await
            }
            Begun::Child { parent, child } => {
                self.complete_run(child).await?;
                self.settle().await?;
                self.complete_run(parent).await
            }
            Begun::TimeOut { at } => self.wait_for(at, "WORKFLOW_EXECUTION_TIMED_OUT", 1).await,
            Begun::Reader { at, request } => {
                let pending = self.pair.begin("GetWorkflowExecutionHistory", request, super::worker::POLL_DEADLINE)?;
                tokio::time::sleep(super::worker::HEAD_START).await;
                self.signal_run(at).await?;
                self.pair.finish(pending).await?;
                Ok(())
            }
        }
    }

    /// Takes the Workflow Task of a run, and closes the run with it.
    async fn complete_run(&mut self, at: usize) -> Result<(), Stop> {
        self.step(at, vec![command("COMPLETE_WORKFLOW_EXECUTION", json!({"result": content::payloads("after it")}))])
            .await?;
        Ok(())
    }

    async fn begin_requests(&mut self) -> Result<Option<Begun>, Stop> {
        let Some((at, requests)) = self.begin_repeatable().await? else { return Ok(None) };
        for (rpc, request) in &requests[1..] {
            if self.seed.chance(80) {
                self.call(rpc, request.clone()).await?;
            }
        }
        self.settle().await?;
        if self.seed.chance(35) {
            self.complete_run(at).await?;
        }
        Ok(Some(Begun::Requests { at, requests }))
    }

    async fn go_on_with_requests(&mut self, at: usize, requests: &Requests) -> Result<(), Stop> {
        // Of a run that has closed, only its start is known to the reference.
        let known = if self.runs[at].is_open() { requests.len() } else { 1 };
        for _ in 0..2 + self.seed.below(3) {
            let (rpc, request) = requests[self.seed.below(known)].clone();
            self.call(rpc, request).await?;
        }
        self.settle().await
    }

    /// A run that begins soon: after a delay, or as the next one of a chain.
    async fn begin_first_task(&mut self) -> Result<Option<Begun>, Stop> {
        let kind = self.seed.below(3);
        let at = self
            .scene(|request| match kind {
                0 => request["workflowStartDelay"] = json!(SOON),
                1 => request["retryPolicy"] = json!({"initialInterval": SOON, "maximumAttempts": 3}),
                _ => {}
            })
            .await?;
        if kind == 0 {
            return Ok(Some(Begun::FirstTask { at }));
        }
        let end = if kind == 1 {
            let failure = json!({"message": "again", "applicationFailureInfo": {"type": "Passing"}});
            command("FAIL_WORKFLOW_EXECUTION", json!({"failure": failure}))
        } else {
            let mut next = self.continue_as_new(at);
            next["continueAsNewWorkflowExecutionCommandAttributes"]["backoffStartInterval"] = json!(SOON);
            next
        };
        let before = self.runs.len();
        self.step(at, vec![end]).await?;
        self.settle().await?;
        Ok((self.runs.len() > before).then_some(Begun::FirstTask { at: before }))
    }

    /// The worker that has the run in its cache does not come back, so its queue is not polled any more.
    async fn begin_cached(&mut self) -> Result<Option<Begun>, Stop> {
        let at = self.scene(|_| {}).await?;
        let Some(task) = self.take_task_of(at).await? else { return Ok(None) };
        self.tasks.retain(|held| held.token != task.token);
        let queue = self.fresh("sticky");
        let own = json!({"name": queue, "kind": "TASK_QUEUE_KIND_STICKY", "normalName": self.runs[at].queue});
        let mut request = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY,
            "stickyAttributes": {"workerTaskQueue": own, "scheduleToStartTimeout": "60s"},
        });
        self.stamp(&mut request, "workerVersionStamp");
        self.must("RespondWorkflowTaskCompleted", request).await?;
        Ok(Some(Begun::Cached { at }))
    }

    /// An activity that a worker holds, or that has failed once.
    async fn begin_activity(&mut self) -> Result<Option<Begun>, Stop> {
        let fails = self.seed.chance(50);
        let at = self.scene(|_| {}).await?;
        let mut schedule = self.schedule_activity(at);
        if fails {
            let policy = json!({"initialInterval": SOON, "maximumAttempts": 3});
            schedule["scheduleActivityTaskCommandAttributes"]["retryPolicy"] = policy;
        }
        self.step(at, vec![schedule]).await?;
        self.settle().await?;
        let Some(pending) = self.runs[at].pending_activities().into_iter().next() else { return Ok(None) };
        let Some(held) = self.take_activity_from(&pending.queue).await? else { return Ok(None) };
        self.activities.retain(|other| other.token != held.token);
        if self.seed.chance(50) {
            self.answer_with("Heartbeat", &held, false).await?;
        }
        if !fails {
            return Ok(Some(Begun::ActivityHeld { held }));
        }
        let request = json!({
            "namespace": NAMESPACE, "taskToken": held.token, "identity": IDENTITY,
            "failure": {"message": "again", "applicationFailureInfo": {"type": "Passing"}},
        });
        self.must("RespondActivityTaskFailed", request).await?;
        Ok(Some(Begun::ActivityAgain { queue: pending.queue }))
    }

    async fn go_on_with_activity(&mut self, held: &HeldActivity) -> Result<(), Stop> {
        let by_id = self.seed.chance(50);
        if self.seed.chance(50) {
            self.answer_with("Heartbeat", held, by_id).await?;
            self.settle().await?;
        }
        let end = ["Completed", "Failed"][self.seed.below(2)];
        self.answer_with(end, held, by_id).await?;
        self.answer_with(end, held, by_id).await?;
        Ok(())
    }

    async fn begin_child(&mut self) -> Result<Option<Begun>, Stop> {
        let parent = self.scene(|_| {}).await?;
        let mut start = self.start_child(parent);
        let workflow_id = self.fresh("k");
        let attributes = &mut start["startChildWorkflowExecutionCommandAttributes"];
        attributes["taskQueue"] = super::task_queue(&format!("{workflow_id}q"));
        attributes["workflowId"] = json!(workflow_id);
        self.step(parent, vec![start]).await?;
        self.settle().await?;
        let child = self.runs.iter().position(|run| run.workflow_id == workflow_id);
        Ok(child.map(|child| Begun::Child { parent, child }))
    }

    async fn begin_reader(&mut self) -> Result<Option<Begun>, Stop> {
        let at = self.scene(|_| {}).await?;
        self.step(at, Vec::new()).await?;
        self.settle().await?;
        let mut request = json!({"namespace": NAMESPACE, "execution": self.runs[at].execution(), "waitNewEvent": true});
        let first = self.must("GetWorkflowExecutionHistory", request.clone()).await?;
        request["nextPageToken"] = json!(text(&first, "/nextPageToken"));
        Ok(Some(Begun::Reader { at, request }))
    }

    /// A timer, or a run that has not much time.
    async fn begin_time(&mut self) -> Result<Option<Begun>, Stop> {
        if self.seed.chance(50) {
            let at = self.scene(|request| request["workflowRunTimeout"] = json!(SOON)).await?;
            return Ok(Some(Begun::TimeOut { at }));
        }
        let at = self.scene(|_| {}).await?;
        self.step(at, vec![command("START_TIMER", json!({"timerId": "across", "startToFireTimeout": SOON}))]).await?;
        Ok(Some(Begun::Timer { at }))
    }
}
