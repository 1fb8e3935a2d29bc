//! The threads that connections live on. A connection stays on the thread that it is given when it comes. Threads that take
//! work from each other wake each other for every packet: who gets something to do calls another one, which watches the
//! sockets meanwhile and gets the next packet.

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

use crate::listen::Registry;

/// How long a loop that ends waits for what its calls have given to other threads.
const PATIENCE: Duration = Duration::from_secs(1);

/// Event loops, each with a thread of its own. Dropped, they end, and all that lives on them is dropped.
#[derive(Debug)]
pub struct Loops {
    homes: Homes,
    threads: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// The loops, for those who have connections to serve, and who is connected over all of them.
#[derive(Clone, Debug)]
pub struct Homes {
    loops: Arc<[Home]>,
    registry: Arc<Registry>,
}

/// The loop of a connection, which holds it for as long as it is open.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) handle: Handle,
    /// Has as many clones as there are connections, and one.
    guests: Arc<()>,
}

impl Loops {
    /// Starts loops, at least one.
    ///
    /// # Errors
    /// When the system has no thread or no event queue to give.
    pub fn start(count: usize) -> io::Result<Self> {
        let mut homes = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            homes.push(Home { handle: runtime.handle().clone(), guests: Arc::new(()) });
            let (end, ended) = oneshot::channel();
            let thread = thread::Builder::new().name("connections".to_owned()).spawn(move || {
                // The sender is dropped when it is time.
                let _ = runtime.block_on(ended);
                runtime.shutdown_timeout(PATIENCE);
            })?;
            threads.push((end, thread));
        }
        Ok(Self { homes: Homes { loops: homes.into(), registry: Arc::default() }, threads })
    }

    pub fn homes(&self) -> Homes {
        self.homes.clone()
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

impl Homes {
    /// The home with the fewest connections, for one more.
    pub(crate) fn find(&self) -> Home {
        let fewest = self.loops.iter().min_by_key(|home| Arc::strong_count(&home.guests));
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
        let homes = loops.homes();
        let [first, second] = [homes.find(), homes.find()];
        assert_ne!(first.handle.id(), second.handle.id());
        let gone = first.handle.id();
        drop(first);
        let third = homes.find();
        assert_eq!(third.handle.id(), gone, "it has the fewest now");
        let threads: Vec<_> = [&third, &third, &second]
            .map(|home| {
                let (tell, told) = mpsc::channel();
                home.handle.spawn(async move { tell.send(thread::current().id()) });
                told.recv().unwrap()
            })
            .into();
        assert_eq!(threads[0], threads[1]);
        assert_ne!(threads[0], threads[2]);
    }

    #[test]
    fn what_lives_on_them_ends_with_them() {
        let loops = Loops::start(1).unwrap();
        let (held, gone) = mpsc::channel::<()>();
        loops.homes().find().handle.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        drop(loops);
        assert!(gone.try_recv().is_err_and(|error| error == mpsc::TryRecvError::Disconnected));
    }
}
