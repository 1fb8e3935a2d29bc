//! Which workers poll which queues, told from the polls: nothing is kept for it beyond what each queue knows.

use std::{collections::BTreeSet, ops::Bound};

use model::{NamespaceId, QueueKey, QueueKind};

use super::{Lane, backlog::POLLER_SHOWN_FOR, queue::TaskQueue};
use crate::{PollingWorker, Workers};

const KINDS: [QueueKind; 2] = [QueueKind::Workflow, QueueKind::Activity];

impl Lane {
    /// The workers of at most `limit` queues of the namespace, in the order of the queues' names, behind `after`.
    pub(crate) fn list_workers(&self, namespace: NamespaceId, after: &str, limit: usize) -> Workers {
        // One queue more than asked for, of each kind, shows whether more follow.
        let mut names: BTreeSet<&str> = KINDS
            .iter()
            .flat_map(|kind| self.polled_behind(namespace, *kind, after).take(limit + 1))
            .map(|queue| &*queue.key.name)
            .collect();
        let is_cut = names.len() > limit;
        while names.len() > limit {
            names.pop_last();
        }
        let more_after = names.last().filter(|_| is_cut).map(|name| (*name).to_owned());
        let found = names.into_iter().flat_map(|name| self.workers_of(namespace, name)).collect();
        Workers { found, more_after }
    }

    /// The queues of this kind that workers poll, by name.
    fn polled_behind(&self, namespace: NamespaceId, kind: QueueKind, after: &str) -> impl Iterator<Item = &TaskQueue> {
        let start = QueueKey { namespace, kind, name: after.into() };
        self.queues
            .range((Bound::Excluded(start), Bound::Unbounded))
            .take_while(move |(key, _)| key.namespace == namespace && key.kind == kind)
            .map(|(_, queue)| queue)
            .filter(|queue| !queue.is_sticky && self.identities(queue).next().is_some())
    }

    fn workers_of(&self, namespace: NamespaceId, name: &str) -> Vec<PollingWorker> {
        let queues = KINDS.map(|kind| self.queues.get(&QueueKey { namespace, kind, name: name.into() }));
        let identities: BTreeSet<&str> = queues
            .into_iter()
            .flatten()
            .filter(|queue| !queue.is_sticky)
            .flat_map(|queue| self.identities(queue))
            .collect();
        identities
            .into_iter()
            .map(|identity| PollingWorker { task_queue: name.to_owned(), identity: identity.to_owned() })
            .collect()
    }

    /// Who has polled the queue lately.
    fn identities<'a>(&self, queue: &'a TaskQueue) -> impl Iterator<Item = &'a str> {
        let now = self.now;
        let seen = queue.seen.iter().filter(move |(_, seen)| seen.at + POLLER_SHOWN_FOR > now);
        seen.map(|(identity, _)| identity.as_str())
    }
}
