//! `task-queue describe`: backlog and pollers, for each build ID and each kind of task.

use clap::Args;
use proto::temporal::api::{
    enums::v1::{BuildIdTaskReachability, DescribeTaskQueueMode, TaskQueueKind, TaskQueueType},
    taskqueue::v1::{TaskQueue, TaskQueueStats, TaskQueueTypeInfo, TaskQueueVersionInfo, TaskQueueVersionSelection},
    workflowservice::v1::{DescribeTaskQueueRequest, DescribeTaskQueueResponse},
};

use crate::{
    context::Context,
    failure::{Attempt, Failure},
    flags::values::{Choice, choice, integer, repeated_choice},
    output::{
        Printer,
        blocks::{Column, Table},
        json::{self, Json},
        time,
    },
};

/// How the absence of a build ID is shown.
const UNVERSIONED: &str = "UNVERSIONED";

/// Show active Workers
///
/// Display a list of active Workers that have recently polled a Task Queue, with the backlog of each kind of task.
#[derive(Args, Clone, Debug)]
pub(crate) struct DescribeArgs {
    /// Task Queue name. Required.
    #[arg(long, short, value_name = "string")]
    pub(super) task_queue: String,
    /// Task Queue type. If not specified, all types are reported. Accepted values: workflow, activity, nexus.
    #[arg(long, value_name = "string", value_parser = repeated_choice::<TaskQueueType>)]
    task_queue_type: Vec<TaskQueueType>,
    /// Filter the Task Queue based on Build ID.
    #[arg(long, value_name = "stringArray")]
    select_build_id: Vec<String>,
    /// Include the unversioned queue.
    #[arg(long)]
    select_unversioned: bool,
    /// Include all active versions. A version is active if it had new tasks or polls recently.
    #[arg(long)]
    select_all_active: bool,
    /// Display task reachability information.
    #[arg(long)]
    report_reachability: bool,
    /// Enable a legacy mode for servers that do not support rules-based worker versioning. This mode only provides
    /// pollers info.
    #[arg(long)]
    pub(super) legacy_mode: bool,
    /// Task Queue type (legacy mode only). Accepted values: workflow, activity.
    #[arg(long, value_name = "string", value_parser = choice::<LegacyType>)]
    pub(super) task_queue_type_legacy: Option<LegacyType>,
    /// Query partitions 1 through N. Experimental/Temporary feature. Legacy mode only.
    #[arg(long, value_name = "int", value_parser = integer, default_value = "1")]
    pub(super) partitions_legacy: i32,
    /// Disable task queue statistics.
    #[arg(long)]
    disable_stats: bool,
    /// Include task queue configuration in the response. Legacy mode only.
    #[arg(long)]
    pub(super) report_config: bool,
}

/// The kinds of tasks that the legacy mode knows.
#[derive(Clone, Copy, Debug)]
pub(super) enum LegacyType {
    Workflow,
    Activity,
}

impl Choice for LegacyType {
    const VALUES: &'static [(&'static str, Self)] = &[("workflow", Self::Workflow), ("activity", Self::Activity)];
}

impl Choice for TaskQueueType {
    const VALUES: &'static [(&'static str, Self)] =
        &[("workflow", Self::Workflow), ("activity", Self::Activity), ("nexus", Self::Nexus)];
}

impl DescribeArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let request = self.request(session.namespace.clone());
        let response = session.workflow.describe_task_queue(request).await;
        let response = response.attempt("unable to describe task queue")?.into_inner();
        let report = Report::new(&response, self.report_reachability, !self.disable_stats);
        report.print(&mut context.printer)
    }

    fn request(&self, namespace: String) -> DescribeTaskQueueRequest {
        let selects = !self.select_build_id.is_empty() || self.select_unversioned || self.select_all_active;
        let versions = selects.then(|| TaskQueueVersionSelection {
            build_ids: self.select_build_id.clone(),
            unversioned: self.select_unversioned,
            all_active: self.select_all_active,
        });
        DescribeTaskQueueRequest {
            namespace,
            task_queue: Some(TaskQueue {
                name: self.task_queue.clone(),
                kind: TaskQueueKind::Normal.into(),
                ..Default::default()
            }),
            api_mode: DescribeTaskQueueMode::Enhanced.into(),
            versions,
            task_queue_types: self.task_queue_type.iter().map(|kind| i32::from(*kind)).collect(),
            report_pollers: true,
            report_task_reachability: self.report_reachability,
            report_stats: !self.disable_stats,
            ..Default::default()
        }
    }
}

/// The response as rows; the unversioned part first, then by build ID. Sections that were not asked for are absent.
struct Report {
    reachability: Option<Vec<[String; 2]>>,
    stats: Option<Vec<StatsRow>>,
    pollers: Vec<PollerRow>,
}

struct StatsRow {
    build_id: String,
    kind: String,
    stats: TaskQueueStats,
}

struct PollerRow {
    build_id: String,
    kind: String,
    identity: String,
    last_access_time: Option<prost_types::Timestamp>,
    rate_per_second: f64,
}

impl Report {
    fn new(response: &DescribeTaskQueueResponse, reachability: bool, stats: bool) -> Self {
        // The empty build ID, which sorts first, is the unversioned part.
        let versions = || response.versions_info.iter();
        let types = || {
            versions().flat_map(|(build_id, info)| {
                info.types_info.iter().map(|(kind, info)| (shown_build_id(build_id), kind_name(*kind), info))
            })
        };
        let reachability = reachability
            .then(|| versions().map(|(build_id, info)| [shown_build_id(build_id), reachability_name(info)]).collect());
        let stats = stats.then(|| {
            types()
                .map(|(build_id, kind, info)| StatsRow { build_id, kind, stats: info.stats.unwrap_or_default() })
                .collect()
        });
        let pollers = types().flat_map(|(build_id, kind, info)| poller_rows(&build_id, &kind, info)).collect();
        Self { reachability, stats, pollers }
    }

    fn print(&self, printer: &mut Printer) -> Result<(), Failure> {
        printer.json(&self.json())?;
        if let Some(rows) = &self.reachability {
            let mut table = Table::new([Column::text("BuildID"), Column::text("Reachability")]);
            for row in rows {
                table.push(row.clone());
            }
            printer.heading("Task Reachability:")?;
            printer.table(&table)?;
        }
        if let Some(rows) = &self.stats {
            printer.heading("Task Queue Statistics:")?;
            printer.table(&stats_table(rows))?;
        }
        printer.heading("Pollers:")?;
        printer.table(&self.poller_table(printer))
    }

    fn poller_table(&self, printer: &Printer) -> Table {
        let mut table = Table::new([
            Column::text("BuildID"),
            Column::text("TaskQueueType"),
            Column::text("Identity"),
            Column::text("LastAccessTime"),
            Column::number("RatePerSecond"),
        ]);
        for row in &self.pollers {
            table.push([
                row.build_id.clone(),
                row.kind.clone(),
                row.identity.clone(),
                printer.time(row.last_access_time.as_ref()),
                json::f64_text(row.rate_per_second),
            ]);
        }
        table
    }

    fn json(&self) -> Json {
        let reachability = self.reachability.iter().flatten().map(|[build_id, reachability]| {
            Json::object([
                ("buildId", Json::string(build_id.as_str())),
                ("reachability", Json::string(reachability.as_str())),
            ])
        });
        let pollers = self.pollers.iter().map(PollerRow::json);
        let stats = self.stats.iter().flatten().map(StatsRow::json);
        Json::object([
            ("reachability", list_or_null(reachability.collect())),
            ("pollers", list_or_null(pollers.collect())),
            ("stats", list_or_null(stats.collect())),
        ])
    }
}

/// No row is null, not an empty list.
fn list_or_null(rows: Vec<Json>) -> Json {
    match rows.is_empty() {
        true => Json::Null,
        false => Json::Array(rows),
    }
}

fn stats_table(rows: &[StatsRow]) -> Table {
    let mut table = Table::new([
        Column::text("BuildID"),
        Column::text("TaskQueueType"),
        Column::number("ApproximateBacklogCount"),
        Column::text("ApproximateBacklogAge"),
        Column::number("BacklogIncreaseRate"),
        Column::number("TasksAddRate"),
        Column::number("TasksDispatchRate"),
    ]);
    for row in rows {
        let stats = &row.stats;
        table.push([
            row.build_id.clone(),
            row.kind.clone(),
            stats.approximate_backlog_count.to_string(),
            row.age(),
            json::f32_text(row.increase_rate()),
            json::f32_text(stats.tasks_add_rate),
            json::f32_text(stats.tasks_dispatch_rate),
        ]);
    }
    table
}

impl StatsRow {
    fn age(&self) -> String {
        time::spaced_duration(time::duration_from_proto(self.stats.approximate_backlog_age.as_ref()))
    }

    fn increase_rate(&self) -> f32 {
        self.stats.tasks_add_rate - self.stats.tasks_dispatch_rate
    }

    fn json(&self) -> Json {
        Json::object([
            ("buildId", Json::string(self.build_id.as_str())),
            ("taskQueueType", Json::string(self.kind.as_str())),
            ("approximateBacklogCount", Json::Number(self.stats.approximate_backlog_count.to_string())),
            ("approximateBacklogAge", Json::string(self.age())),
            ("backlogIncreaseRate", Json::Number(json::f32_text(self.increase_rate()))),
            ("tasksAddRate", Json::Number(json::f32_text(self.stats.tasks_add_rate))),
            ("tasksDispatchRate", Json::Number(json::f32_text(self.stats.tasks_dispatch_rate))),
        ])
    }
}

impl PollerRow {
    fn json(&self) -> Json {
        let time = self.last_access_time.as_ref().and_then(time::from_proto).map(time::proto_json);
        Json::object([
            ("buildId", Json::string(self.build_id.as_str())),
            ("taskQueueType", Json::string(self.kind.as_str())),
            ("identity", Json::string(self.identity.as_str())),
            ("lastAccessTime", Json::string(time.unwrap_or_default())),
            ("ratePerSecond", Json::Number(json::f64_text(self.rate_per_second))),
        ])
    }
}

fn poller_rows(build_id: &str, kind: &str, info: &TaskQueueTypeInfo) -> Vec<PollerRow> {
    let rows = info.pollers.iter().map(|poller| PollerRow {
        build_id: build_id.to_owned(),
        kind: kind.to_owned(),
        identity: poller.identity.clone(),
        last_access_time: poller.last_access_time,
        rate_per_second: poller.rate_per_second,
    });
    rows.collect()
}

fn shown_build_id(build_id: &str) -> String {
    match build_id {
        "" => UNVERSIONED.to_owned(),
        build_id => build_id.to_owned(),
    }
}

fn kind_name(kind: i32) -> String {
    match TaskQueueType::try_from(kind) {
        Ok(TaskQueueType::Unspecified) => "unspecified".to_owned(),
        Ok(TaskQueueType::Workflow) => "workflow".to_owned(),
        Ok(TaskQueueType::Activity) => "activity".to_owned(),
        Ok(TaskQueueType::Nexus) => "nexus".to_owned(),
        Err(_) => kind.to_string(),
    }
}

fn reachability_name(info: &TaskQueueVersionInfo) -> String {
    match BuildIdTaskReachability::try_from(info.task_reachability) {
        Ok(BuildIdTaskReachability::Unspecified) => "unspecified".to_owned(),
        Ok(BuildIdTaskReachability::Reachable) => "reachable".to_owned(),
        Ok(BuildIdTaskReachability::ClosedWorkflowsOnly) => "closedWorkflowsOnly".to_owned(),
        Ok(BuildIdTaskReachability::Unreachable) => "unreachable".to_owned(),
        Err(_) => info.task_reachability.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proto::temporal::api::taskqueue::v1::PollerInfo;

    use super::*;
    use crate::output::{Format, tests::printer};

    fn response() -> DescribeTaskQueueResponse {
        let stats = TaskQueueStats {
            approximate_backlog_count: 1,
            approximate_backlog_age: Some(prost_types::Duration { seconds: 1, nanos: 324_656_184 }),
            tasks_add_rate: 0.75,
            tasks_dispatch_rate: 0.5,
            ..Default::default()
        };
        let poller = PollerInfo {
            identity: "w".to_owned(),
            last_access_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            rate_per_second: 100_000.0,
            ..Default::default()
        };
        let info = TaskQueueTypeInfo { pollers: vec![poller], stats: Some(stats) };
        let version = TaskQueueVersionInfo {
            types_info: [(TaskQueueType::Workflow.into(), info)].into(),
            task_reachability: BuildIdTaskReachability::Reachable.into(),
        };
        DescribeTaskQueueResponse { versions_info: [(String::new(), version)].into(), ..Default::default() }
    }

    #[test]
    fn text() {
        let (mut printer, sink) = printer(Format::Text);
        Report::new(&response(), true, true).print(&mut printer).unwrap();
        let wanted = "\
Task Reachability:
    BuildID    Reachability
  UNVERSIONED  reachable   \n\
Task Queue Statistics:
    BuildID    TaskQueueType  ApproximateBacklogCount  ApproximateBacklogAge  BacklogIncreaseRate  TasksAddRate  \
TasksDispatchRate
  UNVERSIONED  workflow                             1  1.324656184s                          0.25          0.75  \
\x20             0.5
Pollers:
    BuildID    TaskQueueType  Identity     LastAccessTime     RatePerSecond
  UNVERSIONED  workflow       w         1970-01-01T00:00:01Z         100000
";
        assert_eq!(sink.text(), wanted);
    }

    #[test]
    fn json() {
        let (mut printer, sink) = printer(Format::Jsonl);
        Report::new(&response(), false, false).print(&mut printer).unwrap();
        assert_eq!(
            sink.text(),
            "{\"reachability\":null,\"pollers\":[{\"buildId\":\"UNVERSIONED\",\"taskQueueType\":\"workflow\",\
             \"identity\":\"w\",\"lastAccessTime\":\"1970-01-01T00:00:01Z\",\"ratePerSecond\":100000}],\"stats\":null}\n"
        );
    }
}
