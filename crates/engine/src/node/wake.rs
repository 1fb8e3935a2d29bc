//! What happens because time has passed.

use machine::Input;
use store::Key;

use super::{Action, Alarm, Asker, Node, Work, apply::Apply};

impl Node {
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
                Alarm::Reacquire(shard) => self.actions.push(Action::Acquire { shard }),
            }
        }
    }
}
