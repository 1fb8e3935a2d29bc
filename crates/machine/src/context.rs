//! What a step may know besides the state: everything that would otherwise have to be asked of a clock, a random
//! source, the configuration or another entity.

use std::sync::Arc;

use model::{Entropy, Limits, Namespace, NamespaceId, Time};

/// The context of one step, fetched before it begins.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// The time of the step: of its events, and what deadlines are compared with.
    pub now: Time,
    /// Where new ids and jitter come from.
    pub entropy: Entropy,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// The run's own.
    pub namespace: Arc<Namespace>,
    /// The namespaces that commands of this input name besides the run's own, in the order of their names; a name that
    /// is absent does not exist.
    pub other_namespaces: Arc<[(String, NamespaceId)]>,
}

impl StepContext {
    /// The id of the namespace called `name`; empty means the run's own.
    pub fn namespace_id(&self, name: &str) -> Option<NamespaceId> {
        if name.is_empty() || name == &*self.namespace.name {
            return Some(self.namespace.id);
        }
        self.other_namespaces.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
    }
}
