//! A lane's writing thread: it makes everything that the lane has to write by then durable together.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::Notify;

use super::inner::{Inner, stop};
use crate::LaneId;

/// Changes in a commit beyond which there is load, so that the next one is delayed. A step makes about eight.
const SMALL_COMMIT: usize = 24;
/// How long it waits for each change of the last commit, and at most: a write shared by more steps costs each of them
/// less, and under load a step waits longer for a processor than for this. It does not wait for more than came last time.
const DELAY_PER_CHANGE: Duration = Duration::from_micros(15);
const LONGEST_DELAY: Duration = Duration::from_millis(3);

/// How long the next commit is delayed after one of so many changes, so that more steps share it (group commit).
pub(super) fn commit_delay(changes: usize) -> Duration {
    if changes <= SMALL_COMMIT {
        return Duration::ZERO;
    }
    let wait = DELAY_PER_CHANGE.saturating_mul(u32::try_from(changes).unwrap_or(u32::MAX));
    wait.min(LONGEST_DELAY)
}

/// How the writing thread is called and heard.
pub(super) struct Writer {
    called: Mutex<bool>,
    bell: Condvar,
    written: Notify,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { called: Mutex::new(false), bell: Condvar::new(), written: Notify::new() }
    }

    /// There is something to write.
    pub(super) fn call(&self) {
        *self.called.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_one();
    }

    /// Something was written.
    pub(super) fn tell_written(&self) {
        self.written.notify_waiters();
    }

    /// Returns after the next write, or at once when the last has just ended.
    pub(super) async fn idle(&self) {
        let patience = Duration::from_millis(20);
        // A write that ends between the look and this wait rings no bell for us: look again soon.
        drop(tokio::time::timeout(patience, self.written.notified()).await);
    }

    /// Waits until it is called, for so long at most.
    fn wait(&self, limit: Duration) {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut called, _) =
            self.bell.wait_timeout_while(called, limit, |called| !*called).unwrap_or_else(PoisonError::into_inner);
        *called = false;
    }
}

/// Starts a lane's writing thread; it ends when the engine is gone.
pub(super) fn start(inner: &Arc<Inner>, lane: LaneId) {
    let weak = Arc::downgrade(inner);
    let writer = inner.handle(lane).writer.clone();
    inner.runtime.spawn_blocking(move || {
        let ended = panic::catch_unwind(AssertUnwindSafe(|| write_until_gone(&weak, lane, &writer)));
        // A panic leaves the lane without a writer.
        ended.unwrap_or_else(|_| stop());
    });
}

/// Holds on to the engine only while it writes, so that the store is closed with its last user.
fn write_until_gone(weak: &Weak<Inner>, lane: LaneId, writer: &Writer) {
    loop {
        writer.wait(Duration::MAX);
        let Some(inner) = weak.upgrade() else { return };
        loop {
            let written = inner.write_all(inner.handle(lane));
            let Some(wait) = written else { break };
            if !wait.is_zero() {
                writer.wait(wait);
            }
        }
    }
}
