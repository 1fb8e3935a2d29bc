//! What a completed workflow task tells of the worker's build: which builds have worked on the run, and where a reset
//! could go back to before a build has touched it.

use std::sync::Arc;

use proto::temporal::api::{
    common::v1::{Payload, WorkerVersionStamp},
    history::v1::{HistoryEvent, WorkflowTaskCompletedEventAttributes},
    workflow::v1::{ResetPointInfo, ResetPoints},
};

use crate::Run;

/// Of this many points the oldest is forgotten.
const POINTS: usize = 20;
const BUILD_IDS: &str = "BuildIds";
const WORKER_DEPLOYMENT: &str = "TemporalWorkerDeployment";
const BINARY_CHECKSUMS: &str = "BinaryChecksums";
/// The first value of a run whose workers don't take part in versioning.
const UNVERSIONED: &str = "unversioned";

/// The first completion by each build is a point to reset to.
pub(super) fn add_reset_point(run: &mut Run, event: &HistoryEvent, attributes: &WorkflowTaskCompletedEventAttributes) {
    let build_id = attributes.worker_version.as_ref().map_or("", |version| version.build_id.as_str());
    let resettable = run.children.is_empty() && run.external_cancels.is_empty() && run.external_signals.is_empty();
    let run_id = run.key.run_id.to_string();
    let points = &mut run.core.reset_points.get_or_insert_default().points;
    let known =
        |point: &ResetPointInfo| point.binary_checksum == attributes.binary_checksum && point.build_id == build_id;
    if points.iter().any(known) {
        return;
    }
    points.push(ResetPointInfo {
        build_id: build_id.to_owned(),
        binary_checksum: attributes.binary_checksum.clone(),
        run_id,
        first_workflow_task_completed_id: event.event_id,
        create_time: event.event_time,
        expire_time: None,
        resettable,
    });
    if points.len() > POINTS {
        points.remove(0);
    }
    if attributes.binary_checksum.is_empty() {
        return;
    }
    let checksums = points.iter().map(|point| point.binary_checksum.clone()).filter(|checksum| !checksum.is_empty());
    let checksums: Vec<_> = checksums.collect();
    list(run, BINARY_CHECKSUMS, &checksums);
}

/// The points that the run which follows at `now` takes over from this closed one.
pub(crate) fn inherited_reset_points(run: &Run, now: model::Time) -> ResetPoints {
    let mut points = run.core.reset_points.clone().unwrap_or_default();
    points.points.retain(|point| point.expire_time.as_ref().is_none_or(|time| model::Time::from_proto(time) >= now));
    points
}

/// Another run follows: the points of this one go with its history, at `time`.
pub(super) fn expire_reset_points(run: &mut Run, time: model::Time) {
    let own = run.key.run_id.to_string();
    let points = run.core.reset_points.iter_mut().flat_map(|points| &mut points.points);
    for point in points.filter(|point| point.run_id == own) {
        point.expire_time = Some(time.to_proto());
    }
}

/// Lists the build among those that have worked on the run, for visibility.
pub(super) fn add_build_id(run: &mut Run, version: Option<&WorkerVersionStamp>) {
    let known = run.attributes.search_attributes.as_ref().and_then(|known| known.indexed_fields.get(BUILD_IDS));
    let known: Vec<String> = known.and_then(|payload| serde_json::from_slice(&payload.data).ok()).unwrap_or_default();
    let versioned = version.is_some_and(|version| version.use_versioning);
    let build = version.filter(|version| !version.build_id.is_empty()).map(|version| {
        let prefix = if versioned { "versioned" } else { UNVERSIONED };
        format!("{prefix}:{}", version.build_id)
    });
    let mut ids: Vec<String> = Vec::new();
    if !versioned {
        ids.push(UNVERSIONED.to_owned());
    }
    ids.extend(known.iter().filter(|id| *id != UNVERSIONED).cloned());
    ids.extend(build.filter(|build| !known.contains(build)));
    if ids == known {
        return;
    }
    list(run, BUILD_IDS, &ids);
}

/// The deployment of the worker that decided last, for visibility and `Run::worker_deployment_name`.
pub(super) fn set_deployment(run: &mut Run, name: &str) {
    if run.worker_deployment_name() == name {
        return;
    }
    let mut next = (*run.attributes).clone();
    let fields = &mut next.search_attributes.get_or_insert_default().indexed_fields;
    if name.is_empty() {
        fields.remove(WORKER_DEPLOYMENT);
    } else {
        fields.insert(WORKER_DEPLOYMENT.to_owned(), attribute("Keyword", &name.into()));
    }
    run.attributes = Arc::new(next);
}

impl Run {
    /// The deployment that the worker of the last completed workflow task belongs to; empty where it named none.
    pub fn worker_deployment_name(&self) -> String {
        let known = self.attributes.search_attributes.as_ref();
        let name = known.and_then(|known| known.indexed_fields.get(WORKER_DEPLOYMENT));
        name.and_then(|name| serde_json::from_slice(&name.data).ok()).unwrap_or_default()
    }
}

/// Sets a search attribute of the run to a list.
fn list(run: &mut Run, name: &str, values: &[String]) {
    let mut next = (*run.attributes).clone();
    let fields = &mut next.search_attributes.get_or_insert_default().indexed_fields;
    fields.insert(name.to_owned(), attribute("KeywordList", &values.into()));
    run.attributes = Arc::new(next);
}

/// The value of a search attribute of this type.
fn attribute(kind: &str, value: &serde_json::Value) -> Payload {
    let metadata = [("encoding", "json/plain"), ("type", kind)];
    Payload {
        metadata: metadata.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned().into())).collect(),
        data: value.to_string().into(),
        ..Payload::default()
    }
}
