//! Task queues on lanes without threads, where time passes only when it is told to.

mod given;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cluster::{Member, NodeId};
use engine::{
    Action, Answer, Call, Event, Execution, Lane, LaneConfig, LaneId, Placement, Poll, Request, TaskQueueDescription,
};
use model::{Budget, Limits, Namespace, QueueKey, QueueKind, Reject, Time, TokenKey};
use proto::temporal::api::{
    command::v1::{Command, ScheduleActivityTaskCommandAttributes, command::Attributes},
    common::v1::{ActivityType, Priority, WorkflowType},
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest},
};
use store::{Batch, Change, Key, MemoryStore, Shards as _, key::OwnedKey};

const START: Time = Time(1_700_000_000_000_000_000);
/// So many that queue and run of a test are at different lanes, or at the same one.
const SHARDS: u32 = 8;
/// With one lane all meets in one step; with more, runs and queues are apart.
const LANES: [u32; 3] = [1, 2, 8];

/// The lanes of a node and their store. Every action is done at once.
struct World {
    placement: Placement,
    lanes: Vec<Lane>,
    store: Arc<MemoryStore>,
    token_key: TokenKey,
    namespace: Arc<Namespace>,
    now: Time,
    calls: u64,
    /// What was answered, and when.
    answers: BTreeMap<u64, (Time, Result<Answer, Reject>)>,
    commits: Vec<Arc<Batch>>,
}

impl World {
    fn new() -> Self {
        Self::of(1)
    }

    fn of(lanes: u32) -> Self {
        let record = given::namespace(given::DAY);
        let placement = Placement::new(SHARDS, lanes);
        let mut world = Self::on(placement, Arc::new(MemoryStore::default()), START, Arc::new(record.snapshot()));
        world.ask(Call::PutNamespace { record: Box::new(record), expected_version: 0 });
        world
    }

    fn on(placement: Placement, store: Arc<MemoryStore>, now: Time, namespace: Arc<Namespace>) -> Self {
        let token_key = TokenKey::new([7; 32]);
        let config = |lane| LaneConfig {
            id: NodeId(1),
            members: vec![Member { id: NodeId(1), address: String::new(), lease_until: Time::MAX }],
            placement,
            lane,
            limits: Arc::new(Limits::default()),
            token_key: token_key.clone(),
            seed: 1,
            cached_runs: 10_000,
            memory: Budget::new(usize::MAX),
        };
        let lanes = placement.lanes().map(|lane| Lane::new(config(lane), now)).collect();
        let (answers, commits) = (BTreeMap::new(), Vec::new());
        let mut world = Self { placement, lanes, store, token_key, namespace, now, calls: 0, answers, commits };
        world.act();
        world
    }

    /// The process ends and starts again.
    fn restart(self) -> Self {
        Self::on(self.placement, self.store, self.now, self.namespace)
    }

    fn act(&mut self) {
        while self.placement.lanes().map(|lane| self.act_at(lane)).filter(|has_acted| *has_acted).count() > 0 {}
    }

    fn task_queues(&self) -> usize {
        self.lanes.iter().map(Lane::task_queues).sum()
    }

    fn lane(&self, lane: LaneId) -> &Lane {
        &self.lanes[lane.0 as usize]
    }

    fn tell(&mut self, lane: LaneId, event: Event) {
        self.lanes[lane.0 as usize].on(self.now, event);
    }

    /// Does what one lane wants, until it is for others to do something; whether it wanted anything.
    fn act_at(&mut self, lane: LaneId) -> bool {
        let mut has_acted = false;
        loop {
            let actions = self.lanes[lane.0 as usize].take_actions();
            if actions.is_empty() {
                if !self.lane(lane).has_changes() {
                    return has_acted;
                }
                self.tell(lane, Event::Seal);
            }
            has_acted = true;
            for action in actions {
                let event = match action {
                    Action::Deliver { to, parcel } => {
                        self.tell(to, Event::Delivered { from: lane, parcel });
                        continue;
                    }
                    Action::Answer { id, result } => {
                        self.answers.insert(id, (self.now, result));
                        continue;
                    }
                    Action::Namespaces(_) => continue,
                    Action::Acquire { shard } => Event::Acquired { shard, result: self.store.acquire(shard) },
                    Action::Read { read_id, request } => Event::Read { read_id, result: request.perform(&*self.store) },
                    Action::Commit { shard, epoch, batch } => {
                        self.commits.push(batch.clone());
                        let result = self.store.commit(&[(shard, epoch, batch)]).pop().expect("one commit, one result");
                        Event::Committed { shard, result }
                    }
                };
                self.tell(lane, event);
            }
        }
    }

    /// Lets time pass; what is to happen meanwhile happens at its time.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        let next = |lanes: &[Lane]| lanes.iter().filter_map(Lane::next_timer).min().filter(|timer| *timer <= end);
        while let Some(timer) = next(&self.lanes) {
            self.now = self.now.max(timer);
            self.tick();
        }
        self.now = end;
        self.tick();
    }

    fn tick(&mut self) {
        for lane in self.placement.lanes() {
            self.tell(lane, Event::Tick);
        }
        self.act();
    }

    fn call(&mut self, call: Call) -> u64 {
        self.calls += 1;
        let request = Request { namespace: self.namespace.clone(), call };
        let lane = self.placement.of_request(&request).unwrap_or_default();
        self.tell(lane, Event::Call { id: self.calls, request, until: Time::MAX });
        self.act();
        self.calls
    }

    /// A call that is answered at once.
    fn ask(&mut self, call: Call) -> Answer {
        let id = self.call(call);
        self.answers.remove(&id).expect("the call is answered").1.expect("the call is accepted")
    }

    fn queue(&self, kind: QueueKind, name: &str) -> QueueKey {
        QueueKey { namespace: self.namespace.id, kind, name: name.into() }
    }

    fn start(&mut self, workflow_id: &str) {
        let request = StartWorkflowExecutionRequest {
            workflow_id: workflow_id.into(),
            workflow_type: Some(WorkflowType { name: "Pay".into() }),
            task_queue: Some(TaskQueue { name: "orders".into(), ..TaskQueue::default() }),
            request_id: workflow_id.into(),
            ..StartWorkflowExecutionRequest::default()
        };
        self.ask(Call::Start(Box::new(request)));
    }

    fn poll(&self, kind: QueueKind, name: &str, patience: Duration) -> Poll {
        Poll {
            queue: self.queue(kind, name),
            normal_name: String::new(),
            identity: "worker".into(),
            worker_version: Arc::default(),
            worker_instance_key: String::new(),
            deadline: self.now + patience,
            max_tasks_per_second: None,
        }
    }

    fn poll_activity(&mut self, tasks_per_second: Option<f64>) -> u64 {
        let poll = self.poll(QueueKind::Activity, "orders", Duration::from_secs(60));
        self.call(Call::PollActivityTask(Poll { max_tasks_per_second: tasks_per_second, ..poll }))
    }

    fn describe(&mut self, kind: QueueKind) -> TaskQueueDescription {
        match self.ask(Call::DescribeTaskQueue { queue: self.queue(kind, "orders") }) {
            Answer::TaskQueue(description) => *description,
            other => panic!("{other:?}"),
        }
    }

    /// One workflow with that many activities that wait.
    fn schedule_activities(&mut self, count: usize) {
        self.schedule((0..count).map(activity).collect());
    }

    fn schedule(&mut self, commands: Vec<Command>) {
        self.start("order");
        let poll = self.poll(QueueKind::Workflow, "orders", Duration::from_secs(60));
        let Answer::WorkflowTask(Some(task)) = self.ask(Call::PollWorkflowTask(poll)) else { panic!("no task") };
        let token = self.token_key.open(&task.response.task_token).expect("a token of this node");
        let request = Box::new(RespondWorkflowTaskCompletedRequest { commands, ..Default::default() });
        self.ask(Call::CompleteWorkflowTask { token, request });
    }

    /// When the polls got a task, in milliseconds since the beginning; the ones that wait are left out.
    fn departures(&self, polls: &[u64]) -> Vec<u128> {
        let at = |poll| match self.answers.get(poll) {
            Some((at, Ok(Answer::ActivityTask(Some(_))))) => Some(at.since(START).as_millis()),
            Some(other) => panic!("{other:?}"),
            None => None,
        };
        polls.iter().filter_map(at).collect()
    }
}

fn activity(number: usize) -> Command {
    let attributes = ScheduleActivityTaskCommandAttributes {
        activity_id: number.to_string(),
        activity_type: Some(ActivityType { name: "Charge".into() }),
        task_queue: Some(TaskQueue { name: "orders".into(), ..TaskQueue::default() }),
        start_to_close_timeout: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        ..ScheduleActivityTaskCommandAttributes::default()
    };
    Command {
        command_type: CommandType::ScheduleActivityTask.into(),
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)),
        ..Command::default()
    }
}

fn backlog(description: &TaskQueueDescription) -> (i64, i64) {
    let age = description.stats.approximate_backlog_age.map_or(0, |age| age.seconds);
    (description.stats.approximate_backlog_count, age)
}

/// More than stands in memory, no worker polls, and the process is new: all of it is counted, with the age of the oldest.
#[test]
fn a_backlog_is_known_also_after_a_restart() {
    for lanes in LANES {
        let mut world = World::of(lanes);
        world.start("first");
        world.pass(Duration::from_secs(3));
        for number in 1..2_100 {
            world.start(&format!("order-{number}"));
        }
        assert_eq!(backlog(&world.describe(QueueKind::Workflow)), (2_100, 3));
        let mut world = world.restart();
        world.pass(Duration::from_secs(1));
        assert_eq!(backlog(&world.describe(QueueKind::Workflow)), (2_100, 4));
        let poll = world.poll(QueueKind::Workflow, "orders", Duration::from_secs(60));
        assert!(matches!(world.ask(Call::PollWorkflowTask(poll)), Answer::WorkflowTask(Some(_))));
        let description = world.describe(QueueKind::Workflow);
        assert_eq!(backlog(&description).0, 2_099);
        assert_eq!(description.stats_by_priority.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [3]);
        assert_eq!(description.pollers.len(), 1);
        // The worker is lost, its task waits again, and the queue is forgotten and counted anew.
        world.pass(Duration::from_secs(320));
        assert_eq!(world.task_queues(), 0);
        world.start("late");
        let (count, age) = backlog(&world.describe(QueueKind::Workflow));
        assert_eq!(count, 2_101);
        assert!((321..=324).contains(&age), "{age} s: since the first or the second start, whichever was not polled");
    }
}

/// The row of a workflow task stays while a worker has it, but then it does not wait.
#[test]
fn a_task_that_a_worker_has_is_not_counted() {
    for lanes in LANES {
        let mut world = World::of(lanes);
        world.start("order");
        let poll = world.poll(QueueKind::Workflow, "orders", Duration::from_secs(60));
        assert!(matches!(world.ask(Call::PollWorkflowTask(poll)), Answer::WorkflowTask(Some(_))));
        assert_eq!(backlog(&world.describe(QueueKind::Workflow)).0, 0);
    }
}

/// A worker's own queue has a name that never comes again.
#[test]
fn queues_that_are_not_used_are_forgotten() {
    for lanes in LANES {
        let mut world = World::of(lanes);
        world.start("order");
        for worker in 0..50 {
            let poll = world.poll(QueueKind::Workflow, &format!("own-{worker}"), Duration::from_secs(1));
            world.call(Call::PollWorkflowTask(poll));
        }
        let patient = world.poll(QueueKind::Workflow, "patient", Duration::from_secs(600));
        let patient = world.call(Call::PollWorkflowTask(patient));
        world.pass(Duration::from_secs(2));
        assert_eq!(world.task_queues(), 52);
        world.pass(Duration::from_secs(300));
        assert_eq!(world.task_queues(), 1, "only the one at which a caller waits");
        assert!(!world.answers.contains_key(&patient));
        // The task that waited at a forgotten queue is found again.
        let poll = world.poll(QueueKind::Workflow, "orders", Duration::from_secs(60));
        assert!(matches!(world.ask(Call::PollWorkflowTask(poll)), Answer::WorkflowTask(Some(_))));
        world.pass(Duration::from_secs(1_000));
        assert_eq!(world.task_queues(), 0);
    }
}

/// The tasks whose rows a commit puts.
fn tasks_put(batch: &Batch) -> usize {
    let is_task = |key: &[u8]| matches!(Key::decode(key), Ok(OwnedKey::Task { .. }));
    batch.changes.iter().filter(|change| matches!(change, Change::Put { key, .. } if is_task(key))).count()
}

/// Of an activity that a poll waits for nothing is written but that it runs, together with what made it ready.
#[test]
fn an_activity_is_matched_with_a_poll_in_the_step_that_schedules_it() {
    let mut world = World::new();
    let first = world.poll_activity(None);
    let before = world.commits.len();
    world.schedule_activities(2);
    assert_eq!(world.departures(&[first]), [0]);
    let commits: Vec<_> = world.commits[before..].iter().map(|batch| tasks_put(batch)).collect();
    assert_eq!(commits, [1, 1], "the start's workflow task, and of the completion only the activity that waits");
    let mut world = world.restart();
    let polls = [world.poll_activity(None), world.poll_activity(None)];
    assert_eq!(world.departures(&polls), [0], "the activity that runs is not given out again");
}

/// Of the activities of one step the most urgent meets the poll.
#[test]
fn a_waiting_poll_gets_the_most_urgent_activity() {
    for lanes in LANES {
        let mut world = World::of(lanes);
        let poll = world.poll_activity(None);
        let commands = [5, 1, 3].map(|priority_key| {
            let mut command = activity(priority_key as usize);
            let Some(Attributes::ScheduleActivityTaskCommandAttributes(attributes)) = &mut command.attributes else {
                panic!("not an activity");
            };
            attributes.priority = Some(Priority { priority_key, ..Priority::default() });
            command
        });
        world.schedule(commands.to_vec());
        match &world.answers[&poll].1 {
            Ok(Answer::ActivityTask(Some(task))) => assert_eq!(task.activity_id, "1"),
            other => panic!("{other:?}"),
        }
    }
}

/// A caller that is answered comes again at once; what time brings about does not.
#[test]
fn the_writer_waits_for_callers_and_not_for_timers() {
    let mut world = World::new();
    let poll = world.poll_activity(None);
    world.schedule_activities(1);
    assert_eq!(world.departures(&[poll]), [0]);
    world.now = world.now + Duration::from_secs(600);
    world.tell(LaneId(0), Event::Tick);
    assert!(world.lane(LaneId(0)).has_changes(), "the activity has taken too long");
    assert_eq!(world.lane(LaneId(0)).callers(), 0);
    let execution = Execution { workflow_id: "order".into(), run_id: String::new() };
    let signal = Call::Signal { execution, signal: Box::default() };
    let request = Request { namespace: world.namespace.clone(), call: signal };
    world.tell(LaneId(0), Event::Call { id: 1_000, request, until: Time::MAX });
    assert_eq!(world.lane(LaneId(0)).callers(), 1);
    world.tell(LaneId(0), Event::Seal);
    assert_eq!(world.lane(LaneId(0)).callers(), 0);
}

#[test]
fn activities_go_out_as_fast_as_their_workers_ask_for() {
    for polls_first in [false, true] {
        go_out_as_fast_as_asked_for(polls_first);
    }
}

fn go_out_as_fast_as_asked_for(polls_first: bool) {
    let mut world = World::new();
    let poll = |world: &mut World| -> Vec<u64> { (0..8).map(|_| world.poll_activity(Some(4.0))).collect() };
    let mut polls = if polls_first { poll(&mut world) } else { Vec::new() };
    world.schedule_activities(8);
    if !polls_first {
        polls = poll(&mut world);
    }
    assert_eq!(world.departures(&polls), [0; 5]);
    let description = world.describe(QueueKind::Activity);
    assert_eq!(description.tasks_per_second, Some(4.0));
    assert_eq!(description.pollers[0].rate_per_second, 4.0);
    assert_eq!(backlog(&description).0, 3);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.departures(&polls), [0, 0, 0, 0, 0, 250, 500, 750]);
    let stats = world.describe(QueueKind::Activity).stats;
    assert!(stats.rate_limiting_active);
    assert_eq!((stats.tasks_add_rate, stats.tasks_dispatch_rate), (8.0 / 5.0, 8.0 / 5.0));
}

/// The last poll sets the limit: zero stops the queue, none lifts it.
#[test]
fn the_last_poll_sets_the_limit() {
    for lanes in LANES {
        let mut world = World::of(lanes);
        world.schedule_activities(3);
        let stopped = world.poll_activity(Some(0.0));
        world.pass(Duration::from_secs(30));
        assert_eq!(world.departures(&[stopped]), Vec::<u128>::new());
        let lifting = world.poll_activity(None);
        assert_eq!(world.departures(&[stopped, lifting]), [30_000; 2]);
        let description = world.describe(QueueKind::Activity);
        assert_eq!((description.tasks_per_second, description.pollers[0].rate_per_second), (None, 100_000.0));
    }
}

/// Who polls what is known from the polls, page by page, without the queues that workers make up for themselves.
#[test]
fn workers_are_listed_by_the_queues_that_they_poll() {
    let mut world = World::new();
    let minute = Duration::from_secs(60);
    for (kind, name, identity) in [
        (QueueKind::Workflow, "orders", "ada"),
        (QueueKind::Activity, "orders", "ada"),
        (QueueKind::Activity, "mail", "bob"),
        (QueueKind::Workflow, "tours", "cleo"),
    ] {
        let poll = Poll { identity: identity.to_owned(), ..world.poll(kind, name, minute) };
        world.call(if kind == QueueKind::Workflow {
            Call::PollWorkflowTask(poll)
        } else {
            Call::PollActivityTask(poll)
        });
    }
    let sticky = Poll { normal_name: "orders".into(), ..world.poll(QueueKind::Workflow, "ada-1f", minute) };
    world.call(Call::PollWorkflowTask(sticky));
    let mut list = |after: &str, queues| match world.ask(Call::ListWorkers { after: after.to_owned(), queues }) {
        Answer::Workers(workers) => {
            let found = workers.found.into_iter().map(|worker| format!("{} {}", worker.task_queue, worker.identity));
            (found.collect::<Vec<_>>(), workers.more_after)
        }
        other => panic!("{other:?}"),
    };
    let all = ["mail bob", "orders ada", "tours cleo"].map(str::to_owned);
    assert_eq!(list("", 100), (all.to_vec(), None));
    assert_eq!(list("", 2), (all[..2].to_vec(), Some("orders".to_owned())));
    assert_eq!(list("orders", 2), (all[2..].to_vec(), None));
    world.pass(Duration::from_secs(361));
    assert!(matches!(world.ask(Call::ListWorkers { after: String::new(), queues: 9 }),
        Answer::Workers(workers) if workers == engine::Workers::default()));
}
