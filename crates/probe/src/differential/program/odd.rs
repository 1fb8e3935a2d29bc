//! Values that no careful client sends: durations of nothing, of less than nothing, of a moment and of ages, in every place
//! where a request or a command has one.

use serde_json::{Value, json};

use super::{IDENTITY, NAMESPACE, Program, commands::command, content};
use crate::differential::pair::Stop;

/// Nothing, less than nothing, and more than a lifetime. What comes about in a moment has scenes of its own, which wait.
const DURATIONS: [&str; 6] = ["0s", "-1s", "-0.000000001s", "-315576000000s", "315576000000s", "9223372037s"];
/// The shortest time there is, and two that are rounded by whoever counts in milliseconds or seconds.
const MOMENTS: [&str; 3] = ["0.000000001s", "0.000900s", "0.400s"];

/// The fields of a start that hold a duration.
const OF_START: [&str; 6] = [
    "workflowExecutionTimeout",
    "workflowRunTimeout",
    "workflowTaskTimeout",
    "workflowStartDelay",
    "retryPolicy/initialInterval",
    "retryPolicy/maximumInterval",
];

/// The fields of commands that hold a duration, each with its command.
const OF_COMMANDS: [(&str, &str); 16] = [
    ("START_TIMER", "startToFireTimeout"),
    ("SCHEDULE_ACTIVITY_TASK", "scheduleToCloseTimeout"),
    ("SCHEDULE_ACTIVITY_TASK", "scheduleToStartTimeout"),
    ("SCHEDULE_ACTIVITY_TASK", "startToCloseTimeout"),
    ("SCHEDULE_ACTIVITY_TASK", "heartbeatTimeout"),
    ("SCHEDULE_ACTIVITY_TASK", "retryPolicy/initialInterval"),
    ("SCHEDULE_ACTIVITY_TASK", "retryPolicy/maximumInterval"),
    ("START_CHILD_WORKFLOW_EXECUTION", "workflowExecutionTimeout"),
    ("START_CHILD_WORKFLOW_EXECUTION", "workflowRunTimeout"),
    ("START_CHILD_WORKFLOW_EXECUTION", "workflowTaskTimeout"),
    ("START_CHILD_WORKFLOW_EXECUTION", "retryPolicy/initialInterval"),
    ("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", "workflowRunTimeout"),
    ("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", "workflowTaskTimeout"),
    ("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", "backoffStartInterval"),
    ("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", "retryPolicy/initialInterval"),
    ("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", "retryPolicy/maximumInterval"),
];

/// Schedules that few would write.
const CRON_SCHEDULES: [&str; 7] =
    ["@every 0s", "@every -1s", "@every 50h", "* * * *", "0 0 30 2 *", "@yearly", "TZ=Nowhere/Never 0 0 1 1 *"];

impl Program {
    /// One scene with odd values, drawn at random.
    pub(crate) async fn odd_scene(&mut self) -> Result<(), Stop> {
        match self.seed.below(9) {
            0 | 1 => self.start_with_odd_value().await,
            2..5 => self.command_with_odd_value().await,
            5 => self.odd_sticky_timeout().await,
            6 => self.brief_timer().await,
            7 => self.brief_activity().await,
            _ => self.brief_run().await,
        }
    }

    async fn start_with_odd_value(&mut self) -> Result<(), Stop> {
        let (rpc, mut request) = if self.seed.chance(70) {
            ("StartWorkflowExecution", self.start_request())
        } else {
            ("SignalWithStartWorkflowExecution", self.signal_with_start_request())
        };
        match self.seed.below(8) {
            0 => request["cronSchedule"] = json!(CRON_SCHEDULES[self.seed.below(CRON_SCHEDULES.len())]),
            1 => request["retryPolicy"] = self.odd_retry_policy(),
            _ => {
                let field = OF_START[self.seed.below(OF_START.len())];
                put(&mut request, field, DURATIONS[self.seed.below(DURATIONS.len())]);
                if self.seed.chance(30) {
                    let field = OF_START[self.seed.below(OF_START.len())];
                    put(&mut request, field, DURATIONS[self.seed.below(DURATIONS.len())]);
                }
            }
        }
        let Some(at) = self.start_with(rpc, request).await? else { return Ok(()) };
        self.refresh(at, |_| true).await
    }

    fn odd_retry_policy(&mut self) -> Value {
        let policies = [
            json!({"backoffCoefficient": 0.0}),
            json!({"backoffCoefficient": -1.0}),
            json!({"backoffCoefficient": 0.99}),
            json!({"backoffCoefficient": 1e300}),
            json!({"maximumAttempts": 0}),
            json!({"maximumAttempts": i32::MAX}),
            json!({"maximumAttempts": i32::MIN}),
            json!({"initialInterval": "5s", "maximumInterval": "1s"}),
            json!({"initialInterval": "0.000000001s"}),
            json!({"initialInterval": "-1s", "maximumAttempts": 1}),
            json!({"nonRetryableErrorTypes": ["", "Odd"]}),
            json!({}),
        ];
        policies[self.seed.below(policies.len())].clone()
    }

    /// A command with an odd duration, alone; where it is refused, the next attempt is answered with nothing.
    async fn command_with_odd_value(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let (kind, field) = OF_COMMANDS[self.seed.below(OF_COMMANDS.len())];
        let mut odd = match kind {
            "START_TIMER" => command(kind, json!({"timerId": "odd", "startToFireTimeout": "3600s"})),
            "SCHEDULE_ACTIVITY_TASK" => self.schedule_activity(at),
            "START_CHILD_WORKFLOW_EXECUTION" => self.start_child(at),
            _ => self.continue_as_new(at),
        };
        let value = DURATIONS[self.seed.below(DURATIONS.len())];
        let policy = if self.seed.chance(10) { Some(self.odd_retry_policy()) } else { None };
        if let Some(attributes) = odd.as_object_mut().and_then(|it| it.values_mut().find(|value| value.is_object())) {
            match policy {
                Some(policy) if kind != "START_TIMER" => attributes["retryPolicy"] = policy,
                Some(_) | None => put(attributes, field, value),
            }
        }
        self.step(at, vec![odd]).await?;
        self.settle().await?;
        if self.runs[at].task_is_waiting() {
            self.step(at, Vec::new()).await?;
            self.settle().await?;
        }
        Ok(())
    }

    async fn odd_sticky_timeout(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let sticky = self.fresh("sticky");
        let Some(task) = self.take_task_of(at).await? else { return Ok(()) };
        self.tasks.retain(|held| held.token != task.token);
        let own = json!({"name": sticky, "kind": "TASK_QUEUE_KIND_STICKY", "normalName": self.runs[at].queue});
        let timeout = DURATIONS[self.seed.below(DURATIONS.len())];
        let request = json!({
            "namespace": NAMESPACE, "taskToken": task.token, "identity": IDENTITY,
            "stickyAttributes": {"workerTaskQueue": own, "scheduleToStartTimeout": timeout},
        });
        self.respond(request).await?;
        self.settle().await?;
        self.signal_run(at).await?;
        self.settle().await?;
        // An update would be waited for by the same rule, and on the reference by another one.
        self.step(at, vec![command("COMPLETE_WORKFLOW_EXECUTION", json!({}))]).await?;
        self.settle().await
    }

    async fn brief_timer(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let time = MOMENTS[self.seed.below(MOMENTS.len())];
        self.step(at, vec![command("START_TIMER", json!({"timerId": "brief", "startToFireTimeout": time}))]).await?;
        self.wait_for(at, "TIMER_FIRED", 1).await?;
        self.settle().await
    }

    /// An activity without a worker and with hardly any time.
    async fn brief_activity(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        let mut schedule = self.schedule_activity(at);
        let attributes = &mut schedule["scheduleActivityTaskCommandAttributes"];
        for name in ["scheduleToCloseTimeout", "scheduleToStartTimeout", "heartbeatTimeout"] {
            attributes[name] = Value::Null;
        }
        attributes["startToCloseTimeout"] = json!("60s");
        let which = ["scheduleToCloseTimeout", "scheduleToStartTimeout"][self.seed.below(2)];
        attributes[which] = json!(MOMENTS[self.seed.below(MOMENTS.len())]);
        self.step(at, vec![schedule]).await?;
        self.wait_for(at, "ACTIVITY_TASK_TIMED_OUT", 1).await?;
        self.settle().await
    }

    /// A run with hardly any time. (Where the whole chain has no more, the reference has two timers for one moment, and
    /// either may come first.)
    async fn brief_run(&mut self) -> Result<(), Stop> {
        let delayed = self.seed.chance(30);
        // After a delay the reference may see the end of the shortest time before it sees the first task.
        let time = if delayed { MOMENTS[2] } else { MOMENTS[self.seed.below(MOMENTS.len())] };
        let at = self
            .scene(|request| {
                request["workflowRunTimeout"] = json!(time);
                if delayed {
                    request["workflowStartDelay"] = json!("1s");
                }
            })
            .await?;
        self.wait_for(at, "WORKFLOW_EXECUTION_TIMED_OUT", 1).await?;
        self.settle().await
    }

    /// What cancels one another within one completion.
    pub(crate) async fn cancel_in_one_completion(&mut self) -> Result<(), Stop> {
        let at = self.scene(|_| {}).await?;
        if self.seed.chance(30) {
            self.request_cancel_of(at).await?;
        }
        let Some(task) = self.take_task_of(at).await? else { return Ok(()) };
        self.settle().await?;
        self.tasks.retain(|held| held.token != task.token);
        let first = self.runs[at].history.len() as i64 + 2;
        let timer = json!({"timerId": "short-lived", "startToFireTimeout": "3600s"});
        let cancel_timer = command("CANCEL_TIMER", json!({"timerId": "short-lived"}));
        let schedule = self.schedule_activity(at);
        let cancel_activity = command("REQUEST_CANCEL_ACTIVITY_TASK", json!({"scheduledEventId": first}));
        let mut commands = match self.seed.below(5) {
            0 => vec![command("START_TIMER", timer), cancel_timer],
            1 => vec![command("START_TIMER", timer.clone()), cancel_timer, command("START_TIMER", timer)],
            2 => vec![schedule, cancel_activity],
            3 => vec![schedule, cancel_activity.clone(), cancel_activity],
            _ => vec![command("START_TIMER", timer), cancel_timer.clone(), cancel_timer],
        };
        match self.seed.below(4) {
            0 => commands.push(command("CANCEL_WORKFLOW_EXECUTION", json!({"details": content::payloads("gone")}))),
            1 => {
                self.request_cancel_of(at).await?;
                commands.push(self.marker());
            }
            _ => {}
        }
        self.answer_task(&task.token, commands).await?;
        self.settle().await?;
        if self.runs[at].task_is_waiting() {
            self.step(at, Vec::new()).await?;
            self.settle().await?;
        }
        Ok(())
    }

    /// Asks a run to cancel itself, once or twice with the same request.
    pub(crate) async fn request_cancel_of(&mut self, at: usize) -> Result<(), Stop> {
        let request = json!({
            "namespace": NAMESPACE, "workflowExecution": self.runs[at].execution(), "identity": IDENTITY,
            "requestId": self.fresh("c"), "reason": "enough",
        });
        self.call("RequestCancelWorkflowExecution", request.clone()).await?;
        if self.seed.chance(40) {
            self.call("RequestCancelWorkflowExecution", request).await?;
        }
        Ok(())
    }

    /// A worker's poll that comes back for a query which a completion lets go: it has to know of the completion.
    pub(crate) async fn query_meets_waiting_poll(&mut self) -> Result<(), Stop> {
        let delayed = self.seed.chance(30);
        let mut request = self.start_request();
        if delayed {
            request["workflowStartDelay"] = json!("1s");
        }
        let queue = request["taskQueue"].clone();
        let Some(at) = self.start_with("StartWorkflowExecution", request).await? else { return Ok(()) };
        self.wait_for(at, "WORKFLOW_TASK_SCHEDULED", 1).await?;
        if self.seed.chance(40) {
            self.step(at, Vec::new()).await?;
            self.settle().await?;
            self.signal_run(at).await?;
            self.settle().await?;
        }
        let Some(task) = self.take_task_of(at).await? else { return Ok(()) };
        self.tasks.retain(|held| held.token != task.token);
        let poll = Self::with_build(json!({"namespace": NAMESPACE, "taskQueue": queue, "identity": IDENTITY}));
        let polling = self.pair.begin("PollWorkflowTaskQueue", poll, super::worker::POLL_DEADLINE)?;
        tokio::time::sleep(super::worker::HEAD_START * 2).await;
        let asking = self.ask(at)?;
        tokio::time::sleep(super::worker::HEAD_START * 3).await;
        let commands = if self.seed.chance(50) { vec![self.marker()] } else { Vec::new() };
        self.answer_task(&task.token, commands).await?;
        let reply = self.pair.finish(polling).await?.value().clone();
        self.answer_query_in(&reply).await?;
        self.pair.finish(asking).await?;
        self.settle().await
    }
}

/// Sets a field of a request or of a command's attributes, or one of its retry policy.
fn put(request: &mut Value, field: &str, duration: &str) {
    match field.split_once('/') {
        Some((policy, field)) => {
            if request.get(policy).is_none_or(Value::is_null) {
                request[policy] = json!({});
            }
            request[policy][field] = json!(duration);
        }
        None => request[field] = json!(duration),
    }
    if field == "retryPolicy/initialInterval" && duration.len() >= 11 {
        // From the first interval the reference makes a longest one, which overflows.
        request["retryPolicy"]["maximumInterval"] = json!(duration);
    }
}
