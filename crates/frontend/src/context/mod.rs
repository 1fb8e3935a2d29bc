//! What a handler is given: the server's context, the namespace that the gate resolved, and who calls.

mod denials;
mod rates;
mod status;
mod tasks;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use auth::{Caller, Policy};
use engine::{Answer, Call, Engine, Pass, Request};
use model::{Budget, Limits, Namespace, Reject, Time};
use tokio::sync::watch;
use transport::{Backend, Peer};
use uuid::Uuid;

use self::tasks::Tasks;
pub(crate) use self::{
    denials::{Denials, Denied},
    rates::Rates,
};
use crate::{
    metrics::Metrics,
    quota::{Place, Quotas},
    tries::Tries,
};

/// What this server says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// The reference version that clients read to decide what they may use.
    pub server_version: &'static str,
    /// How the store is called, for instance `sqlite`.
    pub store: &'static str,
    /// Shards of the data.
    pub shards: u32,
    /// Where clients reach this node.
    pub address: String,
}

/// What all calls of a server share.
pub struct ServerContext {
    pub(crate) engine: Engine,
    pub(crate) policy: Policy,
    pub(crate) metrics: Metrics,
    /// What each namespace may ask for, and does.
    pub(crate) quotas: Quotas,
    /// Wrong credentials, by address.
    pub(crate) tries: Tries,
    pub(crate) about: About,
    /// Draws ids for what the caller left unnamed.
    pub(crate) new_id: fn() -> Uuid,
    /// How often rights may have changed: what the gate found out before is asked again when this has moved on.
    pub(crate) rights: watch::Sender<u64>,
    /// Where denied calls are written down; empty on an open server, which denies none.
    pub(crate) denials: OnceLock<Denials>,
    /// Work that goes on after its call was answered; it ends with the server.
    pub(crate) tasks: Tasks,
}

impl ServerContext {
    /// `new_id` draws the ids of new namespaces and of requests that have none.
    pub fn new(engine: Engine, policy: Policy, about: About, new_id: fn() -> Uuid) -> Arc<Self> {
        Arc::new(Self {
            quotas: Quotas::new(engine.limits().clone()),
            tries: Tries::new(engine.limits().wrong_credentials),
            engine,
            policy,
            metrics: Metrics::default(),
            about,
            new_id,
            rights: watch::Sender::default(),
            denials: OnceLock::new(),
            tasks: Tasks::default(),
        })
    }

    /// Ends all tasks that go on after their call; those that are not done are resumed by the next start.
    pub fn stop_tasks(&self) {
        self.tasks.stop();
    }

    /// The metrics of this server, as a Prometheus text page.
    pub fn metrics_page(&self) -> String {
        self.metrics.page(&self.engine.quarantined())
    }

    /// What an operator has to know of this server at this moment, as text.
    pub(crate) fn status_page(&self) -> String {
        status::page(self.engine.shards(), &self.engine.quarantined())
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.engine.limits()
    }
}

impl Backend for ServerContext {
    fn limits(&self) -> &Arc<Limits> {
        self.engine.limits()
    }

    fn memory(&self) -> &Arc<Budget> {
        self.engine.memory()
    }

    fn batch<T>(&self, calls: impl FnOnce() -> T) -> T {
        self.engine.batch_scope(calls)
    }
}

/// The caller and what its headers say.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) caller: Caller,
    pub(crate) peer: Arc<Peer>,
    /// What the caller showed beside its certificate; read on a secured server only.
    pub(crate) bearer: Option<Bearer>,
    /// The host that the request is for; read on a secured server only.
    pub(crate) authority: Option<String>,
    /// The namespace that a header names; read on a secured server only.
    pub(crate) namespace: Option<String>,
    /// What `ServerContext::rights` stood at before the caller was identified.
    pub(crate) rights: u64,
    /// When the caller stops waiting, if it says so. Known of calls that were let in.
    pub(crate) deadline: Option<Time>,
    /// What its call was let in by; absent where none is needed.
    pub(crate) pass: Option<Arc<Pass>>,
    /// Why a client of this version is not served, if it is not.
    pub(crate) version: Result<(), Reject>,
    /// An operator calls, by the command line or a page; so it says, which gives it no rights.
    pub(crate) operator: bool,
    /// The client shows histories to people: it sees no events of an attempt that leave no trace if it fails.
    pub(crate) shows_people: bool,
    /// The client understands that a close event names the run that follows.
    pub(crate) follows_next_run: bool,
}

/// An `authorization` header, which is a secret.
#[derive(Clone)]
pub(crate) struct Bearer(pub(crate) String);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A call inside a namespace. The namespace is a capability: only the gate makes one.
pub(crate) struct Scope {
    pub(crate) context: Arc<ServerContext>,
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) client: Arc<Client>,
    /// Counts the call among those of its namespace that wait, where it may.
    pub(crate) _place: Option<Place>,
}

impl Scope {
    pub(crate) fn limits(&self) -> &Limits {
        self.context.limits()
    }

    /// The id of a request whose caller gave none: two of them are two requests.
    pub(crate) fn name_request(&self, request_id: &mut String) {
        if request_id.is_empty() {
            *request_id = (self.context.new_id)().to_string();
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.context.engine.now()
    }

    /// Asks the engine, in the namespace that the gate gave.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer, Reject> {
        let request = Request { namespace: self.namespace.clone(), call };
        match &self.client.pass {
            Some(pass) => self.context.engine.call_with(request, pass).await,
            None => self.context.engine.call(request).await,
        }
    }
}

/// The engine answered with the answer of another call; the pairing is fixed, so this is a defect.
pub(crate) fn unexpected(answer: &Answer) -> Reject {
    let text = format!("{answer:?}");
    let kind = text.split([' ', '(']).next().unwrap_or_default();
    Reject::internal(format!("unexpected answer \"{kind}\" of the engine"))
}
