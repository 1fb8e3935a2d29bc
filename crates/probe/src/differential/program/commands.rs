//! Random commands that a worker may send, valid for the run as it stands.

use serde_json::{Value, json};

use super::{Program, content, task_queue};

const CLOSE_POLICIES: [&str; 3] =
    ["PARENT_CLOSE_POLICY_TERMINATE", "PARENT_CLOSE_POLICY_ABANDON", "PARENT_CLOSE_POLICY_REQUEST_CANCEL"];

/// A command of a type, given without its prefix, with its attributes under the name that the API gives them.
pub(crate) fn command(name: &str, attributes: Value) -> Value {
    json!({"commandType": format!("COMMAND_TYPE_{name}"), field(name): attributes})
}

/// `START_TIMER` becomes `startTimerCommandAttributes`.
fn field(name: &str) -> String {
    let mut field = String::new();
    for (at, word) in name.split('_').enumerate() {
        let lower = word.to_lowercase();
        match lower.chars().next() {
            Some(first) if at > 0 => {
                field.push(first.to_ascii_uppercase());
                field.push_str(&lower[1..]);
            }
            Some(_) | None => field.push_str(&lower),
        }
    }
    field + "CommandAttributes"
}

/// True for a command that acts on another run, and is concluded in the background.
pub(crate) fn is_outward(command: &Value) -> bool {
    let kind = command["commandType"].as_str().unwrap_or_default();
    kind.ends_with("_EXTERNAL_WORKFLOW_EXECUTION") || kind == "COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION"
}

impl Program {
    /// Up to four commands. At most one of them acts on another run, because the reference concludes such commands in
    /// no particular order, and a closing command comes alone with what takes effect at once.
    pub(crate) fn random_commands(&mut self, run: usize) -> Vec<Value> {
        let mut commands = Vec::new();
        for _ in 0..self.seed.below(3) {
            commands.extend(self.immediate_command(run));
        }
        match self.seed.below(10) {
            0..3 => commands.extend(self.outward_command(run)),
            3..6 => commands.push(self.closing_command(run)),
            _ => {}
        }
        commands
    }

    fn immediate_command(&mut self, run: usize) -> Option<Value> {
        match self.seed.below(12) {
            0..4 => Some(self.schedule_activity(run)),
            4 => {
                let pending = self.runs[run].pending_activities();
                let scheduled = self.seed.pick(&pending)?.scheduled_event_id;
                Some(command("REQUEST_CANCEL_ACTIVITY_TASK", json!({"scheduledEventId": scheduled})))
            }
            5 | 6 => {
                let timer = self.fresh("t");
                Some(command("START_TIMER", json!({"timerId": timer, "startToFireTimeout": "3600s"})))
            }
            7 => {
                let timers = self.runs[run].pending_timers();
                let timer = self.seed.pick(&timers)?;
                Some(command("CANCEL_TIMER", json!({"timerId": timer})))
            }
            8 => Some(self.marker()),
            9 => Some(command(
                "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
                json!({"searchAttributes": content::search_attributes(&mut self.seed)}),
            )),
            10 => Some(command(
                "MODIFY_WORKFLOW_PROPERTIES",
                json!({"upsertedMemo": content::fields("fields", "note", &json!("changed"))}),
            )),
            _ => {
                let mut timer =
                    command("START_TIMER", json!({"timerId": self.fresh("t"), "startToFireTimeout": "1800s"}));
                timer["userMetadata"] = content::user_metadata();
                Some(timer)
            }
        }
    }

    pub(crate) fn marker(&mut self) -> Value {
        let mut attributes = json!({"markerName": "Version"});
        if self.seed.chance(60) {
            attributes["details"] = json!({"change": content::payloads("one")});
        }
        if self.seed.chance(20) {
            attributes["failure"] = content::failure(&mut self.seed);
        }
        command("RECORD_MARKER", attributes)
    }

    /// Schedules an Activity on a queue of its own, so that a poll knows what it gets.
    pub(crate) fn schedule_activity(&mut self, run: usize) -> Value {
        let activity_id = self.fresh("a");
        let queue = format!("{}{activity_id}", self.runs[run].queue);
        let mut attributes = json!({
            "activityId": activity_id, "activityType": {"name": "ProbeActivity"}, "taskQueue": task_queue(&queue),
            "startToCloseTimeout": "300s",
        });
        let options = [
            ("input", 60, content::payloads("work")),
            ("scheduleToCloseTimeout", 40, json!("900s")),
            ("scheduleToStartTimeout", 40, json!("600s")),
            ("heartbeatTimeout", 30, json!("120s")),
            ("header", 20, content::fields("fields", "trace", &json!("activity"))),
            ("priority", 10, json!({"priorityKey": 1})),
        ];
        for (name, percent, value) in options {
            if self.seed.chance(percent) {
                attributes[name] = value;
            }
        }
        let policies = [
            json!({"maximumAttempts": 1}),
            json!({"initialInterval": "0.010s", "maximumAttempts": 2}),
            json!({"initialInterval": "0.010s", "maximumInterval": "0.020s", "backoffCoefficient": 1.0}),
            json!({"initialInterval": "0.010s", "nonRetryableErrorTypes": ["Odd"], "maximumAttempts": 3}),
        ];
        if let Some(policy) = self.seed.pick(&policies) {
            attributes["retryPolicy"] = policy.clone();
        }
        let mut scheduled = command("SCHEDULE_ACTIVITY_TASK", attributes);
        if self.seed.chance(15) {
            scheduled["userMetadata"] = content::user_metadata();
        }
        scheduled
    }

    /// A command that acts on another run.
    fn outward_command(&mut self, run: usize) -> Option<Value> {
        let target = match self.any_open() {
            Some(at) if at != run => self.runs[at].execution(),
            Some(_) | None => json!({"workflowId": format!("{}nobody", self.prefix), "runId": ""}),
        };
        match self.seed.below(6) {
            0..3 => Some(self.start_child(run)),
            3 | 4 => {
                let attributes = json!({
                    "execution": target, "signalName": "nudge", "input": content::payloads("nudged"), "control": "1",
                });
                Some(command("SIGNAL_EXTERNAL_WORKFLOW_EXECUTION", attributes))
            }
            _ => {
                let attributes = json!({
                    "workflowId": target["workflowId"], "runId": target["runId"], "reason": "asked to",
                });
                Some(command("REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION", attributes))
            }
        }
    }

    /// Starts a child, at times under an id that is taken.
    pub(crate) fn start_child(&mut self, run: usize) -> Value {
        let mut workflow_id = self.fresh("k");
        let queue = format!("{workflow_id}q");
        if self.seed.chance(15)
            && let Some(at) = self.any_run()
            && at != run
        {
            workflow_id = self.runs[at].workflow_id.clone();
        }
        let mut attributes = json!({
            "workflowId": workflow_id, "workflowType": {"name": "ProbeChild"}, "taskQueue": task_queue(&queue),
            "workflowTaskTimeout": "90s", "parentClosePolicy": self.seed.pick(&CLOSE_POLICIES),
            "workflowIdReusePolicy": "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE",
        });
        let options = [
            ("input", 50, content::payloads("child")),
            ("workflowRunTimeout", 20, json!("3000s")),
            ("workflowExecutionTimeout", 20, json!("6000s")),
            ("memo", 20, content::fields("fields", "note", &json!("child"))),
            ("searchAttributes", 20, content::search_attributes(&mut self.seed)),
            ("header", 20, content::fields("fields", "trace", &json!("child"))),
            ("control", 20, json!("2")),
            ("priority", 10, json!({"priorityKey": 4})),
        ];
        for (name, percent, value) in options {
            if self.seed.chance(percent) {
                attributes[name] = value;
            }
        }
        let mut start = command("START_CHILD_WORKFLOW_EXECUTION", attributes);
        if self.seed.chance(20) {
            start["userMetadata"] = content::user_metadata();
        }
        start
    }

    fn closing_command(&mut self, run: usize) -> Value {
        match self.seed.below(8) {
            0..3 => {
                let result = if self.seed.chance(70) { content::payloads("done") } else { Value::Null };
                command("COMPLETE_WORKFLOW_EXECUTION", json!({"result": result}))
            }
            3 | 4 => command("FAIL_WORKFLOW_EXECUTION", json!({"failure": content::failure(&mut self.seed)})),
            5 => command("CANCEL_WORKFLOW_EXECUTION", json!({"details": content::payloads("cancelled")})),
            _ => self.continue_as_new(run),
        }
    }

    pub(crate) fn continue_as_new(&mut self, run: usize) -> Value {
        let mut attributes = json!({
            "workflowType": {"name": "ProbeWorkflow"}, "taskQueue": task_queue(&self.runs[run].queue),
            "workflowTaskTimeout": "90s",
        });
        let options = [
            ("input", 60, content::payloads("next")),
            ("workflowRunTimeout", 20, json!("2400s")),
            ("memo", 30, content::fields("fields", "note", &json!("carried"))),
            ("searchAttributes", 30, content::search_attributes(&mut self.seed)),
            ("header", 20, content::fields("fields", "trace", &json!("next"))),
            ("retryPolicy", 15, json!({"initialInterval": "1s", "maximumAttempts": 3})),
        ];
        for (name, percent, value) in options {
            if self.seed.chance(percent) {
                attributes[name] = value;
            }
        }
        command("CONTINUE_AS_NEW_WORKFLOW_EXECUTION", attributes)
    }
}
