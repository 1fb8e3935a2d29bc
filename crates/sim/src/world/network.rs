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

use super::{Actor, At, Happening, World, process::Slot};
use crate::bug::Bug;

/// A call that its caller waits for.
#[derive(Debug)]
struct Asked {
    actor: Actor,
    at: At,
    /// When the lane gets it; `None` where it is lost on its way.
    arrives: Option<Time>,
}

/// What a call waits for before its lane looks at it.
#[derive(Debug, PartialEq)]
enum Wait {
    /// An answer to the read of this number, of this lane.
    Read(At, u64),
    /// Any shard at all, or the namespaces, for this lane.
    Opening(At),
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Callers {
    asked: BTreeMap<CallId, Asked>,
    /// Calls that their lane has not looked at for certain.
    unseen: BTreeMap<CallId, Wait>,
    /// How the request of a call is named whose caller goes away, and does not send it again.
    left: BTreeMap<CallId, String>,
    /// Lanes that have had a shard, or have heard of the namespaces from another one.
    opened: BTreeSet<At>,
}

impl Callers {
    /// What the lane did when the call came to it says what the call waits for.
    pub(super) fn note_wait(&mut self, id: CallId, at: At, actions: &[Action]) {
        if !self.opened.contains(&at) {
            self.unseen.insert(id, Wait::Opening(at));
            return;
        }
        for action in actions {
            if let Action::Read { read_id, request: ReadRequest::Get { .. } | ReadRequest::Run { .. } } = action {
                self.unseen.insert(id, Wait::Read(at, *read_id));
            }
        }
    }

    /// An event is about to reach a lane: calls that waited for it are looked at from now on.
    fn note_event(&mut self, at: At, event: &Event) {
        let over = match event {
            Event::Acquired { .. } | Event::Delivered { .. } => {
                self.opened.insert(at);
                Wait::Opening(at)
            }
            Event::Read { read_id, .. } => Wait::Read(at, *read_id),
            Event::Call { .. }
            | Event::Abandoned { .. }
            | Event::Undelivered { .. }
            | Event::Committed { .. }
            | Event::Members(_)
            | Event::Tick
            | Event::Seal
            | Event::Drain => return,
        };
        self.unseen.retain(|_, wait| *wait != over);
    }
}

impl World {
    /// The lane that carries a request out, of the process that the network leads to, or of another one that lives.
    fn lane_for(&mut self, request: &Request) -> At {
        let living = |(_, slot): &(usize, &Slot)| !slot.seats.is_empty();
        let others: Vec<usize> = self.slots.iter().enumerate().filter(living).map(|(number, _)| number).collect();
        let other = self.rng.pick(&others).copied().filter(|_| others.len() > 1 && self.rng.one_in(2));
        let number = other.unwrap_or(self.active);
        let slot = self.slots.get(number);
        let lane = slot.and_then(|slot| slot.placement.of_request(request)).unwrap_or_default();
        At { slot: number, life: slot.map_or(0, |slot| slot.life), lane }
    }

    /// Sends a call to the cluster. Every call that is not answered in `patience` comes back as timed out.
    pub(crate) fn send(&mut self, actor: Actor, call: Call, patience: Duration) -> CallId {
        self.sequence += 1;
        let id = self.sequence;
        let lost = self.is_failing() && self.rng.one_in(60);
        let wait = self.rng.within(5);
        let request = Request { namespace: self.namespace.clone(), call };
        let at = self.lane_for(&request);
        let arrives = (!lost).then(|| self.now + wait);
        self.callers.asked.insert(id, Asked { actor, at, arrives });
        if !lost {
            let skew = self.slots.get(at.slot).map_or(Duration::ZERO, |slot| slot.skew);
            let event = Event::Call { id, request, until: self.now + skew + patience };
            self.after(wait, Happening::Lane { at, event });
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
        let Some(Asked { at, arrives: Some(arrives), .. }) = self.callers.asked.get(&id) else { return };
        let (at, arrives) = (*at, *arrives);
        if self.is_failing() && self.rng.one_in(10) {
            return;
        }
        let wait = self.rng.within(5).max(arrives.since(self.now));
        self.after(wait, Happening::Lane { at, event: Event::Abandoned { id } });
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
    pub(super) fn answer(&mut self, at: At, call: CallId, mut result: Result<Answer, Reject>) {
        if let Some(bug) = self.options.bug {
            bug.mangle_answer(&mut result);
        }
        self.promises.spoken(&self.disk, &result);
        let lost = self.is_failing() && self.rng.one_in(60);
        if lost || !self.callers.asked.contains_key(&call) {
            return self.lose_answer(at, result);
        }
        let wait = self.rng.within(5);
        self.after(wait, Happening::Reply { call, result });
    }

    /// An answer reaches no caller, and the process that gave it may notice.
    fn lose_answer(&mut self, at: At, result: Result<Answer, Reject>) {
        let Ok(answer) = result else { return };
        let tokens = answer.task_tokens();
        if !tokens.is_empty() && self.rng.one_in(2) {
            self.promises.taken_back(&answer);
            let wait = self.rng.within(5);
            self.after(wait, Happening::Lane { at, event: Event::Undelivered { tokens } });
        }
    }

    /// Notes what an event for a living lane means for its callers; says whether it reaches the lane.
    pub(super) fn reaches_lane(&mut self, at: At, event: &Event) -> bool {
        self.callers.note_event(at, event);
        let Event::Abandoned { id } = event else { return true };
        let key = self.callers.left.remove(id);
        if let (Some(_), Some(key)) = (self.callers.unseen.remove(id), key) {
            self.promises.gone(key);
        }
        self.options.bug != Some(Bug::UntoldAbandonment)
    }
}
