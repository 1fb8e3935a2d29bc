//! What happens because time has passed.

use std::collections::BTreeMap;

use machine::Input;
use model::{ShardId, Time};
use store::Key;

use super::{Alarm, Asker, Lane, Ticket, Work, apply::Apply};

impl Lane {
    /// Sets off every alarm that is ripe.
    pub(crate) fn ring(&mut self) {
        while let Some((time, _)) = self.alarms.first() {
            if *time > self.now {
                return;
            }
            let Some((time, alarm)) = self.alarms.pop_first() else {
                return;
            };
            match alarm {
                Alarm::Run(shard, run_id) => {
                    let wake = Apply { asker: Asker::Nobody, shard, run_id, input: Input::Wake };
                    self.agenda.push_back(Work::Apply(Box::new(wake)));
                }
                Alarm::Horizon(shard) => {
                    // The page ended within this time, so its other wake-ups are read again; an alarm is in a set.
                    self.read_wakes(shard, Key::Wake(time, model::RunId::default()).encode());
                }
                Alarm::Call(id) => self.expire_call(id),
                Alarm::Query(id) => self.query_fallback(&id),
                Alarm::QueryLate(id) => self.query_late(&id),
                Alarm::Queue(key) => self.agenda.push_back(Work::Match(key)),
                Alarm::QueueIdle(key) => self.forget_queue(&key),
                Alarm::Resend(sender) => self.agenda.push_back(Work::Send(sender)),
                Alarm::Reacquire(shard) => self.reacquire(shard),
            }
        }
    }

    /// Leaves the far wake-ups of runs that are not in memory to the store: a shard keeps as many of the next ones as it
    /// may keep runs, and reads on behind them when the time has come. What a forgotten run waits for is durable; what is
    /// being read right now may be older than that.
    pub(crate) fn forget_far_wakes(&mut self) {
        let is_reading = || self.tickets.values().any(|(purpose, _)| matches!(purpose, Ticket::Wakes(_)));
        if self.alarms.len() < self.most_alarms || is_reading() {
            return;
        }
        let keep = self.kept_runs();
        let mut near: BTreeMap<ShardId, usize> = BTreeMap::new();
        let mut horizons: BTreeMap<ShardId, Time> = BTreeMap::new();
        let mut far = Vec::new();
        for alarm in &self.alarms {
            match alarm {
                (time, Alarm::Run(shard, run_id)) if self.entry(*shard, *run_id).is_none() => {
                    let seen = near.entry(*shard).or_default();
                    *seen += 1;
                    if *seen > keep {
                        horizons.entry(*shard).or_insert(*time);
                        far.push(alarm.clone());
                    }
                }
                (_, Alarm::Horizon(shard)) if horizons.contains_key(shard) => far.push(alarm.clone()),
                (
                    _,
                    Alarm::Run(..)
                    | Alarm::Horizon(_)
                    | Alarm::Call(_)
                    | Alarm::Query(_)
                    | Alarm::QueryLate(_)
                    | Alarm::Queue(_)
                    | Alarm::QueueIdle(_)
                    | Alarm::Resend(_)
                    | Alarm::Reacquire(_),
                ) => {}
            }
        }
        for alarm in far {
            self.alarms.remove(&alarm);
        }
        for (shard, time) in horizons {
            self.alarm(time, Alarm::Horizon(shard));
        }
        // So that the walk costs little for each alarm, whatever they are.
        self.most_alarms = 2 * self.alarms.len().max(2 * self.config.cached_runs);
    }
}
