//! Does what a transcript says to a run, and keeps its clock.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use machine::{
    EagerStart, Input, Job, Run, Signal, StartSpec, Step, StepContext,
    on::start::{Decision, Repeats, decide},
};
use model::{Entropy, Limits, Namespace, NamespaceId, RunId, RunKey, Time, WorkflowKey};
use proto::temporal::api::{
    enums::v1::{IndexedValueType, NamespaceState},
    history::v1::HistoryEvent,
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use super::{
    hold,
    inputs::{self, cause, parse},
    jobs,
    script::Line,
    show::{self, BEGINNING},
};

/// The namespace that is known by this number.
pub(crate) fn namespace(number: u32) -> NamespaceId {
    format!("00000000-0000-0000-0000-{number:012}").parse().expect("a transcript is well-formed")
}

/// What a transcript plays on.
pub(crate) struct Stage {
    run: Option<Run>,
    /// Of a transcript that plays a job instead.
    job: Option<Job>,
    /// The run that followed, until the transcript goes on with it.
    successor: Option<(Run, Vec<HistoryEvent>)>,
    now: Time,
    limits: Limits,
    steps: u128,
    /// What the run's history says.
    history: Vec<HistoryEvent>,
    /// Drawn ids in the order of their appearance, and what they are called.
    names: BTreeMap<String, String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            run: None,
            job: None,
            successor: None,
            now: BEGINNING,
            limits: Limits::default(),
            steps: 0,
            history: Vec::new(),
            names: BTreeMap::new(),
        }
    }

    /// Does one line and says what follows.
    pub(crate) fn play(&mut self, line: &Line) -> Vec<String> {
        let lines = match line.verb.as_str() {
            "delete-namespace" => {
                self.job = Some(jobs::begin(line, &self.context()));
                Vec::new()
            }
            "start" => self.start(line),
            "start-as" => self.start_as(line),
            "decide" => self.decide(line),
            "limit" => self.limit(line),
            "advance" => self.advance(line),
            "successor" => {
                let (run, history) = self.successor.take().expect("a run has followed");
                self.run = Some(run);
                self.history = history;
                Vec::new()
            }
            "crash" => {
                self.run = self.run.take().map(|run| run.durable());
                self.give(Input::Recover)
            }
            "message" => self.message(line),
            "attributes" => show::attributes(&self.run().attributes),
            _ if self.job.is_some() => self.play_job(line),
            _ => {
                let input = inputs::input(self.run(), line);
                self.give(input)
            }
        };
        lines.into_iter().map(|line| self.named(&line)).collect()
    }

    /// What stands after a block.
    pub(crate) fn standing(&mut self) -> Vec<String> {
        let lines = match &self.job {
            Some(job) => jobs::standing(job),
            None => self.run.as_ref().map(show::standing).unwrap_or_default(),
        };
        lines.into_iter().map(|line| self.named(&line)).collect()
    }

    fn context(&mut self) -> StepContext {
        self.steps += 1;
        let attributes = [
            ("CustomText", IndexedValueType::Text),
            ("CustomKeyword", IndexedValueType::Keyword),
            ("CustomInt", IndexedValueType::Int),
            ("CustomBool", IndexedValueType::Bool),
        ];
        StepContext {
            now: self.now,
            entropy: Entropy::new(self.steps),
            limits: Arc::new(self.limits.clone()),
            namespace: Arc::new(Namespace {
                id: namespace(1),
                name: "default".into(),
                state: NamespaceState::Registered,
                retention: Duration::from_secs(3_600),
                search_attributes: Arc::new(attributes.into_iter().map(|(name, kind)| (name.into(), kind)).collect()),
            }),
            other_namespaces: Arc::new([("other".to_owned(), namespace(2))]),
        }
    }

    fn play_job(&mut self, line: &Line) -> Vec<String> {
        let context = self.context();
        self.job.as_mut().map(|job| jobs::play(job, line, &context)).unwrap_or_default()
    }

    fn run(&self) -> &Run {
        self.run.as_ref().expect("the transcript starts a run first")
    }

    fn give(&mut self, input: Input) -> Vec<String> {
        let context = self.context();
        let before = self.run().clone();
        let given = before.handle(input, &context);
        assert_eq!(&before, self.run(), "handle leaves the state alone");
        match given {
            Ok(step) => {
                hold::step(&before, &step, &context);
                self.accept(step)
            }
            Err(reject) => vec![show::reject("rejects", &reject)],
        }
    }

    fn accept(&mut self, step: Step) -> Vec<String> {
        let lines = show::step(&step);
        if let Some(successor) = &step.successor {
            self.successor = Some((successor.next.clone(), successor.events().cloned().collect()));
        }
        self.history.extend(step.events().cloned());
        hold::replay(&self.history, &step.next);
        self.run = Some(step.next);
        lines
    }

    /// `start [signal=name] [eager] {request}`: what a client starts.
    fn start(&mut self, line: &Line) -> Vec<String> {
        let mut request: StartWorkflowExecutionRequest =
            parse(line, "temporal.api.workflowservice.v1.StartWorkflowExecutionRequest");
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
        let context = self.context();
        let mut spec = StartSpec::from_request(&request, &context);
        spec.signal = line.get("signal").map(|name| Signal { name: name.into(), ..Signal::default() });
        if line.has("eager") {
            spec.eager =
                Some(EagerStart { identity: "client".into(), request_id: "eager".into(), worker_version: None });
        }
        self.first(&request.workflow_id, spec, &context)
    }

    /// `start-as {started attributes}`: what a parent starts, for instance.
    fn start_as(&mut self, line: &Line) -> Vec<String> {
        let context = self.context();
        let attributes = parse(line, "temporal.api.history.v1.WorkflowExecutionStartedEventAttributes");
        let spec = StartSpec { attributes: Box::new(attributes), request_id: "start-1".into(), ..StartSpec::default() };
        let id = spec.attributes.workflow_id.clone();
        self.first(&id, spec, &context)
    }

    fn first(&mut self, workflow_id: &str, spec: StartSpec, context: &StepContext) -> Vec<String> {
        let mut entropy = Entropy::new(self.steps << 64);
        let key =
            RunKey { workflow: WorkflowKey::new(context.namespace.id, workflow_id), run_id: entropy.run_id(self.now) };
        match Run::start(key, spec, context) {
            Ok(step) => {
                self.history.clear();
                hold::step(&hold::blank(&step.next), &step, context);
                self.accept(step)
            }
            Err(reject) => vec![show::reject("rejects", &reject)],
        }
    }

    /// `decide [reuse=…] [conflict=…] [request=…] [signal-request=…]`: what a start with the same id comes to.
    fn decide(&mut self, line: &Line) -> Vec<String> {
        let context = self.context();
        let current = self.run.as_ref().map(Run::current);
        let decision = decide(
            current.as_ref(),
            match line.get("signal-request") {
                Some(id) => Repeats::SignalWithStart(id),
                None => Repeats::Start(line.get("request").unwrap_or("another")),
            },
            "order",
            cause(line, "reuse", "WORKFLOW_ID_REUSE_POLICY_UNSPECIFIED"),
            cause(line, "conflict", "WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED"),
            &context,
        );
        vec![match decision {
            Ok(Decision::Start) => "starts".into(),
            Ok(Decision::TerminateAndStart) => "terminates and starts".into(),
            Ok(Decision::Repeated { run_id, started: true }) => format!("repeats {run_id}"),
            Ok(Decision::Repeated { run_id, started: false }) => format!("repeats signal to {run_id}"),
            Ok(Decision::UseExisting { run_id }) => format!("uses {run_id}"),
            Err(reject) => show::reject("rejects", &reject),
        }]
    }

    /// `limit name=value`.
    fn limit(&mut self, line: &Line) -> Vec<String> {
        for word in &line.words {
            let (name, value) = word.split_once('=').expect("limit name=value");
            let number: i64 = value.parse().expect("a transcript is well-formed");
            let limits = &mut self.limits;
            match name {
                "history_count_error" => limits.history_count_error = number,
                "workflow_task_heartbeat" => limits.workflow_task_heartbeat = Duration::from_secs(number as u64),
                "history_size_error" => limits.history_size_error = number,
                "history_count_suggest_continue_as_new" => limits.history_count_suggest_continue_as_new = number,
                "signals_per_execution" => limits.signals_per_execution = number,
                "updates_in_flight" => limits.updates_in_flight = number as usize,
                "updates_in_flight_bytes" => limits.updates_in_flight_bytes = number as usize,
                "updates_per_execution" => limits.updates_per_execution = number as usize,
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

    /// `advance 10s`: time passes, and what is due on the way happens when it is due.
    fn advance(&mut self, line: &Line) -> Vec<String> {
        let until = self.now + span(line.first());
        if self.job.is_some() {
            self.now = until;
            return self.play_job(&Line { verb: "wake".to_owned(), ..Line::default() });
        }
        let mut lines = Vec::new();
        for _ in 0..100 {
            let deadline = self.run().due().deadline.filter(|deadline| *deadline <= until && self.run().is_open());
            let Some(deadline) = deadline else {
                self.now = until;
                return lines;
            };
            self.now = self.now.max(deadline);
            lines.extend(self.give(Input::Wake));
        }
        panic!("the run wakes again and again at {}", show::time(self.now));
    }

    fn message(&mut self, line: &Line) -> Vec<String> {
        let due = self.run().due();
        let key = due.messages.iter().find(|key| show::key(**key) == line.first());
        let message = key.and_then(|key| self.run().message(*key)).expect("no such message is due");
        vec![show::message(&message)]
    }

    /// Gives drawn ids their names.
    fn named(&mut self, line: &str) -> String {
        let mut named = String::new();
        let mut rest = line;
        while let Some(start) = rest.char_indices().map(|(index, _)| index).find(|index| is_id(&rest[*index..])) {
            let (before, id) = rest.split_at(start);
            let (id, after) = id.split_at(36);
            let kind = if id.as_bytes()[14] == b'7' { "run" } else { "id" };
            let next = format!("{kind}-{}", self.names.values().filter(|name| name.starts_with(kind)).count() + 1);
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
    head.parse::<RunId>().is_ok() && matches!(head.as_bytes()[14], b'4' | b'7')
}

/// `10s`, `1.5s`, `2m`, `3h`, `500ms`.
fn span(text: &str) -> Duration {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => panic!("{text} is no span of time"),
    };
    Duration::from_secs_f64(number.parse::<f64>().expect("a transcript is well-formed") * seconds)
}
