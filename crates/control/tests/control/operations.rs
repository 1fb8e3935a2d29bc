//! Operations and jobs: told apart by their ids, done once, taken up again.

use auth::Caller;
use model::Kind;
use prost::Message;
use proto::temporal::api::cloud::{
    account::v1::{AccountSpec, MetricsSpec},
    cloudservice::v1::{
        CreateNamespaceRequest, CreateUserRequest, GetAccountRequest, GetAsyncOperationRequest, GetRegionRequest,
        GetRegionsRequest, UpdateAccountRequest, UpdateNamespaceTagsRequest,
    },
    identity::v1::{UserSpec, account_access::Role},
    operation::v1::{AsyncOperation, async_operation::State},
    resource::v1::ResourceState,
};

use crate::desk::{Desk, access, assert_refused, create_namespace};

fn operation(desk: &Desk, id: &str) -> AsyncOperation {
    let request = GetAsyncOperationRequest { async_operation_id: id.to_owned() };
    desk.own(&request).async_operation.unwrap()
}

#[test]
fn an_operation_goes_from_pending_to_fulfilled() {
    let desk = Desk::new();
    let request = create_namespace("orders");
    let begun = desk.own(&request).async_operation.unwrap();
    assert_eq!((begun.state(), begun.state_deprecated.as_str()), (State::Pending, "pending"));
    assert_eq!(begun.operation_type, "CreateNamespace");
    let input = begun.operation_input.unwrap();
    assert!(input.type_url.ends_with("temporal.api.cloud.cloudservice.v1.CreateNamespaceRequest"));
    assert_eq!(CreateNamespaceRequest::decode(input.value.as_slice()).unwrap(), request);
    assert!(begun.check_duration.is_some() && begun.finished_time.is_none());
    let job = desk.control.next_job().unwrap();
    assert_eq!(operation(&desk, &begun.id).state(), State::InProgress);
    desk.control.release(&job.operation_id);
    assert_eq!(operation(&desk, &begun.id).state(), State::Pending);
    assert_eq!(desk.control.next_job().unwrap(), job);
    desk.control.finish(&desk.now_and_seed(), &job.operation_id, Ok(())).unwrap();
    let done = operation(&desk, &begun.id);
    assert_eq!((done.state(), done.failure_reason.as_str()), (State::Fulfilled, ""));
    assert!(done.finished_time.is_some());
}

#[test]
fn a_failed_job_fails_its_operation_with_the_reason() {
    let desk = Desk::new();
    let begun = desk.own(&create_namespace("orders")).async_operation.unwrap();
    let job = desk.control.next_job().unwrap();
    desk.control.finish(&desk.now_and_seed(), &job.operation_id, Err("no space is left".to_owned())).unwrap();
    let done = operation(&desk, &begun.id);
    assert_eq!((done.state(), done.failure_reason.as_str()), (State::Failed, "no space is left"));
    assert_eq!(desk.describe(&job.namespace).state(), ResourceState::ActivationFailed);
}

#[test]
fn the_same_request_with_the_same_id_is_done_once() {
    let desk = Desk::new();
    let request = CreateNamespaceRequest { async_operation_id: "mine".to_owned(), ..create_namespace("orders") };
    let first = desk.own(&request);
    assert_eq!(first.async_operation.as_ref().unwrap().id, "mine");
    assert_eq!(desk.own(&request), first);
    desk.work();
    let later = desk.own(&request);
    assert_eq!(later.async_operation.unwrap().state(), State::Fulfilled);
    assert_eq!(later.namespace, first.namespace);

    let other = CreateNamespaceRequest { async_operation_id: "mine".to_owned(), ..create_namespace("other") };
    assert_refused(desk.ask(&desk.owner, &other), &Kind::InvalidArgument, "was used for another request");
    let spec = UserSpec { email: "ada@example.test".to_owned(), access: Some(access(Role::Read)) };
    let method = CreateUserRequest { spec: Some(spec), async_operation_id: "mine".to_owned() };
    assert_refused(desk.ask(&desk.owner, &method), &Kind::InvalidArgument, "was used for another request");
    // The same words of somebody else are another request.
    let admin = desk.person("admin@example.test", Role::Admin);
    assert_refused(desk.ask(&admin, &request), &Kind::InvalidArgument, "was used for another request");
    let long = CreateNamespaceRequest { async_operation_id: "x".repeat(201), ..create_namespace("long") };
    assert_refused(desk.ask(&desk.owner, &long), &Kind::InvalidArgument, "longer than 200");
}

/// Some clients write maps in another order each time.
#[test]
fn the_same_request_is_known_whatever_the_order_of_its_maps() {
    let desk = Desk::new();
    let with = |tags: &[&str]| {
        let request = CreateNamespaceRequest { async_operation_id: "mine".to_owned(), ..create_namespace("orders") };
        let mut bytes = request.encode_to_vec();
        for tag in tags {
            let one = CreateNamespaceRequest {
                tags: [((*tag).to_owned(), "v".to_owned())].into(),
                ..CreateNamespaceRequest::default()
            };
            bytes.extend(one.encode_to_vec());
        }
        desk.control.call(&desk.owner, &desk.request_context(), "CreateNamespace", &bytes)
    };
    let first = with(&["a", "b"]).unwrap();
    assert_eq!(with(&["b", "a"]).unwrap(), first);
    assert_refused(with(&["b"]), &Kind::InvalidArgument, "was used for another request");
}

#[test]
fn ten_operations_run_at_a_time() {
    let desk = Desk::new();
    for at in 0..10 {
        desk.own(&create_namespace(&format!("orders{at}")));
    }
    let more = desk.refused(&create_namespace("more"));
    assert!(matches!(more.kind, Kind::ResourceExhausted { .. }), "{more:?}");
    desk.work();
    desk.own(&create_namespace("more"));
}

/// Finished operations are forgotten when there are many, the newest last.
#[test]
fn old_operations_are_forgotten() {
    let desk = Desk::new();
    let tag = |value: usize| UpdateNamespaceTagsRequest {
        namespace: "orders.a2dd6".to_owned(),
        tags_to_upsert: [("at".to_owned(), value.to_string())].into(),
        ..UpdateNamespaceTagsRequest::default()
    };
    desk.namespace("orders");
    let first = desk.own(&tag(0)).async_operation.unwrap().id;
    let mut last = String::new();
    for at in 1..2_000 {
        last = desk.own(&tag(at)).async_operation.unwrap().id;
    }
    let ask = |id: &str| desk.ask(&desk.owner, &GetAsyncOperationRequest { async_operation_id: id.to_owned() });
    assert_refused(ask(&first), &Kind::NotFound, "not found");
    assert!(ask(&last).is_ok());
}

#[test]
fn a_bell_rings_for_jobs_only() {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };
    let desk = Desk::new();
    let rings = Arc::new(AtomicU32::new(0));
    let counter = rings.clone();
    desk.control.on_job(Box::new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    desk.user("ada@example.test", Role::Read);
    assert_eq!(rings.load(Ordering::Relaxed), 0);
    desk.own(&create_namespace("orders"));
    assert_eq!(rings.load(Ordering::Relaxed), 1);
}

#[test]
fn there_is_one_region() {
    let desk = Desk::new();
    let regions = desk.own(&GetRegionsRequest {}).regions;
    assert_eq!(regions.len(), 1);
    let found = desk.own(&GetRegionRequest { region: regions[0].id.clone() }).region;
    assert_eq!(found.as_ref(), regions.first());
    let other = desk.ask(&desk.owner, &GetRegionRequest { region: "mars".to_owned() });
    assert_refused(other, &Kind::NotFound, "region \"mars\"");
}

#[test]
fn the_account_is_changed_like_everything_else() {
    let desk = Desk::new();
    let account = desk.own(&GetAccountRequest {}).account.unwrap();
    assert_eq!(account.id, crate::desk::ACCOUNT);
    let update = |bundle: &'static str| UpdateAccountRequest {
        spec: Some(AccountSpec { metrics: Some(MetricsSpec { accepted_client_ca: bundle.into() }) }),
        resource_version: account.resource_version.clone(),
        async_operation_id: String::new(),
    };
    assert_refused(desk.ask(&desk.owner, &update("no PEM")), &Kind::InvalidArgument, "CA bundle");
    let same = UpdateAccountRequest { spec: account.spec.clone(), ..update("") };
    assert_refused(desk.ask(&desk.owner, &same), &Kind::InvalidArgument, "nothing to change");
    desk.own(&update(""));
    assert_refused(desk.ask(&desk.owner, &update("")), &Kind::FailedPrecondition, "resource version mismatch");
}

/// Every method of the service is either served or refused by its name; nobody is served without a key.
#[test]
fn what_is_not_served_says_so() {
    const SERVICE: &str = "CloudService";
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
    let service = set.file.iter().flat_map(|file| &file.service).find(|service| service.name() == SERVICE).unwrap();
    let desk = Desk::new();
    let mut served = 0;
    for method in &service.method {
        let answer = desk.control.call(&desk.owner, &desk.request_context(), method.name(), &[]);
        match answer {
            Err(refusal) if refusal.kind == Kind::Unimplemented => {
                assert!(refusal.message.contains(method.name()), "{}", refusal.message);
            }
            Ok(_) | Err(_) => served += 1,
        }
        for caller in [Caller::Anonymous, Caller::Open] {
            let refused = desk.control.call(&caller, &desk.request_context(), method.name(), &[]);
            assert_refused(refused, &Kind::Unauthenticated, "request not authenticated");
        }
    }
    assert_eq!(served, 32);
    let garbage = desk.control.call(&desk.owner, &desk.request_context(), "GetUser", &[0xff]);
    assert_refused(garbage, &Kind::InvalidArgument, "malformed request");
}
