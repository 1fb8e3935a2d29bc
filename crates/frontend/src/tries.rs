//! Wrong credentials, by where they come from: an address has a few tries at once, and then one a second. A key, a
//! certificate or a login code beyond that is not even looked at; those that were found good before are not counted, so that
//! workers go on beside the one that guesses.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{Advice, Bucket, Reject, Spacing, Time};
use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};

/// Addresses that are remembered; one more, and the first of them is forgotten.
const REMEMBERED: usize = 4_096;
/// Tries that an address gets back in a second.
const PER_SECOND: f64 = 1.0;

/// What an address has left, for all addresses that tried something wrong lately.
#[derive(Debug)]
pub(crate) struct Tries {
    spacing: Spacing,
    at_once: u32,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    buckets: BTreeMap<IpAddr, Bucket>,
    /// The addresses in the order in which they came; the next one takes the place at `next` when all are taken.
    order: Vec<IpAddr>,
    next: usize,
}

impl Tries {
    /// So many tries at once.
    pub(crate) fn new(at_once: u32) -> Self {
        Self { spacing: Spacing::with_burst(PER_SECOND, at_once), at_once, table: Mutex::default() }
    }

    /// Takes a try of an address, before something unknown is looked at.
    ///
    /// # Errors
    /// `ResourceExhausted` with the time of the next try, when none is left.
    pub(crate) fn take(&self, from: IpAddr, now: Time) -> Result<(), Reject> {
        let taken = self.table().bucket(whole(from), self.spacing).try_take(now);
        taken.map_err(|wait| self.refusal(wait))
    }

    /// Gives the try back: what was looked at was right.
    pub(crate) fn give_back(&self, from: IpAddr) {
        if let Some(bucket) = self.table().buckets.get_mut(&whole(from)) {
            bucket.give_back();
        }
    }

    fn refusal(&self, wait: Duration) -> Reject {
        let text = "too many wrong credentials from this address: try again later";
        let retry_after = (wait < Duration::MAX).then_some(wait);
        let advice = Advice { limit: Some(("wrong_credentials", self.at_once.into())), retry_after };
        Reject::exhausted(ResourceExhaustedCause::RpsLimit, ResourceExhaustedScope::System, text).advising(advice)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn bucket(&mut self, address: IpAddr, spacing: Spacing) -> &mut Bucket {
        let is_new = !self.buckets.contains_key(&address);
        if is_new && self.order.len() < REMEMBERED {
            self.order.push(address);
        } else if is_new {
            let oldest = std::mem::replace(&mut self.order[self.next], address);
            self.buckets.remove(&oldest);
            self.next = (self.next + 1) % REMEMBERED;
        }
        self.buckets.entry(address).or_insert_with(|| Bucket::full(spacing))
    }
}

/// What belongs to one caller: an IPv4 address; of IPv6 the network, whose 2^64 addresses one machine can have.
fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Kind;

    use super::*;

    const AT_ONCE: u32 = 3;

    fn at(milliseconds: i64) -> Time {
        Time(1_000_000_000_000 + milliseconds * 1_000_000)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// How many of the next tries are looked at.
    fn spend(tries: &Tries, from: &str, now: Time) -> usize {
        (0..100).take_while(|_| tries.take(address(from), now).is_ok()).count()
    }

    #[test]
    fn an_address_has_a_few_tries_and_then_one_a_second() {
        let tries = Tries::new(AT_ONCE);
        assert_eq!(spend(&tries, "192.0.2.1", at(0)), 3);
        let refused = tries.take(address("192.0.2.1"), at(250)).unwrap_err();
        let Kind::ResourceExhausted { advice, .. } = refused.kind else { panic!("{refused:?}") };
        assert_eq!(advice.retry_after, Some(Duration::from_millis(750)));
        assert_eq!(spend(&tries, "192.0.2.1", at(2_000)), 2);
        assert_eq!(spend(&tries, "192.0.2.2", at(0)), 3, "another address is not slowed");
    }

    #[test]
    fn what_is_right_is_not_counted() {
        let tries = Tries::new(AT_ONCE);
        for _ in 0..10 {
            tries.take(address("192.0.2.1"), at(0)).unwrap();
            tries.give_back(address("192.0.2.1"));
        }
        assert_eq!(spend(&tries, "192.0.2.1", at(0)), 3);
        assert!(tries.take(address("192.0.2.1"), at(1_000)).is_ok(), "and is looked at again soon after wrong ones");
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let tries = Tries::new(AT_ONCE);
        let from = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:9::", "2001:db8::3"];
        assert_eq!(from.iter().filter(|from| tries.take(address(from), at(0)).is_ok()).count(), 3);
        assert!(tries.take(address("2001:db8:0:1::1"), at(0)).is_ok());
        assert_eq!(spend(&tries, "::ffff:192.0.2.1", at(0)), 3);
        assert_eq!(spend(&tries, "192.0.2.1", at(0)), 0);
    }

    #[test]
    fn no_more_is_remembered_than_has_room_and_the_oldest_goes() {
        let tries = Tries::new(AT_ONCE);
        assert_eq!(spend(&tries, "192.0.2.1", at(0)), 3);
        for number in 0..2 * REMEMBERED {
            let number = u32::try_from(number).unwrap();
            tries.take(IpAddr::V4((0x0a00_0000 + number).into()), at(0)).unwrap();
            let table = tries.table();
            assert!(table.buckets.len() == table.order.len() && table.order.len() <= REMEMBERED);
        }
        assert_eq!(spend(&tries, "192.0.2.1", at(0)), 3);
        assert_eq!(spend(&tries, "10.0.31.255", at(0)), 2, "the last ones are known");
    }
}
