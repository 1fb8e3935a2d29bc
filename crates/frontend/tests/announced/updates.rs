//! Updates whose caller waits for the outcome, and those whose caller comes back for it.

use prost::{Message as _, Name};
use proto::temporal::api::{
    command::v1::{ProtocolMessageCommandAttributes, command::Attributes},
    common::v1::{
        Callback,
        callback::{Nexus, Variant},
    },
    enums::v1::UpdateWorkflowExecutionLifecycleStage::{self as Stage, Accepted, Completed},
    protocol::v1::{Message, message::SequencingId},
    update::v1::{Acceptance, Input, Meta, Outcome, Request, Response, WaitPolicy, outcome::Value},
    workflowservice::v1::{
        PollWorkflowExecutionUpdateRequest, PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
        UpdateWorkflowExecutionRequest,
    },
};
use tokio::join;
use tonic::Code;

use crate::world::{World, command, completion, execution, namespace, patient, payloads};

/// Of `sync_update`: the reply has the outcome.
pub(crate) async fn waited_for(world: &mut World) {
    world.start("sync").await;
    let mut client = world.client.clone();
    let worker = async {
        let (task, request) = brought(world, "sync").await;
        answer(world, task, vec![acceptance(&request), response(&request.protocol_instance_id)], false).await;
    };
    let (reply, ()) = join!(client.update_workflow_execution(update("sync", Completed, request())), worker);
    let reply = reply.unwrap().into_inner();
    assert_eq!((reply.stage(), reply.outcome), (Completed, outcome()));
}

/// Of `async_update`: the reply says that it is accepted, and a poll for it has the outcome.
pub(crate) async fn asked_for_later(world: &mut World) {
    world.start("async").await;
    let mut client = world.client.clone();
    let worker = async {
        let (task, request) = brought(world, "async").await;
        answer(world, task, vec![acceptance(&request)], true).await;
        request.protocol_instance_id
    };
    let (reply, update_id) = join!(client.update_workflow_execution(update("async", Accepted, request())), worker);
    let reply = reply.unwrap().into_inner();
    assert_eq!((reply.stage(), reply.outcome), (Accepted, None));
    let poll = PollWorkflowExecutionUpdateRequest {
        namespace: namespace(),
        update_ref: reply.update_ref,
        wait_policy: wait(Completed),
        ..Default::default()
    };
    let worker = async {
        let task = world.poll("async").await;
        answer(world, task, vec![response(&update_id)], false).await;
    };
    let (reply, ()) = join!(client.poll_workflow_execution_update(patient(poll)), worker);
    let reply = reply.unwrap().into_inner();
    assert_eq!((reply.stage(), reply.outcome), (Completed, outcome()));
}

/// Of `workflow_update_callbacks`: an update that wants to call back is not taken as one that does not.
pub(crate) async fn called_back(world: &mut World) {
    world.start("callback").await;
    let nexus = Nexus { url: "temporal://system".to_owned(), ..Default::default() };
    let callback = Callback { variant: Some(Variant::Nexus(nexus)), ..Default::default() };
    let request = Request { completion_callbacks: vec![callback], ..request() };
    let refused = world.client.update_workflow_execution(update("callback", Accepted, request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

fn wait(stage: Stage) -> Option<WaitPolicy> {
    Some(WaitPolicy { lifecycle_stage: stage.into() })
}

fn outcome() -> Option<Outcome> {
    payloads("outcome").map(|outcome| Outcome { value: Some(Value::Success(outcome)) })
}

fn request() -> Request {
    Request {
        meta: Some(Meta { update_id: "update".to_owned(), ..Default::default() }),
        input: Some(Input { name: "update".to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

/// An update of the workflow whose caller waits for this stage.
fn update(id: &str, stage: Stage, request: Request) -> tonic::Request<UpdateWorkflowExecutionRequest> {
    patient(UpdateWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_execution: execution(id),
        wait_policy: wait(stage),
        request: Some(request),
        ..Default::default()
    })
}

/// The task that brings the update, and its message. A task that came before the update is answered with nothing.
async fn brought(world: &mut World, id: &str) -> (PollWorkflowTaskQueueResponse, Message) {
    loop {
        let task = world.poll(id).await;
        match task.messages.first().cloned() {
            Some(message) => return (task, message),
            None => answer(world, task, Vec::new(), false).await,
        }
    }
}

async fn answer(world: &mut World, task: PollWorkflowTaskQueueResponse, messages: Vec<Message>, another: bool) {
    let send = |message: &Message| ProtocolMessageCommandAttributes { message_id: message.id.clone() };
    let commands = messages.iter().map(|message| command(Attributes::ProtocolMessageCommandAttributes(send(message))));
    let completed = RespondWorkflowTaskCompletedRequest {
        commands: commands.collect(),
        messages,
        force_create_new_workflow_task: another,
        ..completion(task.task_token)
    };
    world.client.respond_workflow_task_completed(completed).await.unwrap();
}

fn acceptance(request: &Message) -> Message {
    let event_id = match request.sequencing_id {
        Some(SequencingId::EventId(event_id)) => event_id,
        _ => 0,
    };
    let body = Acceptance {
        accepted_request_message_id: request.id.clone(),
        accepted_request_sequencing_event_id: event_id,
        accepted_request: request.body.as_ref().map(|body| Request::decode(&*body.value).unwrap()),
    };
    sent(&request.protocol_instance_id, "accepted", &body)
}

fn response(update_id: &str) -> Message {
    let meta = Some(Meta { update_id: update_id.to_owned(), ..Default::default() });
    sent(update_id, "completed", &Response { meta, outcome: outcome() })
}

fn sent<M: prost::Message + Name>(update_id: &str, id: &str, body: &M) -> Message {
    Message {
        id: id.to_owned(),
        protocol_instance_id: update_id.to_owned(),
        body: Some(prost_types::Any {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: body.encode_to_vec(),
        }),
        ..Default::default()
    }
}
