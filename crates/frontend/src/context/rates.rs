//! How many calls a second the account and each of its principals may make.
//!
//! Only calls of principals are counted: an anonymous caller can't use up what the account may do.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use auth::{Principal, PrincipalKind};
use model::{Bucket, Reject, Spacing, Time};
use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};

/// Calls a second of all principals together, of a user and of a service account; as many at once after a rest.
const ACCOUNT: u32 = 160;
const USER: u32 = 40;
const SERVICE_ACCOUNT: u32 = 80;
/// Principals that are remembered; beyond it those are forgotten that rested long enough.
const REMEMBERED: usize = 1_000;

/// Whose rate a call is taken off.
pub(super) struct Whose<'a> {
    /// As the refusal names it.
    pub(super) kind: &'a str,
    pub(super) id: &'a str,
    /// Calls a second, and at once after a rest.
    pub(super) rate: u32,
}

#[derive(Debug, Default)]
struct Buckets {
    account: Option<Bucket>,
    principals: BTreeMap<String, Bucket>,
}

/// The rates of one account.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<Buckets>);

impl Rates {
    /// Takes one call of a principal off what it and the account may make.
    ///
    /// # Errors
    /// `ResourceExhausted` when one of them has none left; nothing is taken then.
    pub(crate) fn take(&self, account_id: &str, principal: &Principal, now: Time) -> Result<(), Reject> {
        let (rate, kind) = match principal.kind {
            PrincipalKind::User => (USER, "user"),
            PrincipalKind::ServiceAccount => (SERVICE_ACCOUNT, "serviceaccount"),
        };
        self.take_of(Some(account_id), Whose { kind, id: &principal.id, rate }, now)
    }

    /// Takes one call off what one caller may make, whatever others do.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is none left.
    pub(super) fn take_one(&self, whose: Whose<'_>, now: Time) -> Result<(), Reject> {
        self.take_of(None, whose, now)
    }

    fn take_of(&self, account_id: Option<&str>, whose: Whose<'_>, now: Time) -> Result<(), Reject> {
        let Whose { kind, id, rate } = whose;
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets { account, principals } = &mut *buckets;
        if principals.len() >= REMEMBERED && !principals.contains_key(id) {
            principals.retain(|_, bucket| !bucket.is_full(now));
        }
        let account = account.get_or_insert_with(|| full(ACCOUNT));
        let own = principals.entry(id.to_owned()).or_insert_with(|| full(rate));
        own.try_take(now).map_err(|_| exhausted(&format!("principal type={kind}, id={id}")))?;
        if let Some(account_id) = account_id
            && account.try_take(now).is_err()
        {
            own.give_back();
            return Err(exhausted(&format!("account id={account_id}")));
        }
        Ok(())
    }
}

/// What a second brings may be used at once.
fn full(rate: u32) -> Bucket {
    Bucket::full(Spacing::with_burst(f64::from(rate), rate))
}

fn exhausted(whose: &str) -> Reject {
    let text = format!("rate limit exceeded for {whose}, please retry later.");
    Reject::exhausted(ResourceExhaustedCause::RpsLimit, ResourceExhaustedScope::System, text)
}

#[cfg(test)]
mod tests {
    use auth::Scope;

    use super::*;

    fn principal(id: &str, kind: PrincipalKind) -> Principal {
        Principal {
            id: id.into(),
            kind,
            name: String::new(),
            api_key_id: None,
            account_role: None,
            namespace_accesses: BTreeMap::new(),
            scope: Scope::Account,
        }
    }

    /// How many of the next calls pass, and what the first that does not is told.
    fn spend(rates: &Rates, principal: &Principal, now: Time) -> (usize, String) {
        for passed in 0..1_000 {
            if let Err(reject) = rates.take("a2dd6", principal, now) {
                return (passed, reject.message);
            }
        }
        panic!("no end of it");
    }

    #[test]
    fn a_principal_has_its_rate_and_gets_it_back_with_time() {
        let (rates, user) = (Rates::default(), principal("u1", PrincipalKind::User));
        let at = |milliseconds: i64| Time(1_000_000_000_000 + milliseconds * 1_000_000);
        let told = "rate limit exceeded for principal type=user, id=u1, please retry later.".to_owned();
        assert_eq!(spend(&rates, &user, at(0)), (40, told.clone()));
        assert_eq!(spend(&rates, &user, at(500)), (20, told.clone()));
        assert_eq!(spend(&rates, &user, at(60_000)), (40, told));
    }

    #[test]
    fn all_together_have_the_accounts_rate() {
        let rates = Rates::default();
        let now = Time(1_000_000_000_000);
        let robots: Vec<_> = ["r1", "r2", "r3"].map(|id| principal(id, PrincipalKind::ServiceAccount)).into();
        let told = |whose: &str| format!("rate limit exceeded for {whose}, please retry later.");
        assert_eq!(spend(&rates, &robots[0], now), (80, told("principal type=serviceaccount, id=r1")));
        assert_eq!(spend(&rates, &robots[1], now), (80, told("principal type=serviceaccount, id=r2")));
        assert_eq!(spend(&rates, &robots[2], now), (0, told("account id=a2dd6")));
    }
}
