//! Calls of the data plane that were denied, on their way to the account's audit log.
//!
//! Each is written before it is answered. Of a caller that is denied many times a second the rest of that second is written
//! as one record with their number, so that no caller fills the disk by asking for what it must not do.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth::{Caller, PrincipalKind};
use control::{Control, NowAndSeed, RequestContext};
use model::{Kind, Reject, Time};
use tokio::time::timeout;

use super::{
    rates::{Rates, Whose},
    tasks::Tasks,
};

/// Denied calls a second of one caller that are written one by one; as many at once after a rest.
const ONE_BY_ONE: u32 = 20;
/// The same of all callers together.
const ONE_BY_ONE_OF_ALL: u32 = 100;
/// How long others are counted until their number is written.
const SPAN: Duration = Duration::from_secs(1);

/// The way into the audit log, and what is left of each caller's rate.
#[derive(Debug)]
pub(crate) struct Denials {
    log: Log,
    rates: Rates,
    /// Denied calls that are counted only, by who made them.
    counted: Arc<Mutex<BTreeMap<String, u64>>>,
}

#[derive(Clone, Debug)]
struct Log {
    control: Control,
    seed: fn() -> u128,
}

/// A call that was denied.
#[derive(Clone)]
pub(crate) struct Denied {
    pub(crate) caller: Caller,
    /// Where it came from.
    pub(crate) address: String,
    pub(crate) method: String,
    /// As the request names it.
    pub(crate) namespace: String,
}

impl Denials {
    pub(crate) fn new(control: Control, seed: fn() -> u128) -> Self {
        Self { log: Log { control, seed }, rates: Rates::default(), counted: Arc::default() }
    }

    /// Writes down that a call was denied at `now` by the engine's clock, and `wall` by the machine's. Any other refusal, and
    /// one of a caller that has no identity, leaves no trace. A number of calls is written by one of `tasks`.
    pub(crate) async fn keep(&self, (now, wall): (Time, Time), tasks: &Tasks, denied: Denied, refusal: &Reject) {
        let Some((kind, id)) = whose(&denied.caller) else { return };
        if refusal.kind != Kind::PermissionDenied {
            return;
        }
        let own = self.rates.take_one(Whose { kind, id, rate: ONE_BY_ONE }, now);
        let all = Whose { kind: "account", id: "", rate: ONE_BY_ONE_OF_ALL };
        if own.and_then(|()| self.rates.take_one(all, now)).is_ok() {
            return self.log.write(denied, refusal.clone(), wall).await;
        }
        let whose = format!("{kind} {id}");
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let number = counted.entry(whose.clone()).or_default();
        *number += 1;
        if *number == 1 {
            tasks.start(write_number(self.log.clone(), self.counted.clone(), whose, denied, wall));
        }
    }
}

/// What is answerable for a caller's denied calls: its kind, and its id.
fn whose(caller: &Caller) -> Option<(&'static str, &str)> {
    match caller {
        Caller::Principal(principal) => match principal.kind {
            PrincipalKind::User => Some(("user", &principal.id)),
            PrincipalKind::ServiceAccount => Some(("serviceaccount", &principal.id)),
        },
        // An authority of a namespace can sign any number of them.
        Caller::Certificate(shown) | Caller::FilteredOut(shown) => Some(("certificate", &shown.namespace)),
        Caller::Open | Caller::Anonymous => None,
    }
}

/// Waits, and writes how many calls of a caller were denied meanwhile, with the first of them.
async fn write_number(log: Log, counted: Arc<Mutex<BTreeMap<String, u64>>>, whose: String, first: Denied, began: Time) {
    let _ = timeout(SPAN, pending::<()>()).await;
    let number = counted.lock().unwrap_or_else(PoisonError::into_inner).remove(&whose).unwrap_or_default();
    let text = format!("{number} denied calls of this caller that came too fast to be written one by one");
    log.write(first, Reject::new(Kind::PermissionDenied, text), began).await;
}

impl Log {
    async fn write(&self, denied: Denied, refusal: Reject, now: Time) {
        let control = self.control.clone();
        let request_context = RequestContext { at: NowAndSeed { now, seed: (self.seed)() }, address: denied.address };
        let writing = tokio::task::spawn_blocking(move || {
            control.denied(&denied.caller, &request_context, &denied.method, &denied.namespace, &refusal)
        });
        let written = writing.await.unwrap_or_else(|error| Err(Reject::internal(error.to_string())));
        if let Err(reject) = written {
            tracing::error!(%reject, "a denied call can't be written to the audit log");
        }
    }
}

#[cfg(test)]
mod tests {
    use auth::{CertificateCaller, ClientCertificate};

    use super::*;

    #[test]
    fn new_certificates_of_a_namespace_bring_no_new_rate() {
        let caller = |number: i64| {
            let certificate = ClientCertificate {
                subject: format!("CN=worker-{number}"),
                fingerprint: number.to_string(),
                common_names: Vec::new(),
                organizations: Vec::new(),
                organizational_units: Vec::new(),
                subject_alternative_names: Vec::new(),
                not_before: Time::ZERO,
                not_after: Time::MAX,
            };
            let shown = CertificateCaller { namespace: "bank.a2dd6".to_owned(), certificate: Arc::new(certificate) };
            Caller::FilteredOut(Arc::new(shown))
        };
        let (rates, now) = (Rates::default(), Time(1_000_000_000_000));
        let written = (0..1_000).filter(|number| {
            let caller = caller(*number);
            let (kind, id) = whose(&caller).unwrap();
            rates.take_one(Whose { kind, id, rate: ONE_BY_ONE }, now).is_ok()
        });
        assert_eq!(written.count(), ONE_BY_ONE as usize);
    }
}
