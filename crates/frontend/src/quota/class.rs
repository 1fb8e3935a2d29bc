//! What a method counts as: which rate it is taken off, how much it matters among the calls of that rate, and whether it
//! may wait. The rates and their order are the reference's.

/// A rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// All calls that have no other rate.
    Calls,
    /// What reads lists.
    Lists,
    /// What registers or changes namespaces.
    NamespaceChanges,
}

/// A method whose calls wait, and are counted while they do; each method by itself, so that polls of one kind leave room for
/// those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    WorkflowTasks,
    ActivityTasks,
    UpdateOutcomes,
    Queries,
    Updates,
    Operations,
    Histories,
}

impl Waiting {
    /// How many there are.
    pub(super) const COUNT: usize = 7;
}

/// What a method counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// The rate, and the priority there: 0 goes first, and only operators and what is about namespaces have it.
    pub(super) rated: Option<(Rate, usize)>,
    pub(super) waiting: Option<Waiting>,
}

/// Priorities of [`Rate::Calls`], [`Rate::Lists`] and [`Rate::NamespaceChanges`].
pub(super) const PRIORITIES: [usize; 3] = [6, 2, 2];

/// The priority of a history that is waited for: last.
const WAITED_HISTORY: usize = 5;

/// An ordinary call. The priorities: 0 is what is about the cluster and its namespaces; 1 brings a workflow on; 2 changes or
/// replays one; 3 looks at one, or reports what is tried again anyway; 4 asks for work.
pub(crate) const fn calls(priority: usize) -> Class {
    Class { rated: Some((Rate::Calls, priority)), waiting: None }
}

/// A list or a count.
pub(crate) const fn lists() -> Class {
    Class { rated: Some((Rate::Lists, 1)), waiting: None }
}

/// A change of a namespace.
pub(crate) const fn namespace_changes() -> Class {
    Class { rated: Some((Rate::NamespaceChanges, 1)), waiting: None }
}

/// A call of operators, which no rate limits.
pub(crate) const fn unlimited() -> Class {
    Class { rated: None, waiting: None }
}

impl Class {
    /// The same, for a method that waits.
    pub(crate) const fn waiting(self, kind: Waiting) -> Self {
        Self { rated: self.rated, waiting: Some(kind) }
    }

    /// As one call of the method counts: `waits` is whether it may wait, and `operator` whether an operator makes it.
    pub(super) fn of_call(self, waits: bool, operator: bool) -> Self {
        let Self { rated, waiting } = self;
        let priority = |(rate, priority)| match (operator, waiting) {
            (true, _) => (rate, 0),
            (false, Some(Waiting::Histories)) if waits => (rate, WAITED_HISTORY),
            (false, _) => (rate, priority),
        };
        Self { rated: rated.map(priority), waiting: waiting.filter(|_| waits) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_counts_as_a_wait_only_where_it_is_one() {
        let history = calls(2).waiting(Waiting::Histories);
        assert_eq!(history.of_call(false, false), calls(2));
        assert_eq!(history.of_call(true, false), calls(5).waiting(Waiting::Histories));
        assert_eq!(history.of_call(true, true), calls(0).waiting(Waiting::Histories));
        assert_eq!(lists().of_call(true, true), Class { rated: Some((Rate::Lists, 0)), waiting: None });
        assert_eq!(unlimited().of_call(true, true), unlimited());
    }
}
