//! Each capability and each limit that the API has a field for: what the reference's development server says, what this one
//! says, and that it is true.

use std::collections::{BTreeMap, BTreeSet};

use prost::{
    Message,
    encoding::{decode_key, decode_varint},
};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use proto::temporal::api::workflowservice::v1::{DescribeNamespaceRequest, GetSystemInfoRequest};

use crate::{
    served,
    world::{World, namespace},
};

/// The page that users read, and its table of kept differences.
const PAGE: &str = include_str!("../../../../docs/compatibility.md");
const HEADING: &str = "### What is not compared";

/// `GetSystemInfoResponse.Capabilities`.
pub(crate) const SYSTEM: &str = "system capabilities";
/// `NamespaceInfo.Capabilities`.
pub(crate) const NAMESPACE: &str = "namespace capabilities";
/// `NamespaceInfo.Limits`.
pub(crate) const LIMITS: &str = "namespace limits";
/// What of `NamespaceInfo` itself announces something: its fields that are true or false.
pub(crate) const INFO: &str = "namespace info";

/// A field that announces something.
struct Row {
    message: &'static str,
    field: &'static str,
    /// What the reference's development server 1.32.0 says; true is one.
    reference: u64,
    here: Here,
}

/// What this server says.
enum Here {
    /// As the reference, and a call in `served` shows that it is so.
    Served,
    /// Nothing, since these methods are not there; with the first of them the field is to be decided on.
    Lacks(&'static [&'static str]),
    /// Nothing, though there is no method whose absence would show it; a call in `served` does.
    Absent,
    /// Nothing, as the reference.
    Unsaid,
}

impl Here {
    fn value(&self, reference: u64) -> u64 {
        match self {
            Here::Served => reference,
            Here::Lacks(_) | Here::Absent | Here::Unsaid => 0,
        }
    }
}

const fn served(message: &'static str, field: &'static str, reference: u64) -> Row {
    Row { message, field, reference, here: Here::Served }
}

const fn lacks(message: &'static str, field: &'static str, reference: u64, methods: &'static [&'static str]) -> Row {
    Row { message, field, reference, here: Here::Lacks(methods) }
}

const fn absent(message: &'static str, field: &'static str, reference: u64) -> Row {
    Row { message, field, reference, here: Here::Absent }
}

const fn unsaid(message: &'static str, field: &'static str) -> Row {
    Row { message, field, reference: 0, here: Here::Unsaid }
}

const ROWS: &[Row] = &[
    served(SYSTEM, "signal_and_query_header", 1),
    served(SYSTEM, "internal_error_differentiation", 1),
    served(SYSTEM, "activity_failure_include_heartbeat", 1),
    lacks(SYSTEM, "supports_schedules", 1, &["CreateSchedule", "ListSchedules"]),
    served(SYSTEM, "encoded_failure_attributes", 1),
    served(SYSTEM, "build_id_based_versioning", 1),
    served(SYSTEM, "upsert_memo", 1),
    served(SYSTEM, "eager_workflow_start", 1),
    served(SYSTEM, "sdk_metadata", 1),
    served(SYSTEM, "count_group_by_execution_status", 1),
    lacks(SYSTEM, "nexus", 1, &["PollNexusTaskQueue", "RespondNexusTaskCompleted"]),
    lacks(SYSTEM, "server_scaled_deployments", 1, &["UpdateWorkerDeploymentVersionComputeConfig"]),
    lacks(SYSTEM, "server_scaled_provider_cloud_run", 0, &["UpdateWorkerDeploymentVersionComputeConfig"]),
    served(NAMESPACE, "eager_workflow_start", 1),
    served(NAMESPACE, "sync_update", 1),
    served(NAMESPACE, "async_update", 1),
    lacks(NAMESPACE, "worker_heartbeats", 1, &["RecordWorkerHeartbeat"]),
    served(NAMESPACE, "reported_problems_search_attribute", 1),
    lacks(NAMESPACE, "workflow_pause", 0, &["PauseWorkflowExecution"]),
    lacks(NAMESPACE, "standalone_activities", 1, &["StartActivityExecution"]),
    unsaid(NAMESPACE, "worker_poll_complete_on_shutdown"),
    absent(NAMESPACE, "poller_autoscaling", 1),
    lacks(NAMESPACE, "worker_commands", 0, &["RecordWorkerHeartbeat"]),
    lacks(NAMESPACE, "standalone_nexus_operation", 0, &["StartNexusOperationExecution"]),
    absent(NAMESPACE, "workflow_update_callbacks", 0),
    unsaid(NAMESPACE, "poller_autoscaling_auto_enroll"),
    absent(NAMESPACE, "workflow_task_completion_pagination", 0),
    lacks(NAMESPACE, "standalone_activity_start_delay", 1, &["StartActivityExecution"]),
    lacks(NAMESPACE, "standalone_activity_batch_operations", 1, &["StartBatchOperation"]),
    lacks(NAMESPACE, "standalone_activity_operator_commands", 1, &["PauseActivityExecution"]),
    served(LIMITS, "blob_size_limit_error", 2 * 1024 * 1024),
    served(LIMITS, "memo_size_limit_error", 2 * 1024 * 1024),
    absent(LIMITS, "workflow_task_completion_size_limit_error", 40 * 1024 * 1024),
    lacks(INFO, "supports_schedules", 1, &["CreateSchedule", "ListSchedules"]),
];

/// The fields of the four messages that announce something, by their numbers.
fn declared() -> BTreeMap<&'static str, Vec<FieldDescriptorProto>> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTOR_SET).unwrap();
    let message = |package: &str, name: &str| {
        let files = set.file.iter().filter(|file| file.package() == package);
        let found = files.flat_map(|file| &file.message_type).find(|message| message.name() == name);
        found.unwrap_or_else(|| panic!("{package}.{name} is part of the API")).clone()
    };
    let nested = |message: &DescriptorProto, name: &str| {
        message.nested_type.iter().find(|nested| nested.name() == name).unwrap().field.clone()
    };
    let system = message("temporal.api.workflowservice.v1", "GetSystemInfoResponse");
    let info = message("temporal.api.namespace.v1", "NamespaceInfo");
    let flags = info.field.iter().filter(|field| field.r#type() == Type::Bool).cloned().collect();
    BTreeMap::from([
        (SYSTEM, nested(&system, "Capabilities")),
        (NAMESPACE, nested(&info, "Capabilities")),
        (LIMITS, nested(&info, "Limits")),
        (INFO, flags),
    ])
}

/// The fields of a message that has only truths and numbers, by their numbers; zero where they are absent.
fn values(message: &impl Message) -> BTreeMap<u32, u64> {
    let bytes = message.encode_to_vec();
    let mut rest = &*bytes;
    let mut values = BTreeMap::new();
    while !rest.is_empty() {
        let (number, _) = decode_key(&mut rest).unwrap();
        values.insert(number, decode_varint(&mut rest).unwrap());
    }
    values
}

/// What the server announces.
async fn announced(world: &mut World) -> BTreeMap<(&'static str, String), u64> {
    let system = world.client.get_system_info(GetSystemInfoRequest {}).await.unwrap().into_inner();
    let describe = DescribeNamespaceRequest { namespace: namespace(), ..Default::default() };
    let info = world.client.describe_namespace(describe).await.unwrap().into_inner().namespace_info.unwrap();
    let said = BTreeMap::from([
        (SYSTEM, values(&system.capabilities.unwrap())),
        (NAMESPACE, values(&info.capabilities.unwrap())),
        (LIMITS, values(&info.limits.unwrap())),
        (INFO, BTreeMap::from([(100, u64::from(info.supports_schedules))])),
    ]);
    let mut fields = BTreeMap::new();
    for (message, declared) in declared() {
        for field in declared {
            let number = u32::try_from(field.number()).unwrap();
            let value = said[message].get(&number).copied().unwrap_or(0);
            fields.insert((message, field.name().to_owned()), value);
        }
    }
    fields
}

/// A new field of the API does not pass until it is decided on.
#[test]
fn every_field_that_announces_something_has_its_row() {
    let declared = declared();
    for field in declared.values().flatten() {
        assert!(matches!(field.r#type(), Type::Bool | Type::Int64), "{} is neither a truth nor a number", field.name());
        assert_ne!(field.label(), Label::Repeated, "{}", field.name());
    }
    let fields = declared.iter().flat_map(|(message, fields)| fields.iter().map(|field| (*message, field.name())));
    let fields: BTreeSet<_> = fields.collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|row| (row.message, row.field)).collect();
    assert_eq!((&rows, rows.len()), (&fields, ROWS.len()));
}

#[tokio::test]
async fn the_server_announces_what_the_rows_say() {
    let mut world = World::new().await;
    let expected = ROWS.iter().map(|row| ((row.message, row.field.to_owned()), row.here.value(row.reference)));
    assert_eq!(announced(&mut world).await, expected.collect());
}

/// The page's table names each field in which this server says something else than the reference, and no other.
#[test]
fn what_is_kept_different_is_on_the_page() {
    let different = ROWS.iter().filter(|row| row.here.value(row.reference) != row.reference);
    let expected: BTreeSet<_> = different.map(path).collect();
    let section = PAGE.lines().skip_while(|line| *line != HEADING).skip(1).take_while(|line| !line.starts_with('#'));
    let cells = section.filter_map(|line| line.strip_prefix("| ")?.split_once(" | `"));
    let paths = cells.filter_map(|(call, rest)| Some((call, rest.split_once('`')?.0)));
    let announcing = paths.filter(|(call, path)| {
        (*call == "GetSystemInfo" && path.starts_with("capabilities")) || path.starts_with("*namespaceInfo")
    });
    let found: BTreeSet<_> = announcing.map(|(call, path)| (call.to_owned(), path.to_owned())).collect();
    assert_eq!(found, expected);
}

/// Where the page has a field: the call and the field's path in the JSON of its reply.
fn path(row: &Row) -> (String, String) {
    let mut words = row.field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    let camel = words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..]);
    match row.message {
        SYSTEM => ("GetSystemInfo".to_owned(), format!("capabilities.{camel}")),
        NAMESPACE => ("every call".to_owned(), format!("*namespaceInfo.capabilities.{camel}")),
        LIMITS => ("every call".to_owned(), format!("*namespaceInfo.limits.{camel}")),
        _ => ("every call".to_owned(), format!("*namespaceInfo.{camel}")),
    }
}

/// A method that comes brings its capability with it, or a decision that it does not.
#[test]
fn what_is_not_announced_is_not_there() {
    for row in ROWS {
        if let Here::Lacks(methods) = row.here {
            for method in methods {
                let path = format!("/temporal.api.workflowservice.v1.WorkflowService/{method}");
                assert!(frontend::not_yet(&path), "{method} is there, and {} of the {} is not", row.field, row.message);
            }
        }
    }
}

#[tokio::test]
async fn what_is_announced_is_there_and_what_is_absent_is_not() {
    let mut world = World::new().await;
    for row in ROWS {
        match row.here {
            Here::Served => served::is_served(&mut world, row.message, row.field, row.reference).await,
            Here::Absent => served::is_absent(&mut world, row.field).await,
            Here::Lacks(_) | Here::Unsaid => {}
        }
    }
}
