//! One unary call, from the HTTP request to the HTTP response: identity, decoding, the handler, metrics, errors.
//!
//! Of a method's own types knows only what stands between its encoded message and its encoded reply; the way of a call up
//! to there and from there on is the same for all.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use auth::{Policy, Reach};
use bytes::Bytes;
use engine::Pass;
use futures_util::future::poll_immediate;
use http_body_util::BodyExt as _;
use model::{Kind, Part, Reject};
use prost::{Message, Name};
use proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    codec::CompressionEncoding,
    codegen::{BoxFuture, http},
    server::{Grpc, UnaryService},
};
use transport::{
    Answering, Raw,
    codec::{self, Reply},
    frame, headers, refused, to_status, too_large,
};

use crate::{
    context::{Client, Scope, ServerContext},
    gate,
    method::Method,
    requests::{Addressed, Tokened},
    turn::Admitted,
    weigh,
};

/// Bytes of a message beyond which it is worth a look at its namespace before it is decoded.
const LARGE: usize = 4 * 1024;
/// Bytes that a message's fields take in memory beyond which they are counted with all that is held for callers.
const LITTLE: usize = 64 * 1024;
/// How calls of methods that are not served are counted, all together.
const NOT_YET: &str = "not_yet";
/// Messages that go out; the API's own largest page is far below it.
const LARGEST_REPLY: usize = 128 * 1024 * 1024;

type HttpRequest = http::Request<Body>;
type HttpResponse = http::Response<Body>;

/// Decodes a call's message and lets its handler begin.
type Handle = Box<dyn FnOnce(Arc<ServerContext>, Arc<Client>, Bytes) -> Result<Handled, Status> + Send>;

/// A call whose message is decoded.
struct Handled {
    /// The namespace that the message names; empty on an open server, which denies nothing.
    namespace: String,
    /// Will be the reply in its frame.
    answering: Pin<Box<dyn Future<Output = Result<Bytes, Reject>> + Send>>,
}

/// A handler that works in a namespace.
pub(crate) fn in_namespace<Req, Res, H, F>(
    context: Arc<ServerContext>,
    method: Method,
    request: HttpRequest,
    handler: H,
) -> Answering
where
    Req: Message + Name + Default + Addressed + 'static,
    Res: Reply,
    H: FnOnce(Scope, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    answer(context, method, request, move |context, client, message: Box<Req>| async move {
        let scope = scope(context, client, method, message.namespace(), message.waits())?;
        handler(scope, *message).await
    })
}

/// Lets a call into the namespace that it names, and counts it there; `waits` is whether it may wait.
pub(crate) fn scope(
    context: Arc<ServerContext>,
    client: Arc<Client>,
    method: Method,
    name: &str,
    waits: bool,
) -> Result<Scope, Reject> {
    gate::check_name(context.limits(), name)?;
    gate::authorize(&context, &client, method.path, name)?;
    if name.is_empty() {
        return Err(Reject::invalid(unnamed(method)));
    }
    let namespace = gate::by_name(&context, method.path, name)?;
    let place = gate::count(&context, &client, method, Some(&namespace), waits)?;
    client.version.clone()?;
    Ok(Scope { context, namespace, client, _place: place })
}

/// How a call that names no namespace is refused. The reference answers calls about namespaces elsewhere, in other words.
fn unnamed(method: Method) -> &'static str {
    match method.name() {
        "UpdateNamespace" | "DeprecateNamespace" => "Namespace not set on request.",
        _ => "Namespace is empty.",
    }
}

/// A handler whose request carries a task token: the token's namespace is the one that counts.
pub(crate) fn by_token<Req, Res, H, F>(
    context: Arc<ServerContext>,
    method: Method,
    request: HttpRequest,
    handler: H,
) -> Answering
where
    Req: Message + Name + Default + Tokened + 'static,
    Res: Reply,
    H: FnOnce(Scope, model::Token, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    answer(context, method, request, move |context, client, message: Box<Req>| async move {
        gate::check_name(context.limits(), message.namespace())?;
        let (namespace, token) =
            gate::by_token(&context, &client, method.path, message.namespace(), message.task_token())?;
        let place = gate::count(&context, &client, method, Some(&namespace), message.waits())?;
        client.version.clone()?;
        handler(Scope { context, namespace, client, _place: place }, token, *message).await
    })
}

/// A handler of the cluster, or one that looks up the namespace it is about by itself.
pub(crate) fn in_cluster<Req, Res, H, F>(
    context: Arc<ServerContext>,
    method: Method,
    request: HttpRequest,
    handler: H,
) -> Answering
where
    Req: Message + Name + Default + Addressed + 'static,
    Res: Reply,
    H: FnOnce(Arc<ServerContext>, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    answer(context, method, request, move |context, client, message: Box<Req>| async move {
        gate::check_name(context.limits(), message.namespace())?;
        gate::authorize(&context, &client, method.path, message.namespace())?;
        let table = context.engine.namespaces();
        let named = table.by_name(message.namespace()).map(|(_, namespace)| &**namespace);
        let _place = gate::count(&context, &client, method, named, message.waits())?;
        client.version.clone()?;
        handler(context, *message).await
    })
}

/// Answers a call whose message enters by `enter`. The message is large, and so is what a handler keeps while it waits: the
/// one is moved once, into the handler, and the other not at all.
fn answer<Req, Res, E, F>(context: Arc<ServerContext>, method: Method, request: HttpRequest, enter: E) -> Answering
where
    Req: Message + Name + Default + Addressed + 'static,
    Res: Reply,
    E: FnOnce(Arc<ServerContext>, Arc<Client>, Box<Req>) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    let handle = move |context: Arc<ServerContext>, client: Arc<Client>, message: Bytes| {
        if message.len() > LARGE {
            spare(&context, &client, method, &message).map_err(|reject| to_status(&reject))?;
        }
        let held = match message.len() > weigh::FREE {
            true => room(&context, &Req::full_name(), &message).map_err(|reject| to_status(&reject))?,
            false => None,
        };
        let message: Box<Req> = codec::decode(message)?;
        let namespace = match context.policy {
            Policy::Open => String::new(),
            Policy::Secured(_) => message.namespace().to_owned(),
        };
        let answering = Box::pin(async move {
            let answer = enter(context, client, message).await;
            drop(held);
            Ok(frame::encode(&answer?))
        });
        Ok(Handled { namespace, answering })
    };
    // Whether it is served is decided when its head has come: what is refused costs little.
    match context.engine.admit(method.turn.class, method.turn.leaves, headers::timeout_of(request.headers())) {
        Ok(pass) => {
            let pass = Arc::new(pass);
            let call = counted(context, method, request, pass.clone(), Box::new(handle));
            Answering::new(method.turn.priority(), call).admitted_by(Admitted(pass))
        }
        Err(refusal) => Answering::refused(refuse(context, method, request, refusal)),
    }
}

/// Refuses a call. What has come of its message is taken first, for a stream that ends before its message has is an error
/// of HTTP/2, of which a connection bears few.
async fn refuse(
    context: Arc<ServerContext>,
    method: Method,
    mut request: HttpRequest,
    refusal: Reject,
) -> Result<HttpResponse, Infallible> {
    let mut left = largest_frame(&context) + frame::PREFIX;
    while let Some(Ok(piece)) = request.body_mut().frame().await {
        match piece.data_ref().map_or(Some(left), |data| left.checked_sub(data.len())) {
            Some(rest) => left = rest,
            None => break,
        }
    }
    context.metrics.record(method.name(), Code::ResourceExhausted, Duration::ZERO);
    Ok(refused(&refusal))
}

/// Room in memory for a message that has much in it beside texts and payloads; `None` where it has little.
///
/// # Errors
/// `InvalidArgument` when it would take more than any message may, `ResourceExhausted` when there is no room now.
fn room(context: &ServerContext, name: &str, message: &[u8]) -> Result<Option<Part>, Reject> {
    let Some(shape) = proto::shape(name) else { return Ok(None) };
    let most = context.limits().message_fields_size;
    let weight = weigh::weigh(shape, message, most);
    if weight > most {
        let text = "the request has too many fields and values: they would take more than";
        return Err(Reject::invalid(format!("{text} {most} bytes of memory (limits.message_fields_size)")));
    }
    if weight < LITTLE {
        return Ok(None);
    }
    let full = || {
        let (cause, scope) = (ResourceExhaustedCause::SystemOverloaded, ResourceExhaustedScope::System);
        Reject::exhausted(cause, scope, "the server has no memory for a request of so many fields now")
    };
    context.engine.memory().take(weight).map(Some).ok_or_else(full)
}

/// What the gate reads of a request before it is decoded, or whose method is not served: the namespace is its first field,
/// whatever it is about, unless it answers a task.
#[derive(Clone, PartialEq, Message)]
struct Undecoded {
    #[prost(string, tag = "1")]
    namespace: String,
}

/// Spares a large message the decoding, if it would be refused afterwards because its namespace makes too many calls.
fn spare(context: &ServerContext, client: &Client, method: Method, message: &[u8]) -> Result<(), Reject> {
    let Ok(Undecoded { namespace }) = Undecoded::decode(message) else {
        return Ok(());
    };
    let table = context.engine.namespaces();
    let Some((_, found)) = table.by_name(&namespace) else {
        return Ok(());
    };
    let refusal = context.quotas.refusal(found, method.class, client.operator, context.engine.now());
    // How busy a namespace is, is told to those who may call there.
    refusal.map_or(Ok(()), |refusal| gate::authorize(context, client, method.path, &namespace).and(Err(refusal)))
}

/// A method that is declared in the API and not served by this version. On a secured server only those who might use it
/// are told so.
pub(crate) async fn not_yet(context: Arc<ServerContext>, path: &str, request: HttpRequest) -> HttpResponse {
    context.metrics.record(NOT_YET, Code::Unimplemented, std::time::Duration::ZERO);
    let identified =
        gate::identify(&context, &request).and_then(|client| gate::admit(&context, &client, path).map(|()| client));
    let client = match identified {
        Ok(client) => client,
        Err(reject) => return to_status(&reject).into_http(),
    };
    let refusal = NotYet { context, client, path: path.to_owned() };
    let is_for_tenants =
        auth::permission(path).is_some_and(|permission| permission.tenants && permission.reach == Reach::Namespace);
    if !is_for_tenants || matches!(refusal.context.policy, Policy::Open) {
        return to_status(&refusal.by_name()).into_http();
    }
    let limit = largest_frame(&refusal.context);
    let mut grpc = Grpc::new(Raw).accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(limit);
    settle(grpc.unary(refusal, request).await, limit).0
}

/// Refuses the one call it is made for: for want of a right, or else because the method is not served.
struct NotYet {
    context: Arc<ServerContext>,
    client: Client,
    path: String,
}

impl NotYet {
    fn by_name(&self) -> Reject {
        Reject::unimplemented(self.path.rsplit('/').next().unwrap_or_default())
    }
}

impl UnaryService<Bytes> for NotYet {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let message = codec::decode::<Undecoded>(request.into_inner());
        let (context, client, path) = (self.context.clone(), self.client.clone(), self.path.clone());
        let by_name = self.by_name();
        Box::pin(async move {
            let namespace = message?.namespace;
            let admitted = gate::check_name(context.limits(), &namespace)
                .and_then(|()| gate::authorize(&context, &client, &path, &namespace));
            let refusal = admitted.err().unwrap_or(by_name);
            let method = path.rsplit('/').next().unwrap_or_default();
            gate::note(&context, &client, method, namespace, &refusal).await;
            Err(to_status(&refusal))
        })
    }
}

async fn counted(
    context: Arc<ServerContext>,
    method: Method,
    request: HttpRequest,
    pass: Arc<Pass>,
    handle: Handle,
) -> Result<HttpResponse, Infallible> {
    let began = context.engine.now();
    let (response, code) = respond(&context, method, request, pass, handle).await;
    context.metrics.record(method.name(), code, context.engine.now().since(began));
    Ok(response)
}

async fn respond(
    context: &Arc<ServerContext>,
    method: Method,
    mut request: HttpRequest,
    pass: Arc<Pass>,
    handle: Handle,
) -> (HttpResponse, Code) {
    let identified = gate::identify(context, &request)
        .and_then(|client| gate::admit(context, &client, method.path).map(|()| client));
    let client = match identified {
        Ok(client) => Arc::new(Client { deadline: pass.deadline(), pass: Some(pass.clone()), ..client }),
        Err(reject) => {
            let status = to_status(&reject);
            let code = status.code();
            return (status.into_http(), code);
        }
    };
    let call = UnaryCall { context: context.clone(), client, pass, method, handle };
    let limit = largest_frame(context);
    let taken = {
        let mut taking = pin!(frame::take_message(&mut request, limit));
        match poll_immediate(&mut taking).await {
            Some(taken) => taken,
            None => {
                call.pass.step_aside();
                taking.await
            }
        }
    };
    let response = match taken {
        Some(message) => {
            // A call may wait for long, and nothing looks at its headers any more.
            drop(request);
            call.answer(message).await.map_or_else(Status::into_http, frame::response)
        }
        // Rare and large, and perhaps not there yet.
        None => Box::pin(piecewise(call, request, limit)).await,
    };
    settle(response, limit)
}

/// The answer to a request whose message is compressed or comes in pieces.
async fn piecewise(call: UnaryCall, request: HttpRequest, limit: usize) -> HttpResponse {
    call.pass.step_aside();
    let mut grpc = Grpc::new(Raw).accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(limit);
    // As on the reference: a reply is compressed where the request was, so that no client pays for it unasked.
    if headers::encoding(request.headers()) == Some(b"gzip") {
        grpc = grpc.send_compressed(CompressionEncoding::Gzip);
    }
    grpc.unary(Service(Some(call)), request).await
}

fn largest_frame(context: &ServerContext) -> usize {
    context.limits().message_size
}

/// The code of a response; where the transport refused a message for its size, with the reference's code and text.
pub(crate) fn settle(response: HttpResponse, limit: usize) -> (HttpResponse, Code) {
    let Some(status) = Status::from_header_map(response.headers()) else {
        return (response, Code::Ok);
    };
    if status.code() != Code::OutOfRange {
        return (response, status.code());
    }
    let found = status.message().split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty());
    let text = format!("grpc: received message larger than max ({} vs. {limit})", found.unwrap_or("?"));
    (too_large(text).into_http(), Code::ResourceExhausted)
}

/// The way of one call from its message to its reply.
struct UnaryCall {
    context: Arc<ServerContext>,
    client: Arc<Client>,
    pass: Arc<Pass>,
    method: Method,
    handle: Handle,
}

impl UnaryCall {
    /// The reply in its frame.
    async fn answer(self, message: Bytes) -> Result<Bytes, Status> {
        let Self { context, client, pass, method, handle } = self;
        gate::note_request(&client);
        let now = context.engine.now();
        pass.come_whole(message.len(), now).map_err(|refusal| to_status(&refusal))?;
        if pass.deadline().is_some_and(|deadline| deadline <= now) {
            return Err(to_status(&Reject::new(Kind::DeadlineExceeded, "context deadline exceeded")));
        }
        let Handled { namespace, answering } = handle(context.clone(), client.clone(), message)?;
        let answer = match context.policy {
            Policy::Secured(_) => gate::while_permitted(&context, &client, method.path, &namespace, answering).await,
            // An open server denies nothing, neither now nor later.
            Policy::Open => answering.await,
        };
        match answer {
            Ok(reply) => frame::within(reply, LARGEST_REPLY),
            Err(reject) => {
                if reject.kind == Kind::Internal {
                    tracing::error!(method = method.name(), %reject, "a call failed");
                }
                gate::note(&context, &client, method.name(), namespace, &reject).await;
                Err(to_status(&reject))
            }
        }
    }
}

/// A service that answers the one call it is made for.
struct Service(Option<UnaryCall>);

impl UnaryService<Bytes> for Service {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let call = self.0.take();
        Box::pin(async move {
            let call = call.ok_or_else(|| to_status(&Reject::internal("a call was made twice")))?;
            call.answer(request.into_inner()).await.map(|reply| Response::new(reply.slice(frame::PREFIX..)))
        })
    }
}
