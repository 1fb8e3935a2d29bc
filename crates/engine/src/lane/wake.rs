//! What happens because time has passed.

use std::collections::BTreeMap;

use machine::Input;
use model::{EntityId, EntityKind, JobId, RunId, ShardId, Time};
use store::Key;

use super::{Lane, PendingRead, ReplyTo, Timer, Work, apply::Apply};

impl Lane {
    /// Fires every timer that is due.
    pub(crate) fn fire_timers(&mut self) {
        while let Some((time, _)) = self.timers.first() {
            if *time > self.now {
                return;
            }
            let Some((time, timer)) = self.timers.pop_first() else {
                return;
            };
            match timer {
                Timer::Entity(shard, EntityId { kind: EntityKind::Run, uuid }) => {
                    let wake = Apply { reply_to: ReplyTo::None, shard, run_id: RunId(uuid), input: Input::Wake };
                    self.run_queue.push_back(Work::Apply(Box::new(wake)));
                }
                Timer::Entity(_, EntityId { kind: EntityKind::Job, uuid }) => self.wake_job(JobId(uuid)),
                Timer::ScanBoundary(shard) => {
                    // The page ended within this time, so its other wake-ups are read again; a timer is in a set.
                    self.read_wakes(shard, Key::wakes_from(time));
                }
                Timer::Call(id) => self.expire_call(id),
                Timer::Query(id) => self.query_fallback(&id),
                Timer::QueryLate(id) => self.query_late(&id),
                Timer::Queue(key) => self.run_queue.push_back(Work::Match(key)),
                Timer::QueueIdle(key) => self.forget_queue(&key),
                Timer::Resend(sender) => self.run_queue.push_back(Work::Send(sender)),
                Timer::Reacquire(shard) => self.reacquire(shard),
            }
        }
    }

    /// Leaves the far wake-ups of runs that are not in memory to the store: a shard keeps as many of the next ones as it
    /// may keep runs, and reads on behind them when the time has come. What a forgotten run waits for is durable; what is
    /// being read right now may be older than that.
    pub(crate) fn forget_far_wakes(&mut self) {
        let is_reading = || self.pending_reads.values().any(|(purpose, _)| matches!(purpose, PendingRead::Wakes(_)));
        if self.timers.len() < self.most_timers || is_reading() {
            return;
        }
        let keep = self.kept_runs();
        let mut near: BTreeMap<ShardId, usize> = BTreeMap::new();
        let mut boundaries: BTreeMap<ShardId, Time> = BTreeMap::new();
        let mut far = Vec::new();
        for timer in &self.timers {
            match timer {
                (time, Timer::Entity(shard, EntityId { kind: EntityKind::Run, uuid }))
                    if self.entry(*shard, RunId(*uuid)).is_none() =>
                {
                    let seen = near.entry(*shard).or_default();
                    *seen += 1;
                    if *seen > keep {
                        boundaries.entry(*shard).or_insert(*time);
                        far.push(timer.clone());
                    }
                }
                (_, Timer::ScanBoundary(shard)) if boundaries.contains_key(shard) => far.push(timer.clone()),
                (
                    _,
                    Timer::Entity(..)
                    | Timer::ScanBoundary(_)
                    | Timer::Call(_)
                    | Timer::Query(_)
                    | Timer::QueryLate(_)
                    | Timer::Queue(_)
                    | Timer::QueueIdle(_)
                    | Timer::Resend(_)
                    | Timer::Reacquire(_),
                ) => {}
            }
        }
        for timer in far {
            self.timers.remove(&timer);
        }
        for (shard, time) in boundaries {
            self.set_timer(time, Timer::ScanBoundary(shard));
        }
        // So that the walk costs little for each timer, of whatever kind.
        self.most_timers = 2 * self.timers.len().max(2 * self.config.cached_runs);
    }
}
