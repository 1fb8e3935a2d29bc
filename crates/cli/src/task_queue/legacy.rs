//! `task-queue describe --legacy-mode`: pollers as servers without build IDs report them, partition by partition.

use proto::temporal::api::{
    enums::v1::{TaskQueueKind, TaskQueueType},
    taskqueue::v1::{RateLimitConfig, TaskQueue, TaskQueueConfig, TaskQueueVersioningInfo},
    workflowservice::v1::{DescribeTaskQueueRequest, DescribeTaskQueueResponse},
};

use super::describe::{DescribeArgs, LegacyType};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::{
        Printer,
        blocks::{Card, Column, Table},
        colour::Colour,
        json::{self, Json},
        proto_json, time,
    },
};

/// Asks every partition and shows what they answer.
pub(super) async fn describe(args: &DescribeArgs, context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect().await?;
    let kind = match args.task_queue_type_legacy {
        Some(LegacyType::Activity) => TaskQueueType::Activity,
        Some(LegacyType::Workflow) | None => TaskQueueType::Workflow,
    };
    let mut partitions = Vec::new();
    for partition in 0..args.partitions_legacy {
        let request = request(session.namespace.clone(), args, partition, kind);
        let response = session.workflow.describe_task_queue(request).await;
        partitions.push(response.attempt("unable to describe task queue")?.into_inner());
    }
    print(&mut context.printer, &partitions)
}

fn request(namespace: String, args: &DescribeArgs, partition: i32, kind: TaskQueueType) -> DescribeTaskQueueRequest {
    let name = match partition {
        0 => args.task_queue.clone(),
        partition => format!("/_sys/{}/{partition}", args.task_queue),
    };
    DescribeTaskQueueRequest {
        namespace,
        task_queue: Some(TaskQueue { name, kind: TaskQueueKind::Normal.into(), ..Default::default() }),
        task_queue_type: kind.into(),
        include_task_queue_status: true,
        report_config: args.report_config,
        ..Default::default()
    }
}

/// Configuration and versioning are those of the root partition.
fn print(printer: &mut Printer, partitions: &[DescribeTaskQueueResponse]) -> Result<(), Failure> {
    let root = partitions.first();
    let config = root.and_then(|response| response.config.as_ref());
    let versioning = root.and_then(|response| response.versioning_info.as_ref());
    printer.json(&report(printer, partitions, config, versioning))?;
    let mut table =
        Table::new([Column::text("Identity"), Column::text("LastAccessTime"), Column::number("RatePerSecond")]);
    for poller in partitions.iter().flat_map(|response| &response.pollers) {
        table.push([
            poller.identity.clone(),
            printer.time(poller.last_access_time.as_ref()),
            json::f64_text(poller.rate_per_second),
        ]);
    }
    printer.heading("Pollers:")?;
    printer.table(&table)?;
    if let Some(config) = config {
        return print_config(printer, config);
    }
    match versioning {
        Some(versioning) => {
            printer.heading("\nVersioning Info:")?;
            printer.card(&versioning_card(printer, versioning))
        }
        None => Ok(()),
    }
}

fn report(
    printer: &Printer,
    partitions: &[DescribeTaskQueueResponse],
    config: Option<&TaskQueueConfig>,
    versioning: Option<&TaskQueueVersioningInfo>,
) -> Json {
    let payloads = printer.payloads();
    let with_partition = |partition: usize, json: Json| {
        let mut members = vec![("partition".to_owned(), Json::Number(partition.to_string()))];
        if let Json::Object(fields) = json {
            members.extend(fields);
        }
        Json::Object(members)
    };
    let mut pollers = Vec::new();
    let mut statuses = Vec::new();
    for (partition, response) in partitions.iter().enumerate() {
        let found = response.pollers.iter().map(|poller| proto_json::to_json(poller, payloads));
        pollers.extend(found.map(|poller| with_partition(partition, poller)));
        let status = response.task_queue_status.unwrap_or_default();
        statuses.push(with_partition(partition, proto_json::to_json(&status, payloads)));
    }
    let mut members = Vec::new();
    if let Some(config) = config {
        members.push(("config".to_owned(), proto_json::to_json(config, payloads)));
    }
    members.push(("pollers".to_owned(), if pollers.is_empty() { Json::Null } else { Json::Array(pollers) }));
    members.push(("taskQueues".to_owned(), Json::Array(statuses)));
    if let Some(versioning) = versioning {
        members.push(("versioning_info".to_owned(), proto_json::to_json(versioning, payloads)));
    }
    Json::Object(members)
}

fn print_config(printer: &mut Printer, config: &TaskQueueConfig) -> Result<(), Failure> {
    printer.heading("\nTask Queue Configuration:")?;
    let limits = [
        ("Queue Rate Limit", &config.queue_rate_limit),
        ("Fairness Key Rate Limit Default", &config.fairness_keys_rate_limit_default),
    ];
    let mut table = Table::new(["Setting", "Value", "Reason", "UpdatedBy", "UpdatedTime"].map(Column::text));
    for (setting, limit) in limits {
        if let Some(limit) = limit {
            table.push(limit_row(setting, limit));
        }
    }
    if table.is_empty() {
        return Ok(());
    }
    let note = "Note: Long content may be truncated. Use --output json for full details.";
    printer.line(&printer.paint(Colour::Yellow, note))?;
    printer.table(&table)
}

fn limit_row(setting: &str, limit: &RateLimitConfig) -> [String; 5] {
    let value = match limit.rate_limit {
        Some(limit) if limit.requests_per_second > 0.0 => format!("{:.2} rps", limit.requests_per_second),
        Some(_) | None => "Not Set".to_owned(),
    };
    let metadata = limit.metadata.clone().unwrap_or_default();
    let time = metadata.update_time.as_ref().and_then(time::from_proto).map(time::iso).unwrap_or_default();
    [setting.to_owned(), value, truncated(&metadata.reason), truncated(&metadata.update_identity), time]
}

/// At most fifty characters, the last three being dots where something was cut.
fn truncated(text: &str) -> String {
    match text.chars().count() > 50 {
        true => text.chars().take(47).chain("...".chars()).collect(),
        false => text.to_owned(),
    }
}

fn versioning_card(printer: &Printer, info: &TaskQueueVersioningInfo) -> Card {
    let current = info.current_deployment_version.clone().unwrap_or_default();
    let ramping = info.ramping_deployment_version.clone().unwrap_or_default();
    let percentage = match info.ramping_version_percentage {
        0.0 => String::new(),
        percentage => json::f32_text(percentage),
    };
    Card::default()
        .optional("CurrentVersionDeploymentName", current.deployment_name)
        .optional("CurrentVersionBuildID", current.build_id)
        .optional("RampingVersionDeploymentName", ramping.deployment_name)
        .optional("RampingVersionBuildID", ramping.build_id)
        .optional("RampingVersionPercentage", percentage)
        .optional("UpdateTime", printer.time(info.update_time.as_ref()))
}
