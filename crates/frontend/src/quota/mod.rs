//! How much one namespace may ask for: calls per second, and calls that wait. So one caller can't take the server from all
//! others.
//!
//! The rates, their priorities and their texts are the reference's. Where a namespace has used up what it may, its calls are
//! refused at the gate, before anything is done for them. What is kept of a namespace here is made by its first call and
//! forgotten with the namespace; what is none has nothing here.

mod class;
mod meter;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use engine::NamespaceTable;
use model::{Advice, Limits, Namespace, NamespaceId, Reject, Time, limits::TABLE};

pub(crate) use self::class::{Class, Rate, Waiting, calls, lists, namespace_changes, unlimited};
use self::{class::PRIORITIES, meter::Meter};

/// How much may come at once at all namespaces together, in seconds' worth. Source: the reference server.
const SERVER_BURST: f64 = 2.0;
/// How long a call is told to wait that found too many others waiting; as much as until one of them may be over.
const WAIT: Duration = Duration::from_secs(1);

/// A limit of the table, and its value in one place.
type Limit = (&'static str, u64);

/// One rate at one place.
#[derive(Debug)]
struct Rated {
    meter: Meter,
    limit: Limit,
}

/// What one namespace, or the server, uses.
#[derive(Debug)]
struct Usage {
    /// By [`Rate`]; `None` where there is no limit.
    rates: [Option<Rated>; 3],
    /// Calls that wait, by [`Waiting`].
    waiting: [AtomicU32; Waiting::COUNT],
    most_waiting: Limit,
}

/// A call that waits; counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    usage: Arc<Usage>,
    kind: Waiting,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.usage.waiting[self.kind as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a call is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) class: Class,
    /// Whether it may wait.
    pub(crate) waits: bool,
    /// Whether an operator makes it.
    pub(crate) operator: bool,
}

/// What all callers of one server may use together, and do.
#[derive(Debug)]
pub(crate) struct Quotas {
    limits: Arc<Limits>,
    server: Usage,
    namespaces: RwLock<BTreeMap<NamespaceId, Arc<Usage>>>,
}

impl Quotas {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        let server = Usage::of_the_server(&limits);
        Self { limits, server, namespaces: RwLock::default() }
    }

    /// Counts a call, in the namespace that it is about if there is one; `table` is all that there are. What is given back is kept for as long as the call
    /// goes on.
    ///
    /// # Errors
    /// `ResourceExhausted` when the namespace or the server may not be asked for more just now.
    pub(crate) fn admit(
        &self,
        table: impl FnOnce() -> Arc<NamespaceTable>,
        namespace: Option<&Namespace>,
        call: Counted,
        now: Time,
    ) -> Result<Option<Place>, Reject> {
        let class = call.class.of_call(call.waits, call.operator);
        if class == unlimited() {
            return Ok(None);
        }
        let mut place = None;
        if let Some(namespace) = namespace {
            let usage = self.usage(namespace, table);
            place = class.waiting.map(|kind| Usage::wait(&usage, kind)).transpose()?;
            usage.take(class, now)?;
        }
        self.server.take(class, now)?;
        Ok(place)
    }

    /// How a namespace's call would be refused now, if it would be; nothing is taken.
    pub(crate) fn refusal(&self, namespace: &Namespace, class: Class, operator: bool, now: Time) -> Option<Reject> {
        let (rate, priority) = class.of_call(false, operator).rated?;
        let usage = self.read().get(&namespace.id).cloned()?;
        let rated = usage.rates[rate as usize].as_ref()?;
        rated.meter.wait(priority, now).map(|wait| reached(rated.limit, wait))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<NamespaceId, Arc<Usage>>> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the namespace uses. Makes room for a new one by forgetting those that are gone.
    fn usage(&self, namespace: &Namespace, table: impl FnOnce() -> Arc<NamespaceTable>) -> Arc<Usage> {
        if let Some(usage) = self.read().get(&namespace.id) {
            return usage.clone();
        }
        let table = table();
        let mut namespaces = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        if namespaces.len() >= table.records().count() {
            namespaces.retain(|id, _| table.by_id(*id).is_some());
        }
        let own = || Arc::new(Usage::of_namespace(self.limits.within(&namespace.name)));
        namespaces.entry(namespace.id).or_insert_with(own).clone()
    }
}

impl Usage {
    fn of_namespace(limits: &Limits) -> Self {
        let of = |rate: Rate, (name, value): Limit, burst: f64| {
            let most = (value as f64 * burst).ceil().max(1.0) as u32;
            Some(Rated {
                meter: Meter::new(value as f64, most, limits.operator_share, PRIORITIES[rate as usize]),
                limit: (name, value),
            })
        };
        let calls = in_force(
            ("requests_per_second", limits.requests_per_second),
            ("requests_per_second_cluster", limits.requests_per_second_cluster),
        );
        let lists = in_force(
            ("lists_per_second", limits.lists_per_second),
            ("lists_per_second_cluster", limits.lists_per_second_cluster),
        );
        let changes = in_force(
            ("namespace_changes_per_second", limits.namespace_changes_per_second),
            ("namespace_changes_per_second_cluster", limits.namespace_changes_per_second_cluster),
        );
        Self {
            rates: [
                of(Rate::Calls, calls, limits.requests_burst),
                of(Rate::Lists, lists, limits.lists_burst),
                of(Rate::NamespaceChanges, changes, limits.namespace_changes_burst),
            ],
            waiting: Default::default(),
            most_waiting: in_force(
                ("waiting_calls", limits.waiting_calls),
                ("waiting_calls_cluster", limits.waiting_calls_cluster),
            ),
        }
    }

    fn of_the_server(limits: &Limits) -> Self {
        let of = |rate: Rate, name, value: u32| Rated {
            meter: Meter::new(
                value.into(),
                (f64::from(value) * SERVER_BURST) as u32,
                limits.operator_share,
                PRIORITIES[rate as usize],
            ),
            limit: (name, value.into()),
        };
        let calls = |rate| limits.server_requests_per_second.map(|value| of(rate, "server_requests_per_second", value));
        let changes = limits.server_namespace_changes_per_second;
        Self {
            rates: [
                calls(Rate::Calls),
                calls(Rate::Lists),
                Some(of(Rate::NamespaceChanges, "server_namespace_changes_per_second", changes)),
            ],
            waiting: Default::default(),
            most_waiting: ("waiting_calls", u32::MAX.into()),
        }
    }

    /// Takes a call off its rate.
    fn take(&self, class: Class, now: Time) -> Result<(), Reject> {
        let Some((rate, priority)) = class.rated else { return Ok(()) };
        let Some(rated) = &self.rates[rate as usize] else { return Ok(()) };
        rated.meter.take(priority, now).map_err(|wait| reached(rated.limit, wait))
    }

    /// Counts a call that waits.
    fn wait(usage: &Arc<Self>, kind: Waiting) -> Result<Place, Reject> {
        let before = usage.waiting[kind as usize].fetch_add(1, Ordering::Relaxed);
        // Given back where it is one too many.
        let place = Place { usage: usage.clone(), kind };
        if u64::from(before) >= usage.most_waiting.1 {
            return Err(reached(usage.most_waiting, WAIT));
        }
        Ok(place)
    }
}

/// A cluster's limit counts where it is set. There is one server in a cluster, so its part is the whole.
fn in_force(own: (&'static str, u32), cluster: (&'static str, u32)) -> Limit {
    let (name, value) = if cluster.1 > 0 { cluster } else { own };
    (name, value.into())
}

/// The refusal that the table has for a limit, with advice. A limit that lets nothing through names no wait.
fn reached(limit: Limit, wait: Duration) -> Reject {
    let entry = TABLE.iter().find(|entry| entry.name == limit.0);
    let retry_after = (wait < Duration::MAX).then_some(wait);
    entry
        .and_then(|entry| entry.seen.exhaustion())
        .unwrap_or_else(|| Reject::internal(format!("\"{}\" is no limit that refuses for now", limit.0)))
        .advising(Advice { limit: Some(limit), retry_after })
}

#[cfg(test)]
mod tests;
