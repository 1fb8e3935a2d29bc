//! The connections of all ports of the process: how many, from where, and on which of them no caller is identified.
//!
//! When there is no room for one more, an unidentified connection goes: of the address that has the most of them, the
//! oldest. So a client that has shown who it is keeps its connection, whatever others open; and one that comes anew finds
//! room, for it is the youngest.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use model::{Budget, Limits, Part};
use tokio::task::AbortHandle;

/// What an open connection takes of the memory beside what its calls take: buffers of sockets, TLS and HTTP.
const CONNECTION: usize = 32 * 1024;
/// All that is held for callers who are not identified is at most such a part of the memory.
const SHARE_OF_UNIDENTIFIED: usize = 8;

/// All connections of the process.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    book: Mutex<Book>,
    unidentified: OnceLock<Arc<Budget>>,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    open: BTreeMap<u64, Entry>,
    /// The unidentified ones of each address, oldest first. Those that are gone or identified are skipped.
    by_origin: BTreeMap<IpAddr, Origin>,
    /// Addresses by how many unidentified ones they have.
    ranks: BTreeSet<(usize, IpAddr)>,
    unidentified: usize,
}

#[derive(Debug)]
struct Entry {
    origin: IpAddr,
    is_identified: bool,
    task: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct Origin {
    ids: VecDeque<u64>,
    unidentified: usize,
}

/// The place of a connection among the others; dropped, it is free.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
    id: u64,
    standing: Arc<Standing>,
    _memory: Part,
}

/// Whether a caller is identified on a connection.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    is_identified: AtomicBool,
    registry: Weak<Registry>,
    id: u64,
}

impl Standing {
    pub(crate) fn is_identified(&self) -> bool {
        self.is_identified.load(Ordering::Relaxed)
    }

    /// A caller has shown who it is, in a request that came whole.
    pub(crate) fn identify(&self) {
        if self.is_identified() || self.is_identified.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(registry) = self.registry.upgrade() {
            registry.lock().identify(self.id);
        }
    }

    /// Names the task that carries the connection on. If its place was taken away by then, it ends.
    pub(crate) fn carried_by(&self, task: AbortHandle) {
        let Some(registry) = self.registry.upgrade() else { return };
        match registry.lock().open.get_mut(&self.id) {
            Some(entry) => entry.task = Some(task),
            None => task.abort(),
        }
    }
}

impl Registry {
    /// A place for a connection from `address`; for it, others may be closed. `None`: there is no room.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, limits: &Limits, memory: &Arc<Budget>) -> Option<Place> {
        let mut book = self.lock();
        while book.unidentified >= limits.unidentified_connections.max(1) && book.evict() {}
        while book.open.len() >= limits.connections.max(1) {
            if !book.evict() {
                return None;
            }
        }
        // What is closed gives its part back when its task has ended, which is soon.
        let memory = memory.take(CONNECTION).or_else(|| book.evict().then(|| memory.force(CONNECTION)))?;
        let id = book.add(origin(address));
        drop(book);
        let standing = Standing { is_identified: AtomicBool::new(false), registry: Arc::downgrade(self), id };
        Some(Place { registry: self.clone(), id, standing: Arc::new(standing), _memory: memory })
    }

    /// Closes an unidentified connection; `false`: there is none.
    pub(crate) fn evict(&self) -> bool {
        self.lock().evict()
    }

    /// What may be held for callers that are not identified, of the server's memory.
    pub(crate) fn unidentified(&self, memory: &Arc<Budget>) -> Arc<Budget> {
        self.unidentified.get_or_init(|| Budget::new(memory.most() / SHARE_OF_UNIDENTIFIED)).clone()
    }

    /// Connections that are open.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lock().open.len()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.lock().remove(self.id);
    }
}

impl Book {
    fn add(&mut self, origin: IpAddr) -> u64 {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, Entry { origin, is_identified: false, task: None });
        self.by_origin.entry(origin).or_default().ids.push_back(id);
        self.count(origin, 1);
        id
    }

    fn identify(&mut self, id: u64) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        entry.is_identified = true;
        let origin = entry.origin;
        self.count(origin, -1);
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.open.remove(&id)?;
        if !entry.is_identified {
            self.count(entry.origin, -1);
        }
        Some(entry)
    }

    /// Counts the unidentified connections of an address up or down by one.
    fn count(&mut self, address: IpAddr, by: isize) {
        let Some(origin) = self.by_origin.get_mut(&address) else { return };
        self.ranks.remove(&(origin.unidentified, address));
        origin.unidentified = origin.unidentified.saturating_add_signed(by);
        self.unidentified = self.unidentified.saturating_add_signed(by);
        if origin.unidentified == 0 {
            self.by_origin.remove(&address);
            return;
        }
        self.ranks.insert((origin.unidentified, address));
        if origin.ids.len() > 2 * origin.unidentified + 16 {
            let open = &self.open;
            origin.ids.retain(|id| open.get(id).is_some_and(|entry| !entry.is_identified));
        }
    }

    fn evict(&mut self) -> bool {
        let Some((_, address)) = self.ranks.last().copied() else { return false };
        loop {
            let Some(id) = self.by_origin.get_mut(&address).and_then(|origin| origin.ids.pop_front()) else {
                return false;
            };
            if self.open.get(&id).is_none_or(|entry| entry.is_identified) {
                continue;
            }
            if let Some(task) = self.remove(id).and_then(|entry| entry.task) {
                task.abort();
            }
            return true;
        }
    }
}

/// What counts as one address: of IPv6, the part that a provider gives to one customer (RFC 6177).
fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    struct World {
        registry: Arc<Registry>,
        memory: Arc<Budget>,
        limits: Limits,
    }

    impl World {
        fn new(connections: usize, unidentified_connections: usize) -> Self {
            let limits = Limits { connections, unidentified_connections, ..Limits::default() };
            Self { registry: Arc::default(), memory: Budget::new(100 * CONNECTION), limits }
        }

        fn admit(&self, address: IpAddr) -> Option<Place> {
            self.registry.admit(address, &self.limits, &self.memory)
        }

        fn open(&self, place: &Place) -> bool {
            self.registry.lock().open.contains_key(&place.id)
        }
    }

    #[test]
    fn the_oldest_of_the_address_with_the_most_makes_room() {
        let world = World::new(4, 100);
        let [a1, b1, a2, b2] = [A, B, A, B].map(|address| world.admit(address).unwrap());
        b1.standing().identify();
        let a3 = world.admit(A).unwrap();
        assert!(!world.open(&a1), "of the two of A the older one, since B has but one that is unidentified");
        assert!([&b1, &a2, &b2, &a3].iter().all(|place| world.open(place)));
        drop(a1);
        assert_eq!(world.registry.lock().open.len(), 4, "a place that was taken away is not given back twice");
        drop([a2, b2, a3]);
        assert_eq!(world.registry.lock().open.len(), 1);
        assert!(world.registry.lock().by_origin.is_empty() && world.registry.lock().ranks.is_empty());
    }

    #[test]
    fn who_is_identified_stays_and_others_are_refused() {
        let world = World::new(2, 2);
        let places = [A, B].map(|address| world.admit(address).unwrap());
        places.iter().for_each(|place| place.standing().identify());
        places.iter().for_each(|place| place.standing().identify());
        assert!(world.admit(A).is_none());
        assert!(!world.registry.evict());
        drop(places);
        assert!(world.admit(A).is_some());
        assert_eq!(world.memory.held(), 0);
    }

    #[test]
    fn unidentified_ones_are_bounded_by_themselves_and_by_the_memory() {
        let world = World::new(1_000, 3);
        let places: Vec<_> = (0..50).map(|_| world.admit(A).unwrap()).collect();
        assert_eq!(world.registry.lock().unidentified, 3);
        assert!(places.iter().rev().take(3).all(|place| world.open(place)), "the youngest are left");
        drop(places);
        let world = World { memory: Budget::new(2 * CONNECTION), ..World::new(1_000, 1_000) };
        let first = world.admit(A).unwrap();
        let second = world.admit(A).unwrap();
        let third = world.admit(A).unwrap();
        assert!(!world.open(&first) && world.open(&second) && world.open(&third));
        assert_eq!(world.memory.held(), 3 * CONNECTION, "a connection holds its memory until its task has ended");
        drop(first);
        [&second, &third].iter().for_each(|place| place.standing().identify());
        assert!(world.admit(A).is_none());
    }

    #[test]
    fn an_address_is_what_one_customer_has() {
        let address = |text: &str| origin(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:10.0.0.1"), A);
    }
}
