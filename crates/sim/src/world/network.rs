//! The network between the cluster and its callers: calls and answers take time, get lost, and are given up.

use std::time::Duration;

use engine::{Answer, Call, CallId, Event, Request};
use model::Reject;

use super::{Actor, Happening, World};

impl World {
    /// Sends a call to the cluster. Every call that is not answered in `patience` comes back as timed out.
    pub(crate) fn send(&mut self, actor: Actor, call: Call, patience: Duration) -> CallId {
        self.sequence += 1;
        let id = self.sequence;
        self.calls.insert(id, actor);
        let lost = self.is_failing() && self.rng.one_in(60);
        let wait = self.rng.within(5);
        if !lost {
            let request = Request { namespace: self.namespace.clone(), call };
            let (slot, life) = (self.active, self.slots.get(self.active).map_or(0, |slot| slot.life));
            let event = Event::Call { id, request, until: self.clock() + patience };
            self.after(wait, Happening::Node { slot, life, event });
        }
        self.after(patience, Happening::Timeout { actor, call: id });
        id
    }

    /// An answer leaves the cluster: from here on it is a promise.
    pub(super) fn answer(&mut self, slot: usize, life: u64, call: CallId, result: Result<Answer, Reject>) {
        self.promises.spoken(&self.disk, &result);
        let lost = self.is_failing() && self.rng.one_in(60);
        match self.calls.get(&call).copied() {
            Some(actor) if !lost => {
                let wait = self.rng.within(5);
                self.after(wait, Happening::Reply { actor, call, result });
            }
            Some(_) | None => self.lose_answer(slot, life, result),
        }
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

    /// Has a caller give its call up after a while, unless it is answered before.
    pub(crate) fn give_up_after(&mut self, wait: Duration, actor: Actor, call: CallId) {
        let (slot, life) = (self.active, self.slots.get(self.active).map_or(0, |slot| slot.life));
        self.after(wait, Happening::GiveUp { actor, call, slot, life });
    }

    pub(super) fn give_up(&mut self, actor: Actor, call: CallId, slot: usize, life: u64) {
        if self.calls.contains_key(&call) {
            self.feed(slot, life, Event::Abandoned { id: call });
            self.reply(actor, call, None);
        }
    }

    /// Gives a caller the answer to its call, or the time-out; the first of the two counts.
    pub(super) fn reply(&mut self, actor: Actor, call: CallId, result: Option<Result<Answer, Reject>>) {
        if self.calls.remove(&call).is_none() {
            return;
        }
        match actor {
            Actor::Client(n) => self.with_client(n, |client, world| client.hear(world, call, result)),
            Actor::Worker(n) => self.with_worker(n, |worker, world| worker.hear(world, call, result)),
        }
    }
}
