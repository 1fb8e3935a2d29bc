//! The network between the cluster and its callers: calls and answers take time, get lost, and are given up.
//!
//! A call whose caller is gone before it was looked at is not carried out. That it was not looked at is known here from what
//! it waits for: a read that the node has asked for on its account, or the first shard of a node that has none yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use engine::{Action, Answer, Call, CallId, Event, ReadRequest, Request};
use model::{Reject, Time};

use super::{Actor, Happening, World};
use crate::bug::Bug;

/// A call that its caller waits for.
#[derive(Debug)]
struct Asked {
    actor: Actor,
    slot: usize,
    life: u64,
    /// When the node gets it; `None` where it is lost on its way.
    arrives: Option<Time>,
}

/// What a call waits for before its node looks at it.
#[derive(Debug, PartialEq)]
enum Wait {
    /// An answer to the read of this number, of the node in this slot.
    Read(usize, u64),
    /// Any shard at all, for the node in this slot.
    Shard(usize),
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Callers {
    asked: BTreeMap<CallId, Asked>,
    /// Calls that their node has not looked at for certain.
    unseen: BTreeMap<CallId, Wait>,
    /// How the request of a call is named whose caller goes away, and does not send it again.
    left: BTreeMap<CallId, String>,
    /// Slots of nodes that have had a shard.
    opened: BTreeSet<usize>,
}

impl Callers {
    /// What the node did when the call came to it says what the call waits for.
    pub(super) fn note_wait(&mut self, id: CallId, slot: usize, actions: &[Action]) {
        if !self.opened.contains(&slot) {
            self.unseen.insert(id, Wait::Shard(slot));
            return;
        }
        for action in actions {
            if let Action::Read { ticket, request: ReadRequest::Get { .. } | ReadRequest::Run { .. } } = action {
                self.unseen.insert(id, Wait::Read(slot, *ticket));
            }
        }
    }

    /// An event is about to reach a node: calls that waited for it are looked at from now on.
    fn note_event(&mut self, slot: usize, event: &Event) {
        let over = match event {
            Event::Acquired { .. } => {
                self.opened.insert(slot);
                Wait::Shard(slot)
            }
            Event::Read { ticket, .. } => Wait::Read(slot, *ticket),
            Event::Call { .. }
            | Event::Abandoned { .. }
            | Event::Undelivered { .. }
            | Event::Committed { .. }
            | Event::Tick
            | Event::Cut
            | Event::Drain => return,
        };
        self.unseen.retain(|_, wait| *wait != over);
    }
}

impl World {
    /// Sends a call to the cluster. Every call that is not answered in `patience` comes back as timed out.
    pub(crate) fn send(&mut self, actor: Actor, call: Call, patience: Duration) -> CallId {
        self.sequence += 1;
        let id = self.sequence;
        let lost = self.is_failing() && self.rng.one_in(60);
        let wait = self.rng.within(5);
        let (slot, life) = (self.active, self.slots.get(self.active).map_or(0, |slot| slot.life));
        let arrives = (!lost).then(|| self.now + wait);
        self.callers.asked.insert(id, Asked { actor, slot, life, arrives });
        if !lost {
            let request = Request { namespace: self.namespace.clone(), call };
            let event = Event::Call { id, request, until: self.clock() + patience };
            self.after(wait, Happening::Node { slot, life, event });
        }
        self.after(patience, Happening::Timeout { call: id });
        id
    }

    /// Has a caller give its call up after a while, unless it is answered before.
    pub(crate) fn give_up_after(&mut self, wait: Duration, call: CallId) {
        self.after(wait, Happening::Timeout { call });
    }

    /// Has a caller give its call up for good: the request, named by `key`, is not sent again.
    pub(crate) fn leave_after(&mut self, wait: Duration, call: CallId, key: String) {
        self.callers.left.insert(call, key);
        self.give_up_after(wait, call);
    }

    /// The caller waits no longer; the node hears of it, unless the network is down.
    pub(super) fn hang_up(&mut self, id: CallId) {
        let Some(Asked { slot, life, arrives: Some(arrives), .. }) = self.callers.asked.get(&id) else { return };
        let (slot, life, arrives) = (*slot, *life, *arrives);
        if self.is_failing() && self.rng.one_in(10) {
            return;
        }
        let wait = self.rng.within(5).max(arrives.since(self.now));
        self.after(wait, Happening::Node { slot, life, event: Event::Abandoned { id } });
    }

    /// Gives a caller the answer to its call, or the time-out; the first of the two counts.
    pub(super) fn reply(&mut self, call: CallId, result: Option<Result<Answer, Reject>>) {
        let Some(asked) = self.callers.asked.remove(&call) else { return };
        match asked.actor {
            Actor::Client(n) => self.with_client(n, |client, world| client.hear(world, call, result)),
            Actor::Worker(n) => self.with_worker(n, |worker, world| worker.hear(world, call, result)),
        }
    }

    /// An answer leaves the cluster: from here on it is a promise.
    pub(super) fn answer(&mut self, slot: usize, life: u64, call: CallId, mut result: Result<Answer, Reject>) {
        if let Some(bug) = self.options.bug {
            bug.mangle_answer(&mut result);
        }
        self.promises.spoken(&self.disk, &result);
        let lost = self.is_failing() && self.rng.one_in(60);
        if lost || !self.callers.asked.contains_key(&call) {
            return self.lose_answer(slot, life, result);
        }
        let wait = self.rng.within(5);
        self.after(wait, Happening::Reply { call, result });
    }

    /// An answer reaches no caller, and the process that gave it may notice.
    fn lose_answer(&mut self, slot: usize, life: u64, result: Result<Answer, Reject>) {
        let Ok(answer) = result else { return };
        let tokens = answer.task_tokens();
        if !tokens.is_empty() && self.rng.one_in(2) {
            self.promises.taken_back(&answer);
            let wait = self.rng.within(5);
            self.after(wait, Happening::Node { slot, life, event: Event::Undelivered { tokens } });
        }
    }

    /// Notes what an event for a living node means for its callers; says whether it reaches the node.
    pub(super) fn reaches_node(&mut self, slot: usize, event: &Event) -> bool {
        self.callers.note_event(slot, event);
        let Event::Abandoned { id } = event else { return true };
        let key = self.callers.left.remove(id);
        if let (Some(_), Some(key)) = (self.callers.unseen.remove(id), key) {
            self.promises.gone(key);
        }
        self.options.bug != Some(Bug::UntoldAbandonment)
    }
}
