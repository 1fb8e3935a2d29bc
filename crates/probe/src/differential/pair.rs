//! Two servers spoken to as one: a request goes to both, the answers are brought to their normal form, compared, and
//! handed on once.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use super::{
    kept,
    ledger::Ledger,
    names::Names,
    normal::{self, Line},
    program::NAMESPACE,
};
use crate::{Fault, catalog::Catalog, wire::Wire};

/// Deadline of a call that does not wait for anything.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long the answers to a read may take to agree: the reference indexes, deletes and messages in the background.
const AGREEMENT_LIMIT: Duration = Duration::from_secs(30);
/// Calls that a report shows before the one that differed.
const LOG_LENGTH: usize = 400;
/// Pages that are read of one history at most.
const PAGES: usize = 100;
/// The place of the reference among the two.
const REFERENCE: usize = 0;
/// How often a call is sent again that a server refused for the load of the moment.
const LOAD_RETRIES: usize = 50;

/// Why a program ends before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The servers answered differently.
    Difference(Box<Difference>),
    /// The reference has not concluded its work in the background, or has forgotten what was so, and nothing more can be
    /// compared.
    Undecided,
    /// The program cannot go on: a server is gone, or the program itself is wrong.
    Broken(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Broken(fault.to_string())
    }
}

/// Where the answers differed.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) rpc: String,
    pub(crate) request: Value,
    pub(crate) lines: Vec<Line>,
}

/// The answer that both servers gave.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Reply(Value),
    /// The refusal: `code`, `message` and `details`.
    Refusal(Value),
}

impl Answer {
    /// The reply, if it is one.
    pub(crate) fn reply(&self) -> Option<&Value> {
        match self {
            Answer::Reply(value) => Some(value),
            Answer::Refusal(_) => None,
        }
    }

    /// Reply or refusal, for a report.
    pub(crate) fn value(&self) -> &Value {
        match self {
            Answer::Reply(value) | Answer::Refusal(value) => value,
        }
    }
}

/// One call with its answer, for a report.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) rpc: String,
    pub(crate) request: Value,
    pub(crate) answer: Value,
}

/// A call that both servers are working on.
#[derive(Debug)]
pub(crate) struct Pending {
    rpc: String,
    request: Value,
    calls: JoinSet<(usize, Result<Bytes, Status>)>,
}

/// How a run deals with the two servers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// The reference is on both sides.
    pub(crate) mirrored: bool,
    /// Differences are collected by kind, and a program goes on behind those that leave it a way.
    pub(crate) survey: bool,
}

/// The two servers: first the reference, then the one under test.
#[derive(Debug)]
pub(crate) struct Pair {
    catalog: Arc<Catalog>,
    wires: [Wire; 2],
    names: [Names; 2],
    manner: Manner,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) log: VecDeque<Exchange>,
    /// What is particular to this program in texts, taken out before refusals are counted by kind.
    pub(crate) prefix: String,
    /// A worker's answer was refused without an effect: then the reference forgets that the worker tried to close the run.
    lost_an_answer: bool,
}

impl Pair {
    /// A conversation with no history.
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        wires: [Wire; 2],
        manner: Manner,
        ledger: Arc<Ledger>,
        prefix: String,
    ) -> Pair {
        Pair {
            catalog,
            wires,
            names: [Names::default(), Names::default()],
            manner,
            ledger,
            log: VecDeque::new(),
            lost_an_answer: false,
            prefix,
        }
    }

    /// Goes on with other connections to the same servers.
    pub(crate) fn reconnect(&mut self, wires: [Wire; 2]) {
        self.wires = wires;
    }

    /// Calls once; the answers must agree at once.
    pub(crate) async fn call(&mut self, rpc: &str, request: Value) -> Result<Answer, Stop> {
        self.call_within(rpc, request, DEADLINE).await
    }

    /// As [`Pair::call`], with a deadline that the servers see.
    pub(crate) async fn call_within(&mut self, rpc: &str, request: Value, deadline: Duration) -> Result<Answer, Stop> {
        let pending = self.begin(rpc, request, deadline)?;
        self.finish(pending).await
    }

    /// Sends a call and does not wait for its answer.
    pub(crate) fn begin(&mut self, rpc: &str, request: Value, deadline: Duration) -> Result<Pending, Stop> {
        let mut calls = JoinSet::new();
        for side in 0..2 {
            let method = self.catalog.method(rpc)?.clone();
            let body = self.catalog.encode(&method, &self.names[side].restore(&request))?;
            let wire = self.wires[side].clone();
            calls.spawn(async move {
                let mut answer = wire.call(&method.path, body.clone(), deadline).await;
                for _ in 0..LOAD_RETRIES {
                    match &answer {
                        Err(status) if is_load(status) || side == REFERENCE && forgets_namespace(status) => {
                            tokio::time::sleep(Duration::from_millis(100)).await
                        }
                        Ok(_) | Err(_) => break,
                    }
                    answer = wire.call(&method.path, body.clone(), deadline).await;
                }
                (side, answer)
            });
        }
        Ok(Pending { rpc: rpc.to_owned(), request, calls })
    }

    /// Waits for a call that was begun, and compares the answers.
    pub(crate) async fn finish(&mut self, pending: Pending) -> Result<Answer, Stop> {
        let Pending { rpc, request, calls } = pending;
        let answers = both(calls).await?;
        let (names, normal) = self.normal(&rpc, &answers)?;
        match self.unexplained(&rpc, &normal) {
            lines if lines.is_empty() => {
                self.names = names;
                Ok(self.agreed(&rpc, request, &answers, normal))
            }
            lines if self.goes_on(&answers) => {
                self.ledger.differs(&rpc, &self.prefix, &lines);
                self.names = names;
                Ok(self.agreed(&rpc, request, &answers, normal))
            }
            _ if self.lost_an_answer && still_closing(&answers) => Err(Stop::Undecided),
            lines => Err(self.differ(rpc, request, normal, lines)),
        }
    }

    /// True if a difference between these answers need not end the program.
    fn goes_on(&self, answers: &[Result<Bytes, Status>; 2]) -> bool {
        self.manner.survey && answers[0].is_ok() == answers[1].is_ok()
    }

    /// Reads until the answers agree and `accept` holds for both, since the reference does some work in the background.
    pub(crate) async fn read(
        &mut self,
        rpc: &str,
        request: Value,
        accept: impl Fn(&Value) -> bool,
    ) -> Result<Answer, Stop> {
        self.read_within(rpc, request, accept, AGREEMENT_LIMIT).await
    }

    /// As [`Pair::read`], with its own limit. A reference that does not get there in time leaves the matter undecided.
    pub(crate) async fn read_within(
        &mut self,
        rpc: &str,
        request: Value,
        accept: impl Fn(&Value) -> bool,
        limit: Duration,
    ) -> Result<Answer, Stop> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(3);
        loop {
            let pending = self.begin(rpc, request.clone(), DEADLINE)?;
            let answers = both(pending.calls).await?;
            let (names, normal) = self.normal(rpc, &answers)?;
            let lines = self.unexplained(rpc, &normal);
            let accepted = normal.iter().all(&accept);
            if lines.is_empty() && accepted {
                self.names = names;
                return Ok(self.agreed(rpc, request, &answers, normal));
            }
            if accepted && self.goes_on(&answers) && started.elapsed() > self.ledger.patience(rpc, &self.prefix, &lines)
            {
                self.ledger.differs(rpc, &self.prefix, &lines);
                self.names = names;
                return Ok(self.agreed(rpc, request, &answers, normal));
            }
            if started.elapsed() > limit {
                let reference_is_late = !accept(&normal[0]) || (self.manner.mirrored && !accept(&normal[1]));
                if limit < AGREEMENT_LIMIT && reference_is_late {
                    return Err(Stop::Undecided);
                }
                let lines = if lines.is_empty() { vec![waited_in_vain(&accept, &normal)] } else { lines };
                return Err(self.differ(rpc.to_owned(), request, normal, lines));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(150));
        }
    }

    /// Reads a history to its end in small pages and compares what all pages hold together: where one page ends is each
    /// server's own affair. A refusal of the first page is compared as it is.
    pub(crate) async fn read_pages(&mut self, rpc: &str, request: Value) -> Result<(), Stop> {
        let method = self.catalog.method(rpc)?.clone();
        let mut whole = [Value::Null, Value::Null];
        for (side, whole) in whole.iter_mut().enumerate() {
            let mut asked = self.names[side].restore(&request);
            let mut events = Vec::new();
            for _ in 0..PAGES {
                let body = self.catalog.encode(&method, &asked)?;
                let reply = match self.wires[side].call(&method.path, body, DEADLINE).await {
                    Ok(reply) => self.catalog.decode(&method, reply)?,
                    Err(status) => refusal(&self.catalog, &status)?,
                };
                events.extend(reply.pointer("/history/events").and_then(Value::as_array).cloned().unwrap_or_default());
                *whole = json!({"code": reply.get("code"), "message": reply.get("message"), "events": events});
                match reply.get("nextPageToken") {
                    Some(token) => asked["nextPageToken"] = token.clone(),
                    None => break,
                }
            }
            *whole = normal::normalise(&mut self.names[side], whole.take());
        }
        let lines = self.unexplained(rpc, &whole);
        if lines.is_empty() {
            self.ledger.succeeded(rpc);
            return Ok(());
        }
        Err(self.differ(rpc.to_owned(), request, whole, lines))
    }

    fn normal(&self, rpc: &str, answers: &[Result<Bytes, Status>; 2]) -> Result<([Names; 2], [Value; 2]), Stop> {
        let mut names = self.names.clone();
        let mut normal = [Value::Null, Value::Null];
        for side in 0..2 {
            let value = match &answers[side] {
                Ok(reply) => {
                    let mut reply = self.catalog.decode(self.catalog.method(rpc)?, reply.clone())?;
                    keep_own(rpc, &mut reply, &self.prefix);
                    reply
                }
                Err(status) => refusal(&self.catalog, status)?,
            };
            normal[side] = normal::normalise(&mut names[side], value);
        }
        Ok((names, normal))
    }

    fn unexplained(&self, rpc: &str, normal: &[Value; 2]) -> Vec<Line> {
        let mut lines = normal::differences(&normal[0], &normal[1]);
        lines.retain(|line| !is_leftover_task(rpc, &normal[1], line));
        lines.retain(|line| match kept::keeps(rpc, line) {
            Some(entry) => {
                self.ledger.kept(entry);
                false
            }
            None => true,
        });
        lines
    }

    fn agreed(
        &mut self,
        rpc: &str,
        request: Value,
        answers: &[Result<Bytes, Status>; 2],
        normal: [Value; 2],
    ) -> Answer {
        let [value, _] = normal;
        self.note(rpc, request, value.clone());
        match &answers[0] {
            Ok(_) => {
                self.ledger.succeeded(rpc);
                Answer::Reply(value)
            }
            Err(_) => {
                let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
                self.lost_an_answer |= rpc == "RespondWorkflowTaskCompleted" && text("code") == "NOT_FOUND";
                self.ledger.refused(rpc, &text("code"), &text("message").replace(&self.prefix, "@"));
                Answer::Refusal(value)
            }
        }
    }

    fn differ(&mut self, rpc: String, request: Value, normal: [Value; 2], lines: Vec<Line>) -> Stop {
        let [value, _] = normal;
        self.ledger.differs(&rpc, &self.prefix, &lines);
        self.note(&rpc, request.clone(), value);
        Stop::Difference(Box::new(Difference { rpc, request, lines }))
    }

    fn note(&mut self, rpc: &str, request: Value, answer: Value) {
        if self.log.len() >= LOG_LENGTH {
            self.log.pop_front();
        }
        self.log.push_back(Exchange { rpc: rpc.to_owned(), request, answer });
    }
}

async fn both(mut calls: JoinSet<(usize, Result<Bytes, Status>)>) -> Result<[Result<Bytes, Status>; 2], Stop> {
    let mut answers = [None, None];
    while let Some(joined) = calls.join_next().await {
        let (side, answer) = joined.map_err(|error| Stop::Broken(format!("a call ended early: {error}")))?;
        answers[side] = Some(answer);
    }
    match answers {
        [Some(reference), Some(subject)] => Ok([reference, subject]),
        [_, _] => Err(Stop::Broken("a call ended without an answer".to_owned())),
    }
}

/// A read that never became what the program waits for, shown as a difference from it.
fn waited_in_vain(accept: &impl Fn(&Value) -> bool, normal: &[Value; 2]) -> Line {
    let state =
        |value: &Value| Some(if accept(value) { "reached".to_owned() } else { format!("not reached: {value}") });
    Line { path: "(awaited state)".to_owned(), reference: state(&normal[0]), subject: state(&normal[1]) }
}

/// True for a refusal that says only that the server is busy.
fn is_load(status: &Status) -> bool {
    let text = status.message();
    match status.code() {
        // "Too many starts" passes with the second since the last start.
        Code::ResourceExhausted => {
            ["rate limit", "busy", "Too many", "overloaded"].iter().any(|sign| text.contains(sign))
        }
        Code::Unavailable => text.contains("busy"),
        _ => false,
    }
}

/// True where a server does not find the namespace that is always there: the reference, while it reads its table of namespaces
/// anew on a machine that is busy.
fn forgets_namespace(status: &Status) -> bool {
    status.message() == format!("Namespace {NAMESPACE} is not found.")
}

/// True where only the server under test still refuses what would come between a worker and its next attempt to close the
/// run.
fn still_closing([reference, subject]: &[Result<Bytes, Status>; 2]) -> bool {
    reference.is_ok() && subject.as_ref().is_err_and(|status| status.message().ends_with("workflow is closing"))
}

/// A refusal as JSON: code, text and the messages in its details.
fn refusal(catalog: &Catalog, status: &Status) -> Result<Value, Stop> {
    let details = catalog
        .details(status.details())
        .unwrap_or_else(|error| json!(format!("undecodable: {error}: {}", BASE64_STANDARD.encode(status.details()))));
    Ok(json!({"code": code_name(status.code()), "message": status.message(), "details": details}))
}

/// A list of namespaces also shows those of other programs; only this program's are compared.
fn keep_own(rpc: &str, reply: &mut Value, prefix: &str) {
    if rpc != "ListNamespaces" {
        return;
    }
    if let Some(namespaces) = reply.get_mut("namespaces").and_then(Value::as_array_mut) {
        let name = |entry: &Value| entry["namespaceInfo"]["name"].as_str().unwrap_or_default().to_owned();
        namespaces.retain(|entry| name(entry).starts_with(prefix));
        namespaces.sort_by_key(name);
    }
}

/// A run that has closed over the Workflow Task of an update still has it in the reference's cache.
fn is_leftover_task(rpc: &str, subject: &Value, line: &Line) -> bool {
    rpc == "DescribeWorkflowExecution"
        && line.path == "pendingWorkflowTask"
        && line.subject.is_none()
        && subject["workflowExecutionInfo"]["status"] != "WORKFLOW_EXECUTION_STATUS_RUNNING"
}

/// The name of a status code as gRPC spells it.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
