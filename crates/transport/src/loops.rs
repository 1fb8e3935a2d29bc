//! The threads that connections live on. A connection stays on the thread that it is given when it is accepted. Threads
//! that take work from each other wake each other for every packet: the one that gets something to do wakes another one,
//! which watches the sockets meanwhile and gets the next packet.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use crate::connections::Registry;

/// How long a loop that ends waits for what its calls have given to other threads.
const PATIENCE: Duration = Duration::from_secs(1);

/// Event loops, each with a thread of its own. Dropped, they end, and all that lives on them is dropped.
#[derive(Debug)]
pub struct Loops {
    handles: LoopHandles,
    threads: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Handles of the event loops, which ports give their connections to, and the registry of the connections of all of them.
#[derive(Clone, Debug)]
pub struct LoopHandles {
    loops: Arc<[LoopHandle]>,
    registry: Arc<Registry>,
}

/// The loop of a connection, which holds it for as long as it is open.
#[derive(Clone, Debug)]
pub(crate) struct LoopHandle {
    pub(crate) runtime: Handle,
    /// Has as many clones as the loop has connections, and one.
    connections: Arc<()>,
}

impl Loops {
    /// Starts loops, at least one.
    ///
    /// # Errors
    /// When the system has no thread or no event queue to give.
    pub fn start(count: usize) -> io::Result<Self> {
        let mut handles = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(LoopHandle { runtime: runtime.handle().clone(), connections: Arc::new(()) });
            let (end, ended) = oneshot::channel();
            let thread = thread::Builder::new().name("connections".to_owned()).spawn(move || {
                // The sender is dropped when it is time.
                let _ = runtime.block_on(ended);
                runtime.shutdown_timeout(PATIENCE);
            })?;
            threads.push((end, thread));
        }
        Ok(Self { handles: LoopHandles { loops: handles.into(), registry: Arc::default() }, threads })
    }

    pub fn handles(&self) -> LoopHandles {
        self.handles.clone()
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        let (ends, threads): (Vec<_>, Vec<_>) = self.threads.drain(..).unzip();
        drop(ends);
        for thread in threads {
            // A loop that panicked has ended too.
            let _ = thread.join();
        }
    }
}

impl LoopHandles {
    /// The loop with the fewest connections, for one more.
    pub(crate) fn least_busy(&self) -> LoopHandle {
        let fewest = self.loops.iter().min_by_key(|handle| Arc::strong_count(&handle.connections));
        fewest.cloned().expect("there is at least one loop")
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::mpsc};

    use super::*;

    #[test]
    fn connections_are_spread_and_stay() {
        let loops = Loops::start(2).unwrap();
        let handles = loops.handles();
        let [first, second] = [handles.least_busy(), handles.least_busy()];
        assert_ne!(first.runtime.id(), second.runtime.id());
        let gone = first.runtime.id();
        drop(first);
        let third = handles.least_busy();
        assert_eq!(third.runtime.id(), gone, "it has the fewest now");
        let threads: Vec<_> = [&third, &third, &second]
            .map(|on| {
                let (sender, receiver) = mpsc::channel();
                on.runtime.spawn(async move { sender.send(thread::current().id()) });
                receiver.recv().unwrap()
            })
            .into();
        assert_eq!(threads[0], threads[1]);
        assert_ne!(threads[0], threads[2]);
    }

    #[test]
    fn what_lives_on_them_ends_with_them() {
        let loops = Loops::start(1).unwrap();
        let (held, gone) = mpsc::channel::<()>();
        loops.handles().least_busy().runtime.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        drop(loops);
        assert!(gone.try_recv().is_err_and(|error| error == mpsc::TryRecvError::Disconnected));
    }
}
