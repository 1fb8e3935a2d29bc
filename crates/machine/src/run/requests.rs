//! Ids of requests that were applied.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A set that only grows, in which the state before a step and the one after it differ by an id or none. All states of a run
/// share one list of ids, and each knows how much of it is its own: to add one costs the same however many there are, and
/// nothing is copied. Where two states go on from the same one, as after a step that was refused, the second to do
/// so gets a list of its own.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    list: Option<Arc<Mutex<List>>>,
    /// How many ids of the list are in the set.
    length: usize,
}

#[derive(Debug, Default)]
struct List {
    /// In the order in which they came.
    ids: Vec<Arc<str>>,
    /// Where each of them stands.
    places: BTreeMap<Arc<str>, usize>,
    /// Of those that an earlier run of the chain has taken: which one, by where they stand.
    earlier: BTreeMap<usize, Arc<str>>,
}

impl Requests {
    pub fn contains(&self, id: &str) -> bool {
        let place = self.list().and_then(|list| list.places.get(id).copied());
        place.is_some_and(|place| place < self.length)
    }

    /// Adds an id, if it is not there.
    pub fn insert(&mut self, id: Arc<str>) {
        self.add(id, None);
    }

    /// Adds an id that an earlier run of the chain has taken, if it is not there.
    pub fn insert_earlier(&mut self, id: Arc<str>, run_id: Arc<str>) {
        self.add(id, Some(run_id));
    }

    /// The earlier run of the chain that has taken this request; `None` where this run has, or no run that is known.
    pub fn earlier_run(&self, id: &str) -> Option<Arc<str>> {
        let list = self.list().filter(|list| !list.earlier.is_empty())?;
        let place = list.places.get(id).filter(|place| **place < self.length)?;
        list.earlier.get(place).cloned()
    }

    fn add(&mut self, id: Arc<str>, run_id: Option<Arc<str>>) {
        if self.contains(&id) {
            return;
        }
        let shared = self.list.get_or_insert_default();
        let mut list = lock(shared);
        if list.ids.len() == self.length {
            list.push(id, run_id);
        } else {
            let mut own = List::default();
            for (place, id) in list.ids[..self.length].iter().enumerate() {
                own.push(id.clone(), list.earlier.get(&place).cloned());
            }
            own.push(id, run_id);
            drop(list);
            *shared = Arc::new(Mutex::new(own));
        }
        self.length += 1;
    }

    /// The newest ids, at most so many, in the order in which they came.
    pub fn newest(&self, most: usize) -> Vec<Arc<str>> {
        let Some(list) = self.list() else { return Vec::new() };
        list.ids[self.length.saturating_sub(most)..self.length].to_vec()
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What is in this set and not in `before`, in the order in which it came.
    pub fn since(&self, before: &Self) -> Vec<Arc<str>> {
        let Some(list) = self.list() else { return Vec::new() };
        if self.shares_list(before) {
            return list.ids.get(before.length..self.length).unwrap_or_default().to_vec();
        }
        let own = list.ids[..self.length].to_vec();
        drop(list);
        own.into_iter().filter(|id| !before.contains(id)).collect()
    }

    fn shares_list(&self, other: &Self) -> bool {
        self.list.as_ref().map(Arc::as_ptr) == other.list.as_ref().map(Arc::as_ptr)
    }

    fn list(&self) -> Option<MutexGuard<'_, List>> {
        self.list.as_deref().map(lock)
    }
}

impl PartialEq for Requests {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.since(other).is_empty()
    }
}

impl List {
    fn push(&mut self, id: Arc<str>, run_id: Option<Arc<str>>) {
        let place = self.ids.len();
        self.earlier.extend(run_id.map(|run_id| (place, run_id)));
        self.places.insert(id.clone(), place);
        self.ids.push(id);
    }
}

// What is done under the lock leaves a whole list even if memory runs out in it.
fn lock(list: &Mutex<List>) -> MutexGuard<'_, List> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[&str]) -> Requests {
        ids.iter().fold(Requests::default(), |set, id| with(&set, id))
    }

    fn with(before: &Requests, id: &str) -> Requests {
        let mut after = before.clone();
        after.insert(id.into());
        after
    }

    fn since(after: &Requests, before: &Requests) -> Vec<String> {
        after.since(before).iter().map(|id| id.to_string()).collect()
    }

    #[test]
    fn the_state_before_does_not_see_what_came_after() {
        let before = set(&["b", "a"]);
        let after = with(&before, "c");
        assert!(after.shares_list(&before) && after.contains("c") && !before.contains("c"));
        assert_eq!(since(&after, &before), ["c"]);
        assert_eq!(since(&before, &after), [""; 0]);
        assert_eq!(since(&after, &Requests::default()), ["b", "a", "c"]);
        assert_eq!(with(&after, "a"), after, "it is there already");
    }

    #[test]
    fn two_states_that_go_on_from_one_do_not_see_each_other() {
        let base = set(&["a", "b"]);
        let (one, other) = (with(&base, "c"), with(&base, "d"));
        assert!(one.shares_list(&base) && !other.shares_list(&base));
        assert!(!one.contains("d") && !other.contains("c") && !base.contains("d"));
        assert_eq!((since(&one, &base), since(&other, &base)), (vec!["c".to_owned()], vec!["d".to_owned()]));
        assert_eq!((since(&one, &other), since(&other, &one)), (vec!["c".to_owned()], vec!["d".to_owned()]));
        assert_ne!(one, other);
        assert_eq!(with(&one, "d"), with(&other, "c"), "in whatever order they came");
    }

    #[test]
    fn what_an_earlier_run_has_taken_is_known_as_such() {
        let mut base = set(&["own"]);
        base.insert_earlier("taken".into(), "run-1".into());
        let (one, other) = (with(&base, "c"), with(&base, "d"));
        for set in [&base, &one, &other] {
            assert_eq!(set.earlier_run("taken").as_deref(), Some("run-1"));
            assert_eq!(set.earlier_run("own"), None);
        }
        assert!(base.earlier_run("c").is_none() && Requests::default().earlier_run("taken").is_none());
    }

    #[test]
    fn the_newest_are_those_of_this_state() {
        let base = set(&["a", "b", "c"]);
        drop(with(&base, "refused"));
        let newest = |most| base.newest(most).iter().map(|id| id.to_string()).collect::<Vec<_>>();
        assert_eq!(newest(2), ["b", "c"]);
        assert_eq!(newest(9), ["a", "b", "c"]);
        assert!(Requests::default().newest(9).is_empty());
    }

    #[test]
    fn what_a_refused_step_added_is_forgotten() {
        let mut base = set(&["a"]);
        drop(with(&with(&base, "refused"), "too"));
        base.insert("refused".into());
        base.insert("b".into());
        assert_eq!(base, set(&["a", "refused", "b"]));
        assert!(!base.contains("too"));
    }
}
