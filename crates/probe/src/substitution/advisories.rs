//! What has been found in servers of this kind before, each by its name: one check for every published advisory.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use prost_reflect::prost::Message;
use serde_json::{Value, json};
use tonic::{Code, Status};

use super::{
    data::{NOBODY, Stage},
    report::Report,
    tenant::Ids,
};
use crate::{
    Fault,
    catalog::Catalog,
    secured::{Account, CLOUD, base64},
    wire::{Pass, Wire},
};

const DEADLINE: Duration = Duration::from_secs(10);
const WORKFLOW: &str = "temporal.api.workflowservice.v1.WorkflowService";
const UNAUTHORIZED: &str = "Request unauthorized.";

/// What the checks work with.
pub(super) struct Scene<'a> {
    pub(super) account: &'a Account,
    pub(super) catalog: &'a Arc<Catalog>,
    pub(super) stage: &'a Stage,
    /// A key that may only read in the attacker's namespace.
    pub(super) reader: String,
}

/// Runs all of them.
pub(super) async fn run(scene: &Scene<'_>) -> Result<Report, Fault> {
    let theirs = scene.stage.victim.victim(scene.stage.number()).await?;
    let before = scene.stage.victim.state(&theirs).await?;
    let mut report = Report::default();
    let found = [
        ("a task token of another namespace", task_token(scene, &theirs).await),
        ("a task token that is forged", forged_token(scene, &theirs).await),
        ("the inner namespace of ExecuteMultiOperation", inner_namespace(scene, &theirs).await),
        ("a batch operation by who may only read", batch(scene).await),
        ("streaming calls without authorisation", streaming(scene).await),
        ("an oversized authorization header", oversized_header(scene).await),
        ("metadata that is not UTF-8", metadata(scene).await),
        ("a message that is not UTF-8", message(scene).await),
        ("the server after all that", alive(scene).await),
    ];
    for (name, outcome) in found {
        println!("    {}: {name}", if outcome.is_ok() { "passed" } else { "failed" });
        report.check(name, || outcome.map_err(|fault| fault.to_string()));
    }
    let after = scene.stage.victim.state(&theirs).await?;
    report.check("the other tenant after the advisories", || {
        (before == after).then_some(()).ok_or_else(|| super::data::difference(&before, &after))
    });
    let finished = scene.stage.victim.finish(&theirs).await;
    report.check("the other tenant's tasks after the advisories", || finished.map_err(|fault| fault.to_string()));
    Ok(report)
}

/// The code and the words of a refusal; an answer that is none is a fault.
fn refused(answer: Result<Bytes, Status>) -> Result<(Code, String), Fault> {
    match answer {
        Ok(_) => Err("it was let through".into()),
        Err(status) => Ok((status.code(), status.message().to_owned())),
    }
}

fn expect(found: &(Code, String), code: Code, text: &str) -> Result<(), Fault> {
    if found.0 == code && found.1.contains(text) {
        return Ok(());
    }
    Err(format!("{:?} {:?} in place of {code:?} {text:?}", found.0, found.1).into())
}

async fn call(scene: &Scene<'_>, wire: &Wire, rpc: &str, request: Value) -> Result<(Code, String), Fault> {
    let method = scene.catalog.method(rpc)?;
    refused(wire.call(&method.path, scene.catalog.encode(method, &request)?, DEADLINE).await)
}

/// Rights were checked in the namespace that the request named, and the token led to another.
async fn task_token(scene: &Scene<'_>, theirs: &Ids) -> Result<(), Fault> {
    let attacker = &scene.stage.attacker;
    let calls = [
        ("RespondWorkflowTaskCompleted", &theirs.workflow_token),
        ("RespondWorkflowTaskFailed", &theirs.workflow_token),
        ("RespondQueryTaskCompleted", &theirs.workflow_token),
        ("RespondActivityTaskCompleted", &theirs.activity_token),
        ("RespondActivityTaskFailed", &theirs.activity_token),
        ("RespondActivityTaskCanceled", &theirs.activity_token),
        ("RecordActivityTaskHeartbeat", &theirs.activity_token),
    ];
    for (rpc, token) in calls {
        for namespace in [attacker.namespace.as_str(), theirs.namespace.as_str(), NOBODY, ""] {
            let request = json!({"namespace": namespace, "taskToken": base64(token)});
            let found = call(scene, &attacker.wire, rpc, request).await?;
            expect(&found, Code::PermissionDenied, UNAUTHORIZED)
                .map_err(|fault| format!("{rpc} {namespace}: {fault}"))?;
        }
    }
    Ok(())
}

/// A token is sealed: no bit of it can be chosen, and one that is written by hand is none.
async fn forged_token(scene: &Scene<'_>, theirs: &Ids) -> Result<(), Fault> {
    let attacker = &scene.stage.attacker;
    let broken = (0..theirs.activity_token.len()).map(|at| {
        let mut token = theirs.activity_token.clone();
        token[at] ^= 1;
        token
    });
    let answer = async |namespace: &str, token: &[u8]| {
        let request = json!({"namespace": namespace, "taskToken": base64(token)});
        call(scene, &attacker.wire, "RespondActivityTaskCompleted", request).await
    };
    let own = attacker.namespace.as_str();
    for token in broken {
        for namespace in [own, ""] {
            let found = answer(namespace, &token).await?;
            if !matches!(found.0, Code::InvalidArgument | Code::PermissionDenied) {
                return Err(format!("{:?} {:?}", found.0, found.1).into());
            }
        }
    }
    // The reference's own form: namespace id, Workflow Id and run id as the first three texts of a message. What exists is
    // answered as what does not.
    let plain = |namespace_id: &str| {
        let mut token = Vec::new();
        for (number, text) in [namespace_id, &theirs.workflow_id, &theirs.run_id].into_iter().enumerate() {
            token.extend([(number as u8 + 1) << 3 | 2, text.len() as u8]);
            token.extend(text.as_bytes());
        }
        token
    };
    let nobodys = "00000000-0000-4000-8000-000000000000";
    for namespace in [own, ""] {
        let (of_theirs, of_nobodys) =
            (answer(namespace, &plain(&theirs.namespace_id)).await?, answer(namespace, &plain(nobodys)).await?);
        let told = (of_theirs.0, of_theirs.1.replace(theirs.namespace_id.as_str(), nobodys));
        if told != of_nobodys || of_theirs.0 == Code::Ok {
            return Err(format!("{of_theirs:?} for theirs, {of_nobodys:?} for a namespace that is not there").into());
        }
    }
    Ok(())
}

/// What the operations inside the request named was not compared with what the request named.
async fn inner_namespace(scene: &Scene<'_>, theirs: &Ids) -> Result<(), Fault> {
    let attacker = &scene.stage.attacker;
    let inner = |namespace: &str| {
        let start = json!({
            "namespace": namespace, "workflowId": theirs.start_id, "workflowType": {"name": "Sound"},
            "taskQueue": {"name": "queue"}, "requestId": "inner", "workflowIdConflictPolicy":
                "WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
        });
        let update = json!({
            "namespace": namespace, "workflowExecution": {"workflowId": theirs.start_id},
            "request": {"meta": {"updateId": "one"}, "input": {"name": "change"}},
        });
        json!([{"startWorkflow": start}, {"updateWorkflow": update}])
    };
    for outer in [attacker.namespace.as_str(), theirs.namespace.as_str(), NOBODY, ""] {
        let mut answers = Vec::new();
        for namespace in [NOBODY, theirs.namespace.as_str()] {
            let request = json!({"namespace": outer, "operations": inner(namespace)});
            answers.push(call(scene, &attacker.wire, "ExecuteMultiOperation", request).await?);
        }
        if answers[0] != answers[1] {
            return Err(format!("{:?} for nobody's, {:?} for theirs", answers[0], answers[1]).into());
        }
    }
    Ok(())
}

/// A batch is carried out by the server itself, so rights are asked for before it is taken on.
async fn batch(scene: &Scene<'_>) -> Result<(), Fault> {
    let wire = scene.account.data(&scene.reader)?;
    let own = &scene.stage.attacker.namespace;
    let described = scene.catalog.method("DescribeNamespace")?;
    let request = scene.catalog.encode(described, &json!({"namespace": own}))?;
    wire.call(&described.path, request, DEADLINE).await.map_err(|status| format!("a reader can't read: {status}"))?;
    let request = json!({
        "namespace": own, "jobId": "batch", "reason": "probe", "visibilityQuery": "WorkflowId != ''",
        "terminationOperation": {"identity": "probe"},
    });
    for rpc in ["StartBatchOperation", "StopBatchOperation"] {
        let mut request = request.clone();
        if rpc == "StopBatchOperation" {
            request = json!({"namespace": own, "jobId": "batch", "reason": "probe"});
        }
        let found = call(scene, &wire, rpc, request.clone()).await?;
        expect(&found, Code::PermissionDenied, UNAUTHORIZED)?;
        request["namespace"] = json!(scene.stage.victim.namespace);
        let found = call(scene, &scene.stage.attacker.wire, rpc, request).await?;
        expect(&found, Code::PermissionDenied, UNAUTHORIZED)?;
    }
    Ok(())
}

/// Streams passed by where only unary calls were checked.
async fn streaming(scene: &Scene<'_>) -> Result<(), Fault> {
    let account = scene.account;
    let (data, control) = (account.server.port, account.control_port);
    let stranger = Pass { trusted: account.trusted.clone(), ..Pass::default() };
    let spoiled = Pass { key: "spoiled".to_owned(), ..stranger.clone() };
    // The request to list services: field 7, an empty text.
    let list = Bytes::from_static(&[0x3a, 0]);
    let services = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
    for port in [data, control] {
        for (pass, code) in [(&stranger, Code::Unauthenticated), (&spoiled, Code::Unauthenticated)] {
            let wire = Wire::secured(port, pass)?;
            for service in services {
                let path = format!("/{service}/ServerReflectionInfo").try_into()?;
                expect(&refused(wire.call(&path, list.clone(), DEADLINE).await)?, code, "")?;
            }
            // Whether the server is well is for everybody; what it serves for whom is not.
            let unknown = Bytes::from_static(b"\x0a\x05bravo");
            for rpc in ["Check", "Watch"] {
                let path = format!("/grpc.health.v1.Health/{rpc}").try_into()?;
                match wire.call(&path, unknown.clone(), Duration::from_secs(1)).await {
                    // SERVICE_UNKNOWN, as for any name.
                    Ok(reply) if reply == Bytes::from_static(&[0x08, 0x03]) => {}
                    Ok(reply) => return Err(format!("health tells {reply:?} of a tenant").into()),
                    Err(_) => {}
                }
            }
        }
    }
    Ok(())
}

/// A header that is too long is refused before anybody reads it, on both planes.
async fn oversized_header(scene: &Scene<'_>) -> Result<(), Fault> {
    let account = scene.account;
    let method = scene.catalog.method("DescribeNamespace")?;
    let request = scene.catalog.encode(method, &json!({"namespace": scene.stage.victim.namespace}))?;
    let identity = account.owner().method("GetCurrentIdentity")?;
    for length in [17 << 10, 60 << 10, 1 << 20, 8 << 20] {
        let key = "x".repeat(length);
        let pass = Pass { trusted: account.trusted.clone(), key, ..Pass::default() };
        let data = Wire::secured(account.server.port, &pass)?;
        let control = Wire::secured(account.control_port, &pass)?;
        for (wire, path, body) in [(data, &method.path, request.clone()), (control, &identity.path, Bytes::new())] {
            let found = refused(wire.call(path, body, DEADLINE).await)?;
            if found.1.starts_with("probe:") && found.0 == Code::Cancelled {
                return Err(format!("{length} bytes: no answer").into());
            }
            if length < 20 << 10 {
                expect(&found, Code::Unauthenticated, "authorization header")?;
            }
        }
    }
    Ok(())
}

/// Headers that are no text: refused in words, whichever header it is.
async fn metadata(scene: &Scene<'_>) -> Result<(), Fault> {
    let attacker = &scene.stage.attacker;
    let method = scene.catalog.method("DescribeNamespace")?;
    let request = scene.catalog.encode(method, &json!({"namespace": attacker.namespace}))?;
    let rows: [(&'static str, &[u8], Option<Code>); 4] = [
        ("authorization", b"Bearer \xff\xfe", Some(Code::Unauthenticated)),
        ("temporal-namespace", b"\xc3\x28", Some(Code::InvalidArgument)),
        ("client-version", b"\xff", None),
        ("supported-features", b"\xf0\x28", None),
    ];
    for (header, value, code) in rows {
        let wire = attacker.wire.showing(header, value)?;
        let found = wire.call(&method.path, request.clone(), DEADLINE).await.err();
        match (found, code) {
            (Some(status), Some(code)) => expect(&(status.code(), status.message().to_owned()), code, "")?,
            (None, Some(_)) => return Err(format!("{header} was let through").into()),
            (Some(status), None) if matches!(status.code(), Code::Internal | Code::Unknown | Code::Cancelled) => {
                return Err(format!("{header}: {status}").into());
            }
            (_, None) => {}
        }
    }
    Ok(())
}

/// Texts that are no UTF-8: no message, so no effect and no lookup.
async fn message(scene: &Scene<'_>) -> Result<(), Fault> {
    let attacker = &scene.stage.attacker;
    let start = scene.catalog.method("StartWorkflowExecution")?;
    let mut body = scene.catalog.encode(start, &json!({"namespace": attacker.namespace}))?.to_vec();
    // The Workflow Id, field 2.
    body.extend([0x12, 2, 0xc3, 0x28]);
    let found = refused(attacker.wire.call(&start.path, body.into(), DEADLINE).await)?;
    expect(&found, Code::Internal, "grpc: error unmarshalling request: ")?;
    let batch = scene.catalog.method("StartBatchOperation")?;
    let found = refused(attacker.wire.call(&batch.path, Bytes::from_static(&[0x0a, 2, 0xff, 0xff]), DEADLINE).await)?;
    expect(&found, Code::Internal, "grpc: error unmarshalling request: ")?;
    let namespace = scene.account.owner().method("GetNamespace")?;
    let pass = Pass { trusted: scene.account.trusted.clone(), key: scene.reader.clone(), ..Pass::default() };
    let control = Wire::secured(scene.account.control_port, &pass)?;
    let found = refused(control.call(&namespace.path, Bytes::from_static(&[0x0a, 2, 0xff, 0xff]), DEADLINE).await)?;
    if matches!(found.0, Code::Unknown | Code::Ok) || found.1.is_empty() {
        return Err(format!("{CLOUD}: {found:?}").into());
    }
    Ok(())
}

async fn alive(scene: &Scene<'_>) -> Result<(), Fault> {
    let panics = scene.account.server.output().into_iter().find(|line| line.contains("panicked at"));
    if let Some(line) = panics {
        return Err(line.into());
    }
    let info = scene.catalog.method("GetSystemInfo")?;
    let body = Bytes::from(prost_reflect::DynamicMessage::new(info.input.clone()).encode_to_vec());
    let reply = scene.stage.attacker.wire.call(&info.path, body, DEADLINE).await;
    reply.map(drop).map_err(|status| format!("{WORKFLOW} does not answer: {status}").into())
}
