//! What both polls share: how long they wait, and what they tell the engine.

use std::{sync::Arc, time::Duration};

use engine::{Poll, PollerVersion};
use model::{Kind, QueueKey, QueueKind, Reject, Time};
use proto::temporal::api::taskqueue::v1::TaskQueue;

use crate::context::Scope;

/// A poll that gives less time than this is refused.
const SHORTEST: Duration = Duration::from_secs(2);
/// How long before the caller gives up an empty answer is sent.
const TAIL_ROOM: Duration = Duration::from_secs(1);

/// When the poll gives up and answers empty.
pub(super) fn deadline(scope: &Scope) -> Result<Time, Reject> {
    let Some(deadline) = scope.client.deadline else {
        return Err(Reject::invalid("Context timeout is not set."));
    };
    if deadline.since(scope.now()) < SHORTEST {
        return Err(Reject::new(Kind::FailedPrecondition, "Context timeout is too short."));
    }
    Ok((deadline - TAIL_ROOM).min(scope.now() + scope.limits().task_long_poll))
}

/// Who polls.
pub(super) struct Worker {
    pub(super) identity: String,
    pub(super) instance_key: String,
    pub(super) version: PollerVersion,
}

pub(super) fn poll(scope: &Scope, kind: QueueKind, queue: TaskQueue, worker: Worker, deadline: Time) -> Poll {
    Poll {
        queue: QueueKey { namespace: scope.namespace.id, kind, name: queue.name.into() },
        normal_name: queue.normal_name,
        identity: worker.identity,
        worker_version: Arc::new(worker.version),
        worker_instance_key: worker.instance_key,
        deadline,
        max_tasks_per_second: None,
    }
}
