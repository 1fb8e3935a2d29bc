//! The pages that people read: text of HTML from messages of the public API, and the addresses that lead from page to
//! page.
//!
//! Nothing here asks for rights, reads a request or keeps anything: who may see what was decided before a message got
//! here. All text is escaped by the templates; the one script only shows times in the reader's zone, and nothing comes from
//! elsewhere.

mod asset;
mod frame;
mod link;
mod lists;
mod message;
mod run;

pub use asset::{ASSETS, Asset};
pub use frame::{CONTENT_SECURITY_POLICY, Viewer, dead_link, login, login_failed, login_form, not_yet, problem};
pub use link::{
    bytes_of, event as event_path, history as history_path, namespaces as namespaces_path,
    of_task_queue as task_queue_path, run as run_path, token_of, workflows as workflows_path,
};
pub use lists::{Namespaces, Workflows};
pub use run::{History, run};
