//! What visibility shows of a run: a function of its state, written in the same commit.

use std::{collections::BTreeMap, sync::Arc};

use machine::Run;
use model::{Time, search_attribute::payload_kind};
use proto::temporal::api::{
    common::v1::{Payload, SearchAttributes, WorkflowExecution},
    enums::v1::IndexedValueType,
};
use store::{
    Change,
    visibility::{Row, Schema, Value},
};

/// The types of a namespace's custom search attributes.
pub(crate) type Types = BTreeMap<String, IndexedValueType>;

/// What a step from `before` (`None`: the run is new) to `after` changes of the run's row, if anything.
pub(crate) fn change(before: Option<&Run>, after: &Run, types: &Types) -> Option<Change> {
    if before.is_some_and(|before| shows_the_same(before, after)) {
        return None;
    }
    let shown = row(after, types);
    // Most rows that are made here are made because the run closes: then the row before need not be made.
    let is_new = before.is_none_or(|before| before.core.status != after.core.status || row(before, types) != shown);
    is_new.then(|| Change::Show(Box::new(shown)))
}

/// Whether all that an open run's row is made of is what it was: true for most steps, and told without making a row.
fn shows_the_same(before: &Run, after: &Run) -> bool {
    let (old, new) = (&before.core, &after.core);
    before.is_open()
        && old.status == new.status
        && Arc::ptr_eq(&before.attributes, &after.attributes)
        && old.reported_problem == new.reported_problem
        && old.task_queue == new.task_queue
        && (old.start_time, old.execution_time, old.close_time) == (new.start_time, new.execution_time, new.close_time)
}

/// The visibility row of a run. Counters of the history are shown once it is closed, as in the reference.
pub(crate) fn row(run: &Run, types: &Types) -> Row {
    let started = run.started();
    let core = &run.core;
    let closed = !run.is_open();
    let shown = |counter: i64| if closed { counter } else { 0 };
    let parent = started.parent_workflow_execution.as_ref();
    let own = || WorkflowExecution {
        workflow_id: run.key.workflow.workflow_id.to_string(),
        run_id: run.key.run_id.to_string(),
    };
    let root = started.root_workflow_execution.clone().unwrap_or_else(own);
    Row {
        namespace: run.key.workflow.namespace,
        run_id: run.key.run_id,
        workflow_id: run.key.workflow.workflow_id.to_string(),
        workflow_type: run.workflow_type().to_owned(),
        task_queue: core.task_queue.clone(),
        status: run.status(),
        start_time: Time(core.start_time),
        execution_time: Time(core.execution_time),
        close_time: Time(core.close_time).non_zero(),
        history_length: shown(core.next_event_id - 1),
        history_size: shown(core.history_size),
        state_transitions: shown(core.state_transitions),
        parent_workflow_id: parent.map(|parent| parent.workflow_id.clone()),
        parent_run_id: parent.map(|parent| parent.run_id.clone()),
        root_workflow_id: root.workflow_id,
        root_run_id: root.run_id,
        has_memo: run.attributes.memo.is_some(),
        search_attributes: search_attributes(run, types),
    }
}

/// The typed values of a run's search attributes: of the type under which they were accepted.
fn search_attributes(run: &Run, types: &Types) -> BTreeMap<String, Value> {
    let fields = run.attributes.search_attributes.iter().flat_map(|attributes| &attributes.indexed_fields);
    let mut values: BTreeMap<String, Value> = fields
        .filter_map(|(name, payload)| {
            let value = Value::from_payload(payload, accepted_as(name, payload, types)).ok().flatten()?;
            Some((name.clone(), value))
        })
        .collect();
    values.extend(reported_problems(run));
    values
}

/// The search attributes of a run as its description shows them: as they were set, and those that a list shows. What was set
/// while an attribute had another type is not among them.
pub(crate) fn described(run: &Run, types: &Types) -> SearchAttributes {
    let schema = Schema { custom: types };
    let mut shown = run.attributes.search_attributes.clone().unwrap_or_default();
    shown.indexed_fields.retain(|name, payload| schema.settable(name) == Some(accepted_as(name, payload, types)));
    let problems = reported_problems(run).map(|(name, value)| (name, value.to_payload()));
    shown.indexed_fields.extend(problems);
    shown
}

/// The type that an attribute had when it was set: it stands in the payload, else it is the one of today.
fn accepted_as(name: &str, payload: &Payload, types: &Types) -> IndexedValueType {
    let named = payload_kind(payload);
    let today = || Schema { custom: types }.settable(name).unwrap_or_default();
    if named == IndexedValueType::Unspecified { today() } else { named }
}

/// What the server sets itself while the run's Workflow Task fails again and again.
fn reported_problems(run: &Run) -> Option<(String, Value)> {
    let problems = &run.core.reported_problem;
    let list = || Value::KeywordList(problems.split('\n').map(str::to_owned).collect());
    (!problems.is_empty()).then(|| ("TemporalReportedProblems".to_owned(), list()))
}
