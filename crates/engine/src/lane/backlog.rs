//! What waits at a queue: how much, since when, and what is said of it.
//!
//! What stands in memory is known. What stands behind it on disk is counted once, when a caller asks, and from then on
//! kept in step; so asking again costs nothing, and a restart costs nothing until a caller asks.

use std::{collections::BTreeMap, ops::Range};

use model::{QueueKey, ShardId, Time};
use proto::temporal::api::taskqueue::v1::{PollerInfo, TaskQueueStats};
use store::{Page, StoreError};

use super::{
    Lane, PendingRead, ReadRequest, ReplyTo, Work,
    pace::Pace,
    parcel::Content,
    queue::{COUNT_PAGE, Seen, TaskQueue, places},
};
use crate::{Answer, TaskQueueDescription, persist::TaskPlace};

/// How long a poller is shown after its last poll.
pub(crate) const POLLER_SHOWN_FOR: std::time::Duration = std::time::Duration::from_secs(300);
/// What a poller is shown to take per second that has named no limit. Source: the reference server.
const UNLIMITED_RATE: f64 = 100_000.0;
/// The priority that is shown even where nothing of it waits.
const USUAL_PRIORITY: i32 = 3;

/// Waiting tasks by priority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog(BTreeMap<i32, Group>);

/// The waiting tasks of one priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) count: usize,
    /// Since when the oldest one waits. It stays when that one leaves by itself, until the group is empty.
    pub(crate) since: Time,
}

impl Backlog {
    /// One more task waits, since `since`.
    pub(crate) fn add(&mut self, priority: i32, since: Time) {
        self.merge_group(priority, Group { count: 1, since });
    }

    /// One task of the priority waits no more.
    pub(crate) fn remove(&mut self, priority: i32) {
        if let Some(group) = self.0.get_mut(&priority) {
            group.count = group.count.saturating_sub(1);
            if group.count == 0 {
                self.0.remove(&priority);
            }
        }
    }

    /// Both together.
    pub(crate) fn merge(&mut self, other: &Backlog) {
        for (priority, group) in &other.0 {
            self.merge_group(*priority, *group);
        }
    }

    fn merge_group(&mut self, priority: i32, other: Group) {
        let group = self.0.entry(priority).or_insert(Group { count: 0, since: other.since });
        group.count += other.count;
        group.since = group.since.min(other.since);
    }

    fn group(&self, priority: i32) -> Option<Group> {
        self.0.get(&priority).copied()
    }
}

impl Lane {
    /// A caller asks what a queue looks like; answered when everything that waits there is counted.
    pub(crate) fn describe_queue(&mut self, reply_to: ReplyTo, key: QueueKey) {
        self.queue(&key).describers.push(reply_to);
        self.count_queue(&key);
    }

    /// Counts what has not been counted for those who wait for it, and answers them when nothing is left. Shards that
    /// are not open are left out.
    pub(crate) fn count_queue(&mut self, key: &QueueKey) {
        let open: Vec<ShardId> =
            (0..self.config.placement.shards()).map(ShardId).filter(|shard| self.is_readable(*shard)).collect();
        let Some(queue) = self.queues.get_mut(key) else { return };
        if queue.describers.is_empty() {
            return;
        }
        let (reads, waits) = queue.wanted_counts(&open);
        if !waits {
            let description = describe(queue, self.now);
            for reply_to in std::mem::take(&mut queue.describers) {
                self.answer_now(reply_to, Ok(Answer::TaskQueue(Box::new(description.clone()))));
            }
        }
        for (shard, range) in reads {
            self.count_in(shard, key, range);
        }
    }

    /// Has a page of a shard's tasks counted: by its owner, who knows which of them wait no more.
    fn count_in(&mut self, shard: ShardId, key: &QueueKey, range: Range<Vec<u8>>) {
        if !self.owns(shard) {
            return self.send_to_shard(shard, Content::Count { shard, queue: key.clone(), range });
        }
        self.read(ReadRequest::scan(shard, range, COUNT_PAGE), PendingRead::Count(shard, key.clone()));
    }

    /// Another lane wants to know what waits at its queue. While the shard is not open it hears nothing: it asks again when it
    /// hears that it is.
    pub(crate) fn count_for(&mut self, shard: ShardId, queue: QueueKey, range: Range<Vec<u8>>) {
        if self.owns(shard) && self.is_readable(shard) {
            self.read(ReadRequest::scan(shard, range, COUNT_PAGE), PendingRead::CountFor(shard, queue));
        }
    }

    /// A page of tasks that another lane wants to know of.
    ///
    /// # Errors
    /// A row of it is damaged.
    pub(crate) fn tasks_counted_for(&mut self, shard: ShardId, queue: &QueueKey, page: Page) -> Result<(), StoreError> {
        let last = last_key(&page);
        let places = self.waiting_of(shard, queue, page)?;
        self.send_to_queue(queue, Content::Counted { shard, queue: queue.clone(), places, last });
        Ok(())
    }

    /// Those of a page that wait. The row of a workflow task stays until the task ends, also while a worker has it.
    fn waiting_of(&self, shard: ShardId, queue: &QueueKey, page: Page) -> Result<Vec<TaskPlace>, StoreError> {
        let mut places = places(queue, page)?;
        places.retain(|place| self.entry(shard, place.run_id).is_none_or(|entry| entry.has_waiting(place)));
        Ok(places)
    }

    /// A page of the tasks that are only on disk.
    ///
    /// # Errors
    /// A row of it is damaged.
    pub(crate) fn tasks_counted(&mut self, shard: ShardId, key: &QueueKey, page: Page) -> Result<(), StoreError> {
        let last = last_key(&page);
        let places = self.waiting_of(shard, key, page)?;
        self.counted(shard, key, &places, last);
        Ok(())
    }

    /// Takes in the tasks of a page that wait, and has the next one counted.
    pub(crate) fn counted(&mut self, shard: ShardId, key: &QueueKey, places: &[TaskPlace], last: Option<Vec<u8>>) {
        let Some(queue) = self.queues.get_mut(key) else { return };
        let mut found = Backlog::default();
        for place in places.iter().filter(|place| !queue.holds(shard, place)) {
            found.add(place.priority, Time(place.since));
        }
        match queue.counted(shard, &found, last) {
            Some(range) => self.count_in(shard, key, range),
            None => {
                self.count_queue(key);
                self.run_queue.push_back(Work::Match(key.clone()));
            }
        }
    }
}

/// The last key of a page behind which more follow.
fn last_key(page: &Page) -> Option<Vec<u8>> {
    page.pairs.last().filter(|_| page.more).map(|(last, _)| last.clone())
}

fn describe(queue: &mut TaskQueue, now: Time) -> TaskQueueDescription {
    let backlog = queue.backlog();
    let is_limited = queue.limited.per_second(now) > 0.0;
    let mut priorities: Vec<i32> = backlog.0.keys().chain(queue.paces.keys()).copied().collect();
    priorities.push(USUAL_PRIORITY);
    priorities.sort_unstable();
    priorities.dedup();
    let mut stats_by_priority = Vec::new();
    for priority in priorities {
        let pace = queue.paces.get_mut(&priority);
        stats_by_priority.push((priority, stats(backlog.group(priority), pace, is_limited, now)));
    }
    queue.forget_pollers(now);
    TaskQueueDescription {
        pollers: queue.seen.iter().map(poller).collect(),
        stats: total(stats_by_priority.iter().map(|(_, stats)| stats)),
        stats_by_priority,
        tasks_per_second: queue.limit.per_second(),
    }
}

fn poller((identity, seen): (&String, &Seen)) -> PollerInfo {
    PollerInfo {
        identity: identity.clone(),
        last_access_time: Some(seen.at.to_proto()),
        rate_per_second: seen.tasks_per_second.unwrap_or(UNLIMITED_RATE),
        worker_version_capabilities: seen.version.capabilities.clone(),
        deployment_options: seen.version.deployment_options.clone(),
    }
}

fn stats(group: Option<Group>, pace: Option<&mut Pace>, is_limited: bool, now: Time) -> TaskQueueStats {
    let age = group.map(|group| now.since(group.since)).unwrap_or_default();
    let (added, dispatched) =
        pace.map_or((0.0, 0.0), |pace| (pace.added.per_second(now), pace.dispatched.per_second(now)));
    TaskQueueStats {
        approximate_backlog_count: group.map_or(0, |group| group.count as i64),
        approximate_backlog_age: Some(model::to_proto_duration(age)),
        tasks_add_rate: added,
        tasks_dispatch_rate: dispatched,
        rate_limiting_active: is_limited,
    }
}

fn total<'a>(parts: impl Iterator<Item = &'a TaskQueueStats>) -> TaskQueueStats {
    let mut whole =
        TaskQueueStats { approximate_backlog_age: Some(prost_types::Duration::default()), ..Default::default() };
    for part in parts {
        whole.approximate_backlog_count += part.approximate_backlog_count;
        whole.tasks_add_rate += part.tasks_add_rate;
        whole.tasks_dispatch_rate += part.tasks_dispatch_rate;
        whole.rate_limiting_active |= part.rate_limiting_active;
        let age = |stats: &TaskQueueStats| model::from_proto_duration(stats.approximate_backlog_age.as_ref());
        if age(part) > age(&whole) {
            whole.approximate_backlog_age = part.approximate_backlog_age;
        }
    }
    whole
}
