//! What a busy engine does not do and does not keep: calls whose callers wait no more, and runs that nothing happens to.

mod given;
mod watched;

use std::{
    sync::{Arc, mpsc},
    task::{Context, Waker},
    time::Duration,
};

use cluster::{Member, NodeId};
use engine::{
    Action, Answer, Call, Class, Config, Engine, Event, Execution, Lane, LaneConfig, LaneId, Placement, ReadRequest,
    ReadResult, Request, Stands,
};
use model::{Budget, Kind, Limits, Namespace, Reject, Time, TokenKey};
use proto::temporal::api::{
    common::v1::WorkflowType, taskqueue::v1::TaskQueue, workflowservice::v1::StartWorkflowExecutionRequest,
};
use store::{Key, MemoryStore, Shards as _, visibility::Query};
use watched::Watched;

const START: Time = Time(1_700_000_000_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn start(workflow_id: &str) -> Call {
    Call::Start(Box::new(StartWorkflowExecutionRequest {
        request_id: workflow_id.to_owned(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "Pay".into() }),
        task_queue: Some(TaskQueue { name: "queue".into(), ..TaskQueue::default() }),
        ..StartWorkflowExecutionRequest::default()
    }))
}

/// A node whose reads are done when the test wants it.
struct Slow {
    node: Lane,
    store: MemoryStore,
    namespace: Arc<Namespace>,
    reads: Vec<(u64, ReadRequest)>,
    answers: Vec<(u64, Result<Answer, Reject>)>,
    commits: usize,
}

impl Slow {
    fn new() -> Self {
        Self::with(Budget::new(usize::MAX))
    }

    fn with(memory: Arc<Budget>) -> Self {
        let config = LaneConfig {
            id: NodeId(1),
            members: vec![Member { id: NodeId(1), address: String::new(), lease_until: Time::MAX }],
            placement: Placement::new(1, 1),
            lane: LaneId(0),
            limits: Arc::new(Limits::default()),
            token_key: TokenKey::new([7; 32]),
            seed: 1,
            cached_runs: 1_000,
            memory,
        };
        let record = given::namespace(given::DAY);
        let namespace = Arc::new(record.snapshot());
        let node = Lane::new(config, START);
        let (store, reads, answers) = (MemoryStore::default(), Vec::new(), Vec::new());
        let mut slow = Self { node, store, namespace, reads, answers, commits: 0 };
        slow.act(START);
        slow.read(START);
        slow.call(START, Call::PutNamespace { record: Box::new(record), expected_version: 0 }, Time::MAX);
        slow.read(START);
        slow.answers.clear();
        slow.commits = 0;
        slow
    }

    fn act(&mut self, now: Time) {
        loop {
            let actions = self.node.take_actions();
            if actions.is_empty() && !self.node.has_changes() {
                return;
            }
            for action in actions {
                match action {
                    Action::Answer { id, result } => self.answers.push((id, result)),
                    Action::Namespaces(_) | Action::Deliver { .. } => {}
                    Action::Acquire { shard } => {
                        let result = self.store.acquire(shard);
                        self.node.on(now, Event::Acquired { shard, result });
                    }
                    Action::Read { read_id, request } => self.reads.push((read_id, request)),
                    Action::Commit { shard, epoch, batch } => {
                        self.commits += 1;
                        let result = self.store.commit(&[(shard, epoch, batch)]).pop().expect("one commit, one result");
                        self.node.on(now, Event::Committed { shard, result });
                    }
                }
            }
            if self.node.has_changes() {
                self.node.on(now, Event::Seal);
            }
        }
    }

    fn call(&mut self, now: Time, call: Call, until: Time) {
        let request = Request { namespace: self.namespace.clone(), call };
        self.node.on(now, Event::Call { id: 1, request, until });
        self.act(now);
    }

    /// All reads that were asked for are done.
    fn read(&mut self, now: Time) {
        while let Some((read_id, request)) = self.reads.pop() {
            let result: Result<ReadResult, _> = request.perform(&self.store);
            self.node.on(now, Event::Read { read_id, result });
            self.act(now);
        }
    }

    fn has_run(&self, workflow_id: &str) -> bool {
        let key = Key::Current { namespace: self.namespace.id, kind: model::EntityKind::Run, id: workflow_id }.encode();
        self.store.get(model::ShardId(0), &key).expect("memory can be read").is_some()
    }
}

#[test]
fn a_call_that_waited_for_a_read_until_its_deadline_is_not_carried_out() {
    for (read_at, is_carried_out) in [(SECOND - Duration::from_nanos(1), true), (SECOND, false)] {
        let mut slow = Slow::new();
        slow.call(START, start("order"), START + SECOND);
        assert!(slow.answers.is_empty(), "whether the workflow id is used has to be read");
        slow.read(START + read_at);
        assert_eq!((slow.has_run("order"), slow.commits > 0), (is_carried_out, is_carried_out));
        let (_, answer) = slow.answers.pop().expect("an answer");
        assert_eq!(
            answer.map_err(|reject| reject.kind).is_err_and(|kind| kind == Kind::DeadlineExceeded),
            !is_carried_out
        );
    }
}

#[test]
fn a_call_whose_caller_went_while_it_waited_for_a_read_is_not_carried_out() {
    let mut slow = Slow::new();
    slow.call(START, start("order"), Time::MAX);
    slow.node.on(START, Event::Abandoned { id: 1 });
    slow.read(START);
    assert_eq!((slow.has_run("order"), slow.commits, slow.answers.len()), (false, 0, 0));
    // The number of a call says nothing of the next one that has it.
    slow.call(START, start("order"), Time::MAX);
    slow.read(START);
    assert!(slow.has_run("order"));
}

#[test]
fn idle_runs_are_forgotten_while_memory_is_short() {
    let memory = Budget::new(100_000);
    let mut slow = Slow::with(memory.clone());
    for number in 0..100_u32 {
        let (now, name) = (START + SECOND * number, format!("order-{number}"));
        slow.call(now, start(&name), Time::MAX);
        slow.read(now);
        assert!(slow.has_run(&name));
        assert!(memory.held() < 60_000, "{number}: half of it, and what has just come");
    }
    assert!(memory.held() > 40_000, "as many are kept as there is room for");
    drop(slow);
    assert_eq!(memory.held(), 0);
}

async fn engine() -> (Engine, Arc<Namespace>) {
    let (closed, _) = mpsc::channel();
    let store = Arc::new(Watched::new(Some(closed)));
    let config = Config { shards: 1, limits: Arc::default(), address: String::new(), cached_runs: 50 };
    let engine = Engine::open(store, config).expect("an empty store opens");
    let record = given::namespace(given::DAY);
    let namespace = Arc::new(record.snapshot());
    let put = Call::PutNamespace { record: Box::new(record), expected_version: 0 };
    engine.call(Request { namespace: namespace.clone(), call: put }).await.expect("a new namespace can be put");
    (engine, namespace)
}

async fn started(engine: &Engine, namespace: &Namespace) -> i64 {
    let all = Query { namespace: namespace.id, filter: None, group_by: Vec::new(), limit: 1, after: None };
    let counted = engine.count(all).await.expect("memory can be read");
    counted.iter().map(|(_, number)| number).sum()
}

#[tokio::test]
async fn starts_whose_callers_are_gone_before_their_turn_are_not_carried_out() {
    let (engine, namespace) = engine().await;
    engine.batch_scope(|| {
        let context = &mut Context::from_waker(Waker::noop());
        for number in 0..100 {
            let pass = Arc::new(engine.admit(Class::New, Stands::UntilAnswered, None).expect("there is room"));
            let request = Request { namespace: namespace.clone(), call: start(&format!("order-{number}")) };
            let mut call = Box::pin(engine.call_with(request, &pass));
            assert!(call.as_mut().poll(context).is_pending());
        }
    });
    assert_eq!(started(&engine, &namespace).await, 0);
    assert_eq!(engine.memory().held(), 0, "what was held for them is given back");
}

#[tokio::test]
async fn a_start_whose_deadline_has_passed_is_not_carried_out() {
    let (engine, namespace) = engine().await;
    let pass = Arc::new(engine.admit(Class::New, Stands::UntilAnswered, Some(Duration::ZERO)).expect("there is room"));
    let request = Request { namespace: namespace.clone(), call: start("order") };
    let refused = engine.call_with(request, &pass).await.expect_err("it is too late");
    assert_eq!(refused.kind, Kind::DeadlineExceeded);
    assert_eq!(started(&engine, &namespace).await, 0);
}

#[tokio::test]
async fn what_is_there_has_its_turn_before_what_is_new() {
    let (engine, namespace) = engine().await;
    let pass = |class| Arc::new(engine.admit(class, Stands::UntilAnswered, None).expect("there is room"));
    let (new, existing) = (pass(Class::New), pass(Class::Existing));
    let request = |call| Request { namespace: namespace.clone(), call };
    let execution = Execution { workflow_id: "order".to_owned(), run_id: String::new() };
    let mut begin = Box::pin(engine.call_with(request(start("order")), &new));
    let mut look = Box::pin(engine.call_with(request(Call::Describe { execution }), &existing));
    engine.batch_scope(|| {
        let context = &mut Context::from_waker(Waker::noop());
        assert!(begin.as_mut().poll(context).is_pending());
        assert!(look.as_mut().poll(context).is_pending());
    });
    let (begun, seen) = (begin.await, look.await);
    assert!(matches!(begun, Ok(Answer::Started(started)) if started.started));
    assert_eq!(seen.expect_err("it was asked for before there was a run").kind, Kind::NotFound);
}
