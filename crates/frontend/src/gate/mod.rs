//! The gate: who calls, may they, in which namespace, and is that namespace in a state that allows it. One place for
//! all calls.

mod foreign;

use std::{net::IpAddr, pin::pin, sync::Arc, time::Duration};

use auth::{Access, Caller, Credentials, Policy};
use engine::NamespaceTable;
use futures_util::{
    FutureExt as _,
    future::{Either, select},
};
use model::{Kind, Limits, Namespace, NamespaceId, Reject, Token};
use proto::temporal::api::enums::v1::NamespaceState::{self, Deleted, Deprecated, Registered};
use tokio::time::timeout;
use tonic::codegen::http::{Request, header::HOST};
use transport::Peer;

use crate::{
    context::{Bearer, Client, Denied, ServerContext},
    headers,
    method::Method,
    quota::{Counted, Place},
    version,
};

/// The states that a method allows, where they are not the usual ones.
const STATES: &[(&str, &[NamespaceState])] = &[
    ("StartWorkflowExecution", &[Registered]),
    ("SignalWithStartWorkflowExecution", &[Registered]),
    ("DeleteNamespace", &[Registered, Deprecated, Deleted]),
];

const USUAL_STATES: &[NamespaceState] = &[Registered, Deprecated];

/// Clients that show histories to people, by the names that they give themselves. Source: the reference server.
const SHOWING: [&str; 2] = ["temporal-cli", "temporal-ui"];

/// A certificate is good to the end of its last moment.
const MOMENT: Duration = Duration::from_millis(1);

/// Who sends this request.
///
/// # Errors
/// `Unauthenticated` when what the caller shows is not good; `InvalidArgument` when its headers can't be read.
pub(crate) fn identify<B>(context: &ServerContext, request: &Request<B>) -> Result<Client, Reject> {
    let headers = request.headers();
    let peer = request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_default();
    let (authorization, namespace) = match context.policy {
        Policy::Open => (None, None),
        Policy::Secured(_) => (headers::authorization(headers)?, headers::namespace(headers)?),
    };
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let authority = authority.or_else(|| headers.get(HOST).and_then(|value| value.to_str().ok()));
    // Before anything is looked up: what changes from here on is seen by a call that waits.
    let rights = *context.rights.borrow();
    let credentials = Credentials {
        plane: peer.plane,
        authorization,
        peer_certificates: &peer.certificates,
        server_name: peer.server_name.as_deref(),
        authority,
        namespace_header: namespace,
    };
    let identified = identify_slowly(context, &credentials, peer.address.ip());
    let caller = match identified {
        // What is open is open to a caller that shows something bad, too. Clients ask it before anything else, and some of
        // them keep to themselves why that failed: so the cause comes with the first call that needs a right.
        Err(_) if auth::permission(request.uri().path()).is_some_and(|needed| needed.access == Access::Open) => {
            Caller::Anonymous
        }
        identified => identified?,
    };
    let bearer = authorization.map(|text| Bearer(text.to_owned()));
    let authority = matches!(context.policy, Policy::Secured(_)).then(|| authority.map(str::to_owned)).flatten();
    let client = headers::client_headers(headers);
    let version = version::check(
        client.client_name,
        client.client_version,
        client.supported_server_versions,
        context.about.server_version,
    );
    Ok(Client {
        caller,
        peer,
        bearer,
        authority,
        rights,
        version,
        namespace: namespace.map(str::to_owned),
        deadline: None,
        pass: None,
        operator: client.caller_type == "operator",
        shows_people: SHOWING.contains(&client.client_name),
        follows_next_run: client.supported_features.split(',').any(|feature| feature.trim() == "follows-next-run-id"),
    })
}

/// Who shows these credentials. What is not known to be good is looked at as often as its address may try.
fn identify_slowly(context: &ServerContext, credentials: &Credentials<'_>, from: IpAddr) -> Result<Caller, Reject> {
    let mut is_try = false;
    let identified = context.policy.identify_if(credentials, context.engine.wall(), || {
        is_try = true;
        context.tries.take(from, context.engine.now())
    });
    if is_try && identified.is_ok() {
        context.tries.give_back(from);
    }
    identified
}

/// The answer to a call, for as long as its caller has the right to it: one that loses key, certificate or permission
/// while it waits is not kept waiting, and gets nothing. While no right changes and nothing expires, nothing is looked up.
///
/// # Errors
/// The answer's, and those of a call that would be made now.
pub(crate) async fn while_permitted<T>(
    context: &ServerContext,
    client: &Client,
    path: &str,
    namespace: &str,
    answering: impl Future<Output = Result<T, Reject>>,
) -> Result<T, Reject> {
    let mut answering = pin!(answering);
    // Most calls are answered without a wait.
    if let Some(answer) = answering.as_mut().now_or_never() {
        return answer;
    }
    let mut rights = context.rights.subscribe();
    let (mut seen, mut caller) = (client.rights, client.caller.clone());
    loop {
        let known = seen;
        let changed = pin!(rights.wait_for(move |changes| *changes != known));
        let good = context.policy.good_until(&caller).map_or(Duration::MAX, |end| end.since(context.engine.wall()));
        match timeout(good.saturating_add(MOMENT), select(&mut answering, changed)).await {
            Ok(Either::Left((answer, _))) => return answer,
            Ok(Either::Right((changes, _))) => seen = changes.map_or(seen, |changes| *changes),
            // What the caller showed is good no longer.
            Err(_) => {}
        }
        caller = check_again(context, client, path, namespace)?;
    }
}

/// The caller of a call that was let in, if it would be let in now. One that names no namespace was authorised by what it is
/// about.
fn check_again(context: &ServerContext, client: &Client, path: &str, namespace: &str) -> Result<Caller, Reject> {
    let credentials = Credentials {
        plane: client.peer.plane,
        authorization: client.bearer.as_ref().map(|bearer| bearer.0.as_str()),
        peer_certificates: &client.peer.certificates,
        server_name: client.peer.server_name.as_deref(),
        authority: client.authority.as_deref(),
        namespace_header: client.namespace.as_deref(),
    };
    let caller = context.policy.identify(&credentials, context.engine.wall())?;
    match (&caller, namespace.is_empty()) {
        (Caller::Open | Caller::Anonymous | Caller::Principal(_) | Caller::Certificate(_), true) => {}
        (_, false) | (Caller::FilteredOut(_), true) => {
            authorize(context, &Client { caller: caller.clone(), ..client.clone() }, path, namespace)?;
        }
    }
    Ok(caller)
}

/// Whether the caller may have its message read: one that showed nothing only where nothing is asked for.
///
/// # Errors
/// `Unauthenticated`.
pub(crate) fn admit(context: &ServerContext, client: &Client, path: &str) -> Result<(), Reject> {
    match &client.caller {
        Caller::Anonymous => context.policy.authorize(&client.caller, auth::permission(path), None),
        Caller::Open | Caller::Principal(_) | Caller::Certificate(_) | Caller::FilteredOut(_) => Ok(()),
    }
}

/// The caller's request has come whole: its connection is from then on one of a caller that is known, unless it showed
/// nothing, or nothing that is good here.
pub(crate) fn note_request(client: &Client) {
    match client.caller {
        Caller::Open | Caller::Principal(_) | Caller::Certificate(_) => client.peer.identify(),
        Caller::Anonymous | Caller::FilteredOut(_) => {}
    }
}

/// Writes down that a call was refused, if that was for want of a right. To be done before it is answered.
pub(crate) async fn note(context: &ServerContext, client: &Client, method: &str, namespace: String, refusal: &Reject) {
    let Some(denials) = context.denials.get() else {
        return;
    };
    let address = client.peer.address.ip().to_string();
    let denied = Denied { caller: client.caller.clone(), address, method: method.to_owned(), namespace };
    denials.keep((context.engine.now(), context.engine.wall()), &context.tasks, denied, refusal).await;
}

/// A namespace's name may not be longer than any id.
pub(crate) fn check_name(limits: &Limits, name: &str) -> Result<(), Reject> {
    if name.len() > limits.id_length {
        return Err(Reject::invalid("Namespace length exceeds limit."));
    }
    Ok(())
}

/// Whether the caller may use the method, in the namespace that the request names; an empty name is none. A header that
/// names another namespace must be as good: a request is not let in by one name and carried out under the other.
pub(crate) fn authorize(context: &ServerContext, client: &Client, path: &str, namespace: &str) -> Result<(), Reject> {
    let permission = auth::permission(path);
    let namespace = (!namespace.is_empty()).then_some(namespace);
    context.policy.authorize(&client.caller, permission, namespace)?;
    match (namespace, client.namespace.as_deref()) {
        (Some(namespace), Some(header)) if namespace != header => {
            context.policy.authorize(&client.caller, permission, Some(header))
        }
        _ => Ok(()),
    }
}

/// The namespace that a request names, in a state that the method allows.
pub(crate) fn by_name(context: &ServerContext, path: &str, name: &str) -> Result<Arc<Namespace>, Reject> {
    let namespace = find(&context.engine.namespaces(), name)?;
    check_state(path, &namespace)?;
    Ok(namespace)
}

/// Counts a call among those of its namespace and of the server. What is given back is kept while the call goes on.
///
/// # Errors
/// `ResourceExhausted` when they make too many.
pub(crate) fn count(
    context: &ServerContext,
    client: &Client,
    method: Method,
    namespace: Option<&Namespace>,
    waits: bool,
) -> Result<Option<Place>, Reject> {
    let call = Counted { class: method.class, waits, operator: client.operator };
    context.quotas.admit(|| context.engine.namespaces(), namespace, call, context.engine.now())
}

/// The namespace of a task token, which must be the one that the request names, if it names one. The caller must have
/// its rights in both.
pub(crate) fn by_token(
    context: &ServerContext,
    client: &Client,
    path: &str,
    name: &str,
    sealed: &[u8],
) -> Result<(Arc<Namespace>, Token), Reject> {
    let table = context.engine.namespaces();
    let named = if name.is_empty() {
        None
    } else {
        authorize(context, client, path, name)?;
        Some(find(&table, name)?)
    };
    if sealed.is_empty() {
        return Err(Reject::invalid("Task token not set on request."));
    }
    let method = path.rsplit('/').next().unwrap_or_default();
    let foreign = |_| foreign::refusal(method, named.as_deref(), sealed);
    let token = context.engine.token_key().open(sealed).map_err(foreign)?;
    let id = NamespaceId::from_slice(&token.namespace_id).unwrap_or_default();
    let namespace = find_id(&table, id)?;
    authorize(context, client, path, &namespace.name)?;
    if named.is_some_and(|named| named.id != namespace.id) {
        return Err(Reject::invalid("Operation requested with a token from a different namespace."));
    }
    check_state(path, &namespace)?;
    Ok((namespace, token))
}

/// The namespace called `name`.
pub(crate) fn find(table: &NamespaceTable, name: &str) -> Result<Arc<Namespace>, Reject> {
    table.by_name(name).map(|(_, namespace)| namespace.clone()).ok_or_else(|| not_found(name))
}

/// The namespace with this id.
pub(crate) fn find_id(table: &NamespaceTable, id: NamespaceId) -> Result<Arc<Namespace>, Reject> {
    table.by_id(id).map(|(_, namespace)| namespace.clone()).ok_or_else(|| not_found(&id.to_string()))
}

pub(crate) fn not_found(name: &str) -> Reject {
    Reject::new(Kind::NamespaceNotFound { namespace: name.to_owned() }, format!("Namespace {name} is not found."))
}

/// Whether the method may be used in a namespace of this state.
pub(crate) fn check_state(path: &str, namespace: &Namespace) -> Result<(), Reject> {
    let method = path.rsplit('/').next().unwrap_or_default();
    let allowed = STATES.iter().find(|(name, _)| *name == method).map_or(USUAL_STATES, |(_, states)| *states);
    if allowed.contains(&namespace.state) {
        return Ok(());
    }
    let names: Vec<_> = allowed.iter().map(|state| state_name(*state)).collect();
    let text = format!("Namespace has invalid state: {}. Must be {}.", state_name(namespace.state), names.join(" or "));
    let kind = Kind::NamespaceInvalidState {
        namespace: namespace.name.to_string(),
        state: namespace.state,
        allowed: allowed.to_vec(),
    };
    Err(Reject::new(kind, text))
}

fn state_name(state: NamespaceState) -> &'static str {
    match state {
        NamespaceState::Unspecified => "Unspecified",
        Registered => "Registered",
        Deprecated => "Deprecated",
        Deleted => "Deleted",
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use auth::{Directory, KeyRecord, NamespaceSecurity, Principal, PrincipalKind, Scope, TokenHash, VerifyingKey};
    use engine::{Config, Engine};
    use model::Time;
    use store::MemoryStore;

    use super::*;
    use crate::context::About;

    fn namespace(state: NamespaceState) -> Namespace {
        Namespace {
            id: NamespaceId::default(),
            name: "bank".into(),
            state,
            retention: Duration::from_secs(86_400),
            search_attributes: Arc::new(BTreeMap::new()),
        }
    }

    #[test]
    fn a_state_that_does_not_allow_the_method_is_named_with_those_that_do() {
        let start = "/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution";
        let signal = "/temporal.api.workflowservice.v1.WorkflowService/SignalWorkflowExecution";
        assert_eq!(check_state(start, &namespace(Registered)), Ok(()));
        assert_eq!(check_state(signal, &namespace(Deprecated)), Ok(()));
        let text = |path, state| check_state(path, &namespace(state)).unwrap_err().message;
        assert_eq!(text(start, Deprecated), "Namespace has invalid state: Deprecated. Must be Registered.");
        assert_eq!(text(signal, Deleted), "Namespace has invalid state: Deleted. Must be Registered or Deprecated.");
    }

    /// An account with one key, which counts what it is asked.
    struct Counted {
        asked: AtomicUsize,
        expires_at: Time,
    }

    impl Counted {
        fn count<T>(&self, answer: T) -> T {
            self.asked.fetch_add(1, Ordering::Relaxed);
            answer
        }

        fn principal() -> Arc<Principal> {
            Arc::new(Principal {
                id: "worker".to_owned(),
                kind: PrincipalKind::ServiceAccount,
                name: String::new(),
                api_key_id: Some("key".to_owned()),
                account_role: None,
                namespace_accesses: BTreeMap::new(),
                scope: Scope::Account,
            })
        }
    }

    impl Directory for Counted {
        fn account_id(&self) -> &str {
            "a2dd6"
        }

        fn key(&self, _: &str) -> Option<KeyRecord> {
            let record = KeyRecord {
                principal: Self::principal(),
                disabled: false,
                expires_at: self.expires_at,
                token_hash: TokenHash([0; 32]),
            };
            self.count(Some(record))
        }

        fn namespace(&self, _: &str) -> Option<Arc<NamespaceSecurity>> {
            self.count(None)
        }

        fn verifying_key(&self, _: &str) -> Option<VerifyingKey> {
            self.count(None)
        }
    }

    /// A server, its account, and a caller with the one key, which nothing makes good again once it is looked at anew.
    fn waiting(expires_at: Time) -> (Arc<ServerContext>, Arc<Counted>, Client) {
        let config = Config { shards: 1, limits: Arc::default(), address: String::new(), cached_runs: 1 };
        let engine = Engine::open(Arc::new(MemoryStore::default()), config).unwrap();
        let about = About { server_version: "1.32.0", store: "memory", shards: 1, address: String::new() };
        let account = Arc::new(Counted { asked: AtomicUsize::new(0), expires_at });
        let context = ServerContext::new(engine, Policy::secured(account.clone()), about, || uuid::Uuid::from_u128(1));
        let client = Client {
            caller: Caller::Principal(Counted::principal()),
            peer: Arc::default(),
            bearer: Some(Bearer("Bearer nothing".to_owned())),
            authority: None,
            namespace: None,
            rights: 0,
            deadline: None,
            pass: None,
            version: Ok(()),
            operator: false,
            shows_people: false,
            follows_next_run: false,
        };
        (context, account, client)
    }

    const POLL: &str = "/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue";

    #[tokio::test]
    async fn a_call_that_waits_looks_nothing_up_until_rights_change() {
        let (context, account, client) = waiting(Time::MAX);
        let mut polling = pin!(while_permitted(&context, &client, POLL, "", pending::<Result<(), Reject>>()));
        // Nothing comes of it, however long it is.
        assert!(timeout(Duration::from_millis(700), &mut polling).await.is_err());
        // When its key expires, once.
        assert_eq!(account.asked.load(Ordering::Relaxed), 1);
        context.rights.send_modify(|changes| *changes += 1);
        assert_eq!(polling.await.unwrap_err().kind, Kind::Unauthenticated);
    }

    #[tokio::test]
    async fn a_change_between_the_look_and_the_wait_is_not_missed() {
        let (context, _, client) = waiting(Time::MAX);
        context.rights.send_modify(|changes| *changes += 1);
        let polling = while_permitted(&context, &client, POLL, "", pending::<Result<(), Reject>>());
        assert_eq!(timeout(Duration::from_secs(60), polling).await.unwrap().unwrap_err().kind, Kind::Unauthenticated);
    }

    #[tokio::test]
    async fn a_call_that_waits_ends_with_its_key() {
        let (context, _, client) = waiting(Time::ZERO);
        let polling = while_permitted(&context, &client, POLL, "", pending::<Result<(), Reject>>());
        assert_eq!(timeout(Duration::from_secs(60), polling).await.unwrap().unwrap_err().kind, Kind::Unauthenticated);
        let answered = while_permitted(&context, &client, POLL, "", async { Ok(7) }).await;
        assert_eq!(answered.unwrap(), 7, "an answer that is there is not kept back");
    }
}
