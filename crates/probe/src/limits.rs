//! What both servers refuse under low limits: the same calls, far more of them in a second than may come, and the refusals
//! side by side. How many pass is left out, for the reference's own workers take part there.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    Fault,
    catalog::{Catalog, Method},
    reference,
    server::{Kind, Launch, Server},
    wire::Wire,
};

/// How to run it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server under test; `target/release/perdure` by default.
    #[arg(long)]
    perdure: Option<PathBuf>,
    /// The reference server; `.venv/bin/temporal` by default.
    #[arg(long)]
    reference: Option<PathBuf>,
}

/// Low limits; each of them is reached by one of the cases.
const SETTINGS: [&str; 5] = [
    "frontend.namespaceRPS=2",
    "frontend.namespaceRPS.visibility=2",
    "frontend.namespaceCount=2",
    "frontend.rps.namespaceReplicationInducingAPIs=20",
    "frontend.globalNamespaceRPS.namespaceReplicationInducingAPIs=1",
];
/// Calls of one case.
const CALLS: usize = 60;
/// How long a call may take; some wait for a worker that there is not.
const PATIENCE: Duration = Duration::from_secs(3);

/// Calls that come all at once, in a namespace of their own.
struct Case {
    name: &'static str,
    rpc: &'static str,
    /// The request, of the namespace and the number of the call.
    request: fn(&str, usize) -> Value,
    is_refused: bool,
}

const CASES: &[Case] = &[
    Case { name: "starts", rpc: "StartWorkflowExecution", request: start, is_refused: true },
    Case { name: "namespace", rpc: "DescribeNamespace", request: named, is_refused: true },
    Case { name: "lists", rpc: "ListWorkflowExecutions", request: named, is_refused: true },
    Case { name: "counts", rpc: "CountWorkflowExecutions", request: named, is_refused: true },
    Case { name: "changes", rpc: "UpdateNamespace", request: named, is_refused: true },
    Case { name: "names", rpc: "RegisterNamespace", request: register, is_refused: true },
    Case { name: "updates", rpc: "UpdateWorkflowExecution", request: update, is_refused: true },
    Case { name: "unknown", rpc: "DescribeNamespace", request: unknown, is_refused: false },
    Case { name: "system", rpc: "GetSystemInfo", request: empty, is_refused: false },
    Case { name: "attributes", rpc: "ListSearchAttributes", request: named, is_refused: false },
];

fn start(namespace: &str, number: usize) -> Value {
    json!({
        "namespace": namespace, "workflowId": format!("w{number}"), "requestId": format!("r{number}"),
        "workflowType": {"name": "t"}, "taskQueue": {"name": "q"},
    })
}

fn named(namespace: &str, _: usize) -> Value {
    json!({"namespace": namespace})
}

fn register(_: &str, number: usize) -> Value {
    json!({"namespace": format!("new-{number}"), "workflowExecutionRetentionPeriod": "86400s"})
}

fn update(namespace: &str, number: usize) -> Value {
    json!({
        "namespace": namespace, "workflowExecution": {"workflowId": "w0"},
        "waitPolicy": {"lifecycleStage": "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED"},
        "request": {"meta": {"updateId": format!("u{number}")}, "input": {"name": "x"}},
    })
}

fn unknown(_: &str, _: usize) -> Value {
    json!({"namespace": "of-another-name"})
}

fn empty(_: &str, _: usize) -> Value {
    json!({})
}

/// A refusal for now: its text, and its first detail.
type Refusal = (String, String);

/// Runs every case on both servers.
///
/// # Errors
/// When they refuse differently, or do not refuse where they should.
pub(crate) async fn run(options: Options) -> Result<(), Fault> {
    let catalog = Catalog::load()?;
    let reference = refusals(Kind::Reference, reference::find(options.reference)?, &catalog).await?;
    let subject = refusals(Kind::Perdure, reference::subject(options.perdure)?, &catalog).await?;
    let mut differences = 0;
    for (case, (theirs, ours)) in CASES.iter().zip(reference.iter().zip(&subject)) {
        let is_good = theirs == ours && ours.is_empty() != case.is_refused;
        println!("{:11} {:24} {}", case.name, case.rpc, if is_good { "alike" } else { "different" });
        for (text, detail) in ours {
            println!("            {text} {detail}");
        }
        if !is_good {
            println!("            the reference: {theirs:?}");
            differences += 1;
        }
    }
    if differences == 0 { Ok(()) } else { Err(format!("{differences} cases differ").into()) }
}

/// What a server refuses for now, by case.
async fn refusals(kind: Kind, binary: PathBuf, catalog: &Catalog) -> Result<Vec<BTreeSet<Refusal>>, Fault> {
    let settings = SETTINGS.iter().flat_map(|setting| ["--dynamic-config-value", setting]);
    let namespaces = CASES.iter().flat_map(|case| ["--namespace", case.name]);
    let arguments = settings.chain(namespaces).map(str::to_owned).collect();
    let server = Server::start(&Launch { kind, binary, database: None, arguments }, catalog).await?;
    let wire = Wire::to(server.port)?;
    let mut found = Vec::new();
    for case in CASES {
        found.push(refused(case, &wire, catalog).await?);
    }
    server.stop().await?;
    Ok(found)
}

async fn refused(case: &Case, wire: &Wire, catalog: &Catalog) -> Result<BTreeSet<Refusal>, Fault> {
    if case.rpc == "UpdateWorkflowExecution" {
        call(catalog.method("StartWorkflowExecution")?, start(case.name, 0), wire, catalog).await?;
    }
    let method = catalog.method(case.rpc)?;
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let body = catalog.encode(method, &(case.request)(case.name, number))?;
        let (wire, path) = (wire.clone(), method.path.clone());
        calls.spawn(async move { wire.call(&path, body, PATIENCE).await.err() });
    }
    let mut refusals = BTreeSet::new();
    while let Some(ended) = calls.join_next().await {
        if let Some(status) = ended?.filter(|status| status.code() == Code::ResourceExhausted) {
            let details = catalog.details(status.details())?;
            refusals.insert((status.message().to_owned(), details[0].to_string()));
        }
    }
    Ok(refusals)
}

async fn call(method: &Method, request: Value, wire: &Wire, catalog: &Catalog) -> Result<(), Fault> {
    wire.call(&method.path, catalog.encode(method, &request)?, PATIENCE).await?;
    Ok(())
}
