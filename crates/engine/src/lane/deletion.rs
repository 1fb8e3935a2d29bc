//! Deletion of runs, by request and by retention; and the stored records of namespaces.

use std::time::Duration;

use machine::{Input, Job};
use model::{JobId, Kind, NamespaceId, Reject, RunId, ShardId};
use store::{Change, Key, record};

use super::{
    Action, Lane, ReplyTo, Timer,
    shard::{Effect, Need},
};
use crate::{Answer, NamespaceRecord, persist, placement::HOME};

impl Lane {
    /// Deletes a loaded run; an open one is terminated first.
    pub(crate) fn delete(&mut self, reply_to: ReplyTo, shard: ShardId, run_id: RunId) {
        let is_open = self.entry(shard, run_id).is_some_and(|entry| entry.run.is_open());
        if is_open {
            let terminate = Input::Terminate {
                reason: "Delete workflow execution".into(),
                details: None,
                identity: "history-service".into(),
                links: Vec::new(),
            };
            if let Err(reject) = self.step(shard, run_id, terminate) {
                return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
            }
        }
        self.send_last_messages(shard, run_id);
        if let Some(reject) = self.quarantine_refusal(shard, run_id) {
            return self.after_commit(shard, Effect::Answer(reply_to, Err(reject)));
        }
        self.remove_run(shard, run_id);
        self.after_commit(shard, Effect::Answer(reply_to, Ok(Answer::Done)));
    }

    /// Retention: whether this is a closed run whose time has come and who has nothing left to say.
    pub(crate) fn is_deletion_due(&self, shard: ShardId, run_id: RunId) -> bool {
        self.entry(shard, run_id).is_some_and(|entry| {
            let time = entry.run.core.delete_time;
            !entry.run.is_open() && time != 0 && time <= self.now.0 && entry.due.messages.is_empty()
        })
    }

    /// What has to be read before the run can be removed: with it goes the row of its workflow id, unless that names
    /// another run.
    pub(crate) fn removal_needs(&self, shard: ShardId, run_id: RunId) -> Option<Need> {
        let workflow = &self.entry(shard, run_id)?.run.key.workflow;
        let is_known = self.shards.get(&shard).is_some_and(|state| state.currents.contains_key(workflow));
        (!is_known).then(|| Need::Current(workflow.clone()))
    }

    /// What the run still has to tell others is told now, for it will not be there to be asked again.
    fn send_last_messages(&mut self, shard: ShardId, run_id: RunId) {
        let Some(entry) = self.entry(shard, run_id) else { return };
        for key in entry.due.messages.clone() {
            self.send(super::Sender { shard, run_id, key });
        }
    }

    /// Removes every row of a run, and the run from memory.
    pub(crate) fn remove_run(&mut self, shard: ShardId, run_id: RunId) {
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        let Some(entry) = state.runs.remove(&run_id) else {
            return;
        };
        let run = &entry.run;
        let workflow = run.key.workflow.clone();
        let is_newest = state.currents.get(&workflow).is_some_and(|newest| newest.run_id == Some(run_id));
        let changes = state.changes();
        changes.push(Change::DeletePrefix { prefix: Key::run_prefix(run_id) });
        changes.push(Change::DeletePrefix { prefix: Key::outbox_entity_prefix(run_id.into()) });
        changes.extend(entry.due.wake.map(|time| persist::delete(&Key::Wake(time, run_id.into()))));
        for task in &entry.due.tasks {
            let place = persist::TaskPlace::of(task, workflow.namespace, run_id);
            changes.push(persist::delete(&place.key()));
        }
        changes.push(Change::Hide { run_id });
        if is_newest {
            state.set_current(workflow, None);
        }
        if let Some(time) = entry.due.deadline {
            self.timers.remove(&(time, Timer::Entity(shard, run_id.into())));
        }
        for waiter in entry.waiters {
            self.waits.remove(&waiter.call);
            let result = Err(super::answer::run_not_found(&entry.run.key.workflow.workflow_id, &run_id.to_string()));
            self.actions.push(Action::Answer { id: waiter.call, result });
        }
        self.changed(shard);
    }

    /// Writes a namespace, unless it was written since the caller read it.
    pub(crate) fn put_namespace(&mut self, reply_to: ReplyTo, record: NamespaceRecord, expected_version: i64) {
        let result = self.write_namespace(record, expected_version).map(|()| Answer::Done);
        self.after_commit(HOME, Effect::Answer(reply_to, result));
    }

    /// Writes a namespace that is to be deleted, and in the same batch the job that does it.
    pub(crate) fn delete_namespace(
        &mut self,
        reply_to: ReplyTo,
        record: NamespaceRecord,
        expected_version: i64,
        delay: Duration,
    ) {
        let id = record.namespace_id();
        let result = self.jobs_unread().map_or_else(|| self.write_namespace(record, expected_version), Err);
        if result.is_ok() {
            self.start_job(Job::delete_namespace(JobId(id.0), id, delay, self.now));
        }
        self.after_commit(HOME, Effect::Answer(reply_to, result.map(|()| Answer::Done)));
    }

    fn write_namespace(&mut self, record: NamespaceRecord, expected_version: i64) -> Result<(), Reject> {
        let id = record.namespace_id();
        let version = self.namespaces.by_id(id).map_or(0, |(known, _)| known.version);
        let taken = self.namespaces.by_name(&record.name).is_some_and(|(known, _)| known.namespace_id() != id);
        if version != expected_version {
            return Err(Reject::new(Kind::Aborted, "the namespace was changed at the same time, try again"));
        }
        if taken {
            return Err(Reject::new(Kind::NamespaceAlreadyExists, "Namespace already exists."));
        }
        let record = NamespaceRecord { version: version + 1, ..record };
        self.write_home(Change::Put { key: Key::Namespace(id).encode(), value: record::encode(&record) });
        self.namespaces.put(record);
        self.after_commit(HOME, Effect::Namespaces);
        Ok(())
    }

    /// Forgets a namespace whose runs are gone.
    pub(crate) fn remove_namespace(&mut self, reply_to: ReplyTo, id: NamespaceId) {
        self.write_home(Change::Delete { key: Key::Namespace(id).encode() });
        self.namespaces.remove(id);
        self.after_commit(HOME, Effect::Namespaces);
        self.after_commit(HOME, Effect::Answer(reply_to, Ok(Answer::Done)));
    }

    fn write_home(&mut self, change: Change) {
        if let Some(state) = self.shards.get_mut(&HOME) {
            state.changes().push(change);
        }
        self.changed(HOME);
    }
}
