//! The tasks that tell the lanes that time has passed, one for each.

use std::{sync::Weak, time::Duration};

use super::inner::Inner;
use crate::{Event, LaneId};

/// The longest between two looks at the clocks: for a timer, so that those which fell due while the machine slept fire at
/// once, for the wait here may not count that; and where there is none.
const SHORT_WAIT: Duration = Duration::from_secs(1);
const LONG_WAIT: Duration = Duration::from_secs(60);

/// Ticks a lane whenever a timer is due, and steers the clock, for as long as the engine lives. Does not hold on to it
/// meanwhile.
pub(super) async fn keep_time(inner: Weak<Inner>, lane: LaneId) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        strong.clock.steer();
        let handle = strong.handle(lane);
        let next = strong.step(handle, |core| {
            core.tell(Event::Tick);
            core.armed = core.lane.next_timer();
            core.armed
        });
        let timer_changed = handle.timer_changed.clone();
        let wait = next.map_or(LONG_WAIT, |next| next.since(strong.clock.now()).min(SHORT_WAIT));
        drop(strong);
        // Either the time has come, or an earlier one was set.
        drop(tokio::time::timeout(wait, timer_changed.notified()).await);
    }
}
