//! The pages that people read: text of HTML from messages of the public API, and the addresses that lead from page to
//! page.
//!
//! Nothing here asks for rights, reads a request or keeps anything: who may see what was decided before a message got
//! here. All text is escaped by the templates; there are no scripts and nothing comes from elsewhere.

mod frame;
mod link;
mod lists;
mod message;
mod run;

pub use frame::{CONTENT_SECURITY_POLICY, STYLE, Viewer, dead_link, login, login_failed, login_form, problem};
pub use link::{bytes_of, namespaces as namespaces_path, run as run_path, token_of, workflows as workflows_path};
pub use lists::{Namespaces, Workflows};
pub use run::{History, run};
