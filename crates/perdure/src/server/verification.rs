//! What a large database file has beyond that which was looked at when it was opened: looked at while the server runs.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};

use store_sqlite::SqliteStore;
use tokio::sync::oneshot;

/// The thread that looks, if there is anything left to look at.
#[derive(Default)]
pub(super) struct Verification {
    thread: Option<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    damage: Option<oneshot::Receiver<String>>,
}

impl Verification {
    /// Begins to look at what is left of a file.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub(super) fn begin(store: &Arc<SqliteStore>) -> io::Result<Self> {
        if store.is_verified() {
            return Ok(Self::default());
        }
        let (tell, damage) = oneshot::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let (store, over) = (store.clone(), is_over.clone());
        let look = move || {
            while !over.load(Ordering::Relaxed) {
                match store.verify_next() {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        // The server ends already if no receiver is left.
                        let _ = tell.send(error.to_string());
                        return;
                    }
                }
            }
        };
        let thread = Builder::new().name("verification".into()).spawn(look)?;
        Ok(Self { thread: Some(thread), is_over, damage: Some(damage) })
    }

    /// Gives what is wrong, when something is.
    pub(super) async fn damage(&mut self) -> String {
        if let Some(damage) = &mut self.damage
            && let Ok(damage) = damage.await
        {
            return damage;
        }
        std::future::pending().await
    }
}

impl Drop for Verification {
    /// The store is closed when its last user is gone, so the thread must be.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told of.
            let _ = thread.join();
        }
    }
}
