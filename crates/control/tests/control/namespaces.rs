//! Namespaces: what may be made, changed and deleted, and what the engine is asked to do.

use std::collections::BTreeMap;

use auth::Directory;
use control::Work;
use model::Kind;
use proto::temporal::api::{
    cloud::{
        cloudservice::v1::{
            CreateNamespaceRequest, DeleteNamespaceRequest, GetNamespaceRequest, GetNamespacesRequest,
            GetServiceAccountRequest, UpdateNamespaceRequest, UpdateNamespaceTagsRequest,
        },
        identity::v1::{NamespaceScopedAccess, ServiceAccountSpec, account_access::Role, namespace_access::Permission},
        namespace::v1::{
            ApiKeyAuthSpec, CertificateFilterSpec, CodecServerSpec, LifecycleSpec, MtlsAuthSpec, Namespace,
            NamespaceSpec, ReplicaSpec, namespace_spec::SearchAttributeType,
        },
        resource::v1::ResourceState,
    },
    enums::v1::IndexedValueType,
};

use crate::desk::{ACCOUNT, DAY, Desk, assert_refused, create_namespace, permit, spec};

fn update(namespace: &Namespace, change: impl FnOnce(&mut NamespaceSpec)) -> UpdateNamespaceRequest {
    let mut spec = namespace.spec.clone().unwrap();
    change(&mut spec);
    UpdateNamespaceRequest {
        namespace: namespace.namespace.clone(),
        spec: Some(spec),
        resource_version: namespace.resource_version.clone(),
        async_operation_id: String::new(),
    }
}

fn delete(namespace: &Namespace) -> DeleteNamespaceRequest {
    DeleteNamespaceRequest {
        namespace: namespace.namespace.clone(),
        resource_version: namespace.resource_version.clone(),
        async_operation_id: String::new(),
    }
}

fn authority() -> String {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::DigitalSignature];
    let key = rcgen::KeyPair::generate().unwrap();
    parameters.self_signed(&key).unwrap().pem()
}

#[test]
fn a_namespace_goes_through_its_life() {
    let desk = Desk::new();
    let answer = desk.own(&create_namespace("orders"));
    let id = format!("orders.{ACCOUNT}");
    assert_eq!(answer.namespace, id);
    let made = desk.describe(&id);
    assert_eq!(made.state(), ResourceState::Activating);
    assert_eq!(made.async_operation_id, answer.async_operation.unwrap().id);

    let job = desk.control.next_job().unwrap();
    assert_eq!(job.namespace, id);
    assert!(matches!(&job.work, Work::Register(wanted) if wanted.retention == DAY * 7));
    assert_eq!(desk.control.next_job(), None);
    desk.control.finish(&desk.now_and_seed(), &job.operation_id, Ok(())).unwrap();
    let active = desk.describe(&id);
    assert_eq!((active.state(), active.async_operation_id.as_str()), (ResourceState::Active, ""));
    assert_eq!(active.resource_version, made.resource_version);
    let endpoints = active.endpoints.clone().unwrap();
    assert_eq!(endpoints.grpc_address, format!("{id}.example.test:7233"));
    assert_eq!(endpoints.mtls_grpc_address, "");

    desk.own(&update(&active, |spec| spec.retention_days = 3));
    assert!(matches!(desk.control.next_job().unwrap().work, Work::Update(wanted) if wanted.retention == DAY * 3));
    let updating = desk.describe(&id);
    assert_eq!(updating.state(), ResourceState::Updating);
    assert_refused(desk.ask(&desk.owner, &delete(&updating)), &Kind::FailedPrecondition, "is running on namespace");
    desk.control.finish(&desk.now_and_seed(), &updating.async_operation_id, Ok(())).unwrap();

    desk.own(&delete(&desk.describe(&id)));
    assert_eq!(desk.describe(&id).state(), ResourceState::Deleting);
    assert!(desk.control.namespace(&id).is_none(), "nobody gets into a namespace that is being deleted");
    desk.work();
    let gone = desk.ask(&desk.owner, &GetNamespaceRequest { namespace: id });
    assert_refused(gone, &Kind::NotFound, "not found");
    desk.namespace("orders");
}

#[test]
fn specs_that_break_a_rule_are_refused_with_the_rule() {
    type Change = fn(&mut NamespaceSpec);
    let rows: [(&str, Change); 18] = [
        ("invalid namespace name", |spec| spec.name = "Orders".to_owned()),
        ("between 1 and 90", |spec| spec.retention_days = 91),
        ("between 1 and 90", |spec| spec.retention_days = -1),
        ("at least one of mtls_auth and api_key_auth", |spec| spec.api_key_auth = None),
        ("client CA is required", |spec| {
            spec.mtls_auth = Some(MtlsAuthSpec { enabled: true, ..MtlsAuthSpec::default() });
        }),
        ("CA bundle is not valid PEM", |spec| {
            spec.mtls_auth = Some(MtlsAuthSpec { accepted_client_ca: "no PEM".into(), ..MtlsAuthSpec::default() });
        }),
        ("base64", |spec| {
            let accepted_client_ca_deprecated = "?".to_owned();
            spec.mtls_auth = Some(MtlsAuthSpec { accepted_client_ca_deprecated, ..MtlsAuthSpec::default() });
        }),
        ("filter", |spec| {
            let certificate_filters = vec![CertificateFilterSpec::default(); 26];
            spec.mtls_auth = Some(MtlsAuthSpec { certificate_filters, ..MtlsAuthSpec::default() });
        }),
        ("must be an https URL", |spec| {
            let endpoint = "http://codec.test".to_owned();
            spec.codec_server = Some(CodecServerSpec { endpoint, ..CodecServerSpec::default() });
        }),
        ("unknown type", |spec| {
            spec.custom_search_attributes.insert("Customer".to_owned(), "string".to_owned());
        }),
        ("unknown type", |spec| {
            spec.search_attributes.insert("Customer".to_owned(), 0);
        }),
        ("is reserved", |spec| {
            spec.search_attributes.insert("WorkflowId".to_owned(), SearchAttributeType::Keyword as i32);
        }),
        ("search attributes of type Text", |spec| {
            let texts = (0..6).map(|at| (format!("t{at}"), SearchAttributeType::Text as i32));
            spec.search_attributes.extend(texts);
        }),
        ("region \"aws-us-east-1\" is not available", |spec| spec.regions = vec!["aws-us-east-1".to_owned()]),
        ("region \"mars\" is not available", |spec| spec.replicas = vec![ReplicaSpec { region: "mars".to_owned() }]),
        ("one replica in a region", |spec| spec.regions = vec!["local".to_owned(), "local".to_owned()]),
        ("between 1 and 90", |spec| spec.retention_days = i32::MAX),
        ("invalid namespace name", |spec| spec.name.clear()),
    ];
    let desk = Desk::new();
    for (words, change) in rows {
        let mut spec = spec("orders");
        change(&mut spec);
        let request = CreateNamespaceRequest { spec: Some(spec), ..CreateNamespaceRequest::default() };
        assert_refused(desk.ask(&desk.owner, &request), &Kind::InvalidArgument, words);
    }
    let missing = desk.ask(&desk.owner, &CreateNamespaceRequest::default());
    assert_refused(missing, &Kind::InvalidArgument, "spec is required");
    assert_eq!(desk.own(&GetNamespacesRequest::default()).namespaces, []);
}

#[test]
fn older_and_newer_fields_say_the_same() {
    let desk = Desk::new();
    let mut spec = spec("orders");
    spec.retention_days = 0;
    spec.custom_search_attributes.insert("Customer".to_owned(), "keyword_list".to_owned());
    let pem = authority();
    let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &pem);
    let accepted_client_ca_deprecated = encoded.clone();
    spec.mtls_auth = Some(MtlsAuthSpec { enabled: true, accepted_client_ca_deprecated, ..MtlsAuthSpec::default() });
    desk.own(&CreateNamespaceRequest { spec: Some(spec), ..CreateNamespaceRequest::default() });
    let job = desk.control.next_job().unwrap();
    let Work::Register(wanted) = job.work else { panic!("{job:?}") };
    assert_eq!(wanted.search_attributes["Customer"], IndexedValueType::KeywordList);
    assert_eq!(wanted.retention, DAY * 30, "the default");

    let shown = desk.describe(&job.namespace);
    assert_eq!(shown.state_deprecated, "activating");
    let spec = shown.spec.unwrap();
    assert_eq!(spec.search_attributes["Customer"], SearchAttributeType::KeywordList as i32);
    assert_eq!(spec.custom_search_attributes["Customer"], "keyword_list");
    assert_eq!((spec.regions.as_slice(), spec.replicas[0].region.as_str()), (["local".to_owned()].as_slice(), "local"));
    let mtls = spec.mtls_auth.unwrap();
    assert_eq!((mtls.enabled, mtls.accepted_client_ca.as_ref()), (true, pem.as_bytes()));
    assert_eq!(mtls.accepted_client_ca_deprecated, encoded);
    let security = desk.control.namespace(&job.namespace).unwrap();
    assert!(security.mtls_enabled && security.api_key_enabled && security.client_ca.is_some());
    assert_ne!(shown.endpoints.unwrap().mtls_grpc_address, "");
}

#[test]
fn an_update_needs_the_newest_version_and_a_difference() {
    let desk = Desk::new();
    let old = desk.describe(&desk.namespace("orders"));
    let mut request = update(&old, |_| {});
    assert_refused(desk.ask(&desk.owner, &request), &Kind::InvalidArgument, "nothing to change");
    request.resource_version.clear();
    assert_refused(desk.ask(&desk.owner, &request), &Kind::InvalidArgument, "invalid resource version");
    desk.own(&update(&old, |spec| spec.retention_days = 5));
    desk.work();
    let stale = desk.ask(&desk.owner, &update(&old, |spec| spec.retention_days = 6));
    assert_refused(stale, &Kind::FailedPrecondition, "resource version mismatch");

    let new = desk.describe(&old.namespace);
    assert!(new.last_modified_time.is_some() && old.last_modified_time.is_none());
    let renamed = desk.ask(&desk.owner, &update(&new, |spec| spec.name = "other".to_owned()));
    assert_refused(renamed, &Kind::InvalidArgument, "cannot be changed");
    // What was left out is gone: an update is the whole spec.
    desk.own(&update(&new, |spec| {
        let endpoint = "https://codec.test".to_owned();
        spec.codec_server = Some(CodecServerSpec { endpoint, ..CodecServerSpec::default() });
    }));
    desk.work();
    let with_codec = desk.describe(&old.namespace);
    desk.own(&update(&with_codec, |spec| spec.codec_server = None));
    desk.work();
    assert_eq!(desk.describe(&old.namespace).spec.unwrap().codec_server, None);
}

#[test]
fn a_failed_job_shows_and_may_be_tried_again() {
    let desk = Desk::new();
    let old = desk.describe(&desk.namespace("orders"));
    let operation = desk.own(&update(&old, |spec| spec.retention_days = 5)).async_operation.unwrap();
    let job = desk.control.next_job().unwrap();
    desk.control.finish(&desk.now_and_seed(), &job.operation_id, Err("the disk is full".to_owned())).unwrap();
    let failed = desk.describe(&old.namespace);
    assert_eq!(failed.state(), ResourceState::UpdateFailed);
    let again = desk.control.finish(&desk.now_and_seed(), &operation.id, Ok(()));
    assert_refused(again, &Kind::NotFound, "does not run");
    desk.own(&update(&failed, |_| {}));
    desk.work();
    assert_eq!(desk.describe(&old.namespace).state(), ResourceState::Active);
}

#[test]
fn a_protected_namespace_stays() {
    let desk = Desk::new();
    let old = desk.describe(&desk.namespace("orders"));
    desk.own(&update(&old, |spec| spec.lifecycle = Some(LifecycleSpec { enable_delete_protection: true })));
    desk.work();
    let kept = desk.describe(&old.namespace);
    assert_refused(desk.ask(&desk.owner, &delete(&kept)), &Kind::FailedPrecondition, "delete protection");
    desk.own(&update(&kept, |spec| spec.lifecycle = None));
    desk.work();
    desk.own(&delete(&desk.describe(&old.namespace)));
}

#[test]
fn search_attributes_stay_under_their_names() {
    let desk = Desk::new();
    let keyword = SearchAttributeType::Keyword as i32;
    let old = desk.describe(&desk.namespace("orders"));
    desk.own(&update(&old, |spec| spec.search_attributes = BTreeMap::from([("Customer".to_owned(), keyword)])));
    desk.work();
    let with = desk.describe(&old.namespace);
    // The older map repeats what the newer one says, so both have to be without it.
    let without = update(&with, |spec| {
        spec.search_attributes.clear();
        spec.custom_search_attributes.clear();
    });
    assert_refused(desk.ask(&desk.owner, &without), &Kind::InvalidArgument, "cannot be deleted");

    // No operation is begun for what can't be done: values are kept by the attribute's name.
    let rename = desk.control.call(&desk.owner, &desk.request_context(), "RenameCustomSearchAttribute", &[]);
    assert_refused(rename, &Kind::Unimplemented, "RenameCustomSearchAttribute is not implemented yet");
    assert_eq!(desk.control.next_job(), None);
}

#[test]
fn tags_come_and_go_without_a_version() {
    let desk = Desk::new();
    let id = desk.namespace("orders");
    let version = desk.describe(&id).resource_version;
    let request = |upsert: &[(&str, &str)], remove: &[&str]| UpdateNamespaceTagsRequest {
        namespace: id.clone(),
        tags_to_upsert: upsert.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        tags_to_remove: remove.iter().map(|key| (*key).to_owned()).collect(),
        async_operation_id: String::new(),
    };
    assert_refused(desk.ask(&desk.owner, &request(&[], &[])), &Kind::InvalidArgument, "at least one");
    assert_refused(desk.ask(&desk.owner, &request(&[("Team", "a")], &[])), &Kind::InvalidArgument, "invalid tag");
    desk.own(&request(&[("team", "a"), ("tier", "1")], &[]));
    assert_refused(
        desk.ask(&desk.owner, &request(&[("team", "a")], &["none"])),
        &Kind::InvalidArgument,
        "nothing to change",
    );
    desk.own(&request(&[("team", "b")], &["tier", "none"]));
    let after = desk.describe(&id);
    assert_eq!(after.tags, BTreeMap::from([("team".to_owned(), "b".to_owned())]));
    assert_eq!(after.resource_version, version);
    let developer = desk.person("dev@example.test", Role::Developer);
    let tagged = CreateNamespaceRequest { tags: after.tags, ..create_namespace("tagged") };
    assert_refused(desk.ask(&developer, &tagged), &Kind::PermissionDenied, "Request unauthorized.");
}

#[test]
fn whoever_makes_a_namespace_is_its_admin_and_others_do_not_see_it() {
    let desk = Desk::new();
    let developer = desk.person("dev@example.test", Role::Developer);
    let other = desk.person("other@example.test", Role::Developer);
    let id = desk.ask(&developer, &create_namespace("orders")).unwrap().namespace;
    desk.work();
    let developer = desk.again(&developer);
    let list = |caller| desk.ask(caller, &GetNamespacesRequest::default()).unwrap().namespaces.len();
    assert_eq!((list(&developer), list(&desk.owner), list(&other)), (1, 1, 0));
    let get = GetNamespaceRequest { namespace: id.clone() };
    let absent = GetNamespaceRequest { namespace: format!("absent.{ACCOUNT}") };
    assert!(desk.ask(&developer, &get).is_ok());
    // The same answer whether or not there is such a namespace.
    assert_eq!(desk.ask(&other, &get).unwrap_err(), desk.ask(&other, &absent).unwrap_err());
    assert_refused(desk.ask(&desk.owner, &absent), &Kind::NotFound, "not found");
    assert_refused(desk.ask(&other, &create_namespace("orders")), &Kind::AlreadyExists, "already exists");
}

#[test]
fn with_a_namespace_go_all_rights_in_it() {
    let desk = Desk::new();
    let id = desk.namespace("orders");
    let scoped = NamespaceScopedAccess { namespace: id.clone(), access: Some(permit(Permission::Write)) };
    let spec = ServiceAccountSpec {
        name: "worker".to_owned(),
        namespace_scoped_access: Some(scoped),
        ..ServiceAccountSpec::default()
    };
    let worker = desk.service_account(spec);
    let key = desk.key(&worker);
    let developer = desk.person("dev@example.test", Role::Developer);
    desk.ask(&developer, &create_namespace("second")).unwrap();
    desk.work();
    desk.own(&delete(&desk.describe(&format!("second.{ACCOUNT}"))));
    desk.own(&delete(&desk.describe(&id)));
    assert!(desk.control.key(&key.key_id).is_some());
    desk.work();
    assert!(desk.control.key(&key.key_id).is_none());
    let gone = desk.ask(&desk.owner, &GetServiceAccountRequest { service_account_id: worker });
    assert_refused(gone, &Kind::NotFound, "not found");
    // A later namespace of the name is not the developer's.
    desk.namespace("second");
    let get = GetNamespaceRequest { namespace: format!("second.{ACCOUNT}") };
    assert_refused(desk.ask(&desk.again(&developer), &get), &Kind::PermissionDenied, "Request unauthorized.");
}

#[test]
fn lists_come_in_pages_and_by_name() {
    let desk = Desk::new();
    for name in ["a1", "b2", "c3", "d4", "e5"] {
        desk.namespace(name);
    }
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let answer = desk.own(&GetNamespacesRequest { page_size: 2, page_token, name: String::new() });
        assert!(answer.namespaces.len() <= 2);
        seen.extend(answer.namespaces.into_iter().map(|namespace| namespace.spec.unwrap().name));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a1", "b2", "c3", "d4", "e5"]);
    let named = GetNamespacesRequest { name: "c3".to_owned(), ..GetNamespacesRequest::default() };
    assert_eq!(desk.own(&named).namespaces.len(), 1);
    let wide = GetNamespacesRequest { page_size: 1_001, ..GetNamespacesRequest::default() };
    assert_refused(desk.ask(&desk.owner, &wide), &Kind::InvalidArgument, "page size");
}

#[test]
fn the_policy_sees_a_change_of_authentication_at_once() {
    let desk = Desk::new();
    let old = desk.describe(&desk.namespace("orders"));
    assert!(!desk.control.namespace(&old.namespace).unwrap().mtls_enabled);
    let pem = authority();
    desk.own(&update(&old, |spec| {
        spec.api_key_auth = Some(ApiKeyAuthSpec { enabled: false });
        let accepted_client_ca = pem.into();
        spec.mtls_auth = Some(MtlsAuthSpec { enabled: true, accepted_client_ca, ..MtlsAuthSpec::default() });
    }));
    let security = desk.control.namespace(&old.namespace).unwrap();
    assert!(security.mtls_enabled && !security.api_key_enabled);
}
