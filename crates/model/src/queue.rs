//! The name of a task queue.

use std::sync::Arc;

use crate::NamespaceId;

/// What kind of task a queue hands out; a worker polls each kind on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueKind {
    Workflow,
    Activity,
}

/// One task queue. Sticky queues are workflow queues whose name a worker made up for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    pub namespace: NamespaceId,
    pub kind: QueueKind,
    pub name: Arc<str>,
}
