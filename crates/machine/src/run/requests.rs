//! Ids of requests that were applied.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// Levels with fewer ids than this are copied to take one more.
const FIRST_LEVEL: usize = 8;

/// A set that only grows, in which the state before a step and the one after it differ by an id or none.
///
/// The ids stand in levels that never change and that the states of a run share. The newest level is small: to add an id
/// is to copy it with one id more. A level that is full is joined with the one below it while that is not larger, so
/// there are as many levels as the number of ids has binary digits, and over time each id is copied as many times. A clone
/// is one pointer. States that go on from the same one share what was there before.
///
/// Source of the scheme: the logarithmic method for decomposable searching problems (Bentley and Saxe, 1980).
#[derive(Clone, Default)]
pub struct Requests {
    newest: Option<Arc<Level>>,
}

/// Ids that came one after the other, and below it those that came before them.
#[derive(Default)]
struct Level {
    older: Option<Arc<Level>>,
    /// How many ids stand in the levels below.
    below: usize,
    /// The ids, in the order in which they came, without anything between them.
    text: String,
    /// Where in `text` each of them ends.
    ends: Vec<usize>,
    /// The hash of each id and its place in `ends`, in the order of the hashes.
    order: Vec<(u64, usize)>,
    /// Of those that an earlier run of the chain has taken: the place in `ends`, and which run. In the order of the places.
    earlier: Vec<(usize, Arc<str>)>,
}

/// The ids of a level, or one that is to be added, in the same form.
struct Ids<'a> {
    text: &'a str,
    ends: &'a [usize],
    order: &'a [(u64, usize)],
    earlier: &'a [(usize, Arc<str>)],
}

impl Requests {
    pub fn contains(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    /// Adds an id, if it is not there.
    pub fn insert(&mut self, id: &str) {
        self.add(id, &[]);
    }

    /// Adds an id that an earlier run of the chain has taken, if it is not there.
    pub fn insert_earlier(&mut self, id: &str, run_id: Arc<str>) {
        self.add(id, &[(0, run_id)]);
    }

    /// The earlier run of the chain that has taken this request; `None` where this run has, or no run that is known.
    pub fn earlier_run(&self, id: &str) -> Option<&str> {
        let (level, place) = self.find(id)?;
        let at = level.earlier.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        level.earlier.get(at).map(|(_, run_id)| &**run_id)
    }

    /// The newest ids, at most so many, in the order in which they came.
    pub fn newest(&self, most: usize) -> Vec<&str> {
        self.ids_from(self.len().saturating_sub(most))
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.newest.as_ref().map_or(0, |level| level.end())
    }

    pub fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// What is in this set and not in `before`, in the order in which it came. It costs as much as the two don't share.
    pub fn since(&self, before: &Self) -> Vec<&str> {
        let newest = |set: &Self| set.newest.as_ref().map(Arc::as_ptr);
        if newest(self) == newest(before) {
            return Vec::new();
        }
        let shared = self.shared(before);
        let mut own = self.ids_from(shared);
        let others = before.ids_from(shared);
        if own.starts_with(&others) {
            return own.split_off(others.len());
        }
        own.retain(|id| !before.contains(id));
        own
    }

    fn add(&mut self, id: &str, earlier: &[(usize, Arc<str>)]) {
        let hash = hash(id);
        if self.levels().any(|level| level.find(id, hash).is_some()) {
            return;
        }
        let added = Ids { text: id, ends: &[id.len()], order: &[(hash, 0)], earlier };
        let mut level = match &self.newest {
            Some(level) if level.ends.len() < FIRST_LEVEL => level.with(&added),
            newest => Level { older: newest.clone(), below: self.len(), ..Level::default() }.with(&added),
        };
        while let Some(older) = level.joins() {
            level = older.with(&level.ids());
        }
        self.newest = Some(Arc::new(level));
    }

    fn find(&self, id: &str) -> Option<(&Level, usize)> {
        // Most runs have no requests.
        self.newest.as_ref()?;
        let hash = hash(id);
        self.levels().find_map(|level| level.find(id, hash).map(|place| (level, place)))
    }

    /// The newest first.
    fn levels(&self) -> impl Iterator<Item = &Level> {
        std::iter::successors(self.newest.as_deref(), |level| level.older.as_deref())
    }

    /// The ids from a place on, counted from zero, in the order in which they came.
    fn ids_from(&self, place: usize) -> Vec<&str> {
        let mut ids = Vec::with_capacity(self.len().saturating_sub(place));
        for level in self.levels().take_while(|level| level.end() > place) {
            ids.extend((place.saturating_sub(level.below)..level.ends.len()).rev().map(|at| level.id(at)));
        }
        ids.reverse();
        ids
    }

    /// How many ids both sets have in the same memory.
    fn shared(&self, other: &Self) -> usize {
        let same = |level: &&Level| other.levels().any(|of_other| std::ptr::eq(*level, of_other));
        self.levels().find(same).map_or(0, Level::end)
    }
}

impl PartialEq for Requests {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.since(other).is_empty()
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids_from(0)).finish()
    }
}

impl Level {
    /// How many ids stand here and in the levels below.
    fn end(&self) -> usize {
        self.below + self.ends.len()
    }

    fn id(&self, place: usize) -> &str {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }

    fn find(&self, id: &str, hash: u64) -> Option<usize> {
        let first = self.order.partition_point(|(other, _)| *other < hash);
        let same = self.order[first..].iter().take_while(|(other, _)| *other == hash);
        same.map(|(_, place)| *place).find(|place| self.id(*place) == id)
    }

    /// The level below, if this one is full and not smaller.
    fn joins(&self) -> Option<&Arc<Level>> {
        let full = self.ends.len() >= FIRST_LEVEL;
        self.older.as_ref().filter(|older| full && older.ends.len() <= self.ends.len())
    }

    fn ids(&self) -> Ids<'_> {
        Ids { text: &self.text, ends: &self.ends, order: &self.order, earlier: &self.earlier }
    }

    /// A copy with these ids behind its own.
    fn with(&self, newer: &Ids<'_>) -> Self {
        let (length, bytes) = (self.ends.len(), self.text.len());
        let mut text = String::with_capacity(bytes + newer.text.len());
        text.push_str(&self.text);
        text.push_str(newer.text);
        let mut ends = Vec::with_capacity(length + newer.ends.len());
        ends.extend_from_slice(&self.ends);
        ends.extend(newer.ends.iter().map(|end| bytes + end));
        let order = merged(&self.order, newer.order, length);
        let moved = newer.earlier.iter().map(|(place, run_id)| (length + place, run_id.clone()));
        let earlier = self.earlier.iter().cloned().chain(moved).collect();
        Self { older: self.older.clone(), below: self.below, text, ends, order, earlier }
    }
}

/// Both in the order of the hashes, where the places of the second count from `length` on.
fn merged(mut own: &[(u64, usize)], mut newer: &[(u64, usize)], length: usize) -> Vec<(u64, usize)> {
    let mut order = Vec::with_capacity(own.len() + newer.len());
    if let [(hash, place)] = newer {
        let smaller = own.partition_point(|(other, _)| other < hash);
        order.extend_from_slice(&own[..smaller]);
        order.push((*hash, length + place));
        order.extend_from_slice(&own[smaller..]);
        return order;
    }
    while let ([first, own_rest @ ..], [(hash, place), newer_rest @ ..]) = (own, newer) {
        if first.0 <= *hash {
            order.push(*first);
            own = own_rest;
        } else {
            order.push((*hash, length + place));
            newer = newer_rest;
        }
    }
    order.extend_from_slice(own);
    order.extend(newer.iter().map(|(hash, place)| (*hash, length + place)));
    order
}

/// In memory only, so that it need not be the same in the next release.
fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn set(ids: &[&str]) -> Requests {
        ids.iter().fold(Requests::default(), |set, id| with(&set, id))
    }

    fn with(before: &Requests, id: &str) -> Requests {
        let mut after = before.clone();
        after.insert(id);
        after
    }

    fn numbered(count: usize) -> Requests {
        let mut set = Requests::default();
        (0..count).for_each(|number| set.insert(&number.to_string()));
        set
    }

    #[test]
    fn the_state_before_does_not_see_what_came_after() {
        let before = set(&["b", "a"]);
        let after = with(&before, "c");
        assert!(after.contains("c") && !before.contains("c"));
        assert_eq!(after.since(&before), ["c"]);
        assert_eq!(before.since(&after), [""; 0]);
        assert_eq!(after.since(&Requests::default()), ["b", "a", "c"]);
        assert_eq!(with(&after, "a"), after, "it is there already");
    }

    #[test]
    fn two_states_that_go_on_from_one_do_not_see_each_other() {
        let base = set(&["a", "b"]);
        let (one, other) = (with(&base, "c"), with(&base, "d"));
        assert!(!one.contains("d") && !other.contains("c") && !base.contains("d"));
        assert_eq!((one.since(&base), other.since(&base)), (vec!["c"], vec!["d"]));
        assert_eq!((one.since(&other), other.since(&one)), (vec!["c"], vec!["d"]));
        assert_ne!(one, other);
        assert_eq!(with(&one, "d"), with(&other, "c"), "in whatever order they came");
    }

    #[test]
    fn what_an_earlier_run_has_taken_is_known_as_such() {
        let mut base = set(&["own"]);
        base.insert_earlier("taken", "run-1".into());
        let mut many = base.clone();
        for number in 0..100 {
            many.insert_earlier(&number.to_string(), format!("run of {number}").into());
            many.insert(&format!("own {number}"));
        }
        for set in [&base, &with(&base, "c"), &with(&base, "d"), &many] {
            assert_eq!(set.earlier_run("taken"), Some("run-1"));
            assert_eq!(set.earlier_run("own"), None);
        }
        for number in 0..100 {
            assert_eq!(many.earlier_run(&number.to_string()), Some(format!("run of {number}").as_str()));
            assert_eq!(many.earlier_run(&format!("own {number}")), None);
        }
        assert!(base.earlier_run("c").is_none() && Requests::default().earlier_run("taken").is_none());
    }

    #[test]
    fn the_newest_are_those_of_this_state() {
        let base = set(&["a", "b", "c"]);
        drop(with(&base, "refused"));
        assert_eq!(base.newest(2), ["b", "c"]);
        assert_eq!(base.newest(9), ["a", "b", "c"]);
        assert!(Requests::default().newest(9).is_empty());
        assert_eq!(numbered(100).newest(3), ["97", "98", "99"]);
    }

    #[test]
    fn what_a_refused_step_added_is_forgotten() {
        let mut base = set(&["a"]);
        drop(with(&with(&base, "refused"), "too"));
        base.insert("refused");
        base.insert("b");
        assert_eq!(base, set(&["a", "refused", "b"]));
        assert!(!base.contains("too"));
    }

    #[test]
    fn each_of_many_states_is_what_was_added_to_it() {
        let mut states = vec![Requests::default()];
        for number in 0..300_usize {
            states.push(with(&states[number], &number.to_string()));
        }
        for (count, state) in states.iter().enumerate() {
            let expected: Vec<_> = (0..count).map(|number| number.to_string()).collect();
            assert_eq!(state.newest(usize::MAX), expected, "the ids in their order");
            assert_eq!(state.len(), count);
            let known: BTreeSet<_> = (0..300).filter(|number| state.contains(&number.to_string())).collect();
            assert_eq!(known, (0..count).collect());
            for before in [0, count / 3, count.saturating_sub(1), count] {
                assert_eq!(state.since(&states[before]), expected[before..], "from {before} to {count}");
            }
        }
    }

    #[test]
    fn one_id_more_copies_a_small_level_and_shares_the_others() {
        let mut copied = 0;
        let mut before = Requests::default();
        for number in 0..4_096_usize {
            let after = with(&before, &number.to_string());
            copied += after.len() - after.shared(&before);
            let sizes: Vec<_> = after.levels().map(|level| level.ends.len()).collect();
            assert!(sizes.windows(2).all(|pair| pair[0] < pair[1] || pair[0] < FIRST_LEVEL), "{sizes:?}");
            before = after;
        }
        assert_eq!(before.levels().count(), 1, "a power of two is one level");
        // Each id is copied within the first level and then once for each of the nine levels above it.
        assert!(copied <= 4_096 * (FIRST_LEVEL / 2 + 1 + 9), "{copied} copies");
    }
}
