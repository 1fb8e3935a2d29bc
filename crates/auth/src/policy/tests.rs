//! The policy of an account: who is who, and every method of the data plane for every kind of caller.

use std::collections::BTreeSet;

use super::*;
use crate::{
    AccountRole, CertificateDer, Filter, Filters, Scope,
    fixture::{ACCOUNT, Account, Authority, BILLING, NOTHING, NOW, ORDERS, day, leaf_params, principal, valid},
    permission,
    permission::served,
    token::mint,
};

struct House {
    account: Arc<Account>,
    policy: Policy,
    orders: Authority,
    billing: Authority,
}

fn house() -> House {
    let (orders, billing) = (Authority::root("orders"), Authority::root("billing"));
    let account = Account::new(&orders, &billing);
    let policy = Policy::secured(account.clone());
    House { account, policy, orders, billing }
}

impl House {
    fn by_key(&self, header: &str, now: Time) -> Result<Caller, Reject> {
        self.policy.identify(&Credentials { authorization: Some(header), ..Credentials::default() }, now)
    }

    /// The caller with a certificate, at the host of a namespace.
    fn by_certificate(&self, chain: &[CertificateDer<'static>], namespace: &str, now: Time) -> Result<Caller, Reject> {
        let host = format!("{namespace}.example.test");
        let credentials = Credentials { peer_certificates: chain, server_name: Some(&host), ..Credentials::default() };
        self.policy.identify(&credentials, now)
    }

    fn certificate(&self) -> Caller {
        self.by_certificate(&[self.orders.leaf(&leaf_params("worker"))], ORDERS, NOW).unwrap()
    }
}

fn refused(result: Result<Caller, Reject>) -> (Kind, String) {
    let reject = result.unwrap_err();
    (reject.kind, reject.message)
}

const NOT_AUTHENTICATED: &str = "request not authenticated";

#[test]
fn even_the_open_policy_denies_what_is_not_declared() {
    let caller = Policy::Open.identify(&Credentials::default(), Time::ZERO).unwrap();
    let start = permission("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution");
    assert_eq!(Policy::Open.authorize(&caller, start, Some("default")), Ok(()));
    let denied =
        Policy::Open.authorize(&caller, permission("/temporal.api.workflowservice.v1.WorkflowService/Nope"), None);
    assert_eq!(denied.unwrap_err().kind, Kind::PermissionDenied);
}

#[test]
fn a_key_stands_for_its_owner_as_long_as_it_is_good() {
    let house = house();
    let owner = principal(None, &[(ORDERS, NamespacePermission::Read)]);
    let key_id = owner.api_key_id.clone().unwrap();
    let token = house.account.key(owner.clone());
    let header = format!("Bearer {}", token.as_str());
    let good = Ok(Caller::Principal(Arc::new(owner)));
    assert_eq!(house.by_key(&header, NOW), good);
    assert_eq!(house.by_key(&header.replace("Bearer", "bearer"), NOW), good);
    assert_eq!(house.by_key(&header, Time(day(30).0 - 1)), good);
    let unauthenticated = |cause: &str| (Kind::Unauthenticated, format!("{NOT_AUTHENTICATED}{cause}"));
    assert_eq!(refused(house.by_key(&header, day(30))), unauthenticated(": the API key has expired"));
    house.account.change(&key_id, |record| record.disabled = true);
    assert_eq!(refused(house.by_key(&header, NOW)), unauthenticated(": the API key is disabled"));
    house.account.change(&key_id, |record| record.disabled = false);
    assert_eq!(house.by_key(&header, NOW), good);
    house.account.change(&key_id, |record| record.expires_at = day(-1));
    assert_eq!(refused(house.by_key(&header, NOW)), unauthenticated(": the API key has expired"));
    house.account.change(&key_id, |record| record.expires_at = day(30));
    *house.account.retired.write().unwrap() = true;
    assert_eq!(refused(house.by_key(&header, NOW)), unauthenticated(""));
    *house.account.retired.write().unwrap() = false;
    assert_eq!(house.by_key(&header, NOW), good);
    house.account.keys.write().unwrap().clear();
    assert_eq!(refused(house.by_key(&header, NOW)), unauthenticated(""));
}

#[test]
fn rights_are_those_of_the_moment() {
    let house = house();
    let token = house.account.key(principal(None, &[(ORDERS, NamespacePermission::Write)]));
    let header = format!("Bearer {}", token.as_str());
    let start = permission("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution");
    let may = |header: &str| {
        let caller = house.by_key(header, NOW)?;
        house.policy.authorize(&caller, start, Some(ORDERS))
    };
    assert_eq!(may(&header), Ok(()));
    let less = Arc::new(principal(None, &[(ORDERS, NamespacePermission::Read)]));
    house.account.change(&"K".repeat(32), |record| record.principal = less);
    assert_eq!(may(&header), Err(unauthorized()));
}

#[test]
fn a_key_that_was_not_given_out_is_no_key() {
    let house = house();
    let owner = principal(Some(AccountRole::Owner), &[]);
    let token = house.account.key(owner.clone());
    let claims = crate::Claims {
        account_id: ACCOUNT.into(),
        principal_id: owner.id.clone(),
        key_id: owner.api_key_id.clone().unwrap(),
        expires_at: day(30),
    };
    // Well signed, for a key on record: but not the token that was given out.
    let again = mint(&claims, &house.account.signing_key).unwrap();
    let other_owner = crate::Claims { principal_id: "6".repeat(32), ..claims.clone() };
    let other_owner = mint(&other_owner, &house.account.signing_key).unwrap();
    let other_key = crate::SigningKey::from_pem(&crate::SigningKey::generate_pem().unwrap()).unwrap();
    let by_other_key = mint(&claims, &other_key).unwrap();
    for forged in [&again, &other_owner, &by_other_key] {
        let text = refused(house.by_key(&format!("Bearer {}", forged.as_str()), NOW));
        assert_eq!(text, (Kind::Unauthenticated, NOT_AUTHENTICATED.to_owned()));
    }
    // Neither is a record without a signature: whoever can write records can't sign, whichever key he names.
    let body = token.as_str().rsplit_once('.').unwrap().0;
    let signature = by_other_key.as_str().rsplit_once('.').unwrap().1;
    let named_ours = format!("{body}.{signature}");
    for forged in [by_other_key.as_str(), &named_ours] {
        house.account.change(&claims.key_id, |record| record.token_hash = TokenHash::of(forged));
        assert!(house.by_key(&format!("Bearer {forged}"), NOW).is_err());
    }
    let elsewhere = crate::Claims { account_id: "b3ee7".into(), ..claims };
    let elsewhere = mint(&elsewhere, &other_key).unwrap();
    let cause = refused(house.by_key(&format!("Bearer {}", elsewhere.as_str()), NOW)).1;
    assert_eq!(cause, format!("{NOT_AUTHENTICATED}: the API key belongs to another account"));
    for header in ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", token.as_str(), &"A".repeat(100_000)] {
        assert_eq!(refused(house.by_key(header, NOW)).0, Kind::Unauthenticated, "{:.20}", header);
    }
}

#[test]
fn a_certificate_stands_for_the_namespace_that_trusts_it() {
    let house = house();
    let chain = [house.orders.leaf(&leaf_params("worker"))];
    let host = format!("{ORDERS}.example.test:7233");
    let all = |server_name, authority, namespace_header| Credentials {
        peer_certificates: &chain,
        server_name,
        authority,
        namespace_header,
        ..Credentials::default()
    };
    let known = [
        all(Some(&host), None, None),
        all(None, Some(&host), None),
        all(None, Some("127.0.0.1:7233"), Some(ORDERS)),
        all(Some("localhost"), Some("localhost"), Some(ORDERS)),
        all(Some(&host), None, Some(BILLING)),
    ];
    for credentials in known {
        let Caller::Certificate(caller) = house.policy.identify(&credentials, NOW).unwrap() else {
            panic!("{credentials:?}");
        };
        assert_eq!(caller.namespace, ORDERS);
        assert_eq!(caller.certificate.common_names, ["worker"]);
    }
    let nowhere = all(None, Some("127.0.0.1:7233"), None);
    assert_eq!(house.policy.identify(&nowhere, NOW), Ok(Caller::Anonymous));
    let control = Credentials { plane: Plane::Control, ..all(Some(&host), None, None) };
    assert_eq!(house.policy.identify(&control, NOW), Ok(Caller::Anonymous));
    assert_eq!(house.policy.identify(&Credentials::default(), NOW), Ok(Caller::Anonymous));
    // A bad key beside it is a bad key.
    let both = Credentials { authorization: Some(""), ..all(Some(&host), None, None) };
    assert_eq!(refused(house.policy.identify(&both, NOW)).0, Kind::Unauthenticated);
}

#[test]
fn a_certificate_counts_as_long_as_everything_about_it_does() {
    let house = house();
    let chain = [house.orders.leaf(&leaf_params("worker"))];
    let by = |now| house.by_certificate(&chain, ORDERS, now);
    assert!(by(NOW).is_ok());
    let expired = format!("{NOT_AUTHENTICATED}: the client certificate has expired");
    assert_eq!(refused(by(day(11))), (Kind::Unauthenticated, expired));
    let early = format!("{NOT_AUTHENTICATED}: the client certificate is not valid yet");
    assert_eq!(refused(by(day(-11))), (Kind::Unauthenticated, early));
    let filter = |name: &str| Filters::new(vec![Filter { common_name: name.into(), ..Filter::default() }]).unwrap();
    house.account.secure(ORDERS, |security| security.filters = filter("somebody"));
    let text =
        "Request unauthorized: no certificate filter of namespace \"orders.a2dd6\" matches the client certificate.";
    let excluded = by(NOW).unwrap();
    assert!(matches!(&excluded, Caller::FilteredOut(shown) if shown.namespace == ORDERS));
    let workflows = |method: &str| permission(&format!("/temporal.api.workflowservice.v1.WorkflowService/{method}"));
    for method in ["StartWorkflowExecution", "DescribeNamespace", "ListNamespaces"] {
        let denied = house.policy.authorize(&excluded, workflows(method), Some(ORDERS)).unwrap_err();
        assert_eq!((denied.kind, denied.message), (Kind::PermissionDenied, text.to_owned()), "{method}");
    }
    assert_eq!(house.policy.authorize(&excluded, workflows("GetSystemInfo"), None), Ok(()));
    house.account.secure(ORDERS, |security| security.filters = filter("work*"));
    assert!(matches!(by(NOW), Ok(Caller::Certificate(_))));
    let unknown = format!("{NOT_AUTHENTICATED}: the client certificate is not signed by a CA of the namespace");
    let unknown = (Kind::Unauthenticated, unknown);
    house.account.secure(ORDERS, |security| security.mtls_enabled = false);
    assert_eq!(refused(by(NOW)), unknown);
    let ca = ClientCa::parse(house.billing.pem.as_bytes()).unwrap();
    house.account.secure(ORDERS, |security| {
        (security.mtls_enabled, security.client_ca) = (true, Some(Arc::new(ca)));
    });
    assert_eq!(refused(by(NOW)), unknown);
    house.account.secure(ORDERS, |security| security.client_ca = None);
    assert_eq!(refused(by(NOW)), unknown);
}

#[test]
fn a_foreign_namespace_answers_as_one_that_does_not_exist() {
    let house = house();
    let start = permission("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution");
    let token = house.account.key(principal(Some(AccountRole::Developer), &[(ORDERS, NamespacePermission::Admin)]));
    let principal = house.by_key(&format!("Bearer {}", token.as_str()), NOW).unwrap();
    for caller in [principal, house.certificate(), Caller::Anonymous] {
        let at = |namespace| house.policy.authorize(&caller, start, Some(namespace));
        assert!(at(BILLING).is_err());
        assert_eq!(at(BILLING), at(NOTHING), "{caller:?}");
        assert_eq!(at(BILLING), at(""), "{caller:?}");
    }
    let mut expired = leaf_params("worker");
    valid(&mut expired, -10, -1);
    for params in [leaf_params("worker"), expired] {
        let chain = [house.orders.leaf(&params), house.orders.der.clone()];
        let foreign = house.by_certificate(&chain, BILLING, NOW);
        assert_eq!(foreign, house.by_certificate(&chain, NOTHING, NOW));
        assert_eq!(refused(foreign).0, Kind::Unauthenticated);
    }
}

#[test]
fn whoever_has_rights_learns_what_became_of_the_namespace() {
    let house = house();
    let start = permission("/temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution");
    let owner = Caller::Principal(Arc::new(principal(Some(AccountRole::Owner), &[])));
    let at = |namespace| house.policy.authorize(&owner, start, Some(namespace));
    assert_eq!(at(ORDERS), Ok(()));
    assert_eq!(at(NOTHING).unwrap_err().message, "Namespace nothing.a2dd6 is not found.");
    // The server's own namespaces are no namespaces of the account.
    assert!(matches!(at("temporal-system").unwrap_err().kind, Kind::NamespaceNotFound { .. }));
    house.account.secure(ORDERS, |security| security.api_key_enabled = false);
    let reject = at(ORDERS).unwrap_err();
    assert_eq!(reject.kind, Kind::PermissionDenied);
    assert_eq!(reject.message, "Request unauthorized: namespace \"orders.a2dd6\" does not take API keys.");
    let by_login = Principal { api_key_id: None, ..principal(Some(AccountRole::Owner), &[]) };
    assert_eq!(house.policy.authorize(&Caller::Principal(Arc::new(by_login)), start, Some(ORDERS)), Ok(()));
    assert_eq!(house.policy.authorize(&house.certificate(), start, Some(ORDERS)), Ok(()));
}

#[rustfmt::skip]
const DOCUMENTED_READ: &[&str] = &[
    "CountActivityExecutions", "CountSchedules", "CountWorkflowExecutions", "DescribeActivityExecution",
    "DescribeBatchOperation", "DescribeNamespace", "DescribeSchedule", "DescribeTaskQueue", "DescribeWorker",
    "DescribeWorkerDeployment", "DescribeWorkerDeploymentVersion", "DescribeWorkflowExecution",
    "DescribeWorkflowRule", "FetchWorkerConfig", "GetSearchAttributes", "GetWorkerBuildIdCompatibility",
    "GetWorkerTaskReachability", "GetWorkerVersioningRules", "GetWorkflowExecutionHistory",
    "GetWorkflowExecutionHistoryReverse", "ListActivityExecutions", "ListBatchOperations",
    "ListClosedWorkflowExecutions", "ListOpenWorkflowExecutions", "ListScheduleMatchingTimes", "ListSchedules",
    "ListTaskQueuePartitions", "ListWorkerDeployments", "ListWorkers", "ListWorkflowExecutions",
    "ListWorkflowRules", "QueryWorkflow",
];

#[rustfmt::skip]
const DOCUMENTED_WRITE: &[&str] = &[
    "CreateSchedule", "CreateWorkflowRule", "DeleteActivityExecution", "DeleteSchedule", "DeleteWorkerDeployment",
    "DeleteWorkerDeploymentVersion", "DeleteWorkflowExecution", "DeleteWorkflowRule", "ExecuteMultiOperation",
    "PatchSchedule", "PauseActivity", "PauseWorkflowExecution", "PollActivityExecution", "PollActivityTaskQueue",
    "PollNexusTaskQueue", "PollWorkflowExecutionUpdate", "PollWorkflowTaskQueue", "RecordActivityTaskHeartbeat",
    "RecordActivityTaskHeartbeatById", "RecordWorkerHeartbeat", "RequestCancelActivityExecution",
    "RequestCancelWorkflowExecution", "ResetActivity", "ResetStickyTaskQueue", "ResetWorkflowExecution",
    "RespondActivityTaskCanceled", "RespondActivityTaskCanceledById", "RespondActivityTaskCompleted",
    "RespondActivityTaskCompletedById", "RespondActivityTaskFailed", "RespondActivityTaskFailedById",
    "RespondNexusTaskCompleted", "RespondNexusTaskFailed", "RespondQueryTaskCompleted",
    "RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "SetWorkerDeploymentCurrentVersion",
    "SetWorkerDeploymentManager", "SetWorkerDeploymentRampingVersion", "ShutdownWorker",
    "SignalWithStartWorkflowExecution", "SignalWorkflowExecution", "StartActivityExecution", "StartBatchOperation",
    "StartWorkflowExecution", "StopBatchOperation", "TerminateActivityExecution", "TerminateWorkflowExecution",
    "TriggerWorkflowRule", "UnpauseActivity", "UnpauseWorkflowExecution", "UpdateActivityOptions", "UpdateSchedule",
    "UpdateTaskQueueConfig", "UpdateWorkerBuildIdCompatibility", "UpdateWorkerConfig",
    "UpdateWorkerDeploymentVersionMetadata", "UpdateWorkerVersioningRules", "UpdateWorkflowExecution",
    "UpdateWorkflowExecutionOptions",
];

/// Without an identity: what the server is and whether it lives.
const FOR_STRANGERS: [&str; 4] = [
    "/temporal.api.workflowservice.v1.WorkflowService/GetSystemInfo",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.health.v1.Health/Watch",
];

/// What the documentation makes of a caller who holds a permission in the namespace that a method is asked for.
fn documented(path: &str, held: Option<NamespacePermission>) -> bool {
    let method = path.strip_prefix("/temporal.api.workflowservice.v1.WorkflowService/").unwrap_or_default();
    if FOR_STRANGERS.contains(&path) {
        true
    } else if DOCUMENTED_READ.contains(&method) {
        held.is_some()
    } else if DOCUMENTED_WRITE.contains(&method) {
        matches!(held, Some(NamespacePermission::Write | NamespacePermission::Admin))
    } else {
        false
    }
}

/// Every kind of caller with what it holds in [`ORDERS`]; only admins of the account hold something in [`BILLING`].
fn callers(house: &House) -> Vec<(Caller, Option<NamespacePermission>, bool)> {
    use crate::AccountRole::{Admin, Developer, FinanceAdmin, MetricsRead, Owner, Read};
    let mut callers = vec![
        (Caller::Anonymous, None, false),
        (Caller::Open, None, false),
        (house.certificate(), Some(NamespacePermission::Admin), false),
    ];
    let permissions =
        [None, Some(NamespacePermission::Read), Some(NamespacePermission::Write), Some(NamespacePermission::Admin)];
    for role in [None, Some(Owner), Some(Admin), Some(Developer), Some(FinanceAdmin), Some(Read), Some(MetricsRead)] {
        for permission in permissions {
            let accesses: Vec<_> = permission.map(|permission| (ORDERS, permission)).into_iter().collect();
            let is_admin = matches!(role, Some(Owner | Admin));
            let held = if is_admin { Some(NamespacePermission::Admin) } else { permission };
            let caller = principal(role, &accesses);
            let scoped = Principal { scope: Scope::Namespace(ORDERS.into()), ..caller.clone() };
            callers.push((Caller::Principal(Arc::new(caller)), held, is_admin));
            callers.push((Caller::Principal(Arc::new(scoped)), permission, false));
        }
    }
    callers
}

#[test]
fn every_method_of_the_data_plane_is_for_the_documented_permissions() {
    let house = house();
    let served = served();
    let documented_methods: BTreeSet<&str> = DOCUMENTED_READ.iter().chain(DOCUMENTED_WRITE).copied().collect();
    assert_eq!(documented_methods.len(), 92);
    for method in &documented_methods {
        assert!(served.contains(&format!("/temporal.api.workflowservice.v1.WorkflowService/{method}")), "{method}");
    }
    let other = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/a.B/C", ""].map(str::to_owned);
    for path in served.iter().chain(&other) {
        for (caller, held, is_admin) in callers(&house) {
            let ask = |namespace| house.policy.authorize(&caller, permission(path), namespace);
            let text = format!("{path} by {caller:?}");
            assert_eq!(ask(Some(ORDERS)).is_ok(), documented(path, held), "{text}");
            // Without a namespace it is only granted where the method has none.
            let is_in_cluster = permission(path).is_some_and(|permission| permission.reach == Reach::Cluster);
            assert_eq!(ask(None).is_ok(), is_in_cluster && documented(path, held), "{text}");
            if !is_in_cluster {
                let abroad = if is_admin { held } else { None };
                assert_eq!(ask(Some(BILLING)).is_ok(), documented(path, abroad), "{text}");
                assert!(ask(Some(NOTHING)).is_err(), "{text}");
            }
            if matches!(caller, Caller::Anonymous) && !FOR_STRANGERS.contains(&path.as_str()) {
                let kind = ask(Some(ORDERS)).unwrap_err().kind;
                let is_declared = permission(path).is_some();
                assert_eq!(kind, if is_declared { Kind::Unauthenticated } else { Kind::PermissionDenied }, "{text}");
            }
        }
    }
}
