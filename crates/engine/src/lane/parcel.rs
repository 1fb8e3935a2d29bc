//! What one lane has for another: carried by the driver, in the order in which it was sent from lane to lane.
//!
//! A lane touches nothing of another one. Messages of runs are sent again until they are acknowledged, and applied once by
//! their request ids; what is said of tasks, polls and queries is a hint that the owner of a shard checks.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use machine::Input;
use model::{QueueKey, Reject, ShardId};

use super::{
    Action, CallId, Lane, ReplyTo, Sender, Work, apply::Apply, messages::Delivery, polls::Match, queue::QueuedQuery,
    start::ChildStart,
};
use crate::{Answer, LaneId, NamespaceTable, Poll, persist::TaskPlace};

/// Something for another lane. What it says is between the lanes.
#[derive(Clone, Debug)]
pub struct Parcel(Box<Content>);

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A message of a run, for the shard of its target.
    Message(Delivery),
    /// A child that a run wants started, for the shard of its workflow id.
    StartChild(Box<ChildStart>),
    /// What became of a message, durably.
    MessageDone { sender: Sender, result: Result<Answer, Reject> },
    /// Tasks that wait for workers from here on.
    Offers(Vec<Offer>),
    /// The worker of the sticky queue is gone.
    Unpolled { shard: ShardId, place: TaskPlace },
    /// A poll was matched with a task of the shard: start it.
    Dispatch(Match),
    /// The task is no more: the poll goes back to the head of its queue.
    Requeue(Match),
    /// A query waits for a worker; `sticky` as for a task.
    Query { queue: QueueKey, query: QueuedQuery, sticky: bool },
    /// A poll was matched with a query: hand it out.
    HandQuery { call: CallId, poll: Poll, id: String },
    /// The query is no more: the poll goes back.
    Repoll { call: CallId, poll: Poll },
    /// The worker of a sticky queue has not come for a query: if it still waits there, it comes back.
    RetractQuery { queue: QueueKey, query: QueuedQuery },
    /// A query is not on the sticky queue any more, and was not taken.
    QueryUnpolled { id: String },
    /// The caller of a query is about to give up.
    QueryLate { queue: QueueKey, query: QueuedQuery },
    /// A query waits at a queue that no worker has polled lately.
    QueryAlone { id: String },
    /// How many tasks of a queue wait in this range of the shard's keys?
    Count { shard: ShardId, queue: QueueKey, range: Range<Vec<u8>> },
    /// A page of them, and its last key where more follow.
    Counted { shard: ShardId, queue: QueueKey, places: Vec<TaskPlace>, last: Option<Vec<u8>> },
    /// A shard was acquired: what is known of its tasks may be old.
    Opened(ShardId),
    /// The namespaces, as of their last durable change.
    Namespaces(Arc<NamespaceTable>),
}

/// A task that waits for a worker.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) shard: ShardId,
    pub(crate) place: TaskPlace,
    /// On the queue of the worker that has its run in the cache.
    pub(crate) sticky: bool,
}

impl Parcel {
    /// The call that goes along: it is answered by the lane that the parcel goes to, or goes back with another one.
    pub fn call(&self) -> Option<CallId> {
        match &*self.0 {
            Content::Dispatch(matched) | Content::Requeue(matched) => Some(matched.call),
            Content::HandQuery { call, .. } | Content::Repoll { call, .. } => Some(*call),
            Content::Message(_)
            | Content::StartChild(_)
            | Content::MessageDone { .. }
            | Content::Offers(_)
            | Content::Unpolled { .. }
            | Content::Query { .. }
            | Content::RetractQuery { .. }
            | Content::QueryUnpolled { .. }
            | Content::QueryLate { .. }
            | Content::QueryAlone { .. }
            | Content::Count { .. }
            | Content::Counted { .. }
            | Content::Opened(_)
            | Content::Namespaces(_) => None,
        }
    }
}

impl Lane {
    /// Sends something to another lane.
    pub(crate) fn send_parcel(&mut self, to: LaneId, content: Content) {
        self.actions.push(Action::Deliver { to, parcel: Parcel(Box::new(content)) });
    }

    /// Sends something to the lane of a shard.
    pub(crate) fn send_to_shard(&mut self, shard: ShardId, content: Content) {
        self.send_parcel(self.config.placement.of_shard(shard), content);
    }

    /// Sends something to the lane of a queue.
    pub(crate) fn send_to_queue(&mut self, queue: &QueueKey, content: Content) {
        self.send_parcel(self.config.placement.of_queue(queue), content);
    }

    /// Sends the offers of this event together: where several come at once, the most urgent goes first.
    pub(crate) fn send_offers(&mut self) {
        let mut by_lane: BTreeMap<LaneId, Vec<Offer>> = BTreeMap::new();
        for offer in std::mem::take(&mut self.offers) {
            by_lane.entry(self.config.placement.of_queue(&offer.place.queue)).or_default().push(offer);
        }
        for (to, offers) in by_lane {
            self.send_parcel(to, Content::Offers(offers));
        }
    }

    /// Tells all other lanes.
    pub(crate) fn send_to_others(&mut self, content: &Content) {
        let own = self.config.lane;
        for to in self.config.placement.lanes().filter(|lane| *lane != own) {
            self.send_parcel(to, content.clone());
        }
    }

    /// Whether the shard is of this lane.
    pub(crate) fn owns(&self, shard: ShardId) -> bool {
        self.config.placement.of_shard(shard) == self.config.lane
    }

    /// Whether the pollers of the queue wait at this lane.
    pub(crate) fn matches(&self, queue: &QueueKey) -> bool {
        self.config.placement.of_queue(queue) == self.config.lane
    }

    /// Takes in what another lane has sent.
    pub(crate) fn delivered(&mut self, parcel: Parcel) {
        match *parcel.0 {
            Content::Message(delivery) => self.run_queue.push_back(Work::Deliver(Box::new(delivery))),
            Content::StartChild(start) => self.run_queue.push_back(Work::StartChild(start)),
            Content::MessageDone { sender, result } => self.message_done(sender, result),
            Content::Offers(offers) => offers.into_iter().for_each(|offer| self.offered(offer)),
            Content::Unpolled { shard, place } => self.unpolled(shard, &place),
            Content::Dispatch(matched) => self.run_queue.push_back(Work::Dispatch(Box::new(matched))),
            Content::Requeue(matched) => self.requeue(matched),
            Content::Query { queue, query, sticky } => self.query_offered(&queue, query, sticky),
            Content::HandQuery { call, poll, id } => self.hand_query(call, poll, &id),
            Content::Repoll { call, poll } => self.repoll(call, poll),
            Content::RetractQuery { queue, query } => self.retract_query(&queue, &query),
            Content::QueryUnpolled { id } => self.query_unpolled(&id),
            Content::QueryLate { queue, query } => self.query_late_at(&queue, &query),
            Content::QueryAlone { id } => self.query_alone(&id),
            Content::Count { shard, queue, range } => self.count_for(shard, queue, range),
            Content::Counted { shard, queue, places, last } => self.counted(shard, &queue, &places, last),
            Content::Opened(shard) => self.opened_elsewhere(shard),
            Content::Namespaces(table) => self.know_namespaces(NamespaceTable::clone(&table)),
        }
    }

    /// The worker of a sticky queue is gone: what waits there of a run goes to its normal queue.
    pub(crate) fn unpolled(&mut self, shard: ShardId, place: &TaskPlace) {
        let input = Input::StickyWorkerGone { task_queue: place.queue.name.to_string() };
        let apply = Apply { reply_to: ReplyTo::None, shard, run_id: place.run_id, input };
        self.run_queue.push_back(Work::Apply(Box::new(apply)));
    }
}
