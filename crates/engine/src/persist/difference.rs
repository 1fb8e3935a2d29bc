//! What a step writes: the rows in which the state after it differs from the state before.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use imbl::{OrdMap, ordmap::DiffItem};
use machine::{Attributes, Due, Requests, Run};
use model::RunId;
use prost::Message;
use store::{Change, Key, record};

use super::{RequestRecord, RunKeyRecord, TaskPlace, TaskRecord, attributes, delete, message_code, put};

/// The rows of a step from `before` (`None`: the run is new) to `after`, with what is due before and after it.
/// `history` is the first id and the encoded batch of the events that the step appends.
pub(crate) fn rows(
    before: Option<(&Run, &Due)>,
    after: (&Run, &Due),
    history: Option<(i64, Bytes)>,
    changes: &mut Vec<Change>,
) {
    let (run, due) = after;
    let run_id = run.key.run_id;
    changes.extend(history.map(|(first, batch)| put(&Key::History(run_id, first), batch)));
    let old = before.map(|(run, _)| run);
    state_rows(old, run, changes);
    let old_due = before.map(|(_, due)| due);
    wake_row(run_id, old_due, due, changes);
    task_rows(run, old_due, due, changes);
    outbox_rows(run_id, old_due, due, changes);
}

fn state_rows(old: Option<&Run>, run: &Run, changes: &mut Vec<Change>) {
    let id = run.key.run_id;
    let core = run.stored_core();
    if old.is_none_or(|old| old.stored_core() != core) {
        changes.push(put(&Key::Run(id), record::encode(&*core)));
    }
    if old.is_none() {
        let key = RunKeyRecord {
            namespace_id: run.key.workflow.namespace.as_bytes().to_vec(),
            workflow_id: run.key.workflow.workflow_id.to_string(),
        };
        changes.push(put(&Key::RunKey(id), record::encode(&key)));
    }
    // A run without attributes, which most are, has no row for them.
    let is_known = old
        .map_or_else(|| Attributes::default() == *run.attributes, |old| Arc::ptr_eq(&old.attributes, &run.attributes));
    if !is_known {
        changes.push(put(&Key::Attributes(id), attributes::encode(run)));
    }
    map_rows(
        old.map(|old| &old.activities),
        &run.activities,
        |at| Key::Activity(id, *at),
        |row| record::encode(&**row),
        changes,
    );
    map_rows(old.map(|old| &old.timers), &run.timers, |at| Key::Timer(id, at), |row| record::encode(&**row), changes);
    map_rows(
        old.map(|old| &old.children),
        &run.children,
        |at| Key::Child(id, *at),
        |row| record::encode(&**row),
        changes,
    );
    let signals = (old.map(|old| &old.external_signals), &run.external_signals);
    map_rows(signals.0, signals.1, |at| Key::ExternalSignal(id, *at), |row| record::encode(&**row), changes);
    let cancels = (old.map(|old| &old.external_cancels), &run.external_cancels);
    map_rows(cancels.0, cancels.1, |at| Key::ExternalCancel(id, *at), |row| record::encode(&**row), changes);
    let nothing = Requests::default();
    let seen = run.requests.since(old.map_or(&nothing, |old| &old.requests));
    changes.extend(seen.iter().zip(run.requests.len() - seen.len()..).map(|(at, place)| {
        let run_id = run.requests.earlier_run(at).map(|run_id| run_id.to_string()).unwrap_or_default();
        put(&Key::Request(id, at), record::encode(&RequestRecord { place: place as u64, run_id }))
    }));
    map_rows(
        old.map(|old| &old.updates),
        &run.updates,
        |at| Key::Update(id, at),
        |row| record::encode(&**row),
        changes,
    );
    buffered_rows(old, run, changes);
}

/// Both maps share structure, so this costs as much as there are differences.
fn map_rows<'a, K: Ord, V: PartialEq>(
    old: Option<&'a OrdMap<K, V>>,
    new: &'a OrdMap<K, V>,
    key: impl Fn(&'a K) -> Key<'a>,
    value: impl Fn(&V) -> Bytes,
    changes: &mut Vec<Change>,
) {
    let Some(old) = old else {
        changes.extend(new.iter().map(|(at, row)| put(&key(at), value(row))));
        return;
    };
    if old.ptr_eq(new) {
        return;
    }
    for item in old.diff(new) {
        changes.push(match item {
            DiffItem::Add(at, row) => put(&key(at), value(row)),
            DiffItem::Update { new: (at, row), .. } => put(&key(at), value(row)),
            DiffItem::Remove(at, _) => delete(&key(at)),
        });
    }
}

/// The buffer only grows at its end or is emptied.
fn buffered_rows(old: Option<&Run>, run: &Run, changes: &mut Vec<Change>) {
    let id = run.key.run_id;
    let held = old.map_or(0, |old| old.buffered.len());
    let kept = held.min(run.buffered.len());
    let same = old.is_none_or(|old| {
        old.buffered
            .iter()
            .zip(run.buffered.iter())
            .all(|(before, after)| Arc::ptr_eq(before, after) || before == after)
    });
    let first = if same { kept } else { 0 };
    for position in run.buffered.len()..held {
        changes.push(delete(&Key::Buffered(id, position as i64)));
    }
    for (position, event) in run.buffered.iter().enumerate().skip(first) {
        changes.push(put(&Key::Buffered(id, position as i64), event.encode_to_vec().into()));
    }
}

fn wake_row(run_id: RunId, old: Option<&Due>, due: &Due, changes: &mut Vec<Change>) {
    let before = old.and_then(|old| old.wake);
    if before == due.wake {
        return;
    }
    changes.extend(before.map(|time| delete(&Key::Wake(time, run_id.into()))));
    changes.extend(due.wake.map(|time| put(&Key::Wake(time, run_id.into()), Bytes::new())));
}

fn task_rows(run: &Run, old: Option<&Due>, due: &Due, changes: &mut Vec<Change>) {
    if old.is_some_and(|old| old.tasks == due.tasks) {
        return;
    }
    let places = |due: &Due| -> BTreeSet<TaskPlace> {
        let namespace = run.key.workflow.namespace;
        due.tasks.iter().map(|task| TaskPlace::of(task, namespace, run.key.run_id)).collect()
    };
    let before = old.map(places).unwrap_or_default();
    let after = places(due);
    changes.extend(before.difference(&after).map(|place| delete(&place.key())));
    changes.extend(after.difference(&before).map(|place| {
        let value = TaskRecord { attempt: place.attempt };
        put(&place.key(), record::encode(&value))
    }));
}

fn outbox_rows(run_id: RunId, old: Option<&Due>, due: &Due, changes: &mut Vec<Change>) {
    let before: BTreeSet<_> = old.map(|old| old.messages.iter().copied().collect()).unwrap_or_default();
    let after: BTreeSet<_> = due.messages.iter().copied().collect();
    let row = |key| {
        let (kind, id) = message_code(key);
        Key::Outbox(run_id.into(), kind, id)
    };
    changes.extend(before.difference(&after).map(|key| delete(&row(*key))));
    changes.extend(after.difference(&before).map(|key| put(&row(*key), Bytes::new())));
}
