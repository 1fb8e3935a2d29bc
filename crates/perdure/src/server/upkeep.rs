//! The thread on which a database file takes in what its commit log holds, so that no caller waits for it.

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use store_sqlite::SqliteStore;

/// The thread, where there is a file.
#[derive(Default)]
pub(super) struct Upkeep(Option<(Arc<SqliteStore>, JoinHandle<()>)>);

impl Upkeep {
    /// Begins to keep a file up.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub(super) fn begin(store: &Arc<SqliteStore>) -> io::Result<Self> {
        let kept = store.clone();
        let thread = Builder::new().name("upkeep".into()).spawn(move || kept.keep_up())?;
        Ok(Self(Some((store.clone(), thread))))
    }
}

impl Drop for Upkeep {
    /// The store is closed when its last user is gone, so the thread must be.
    fn drop(&mut self) {
        if let Some((store, thread)) = self.0.take() {
            store.end_upkeep();
            // A panic in it has been told of.
            let _ = thread.join();
        }
    }
}
