//! Which page an address stands for. The addresses are those of Temporal's own Web UI, so that bookmarks and links in tickets
//! lead on: to the page itself, to the one that has what it would show, or to a page that says where its like is seen.

use super::request::Pairs;

/// What an address stands for; names as they stand in it, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Namespaces,
    Workflows {
        namespace: &'a str,
    },
    Run(Run<'a>),
    History(Run<'a>),
    /// Another address has it.
    Elsewhere(String),
    /// There is no page of the kind here yet.
    NotYet {
        what: &'static str,
        instead: Option<&'static str>,
        back: String,
    },
    Unknown,
}

/// A run; the newest one of the workflow where `run_id` is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run<'a> {
    pub(super) namespace: &'a str,
    pub(super) workflow_id: &'a str,
    pub(super) run_id: &'a str,
}

/// Sections that have no pages here, with the command that shows their like.
const SECTIONS: [(&str, &str, Option<&str>); 14] = [
    ("activities", "standalone activities", None),
    ("archival", "archived workflows", None),
    ("batch-operations", "batch operations", None),
    ("catalog", "a catalog", None),
    ("common-errors", "a list of common errors", None),
    ("import", "imported histories", Some("perdure workflow show --workflow-id ID")),
    ("nexus", "Nexus endpoints", None),
    ("nexus-operations", "Nexus operations", None),
    ("schedules", "schedules", None),
    ("settings", "settings", None),
    ("start-workflow", "a form that starts workflows", Some("perdure workflow start --task-queue NAME --type NAME")),
    ("task-queues", "task queues", Some("perdure task-queue describe --task-queue NAME")),
    ("worker-deployments", "worker deployments", None),
    ("workers", "workers", Some("perdure task-queue describe --task-queue NAME")),
];

/// The page of these parts of a path.
pub(super) fn place<'a>(parts: &[&'a str], pairs: &'a Pairs) -> Place<'a> {
    match parts {
        ["" | "select-namespace" | "signin" | "auth", ..] => Place::Elsewhere(web::namespaces_path()),
        ["namespaces"] => Place::Namespaces,
        ["namespaces", namespace, rest @ ..] => in_namespace(namespace, rest, pairs),
        [section, ..] => section_or_nothing(section, web::namespaces_path()),
        [] => Place::Unknown,
    }
}

fn in_namespace<'a>(namespace: &'a str, parts: &[&'a str], pairs: &'a Pairs) -> Place<'a> {
    let run = |workflow_id, run_id| Run { namespace, workflow_id, run_id };
    match *parts {
        [] => Place::Elsewhere(web::workflows_path(namespace)),
        ["workflows"] => Place::Workflows { namespace },
        // The other UI has a form there, and so no workflow of that name; a run of it is named together with its run id.
        ["workflows", "start-workflow"] => section_or_nothing("start-workflow", web::workflows_path(namespace)),
        ["workflows", workflow_id] => Place::Run(run(workflow_id, pairs.value("runId"))),
        ["workflows", workflow_id, run_id] => Place::Run(run(workflow_id, run_id)),
        ["workflows", workflow_id, run_id, "history"] => Place::History(run(workflow_id, run_id)),
        ["workflows", workflow_id, run_id, ref view @ ..] => view_of(run(workflow_id, run_id), view),
        ["archival", workflow_id, run_id, ..] => Place::Elsewhere(web::history_path(namespace, workflow_id, run_id)),
        ["task-queues", name] => Place::Elsewhere(web::task_queue_path(namespace, name)),
        [section, ..] => section_or_nothing(section, web::workflows_path(namespace)),
    }
}

/// One of the other UI's views of a run.
fn view_of<'a>(run: Run<'a>, view: &[&str]) -> Place<'a> {
    let Run { namespace, workflow_id, run_id } = run;
    match view {
        ["timeline" | "history.json", ..] | ["history", "compact" | "feed" | "json"] => {
            Place::Elsewhere(web::history_path(namespace, workflow_id, run_id))
        }
        ["history", "events", event_id] => Place::Elsewhere(web::event_path(namespace, workflow_id, run_id, event_id)),
        ["call-stack" | "stack-trace" | "query" | "queries"] => Place::NotYet {
            what: "queries and call stacks",
            instead: Some("perdure workflow query --workflow-id ID --type __stack_trace"),
            back: web::run_path(namespace, workflow_id, run_id),
        },
        [
            "workers" | "relationships" | "pending-activities" | "user-metadata" | "metadata" | "search-attributes"
            | "memo" | "nexus-links",
        ] => Place::Elsewhere(web::run_path(namespace, workflow_id, run_id)),
        _ => Place::Unknown,
    }
}

fn section_or_nothing<'a>(section: &str, back: String) -> Place<'a> {
    match SECTIONS.iter().find(|(name, ..)| *name == section) {
        Some((_, what, instead)) => Place::NotYet { what, instead: *instead, back },
        None => Place::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    fn at(path: &str) -> Place<'_> {
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        static PAIRS: LazyLock<Pairs> = LazyLock::new(|| Pairs::of("runId=r9"));
        place(&parts, &PAIRS)
    }

    /// Every address of Temporal's own Web UI, as it was seen there.
    #[test]
    fn every_address_of_the_other_ui_leads_somewhere() {
        let run = "/namespaces/n/workflows/w/r";
        for view in ["timeline", "history/compact", "history/feed", "history/json", "history.json"] {
            assert_eq!(at(&format!("{run}/{view}")), Place::Elsewhere(format!("{run}/history")), "{view}");
        }
        assert_eq!(at(&format!("{run}/history/events/12")), Place::Elsewhere(format!("{run}/history#event-12")));
        for view in [
            "workers",
            "relationships",
            "pending-activities",
            "user-metadata",
            "metadata",
            "search-attributes",
            "memo",
            "nexus-links",
        ] {
            assert_eq!(at(&format!("{run}/{view}")), Place::Elsewhere(run.to_owned()), "{view}");
        }
        for view in ["call-stack", "stack-trace", "query"] {
            assert!(matches!(at(&format!("{run}/{view}")), Place::NotYet { back, .. } if back == run), "{view}");
        }
        for (path, leads) in [
            ("/", "/namespaces"),
            ("/select-namespace", "/namespaces"),
            ("/signin", "/namespaces"),
            ("/auth/sso", "/namespaces"),
            ("/namespaces/n", "/namespaces/n/workflows"),
            ("/namespaces/n/archival/w/r/history", "/namespaces/n/workflows/w/r/history"),
            ("/namespaces/n/task-queues/a\"b", "/namespaces/n/workflows?query=TaskQueue%20%3D%20%22a%5C%22b%22"),
        ] {
            assert_eq!(at(path), Place::Elsewhere(leads.to_owned()), "{path}");
        }
        for path in [
            "activities",
            "activities/a/r/details",
            "activities/start",
            "nexus-operations",
            "nexus-operations/o/r/details",
            "schedules",
            "schedules/s",
            "schedules/create",
            "schedules/s/edit",
            "batch-operations",
            "batch-operations/j",
            "task-queues",
            "workers",
            "workers/k",
            "workers/deployments/d",
            "worker-deployments/d",
            "archival",
            "catalog",
            "workflows/start-workflow",
        ] {
            let back = "/namespaces/n/workflows";
            let path = format!("/namespaces/n/{path}");
            let found = at(&path);
            assert!(matches!(&found, Place::NotYet { back: to, .. } if to == back), "{path}: {found:?}");
        }
        for path in ["/nexus", "/nexus/e", "/nexus/e/edit", "/nexus/create", "/import/events", "/common-errors"] {
            assert!(matches!(at(path), Place::NotYet { .. }), "{path}");
        }
    }

    #[test]
    fn pages_stand_under_their_own_addresses_and_nothing_else_is_one() {
        let run = |run_id| Run { namespace: "n", workflow_id: "w", run_id };
        assert_eq!(at("/namespaces"), Place::Namespaces);
        assert_eq!(at("/namespaces/n/workflows"), Place::Workflows { namespace: "n" });
        assert_eq!(at("/namespaces/n/workflows/w"), Place::Run(run("r9")));
        assert_eq!(at("/namespaces/n/workflows/w/r"), Place::Run(run("r")));
        assert_eq!(
            at("/namespaces/n/workflows/start-workflow/r"),
            Place::Run(Run { workflow_id: "start-workflow", ..run("r") })
        );
        assert_eq!(at("/namespaces/n/workflows/w/r/history"), Place::History(run("r")));
        for path in ["/foo/bar", "/namespaces/n/foo", "/namespaces/n/workflows/w/r/foo", "/render", "/logout"] {
            assert_eq!(at(path), Place::Unknown, "{path}");
        }
    }
}
