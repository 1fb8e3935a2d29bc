//! Does what a transcript says to a run, and keeps its clock.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use machine::{
    ActivityAnswer, ActivityRef, ChildClosed, ChildOutcome, EagerStart, External, ExternalOutcome, Facts, Input, Run,
    Signal, StartSpec, Step, TaskRef,
    on::start::{Decision, decide},
};
use model::{Entropy, Limits, Namespace, NamespaceId, RunKey, Time, WorkflowKey};
use proto::temporal::api::{
    common::v1::{Link, Payload, Payloads},
    enums::v1::{
        CancelExternalWorkflowExecutionFailedCause, IndexedValueType, NamespaceState,
        SignalExternalWorkflowExecutionFailedCause, StartChildWorkflowExecutionFailedCause,
    },
    history::v1::HistoryEvent,
    workflowservice::v1::{
        RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest, StartWorkflowExecutionRequest,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    hold, json,
    script::Line,
    show::{self, BEGINNING},
};

const SERVICE: &str = "temporal.api.workflowservice.v1";

/// What a transcript plays on.
pub(crate) struct Stage {
    run: Option<Run>,
    /// The run that followed, until the transcript goes on with it.
    successor: Option<Run>,
    now: Time,
    limits: Limits,
    steps: u128,
    /// Drawn ids in the order of their appearance, and what they are called.
    names: BTreeMap<String, String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            run: None,
            successor: None,
            now: BEGINNING,
            limits: Limits::default(),
            steps: 0,
            names: BTreeMap::new(),
        }
    }

    /// Does one line and says what follows.
    pub(crate) fn play(&mut self, line: &Line) -> Vec<String> {
        let told = match line.verb.as_str() {
            "start" => self.start(line),
            "start-as" => self.start_as(line),
            "decide" => self.decide(line),
            "limit" => self.limit(line),
            "advance" => self.advance(line),
            "successor" => {
                self.run = self.successor.take();
                assert!(self.run.is_some(), "no run has followed");
                Vec::new()
            }
            "crash" => {
                self.run = self.run.take().map(|run| Run {
                    started_task: None,
                    ..run
                });
                self.give(Input::Recover)
            }
            "message" => self.message(line),
            _ => {
                let input = self.input(line);
                self.give(input)
            }
        };
        told.into_iter().map(|line| self.named(&line)).collect()
    }

    /// What stands after a block.
    pub(crate) fn standing(&mut self) -> Vec<String> {
        let lines = self.run.as_ref().map(show::standing).unwrap_or_default();
        lines.into_iter().map(|line| self.named(&line)).collect()
    }

    fn facts(&mut self) -> Facts {
        self.steps += 1;
        let attributes = [
            ("CustomText", IndexedValueType::Text),
            ("CustomKeyword", IndexedValueType::Keyword),
            ("CustomInt", IndexedValueType::Int),
            ("CustomBool", IndexedValueType::Bool),
        ];
        Facts {
            now: self.now,
            entropy: Entropy::new(self.steps),
            limits: Arc::new(self.limits.clone()),
            namespace: Arc::new(Namespace {
                id: NamespaceId(Uuid::from_u128(1)),
                name: "default".into(),
                state: NamespaceState::Registered,
                retention: Duration::from_secs(3_600),
                search_attributes: Arc::new(attributes.into_iter().map(|(name, kind)| (name.into(), kind)).collect()),
            }),
            other_namespaces: Arc::new([("other".to_owned(), NamespaceId(Uuid::from_u128(2)))]),
        }
    }

    fn run(&self) -> &Run {
        self.run.as_ref().expect("the transcript starts a run first")
    }

    fn give(&mut self, input: Input) -> Vec<String> {
        let facts = self.facts();
        let before = self.run().clone();
        let given = before.handle(input, &facts);
        assert_eq!(&before, self.run(), "handle leaves the state alone");
        match given {
            Ok(step) => {
                hold::step(&before, &step, &facts);
                self.accept(step)
            }
            Err(reject) => vec![show::reject("rejects", &reject)],
        }
    }

    fn accept(&mut self, step: Step) -> Vec<String> {
        let told = show::step(&step);
        if let Some(successor) = &step.successor {
            self.successor = Some(successor.next.clone());
        }
        self.run = Some(step.next);
        told
    }

    /// `start [signal=name] [eager] {request}`: what a client starts.
    fn start(&mut self, line: &Line) -> Vec<String> {
        let mut request: StartWorkflowExecutionRequest =
            parse(line, &format!("{SERVICE}.StartWorkflowExecutionRequest"));
        request.workflow_type.get_or_insert_default().name = "Pay".into();
        request.task_queue.get_or_insert_default().name = "q".into();
        for (field, default) in [
            (&mut request.workflow_id, "order"),
            (&mut request.request_id, "start-1"),
            (&mut request.identity, "client"),
        ] {
            if field.is_empty() {
                *field = default.into();
            }
        }
        let facts = self.facts();
        let mut spec = StartSpec::from_request(&request, &facts);
        spec.signal = line.get("signal").map(|name| Signal {
            name: name.into(),
            ..Signal::default()
        });
        if line.has("eager") {
            spec.eager = Some(EagerStart {
                identity: "client".into(),
                request_id: "eager".into(),
                worker_version: None,
            });
        }
        self.first(&request.workflow_id, spec, &facts)
    }

    /// `start-as {started attributes}`: what a parent starts, for instance.
    fn start_as(&mut self, line: &Line) -> Vec<String> {
        let facts = self.facts();
        let attributes = parse(line, "temporal.api.history.v1.WorkflowExecutionStartedEventAttributes");
        let spec = StartSpec {
            attributes: Box::new(attributes),
            request_id: "start-1".into(),
            ..StartSpec::default()
        };
        let id = spec.attributes.workflow_id.clone();
        self.first(&id, spec, &facts)
    }

    fn first(&mut self, workflow_id: &str, spec: StartSpec, facts: &Facts) -> Vec<String> {
        let mut entropy = Entropy::new(self.steps << 64);
        let key = RunKey {
            workflow: WorkflowKey::new(facts.namespace.id, workflow_id),
            run_id: entropy.run_id(self.now),
        };
        match Run::start(key, spec, facts) {
            Ok(step) => {
                hold::step(&hold::blank(&step.next), &step, facts);
                self.accept(step)
            }
            Err(reject) => vec![show::reject("rejects", &reject)],
        }
    }

    /// `decide [reuse=…] [conflict=…] [request=…]`: what a start with the same id comes to.
    fn decide(&mut self, line: &Line) -> Vec<String> {
        let facts = self.facts();
        let current = self.run.as_ref().map(Run::current);
        let decision = decide(
            current.as_ref(),
            line.get("request").unwrap_or("another"),
            "order",
            cause(line, "reuse", "WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED"),
            cause(line, "conflict", "WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED"),
            &facts,
        );
        vec![match decision {
            Ok(Decision::Start) => "starts".into(),
            Ok(Decision::TerminateAndStart) => "terminates and starts".into(),
            Ok(Decision::Repeated { run_id }) => format!("repeats {run_id}"),
            Ok(Decision::UseExisting { run_id }) => format!("uses {run_id}"),
            Err(reject) => show::reject("rejects", &reject),
        }]
    }

    /// `limit name=value`.
    fn limit(&mut self, line: &Line) -> Vec<String> {
        for word in &line.words {
            let (name, value) = word.split_once('=').expect("limit name=value");
            let number: i64 = value.parse().unwrap();
            let limits = &mut self.limits;
            match name {
                "history_count_error" => limits.history_count_error = number,
                "workflow_task_heartbeat" => limits.workflow_task_heartbeat = Duration::from_secs(number as u64),
                "history_size_error" => limits.history_size_error = number,
                "history_count_suggest_continue_as_new" => limits.history_count_suggest_continue_as_new = number,
                "signals_per_execution" => limits.signals_per_execution = number,
                "buffered_events" => limits.buffered_events = number as usize,
                "blob_size_error" => limits.blob_size_error = number as usize,
                "memo_size_error" => limits.memo_size_error = number as usize,
                "id_length" => limits.id_length = number as usize,
                "pending_activities" => limits.pending_activities = number as usize,
                "pending_children" => limits.pending_children = number as usize,
                "pending_signals" => limits.pending_signals = number as usize,
                "pending_cancel_requests" => limits.pending_cancel_requests = number as usize,
                _ => panic!("the stage does not know the limit {name}"),
            }
        }
        Vec::new()
    }

    /// `advance 10s`: time passes, and whatever is ripe on the way happens when it is ripe.
    fn advance(&mut self, line: &Line) -> Vec<String> {
        let until = self.now + span(line.first());
        let mut told = Vec::new();
        for _ in 0..100 {
            let alarm = self
                .run()
                .due()
                .alarm
                .filter(|alarm| *alarm <= until && self.run().is_open());
            let Some(alarm) = alarm else {
                self.now = until;
                return told;
            };
            self.now = self.now.max(alarm);
            told.extend(self.give(Input::Wake));
        }
        panic!("the run wakes again and again at {}", show::time(self.now));
    }

    fn message(&mut self, line: &Line) -> Vec<String> {
        let due = self.run().due();
        let key = due.messages.iter().find(|key| show::key(**key) == line.first());
        let message = key
            .and_then(|key| self.run().message(*key))
            .expect("no such message is due");
        vec![show::message(&message)]
    }

    fn input(&self, line: &Line) -> Input {
        let word = |key: &str| line.get(key).unwrap_or_default().to_owned();
        let identity = line.get("identity").unwrap_or("worker").to_owned();
        match line.verb.as_str() {
            "poll" => Input::StartWorkflowTask {
                identity,
                request_id: word("request"),
                worker_version: None,
            },
            "complete" => self.complete(line),
            "fail" => {
                let mut request: RespondWorkflowTaskFailedRequest =
                    parse(line, &format!("{SERVICE}.RespondWorkflowTaskFailedRequest"));
                request.identity = identity;
                Input::FailWorkflowTask {
                    task: self.task(line),
                    request: Box::new(request),
                }
            }
            "signal" => Input::Signal(Signal {
                name: line.first().to_owned(),
                input: line.get("input").map(payloads),
                identity: "client".into(),
                request_id: word("request"),
                external: external(line),
                ..Signal::default()
            }),
            "request-cancel" => Input::RequestCancel {
                reason: word("reason"),
                identity: "client".into(),
                request_id: word("request"),
                external: external(line),
                links: Vec::new(),
            },
            "terminate" => Input::Terminate {
                reason: word("reason"),
                details: line.get("details").map(payloads),
                identity: "client".into(),
                links: Vec::new(),
            },
            "attach-start" => Input::AttachStart {
                request_id: word("request"),
                links: vec![Link::default()],
                identity: String::new(),
            },
            "activity-start" | "activity-complete" | "activity-fail" | "activity-cancel" | "activity-heartbeat" => {
                self.activity(line, identity)
            }
            "child-started" | "child-start-failed" | "child-closed" => child(line),
            "signal-delivered" | "signal-failed" | "cancel-delivered" | "cancel-failed" => delivered(line),
            "close-policy-applied" => Input::ClosePolicyApplied {
                initiated_event_id: line.number(),
            },
            "parent-notified" => Input::ParentNotified,
            "reset-sticky" => Input::ResetSticky,
            "sticky-worker-gone" => Input::StickyWorkerGone {
                task_queue: line.first().to_owned(),
            },
            "wake" => Input::Wake,
            "recover" => Input::Recover,
            verb => panic!("the stage does not know how to {verb}"),
        }
    }

    /// The running workflow task, as its token names it; `attempt=` tells of another one.
    fn task(&self, line: &Line) -> TaskRef {
        let task = self.run().core.workflow_task.unwrap_or_default();
        let started = self.run().started_task.as_ref();
        TaskRef {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: started.map_or(0, |started| started.started_event_id),
            attempt: line
                .get("attempt")
                .map_or(task.attempt, |attempt| attempt.parse().unwrap()),
            started_time: started.map_or(0, |started| started.started_time.0),
        }
    }

    /// `complete [force] [return_new] [sticky=queue] {request}` with the commands below.
    fn complete(&self, line: &Line) -> Input {
        let mut request = line.json.clone().unwrap_or_else(|| json!({}));
        request["commands"] = line.below.iter().map(command).collect();
        let mut request: RespondWorkflowTaskCompletedRequest =
            json::parse(&format!("{SERVICE}.RespondWorkflowTaskCompletedRequest"), &request);
        request.identity = line.get("identity").unwrap_or("worker").to_owned();
        request.force_create_new_workflow_task |= line.has("force");
        request.return_new_workflow_task |= line.has("return_new");
        if let Some(queue) = line.get("sticky") {
            let sticky = request.sticky_attributes.get_or_insert_default();
            sticky.worker_task_queue.get_or_insert_default().name = queue.into();
            sticky
                .schedule_to_start_timeout
                .get_or_insert(prost_types::Duration { seconds: 5, nanos: 0 });
        }
        Input::CompleteWorkflowTask {
            task: self.task(line),
            request: Box::new(request),
        }
    }

    /// `activity-… <activity id> [by_id] [attempt=…] …`.
    fn activity(&self, line: &Line, identity: String) -> Input {
        let activity_id = line.first();
        let found = self.run().activity_by_id(activity_id);
        let scheduled_event_id = found.map_or(0, |activity| activity.scheduled_event_id);
        if line.verb == "activity-start" {
            let request_id = line.get("request").unwrap_or("poll").to_owned();
            return Input::StartActivity {
                scheduled_event_id,
                identity,
                request_id,
                worker_version: None,
            };
        }
        let attempt = found.map_or(1, |activity| activity.attempt);
        let activity = if line.has("by_id") {
            ActivityRef::Id(activity_id.to_owned())
        } else {
            ActivityRef::Token {
                scheduled_event_id,
                attempt: line.get("attempt").map_or(attempt, |attempt| attempt.parse().unwrap()),
                started_time: found.map_or(0, |activity| activity.started_time),
            }
        };
        let answer = match line.verb.as_str() {
            "activity-complete" => ActivityAnswer::Completed {
                result: line.get("result").map(payloads),
            },
            "activity-fail" => ActivityAnswer::Failed {
                failure: line
                    .json
                    .is_some()
                    .then(|| Box::new(parse(line, "temporal.api.failure.v1.Failure"))),
                last_heartbeat_details: line.get("details").map(payloads),
            },
            "activity-cancel" => ActivityAnswer::Canceled {
                details: line.get("details").map(payloads),
            },
            _ => ActivityAnswer::Heartbeat {
                details: line.get("details").map(payloads),
            },
        };
        Input::AnswerActivity {
            activity,
            identity,
            answer,
        }
    }

    /// Gives drawn ids their names.
    fn named(&mut self, line: &str) -> String {
        let mut named = String::new();
        let mut rest = line;
        while let Some(start) = rest
            .char_indices()
            .map(|(index, _)| index)
            .find(|index| is_id(&rest[*index..]))
        {
            let (before, id) = rest.split_at(start);
            let (id, after) = id.split_at(36);
            let kind = if id.as_bytes()[14] == b'7' { "run" } else { "id" };
            let next = format!(
                "{kind}-{}",
                self.names.values().filter(|name| name.starts_with(kind)).count() + 1
            );
            named.push_str(before);
            named.push_str(self.names.entry(id.to_owned()).or_insert(next));
            rest = after;
        }
        named + rest
    }
}

/// A version 4 or 7 UUID stands at the beginning.
fn is_id(text: &str) -> bool {
    let Some(head) = text.get(..36) else { return false };
    Uuid::try_parse(head).is_ok_and(|id| matches!(id.get_version_num(), 4 | 7))
}

fn parse<M: prost::Message + Default>(line: &Line, name: &str) -> M {
    json::parse(name, line.json.as_ref().unwrap_or(&json!({})))
}

/// A command line: the type's name, then the attributes; `_metadata` beside them is the command's own.
fn command(line: &Line) -> Value {
    let mut attributes = line.json.clone().unwrap_or_else(|| json!({}));
    let metadata = attributes.as_object_mut().and_then(|fields| fields.remove("_metadata"));
    let kind = screaming(&line.verb);
    let mut first = line.verb.chars();
    let field: String = first
        .next()
        .into_iter()
        .flat_map(char::to_lowercase)
        .chain(first)
        .collect();
    let mut command = json!({ "commandType": format!("COMMAND_TYPE_{kind}") });
    if !line.has("bare") {
        command[format!("{field}CommandAttributes")] = attributes;
    }
    if let Some(metadata) = metadata {
        command["userMetadata"] = metadata;
    }
    command
}

/// `StartTimer` as `START_TIMER`.
fn screaming(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_uppercase());
    }
    text
}

fn payloads(text: &str) -> Payloads {
    Payloads {
        payloads: vec![Payload {
            data: text.to_owned().into_bytes().into(),
            ..Payload::default()
        }],
    }
}

/// `from=workflow/run [child_only]`.
fn external(line: &Line) -> Option<External> {
    let (workflow_id, run_id) = line.get("from")?.split_once('/').expect("from=workflow/run");
    Some(External {
        workflow_id: workflow_id.into(),
        run_id: run_id.into(),
        child_workflow_only: line.has("child_only"),
        initiated_event_id: 5,
        namespace_id: NamespaceId(Uuid::from_u128(1)).to_string(),
        ..External::default()
    })
}

/// The enum value that `key=` names by its full name.
fn cause<C: FromName>(line: &Line, key: &str, default: &str) -> C {
    C::from_name(line.get(key).unwrap_or(default))
}

trait FromName {
    fn from_name(name: &str) -> Self;
}

macro_rules! from_name {
    ($($kind:ty),+) => {
        $(impl FromName for $kind {
            fn from_name(name: &str) -> Self {
                Self::from_str_name(name).unwrap_or_else(|| panic!("there is no {name}"))
            }
        })+
    };
}

from_name!(
    CancelExternalWorkflowExecutionFailedCause,
    SignalExternalWorkflowExecutionFailedCause,
    StartChildWorkflowExecutionFailedCause,
    proto::temporal::api::enums::v1::WorkflowIdReusePolicy,
    proto::temporal::api::enums::v1::WorkflowIdConflictPolicy
);

fn child(line: &Line) -> Input {
    let initiated_event_id = line.number();
    let run_id = line.get("run").unwrap_or("child-run").to_owned();
    match line.verb.as_str() {
        "child-started" => Input::ChildStarted {
            initiated_event_id,
            outcome: ChildOutcome::Started { run_id },
        },
        "child-start-failed" => {
            let default = "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS";
            Input::ChildStarted {
                initiated_event_id,
                outcome: ChildOutcome::Failed(cause(line, "cause", default)),
            }
        }
        _ => Input::ChildClosed {
            initiated_event_id,
            child: Box::new(ChildClosed {
                first_run_id: run_id.clone(),
                run_id: line.get("last_run").map_or(run_id, str::to_owned),
                workflow_id: line.get("workflow").unwrap_or("child").to_owned(),
                event: parse::<HistoryEvent>(line, "temporal.api.history.v1.HistoryEvent"),
            }),
        },
    }
}

fn delivered(line: &Line) -> Input {
    let initiated_event_id = line.number();
    match line.verb.as_str() {
        "signal-delivered" => Input::ExternalSignalDelivered {
            initiated_event_id,
            outcome: ExternalOutcome::Delivered,
        },
        "signal-failed" => {
            let default = "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND";
            let outcome = ExternalOutcome::Failed(cause(line, "cause", default));
            Input::ExternalSignalDelivered {
                initiated_event_id,
                outcome,
            }
        }
        "cancel-delivered" => Input::ExternalCancelDelivered {
            initiated_event_id,
            outcome: ExternalOutcome::Delivered,
        },
        _ => {
            let default = "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND";
            let outcome = ExternalOutcome::Failed(cause(line, "cause", default));
            Input::ExternalCancelDelivered {
                initiated_event_id,
                outcome,
            }
        }
    }
}

/// `10s`, `1.5s`, `2m`, `3h`, `500ms`.
fn span(text: &str) -> Duration {
    let unit = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => panic!("{text} is no span of time"),
    };
    Duration::from_secs_f64(number.parse::<f64>().unwrap() * seconds)
}
