//! `docs/compatibility.md` against the truth: its names against the descriptor set, its states against a running server
//! and against the command line. A row that promises too much fails, and so does one that promises too little.

mod document;
mod older_reads;
mod server;

use std::{collections::BTreeSet, process::Command, time::Duration};

use document::Row;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use server::{ControlPlane, Server};
use tonic::{Code, Request, Status, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;

/// Services whose every method must answer as its row says: package, and whether a method that waits is refused by its
/// own name or, as on the reference, by that of the whole service.
const SERVICES: [(&str, &str, bool); 3] = [
    ("WorkflowService", "temporal.api.workflowservice.v1", true),
    ("OperatorService", "temporal.api.operatorservice.v1", true),
    ("TestService", "temporal.api.testservice.v1", false),
];

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(proto::DESCRIPTOR_SET).expect("the descriptor set is generated at build time")
}

/// `COMMAND_TYPE_START_TIMER` is `StartTimer`.
fn camel(value: &str, prefix: &str) -> String {
    let words = value.strip_prefix(prefix).unwrap_or(value).split('_');
    words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
}

#[track_caller]
fn check_names(heading: &str, expected: BTreeSet<String>) {
    let rows = document::rows(heading);
    let names: BTreeSet<String> = rows.iter().map(|row| row.name.clone()).collect();
    assert_eq!(names.len(), rows.len(), "\"{heading}\" has a name twice");
    let missing: Vec<_> = expected.difference(&names).collect();
    let unknown: Vec<_> = names.difference(&expected).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "\"{heading}\" lacks {missing:?} and makes up {unknown:?}");
}

#[test]
fn every_rpc_has_a_row() {
    let set = descriptors();
    for service in set.file.iter().flat_map(|file| &file.service) {
        let methods = service.method.iter().map(|method| method.name().to_owned()).collect();
        check_names(service.name(), methods);
    }
}

#[test]
fn every_command_event_and_cause_has_a_row() {
    let set = descriptors();
    for (heading, name, prefix) in [
        ("Worker commands", "CommandType", "COMMAND_TYPE_"),
        ("Events", "EventType", "EVENT_TYPE_"),
        ("Workflow Task failure causes", "WorkflowTaskFailedCause", "WORKFLOW_TASK_FAILED_CAUSE_"),
    ] {
        let values = set.file.iter().flat_map(|file| &file.enum_type).find(|candidate| candidate.name() == name);
        let values = values.expect("the enum is part of the API");
        let names = values.value.iter().filter(|value| value.number() != 0).map(|value| camel(value.name(), prefix));
        check_names(heading, names.collect());
    }
}

#[test]
fn every_state_is_one_of_the_four() {
    for heading in document::headings() {
        for Row { name, state } in document::rows(&heading) {
            let known = ["works", "not yet"].contains(&state.as_str())
                || ["partial: ", "not offered: "]
                    .iter()
                    .any(|start| state.len() > start.len() && state.starts_with(start));
            assert!(known, "\"{name}\" under \"{heading}\" has the state \"{state}\"");
        }
    }
}

/// A row that works may answer an empty request with any error but UNIMPLEMENTED, or wait for work; a row that does not
/// answers UNIMPLEMENTED and names itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_answers_as_the_tables_say() {
    let server = Server::start().await;
    let mut wrong = Vec::new();
    for (service, package, by_method) in SERVICES {
        for Row { name, state } in document::rows(service) {
            let answer = call(server.channel(), Request::new(()), &format!("/{package}.{service}/{name}")).await;
            let promised = state == "works" || state.starts_with("partial: ");
            let refusal = answer.filter(|status| status.code() == Code::Unimplemented);
            let right = match &refusal {
                None => promised,
                Some(status) => !promised && status.message().contains(if by_method { &name } else { service }),
            };
            if !right {
                wrong.push(format!("{service}/{name} is \"{state}\" but answers {refusal:?}"));
            }
        }
    }
    for Row { name, state } in document::rows("Other services") {
        let answer = call(server.channel(), Request::new(()), &format!("/{name}")).await;
        if answer.is_some_and(|status| status.code() == Code::Unimplemented) {
            wrong.push(format!("{name} is \"{state}\" but is not served"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The control plane is that of a secured server, asked by its owner. Elsewhere the service is not there.
#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_answers_as_the_table_says() {
    let plane = ControlPlane::start().await;
    let open = Server::start().await;
    let mut wrong = Vec::new();
    for Row { name, state } in document::rows("CloudService") {
        let path = format!("/temporal.api.cloud.cloudservice.v1.CloudService/{name}");
        let answer = call_patiently(&plane, &path).await;
        let refusal = answer.filter(|status| status.code() == Code::Unimplemented);
        let right = match &refusal {
            None => state == "works" || state.starts_with("partial: "),
            Some(status) => !(state == "works" || state.starts_with("partial: ")) && status.message().contains(&name),
        };
        if !right {
            wrong.push(format!("CloudService/{name} is \"{state}\" but answers {refusal:?}"));
        }
        let elsewhere = call(open.channel(), Request::new(()), &path).await;
        assert_eq!(elsewhere.map(|status| status.code()), Some(Code::Unimplemented), "{name} on an open server");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A call as the account's owner, who has to keep to the limit of calls per second.
async fn call_patiently(plane: &ControlPlane, path: &str) -> Option<Status> {
    loop {
        let mut request = Request::new(());
        let bearer = format!("Bearer {}", plane.api_key).parse().expect("a key is ASCII");
        request.metadata_mut().insert("authorization", bearer);
        let answer = call(plane.channel(), request, path).await;
        if answer.as_ref().is_none_or(|status| status.code() != Code::ResourceExhausted) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The error of a call with an empty request, if it has one within a moment. A long poll that is still waiting after
/// it is implemented.
async fn call(channel: Channel, request: Request<()>, path: &str) -> Option<Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("the server is up");
    let path: PathAndQuery = path.parse().expect("names of the API are valid in a path");
    let answer = client.unary(request, path, ProstCodec::<(), ()>::default());
    tokio::time::timeout(Duration::from_secs(2), answer).await.ok()?.err()
}

/// What the binary says on standard error and standard output.
fn perdure<'a>(arguments: impl IntoIterator<Item = &'a str>) -> [String; 2] {
    let output = Command::new(env!("CARGO_BIN_EXE_perdure")).args(arguments).output().expect("the binary starts");
    [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn the_command_line_has_the_commands_of_the_table() {
    let rows = ["Command line", "Account command line"].into_iter().flat_map(document::rows);
    for Row { name, state } in rows {
        let [stderr, _] = perdure(name.split(' ').chain(["--no-such-flag"]));
        let known = !stderr.contains("unknown command");
        assert_eq!(state != "not yet", known, "\"{name}\" is \"{state}\" but the binary says: {stderr}");
    }
}

#[test]
fn the_command_line_has_the_flags_of_the_table() {
    for Row { name, state } in document::rows("Command line flags") {
        // Nobody listens there, so the best that a flag can do is to get that far.
        let flag = format!("{name}=true");
        let [stderr, _] = perdure(["workflow", "list", "--address", "127.0.0.1:1", &flag]);
        let taken = !stderr.contains("not available yet") && !stderr.contains("unknown flag");
        assert_eq!(state != "not yet", taken, "\"{name}\" is \"{state}\" but the binary says: {stderr}");
    }
}

#[test]
fn the_development_server_has_the_flags_of_the_table() {
    let [_, help] = perdure(["server", "start-dev", "--help"]);
    let words: BTreeSet<&str> = help.split(|c: char| c.is_whitespace() || c == ',').collect();
    for Row { name, state } in document::rows("Development server flags") {
        assert_eq!(state != "not yet", words.contains(name.as_str()), "\"{name}\" is \"{state}\" but help is:\n{help}");
    }
}
