//! What is refused to a tenant where workflows are served stands in the account's audit log.

use std::time::Duration;

use prost_types::value::Kind;
use proto::temporal::api::{
    cloud::{
        auditlog::v1::LogRecord,
        cloudservice::v1::{GetAuditLogsRequest, GetNamespaceRequest, UpdateNamespaceRequest as CloudUpdate},
        identity::v1::namespace_access::Permission,
        namespace::v1::CertificateFilterSpec,
    },
    workflowservice::v1::{
        DescribeNamespaceRequest, RegisterNamespaceRequest, StartWorkflowExecutionRequest, UpdateNamespaceRequest,
        UpdateScheduleRequest,
    },
};
use tonic::Code;

use crate::{
    http,
    pki::{Authority, GOOD},
    world::{Account, World, create_namespace, with},
};

async fn logs(world: &World) -> Vec<LogRecord> {
    let request = with(GetAuditLogsRequest::default(), &world.owner_key, "");
    world.cloud().get_audit_logs(request).await.unwrap().into_inner().logs
}

fn detail(record: &LogRecord, name: &str) -> String {
    let value = record.raw_details.as_ref().and_then(|details| details.fields.get(name)?.kind.clone());
    match value {
        Some(Kind::StringValue(text)) => text,
        _ => String::new(),
    }
}

#[tokio::test]
async fn denied_calls_of_tenants_are_written_down_with_who_and_where() {
    let world = Account::new().serve().await;
    let authority = Authority::new("clients");
    let bank = world.namespace("bank", Some(&authority)).await;
    let shop = world.namespace("shop", None).await;
    let (reader, key_id) = world.robot("reader", &[(&bank, Permission::Read)]).await;
    let before = logs(&world).await.len();
    let mut workflows = world.workflows(None);

    let start = StartWorkflowExecutionRequest { namespace: bank.clone(), ..Default::default() };
    workflows.start_workflow_execution(with(start, &reader, &bank)).await.unwrap_err();
    let register = RegisterNamespaceRequest { namespace: "new".to_owned(), ..Default::default() };
    workflows.register_namespace(with(register, &reader, "")).await.unwrap_err();
    let update = UpdateNamespaceRequest { namespace: shop.clone(), ..Default::default() };
    workflows.update_namespace(with(update, &reader, &bank)).await.unwrap_err();
    let not_served = UpdateScheduleRequest { namespace: shop.clone(), ..Default::default() };
    workflows.update_schedule(with(not_served, &reader, &bank)).await.unwrap_err();
    let leaf = authority.client("worker", GOOD);
    let describe = DescribeNamespaceRequest { namespace: shop.clone(), ..Default::default() };
    world.workflows(Some(&leaf)).describe_namespace(with(describe, "", &bank)).await.unwrap_err();
    let describe = DescribeNamespaceRequest { namespace: bank.clone(), ..Default::default() };
    workflows.describe_namespace(with(describe, &reader, &bank)).await.unwrap();

    let written = logs(&world).await.split_off(before);
    let told: Vec<_> = written.iter().map(|record| (record.operation.clone(), detail(record, "resource"))).collect();
    let expected = [
        ("StartWorkflowExecution", bank.as_str()),
        ("RegisterNamespace", "new"),
        ("UpdateNamespace", &shop),
        ("UpdateSchedule", &shop),
        ("DescribeNamespace", &shop),
    ];
    assert_eq!(told, expected.map(|(method, namespace)| (method.to_owned(), namespace.to_owned())));
    for record in &written {
        assert_eq!((record.status.as_str(), record.x_forwarded_for.as_str()), ("ERROR", "127.0.0.1"));
    }
    let who: Vec<_> = written.into_iter().filter_map(|record| record.principal).collect();
    assert_eq!((who[0].name.as_str(), &who[0].api_key_id), ("reader", &key_id));
    assert_eq!(who[4].r#type, "certificate");
    assert!(who[4].name.contains("worker"), "{:?}", who[4]);
}

#[tokio::test]
async fn a_certificate_that_the_filters_leave_out_is_written_down() {
    let world = Account::new().serve().await;
    let authority = Authority::new("clients");
    let bank = world.namespace("bank", Some(&authority)).await;
    let mut cloud = world.cloud();
    let found = cloud.get_namespace(with(GetNamespaceRequest { namespace: bank.clone() }, &world.owner_key, "")).await;
    let found = found.unwrap().into_inner().namespace.unwrap();
    let mut spec = found.spec.unwrap();
    let filter = CertificateFilterSpec { common_name: "worker*".to_owned(), ..Default::default() };
    spec.mtls_auth.as_mut().unwrap().certificate_filters = vec![filter];
    let resource_version = found.resource_version;
    let update = CloudUpdate { namespace: bank.clone(), spec: Some(spec), resource_version, ..Default::default() };
    let changed = cloud.update_namespace(with(update, &world.owner_key, "")).await.unwrap().into_inner();
    world.done(changed.async_operation.unwrap()).await;
    let before = logs(&world).await.len();

    let describe = || DescribeNamespaceRequest { namespace: bank.clone(), ..Default::default() };
    let worker = authority.client("worker-1", GOOD);
    world.workflows(Some(&worker)).describe_namespace(with(describe(), "", &bank)).await.unwrap();
    let foreigner = authority.client("somebody", GOOD);
    let refused = world.workflows(Some(&foreigner)).describe_namespace(with(describe(), "", &bank)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("no certificate filter"), "{refused:?}");
    let written = logs(&world).await.split_off(before);
    assert_eq!(written.len(), 1, "{written:?}");
    assert_eq!((written[0].operation.as_str(), detail(&written[0], "resource")), ("DescribeNamespace", bank.clone()));
    assert_eq!(written[0].principal.clone().unwrap().r#type, "certificate");
    assert!(written[0].principal.clone().unwrap().name.contains("somebody"), "{written:?}");
}

#[tokio::test]
async fn a_change_whose_request_is_not_taken_is_written_down() {
    let world = Account::new().serve().await;
    let before = logs(&world).await.len();
    let large = create_namespace(&"a".repeat(300 * 1024), None);
    world.cloud().create_namespace(with(large, &world.owner_key, "")).await.unwrap_err();
    let larger = create_namespace(&"a".repeat(5 * 1024 * 1024), None);
    world.cloud().create_namespace(with(larger, &world.owner_key, "")).await.unwrap_err();
    let mut versioned = with(create_namespace("bank", None), &world.owner_key, "");
    versioned.metadata_mut().insert("temporal-cloud-api-version", "never".parse().unwrap());
    world.cloud().create_namespace(versioned).await.unwrap_err();
    let key = format!("Bearer {}", world.owner_key);
    let headers = [("authorization", key.as_str())];
    assert_eq!(http::ask(&world, "POST", "/cloud/namespaces", &headers, "{").await.0, 400);
    let mut reading = with(GetAuditLogsRequest::default(), &world.owner_key, "");
    reading.metadata_mut().insert("temporal-cloud-api-version", "never".parse().unwrap());
    world.cloud().get_audit_logs(reading).await.unwrap_err();

    let written = logs(&world).await.split_off(before);
    let told: Vec<_> = written.iter().map(|record| (record.operation.as_str(), detail(record, "error"))).collect();
    let causes = ["bytes, and 262144 are allowed", "larger than max", "version specified is invalid", "not a JSON"];
    assert_eq!(told.len(), causes.len(), "{told:?}");
    for ((operation, error), cause) in told.iter().zip(causes) {
        assert_eq!(*operation, "CreateNamespaceAPI");
        assert!(error.contains(cause), "{error}");
    }
}

#[tokio::test]
async fn a_tenant_cannot_fill_the_log_with_denials() {
    let world = Account::new().serve().await;
    let bank = world.namespace("bank", None).await;
    let (reader, _) = world.robot("reader", &[(&bank, Permission::Read)]).await;
    let mut workflows = world.workflows(None);
    const CALLS: usize = 60;
    let start = StartWorkflowExecutionRequest { namespace: bank.clone(), ..Default::default() };
    for _ in 0..CALLS {
        let refused = workflows.start_workflow_execution(with(start.clone(), &reader, &bank)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let (one_by_one, counted) = numbers(&logs(&world).await);
        assert!(one_by_one < CALLS, "{one_by_one}");
        assert!(one_by_one + counted <= CALLS, "{one_by_one} and {counted}");
        if one_by_one + counted == CALLS {
            return;
        }
    }
}

/// How many denied starts were written one by one, and how many as a number.
fn numbers(logs: &[LogRecord]) -> (usize, usize) {
    let starts = logs.iter().filter(|record| record.operation == "StartWorkflowExecution");
    starts.fold((0, 0), |(one_by_one, counted), record| {
        match detail(record, "error").split_once(" denied calls of this caller") {
            Some((number, _)) => (one_by_one, counted + number.parse::<usize>().unwrap()),
            None => (one_by_one + 1, counted),
        }
    })
}
