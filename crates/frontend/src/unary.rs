//! One unary call, from the HTTP request to the HTTP response: identity, decoding, the handler, metrics, errors.

use std::{convert::Infallible, sync::Arc};

use auth::{Policy, Reach};
use model::{Kind, Reject};
use prost::Message;
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    codec::CompressionEncoding,
    codegen::{BoxFuture, http},
    server::{Grpc, UnaryService},
};

use crate::{
    codec::{self, Prost, Reply},
    door::{Client, Door, Scope},
    frame, gate,
    grpc::Answering,
    requests::{Addressed, Tokened},
    status::to_status,
};

/// How calls of methods that are not served are counted, all together.
const NOT_YET: &str = "not_yet";
/// Messages that go out; the API's own largest page is far below it.
const LARGEST_REPLY: usize = 128 * 1024 * 1024;

/// A method that is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    /// `/package.Service/Method`.
    pub(crate) path: &'static str,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

type HttpRequest = http::Request<Body>;
type HttpResponse = http::Response<Body>;

/// A handler that works in a namespace.
pub(crate) fn in_namespace<Req, Res, H, F>(
    door: Arc<Door>,
    method: Method,
    request: HttpRequest,
    handler: H,
) -> Answering
where
    Req: Message + Default + Addressed + 'static,
    Res: Reply,
    H: FnOnce(Scope, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    let enter = move |door: Arc<Door>, client: Client, message: Req| async move {
        let scope = scope(door, client, method, message.namespace(), "Namespace is empty.")?;
        handler(scope, message).await
    };
    Box::pin(answer(door, method, request, |message| message.namespace(), enter))
}

/// The same for the calls about namespaces, which a cluster answers for itself: where no namespace is named, the
/// reference says so in other words.
pub(crate) fn in_local_namespace<Req, Res, H, F>(
    door: Arc<Door>,
    method: Method,
    request: HttpRequest,
    handler: H,
) -> Answering
where
    Req: Message + Default + Addressed + 'static,
    Res: Reply,
    H: FnOnce(Scope, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    let enter = move |door: Arc<Door>, client: Client, message: Req| async move {
        let scope = scope(door, client, method, message.namespace(), "Namespace not set on request.")?;
        handler(scope, message).await
    };
    Box::pin(answer(door, method, request, |message| message.namespace(), enter))
}

/// Lets a call into the namespace that it names; one that names none is refused with the text `unnamed`.
pub(crate) fn scope(
    door: Arc<Door>,
    client: Client,
    method: Method,
    name: &str,
    unnamed: &'static str,
) -> Result<Scope, Reject> {
    gate::check_name(door.limits(), name)?;
    gate::authorize(&door, &client, method.path, name)?;
    if name.is_empty() {
        return Err(Reject::invalid(unnamed));
    }
    let namespace = gate::by_name(&door, method.path, name)?;
    client.version.clone()?;
    Ok(Scope { door, namespace, client })
}

/// A handler whose request carries a task token: the token's namespace is the one that counts.
pub(crate) fn by_token<Req, Res, H, F>(door: Arc<Door>, method: Method, request: HttpRequest, handler: H) -> Answering
where
    Req: Message + Default + Tokened + 'static,
    Res: Reply,
    H: FnOnce(Scope, model::Token, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    let enter = move |door: Arc<Door>, client: Client, message: Req| async move {
        gate::check_name(door.limits(), message.namespace())?;
        let (namespace, token) =
            gate::by_token(&door, &client, method.path, message.namespace(), message.task_token())?;
        client.version.clone()?;
        handler(Scope { door, namespace, client }, token, message).await
    };
    Box::pin(answer(door, method, request, |message| message.namespace(), enter))
}

/// A handler of the cluster, or one that looks up the namespace it is about by itself.
pub(crate) fn in_cluster<Req, Res, H, F>(door: Arc<Door>, method: Method, request: HttpRequest, handler: H) -> Answering
where
    Req: Message + Default + Addressed + 'static,
    Res: Reply,
    H: FnOnce(Arc<Door>, Client, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    let enter = move |door: Arc<Door>, client: Client, message: Req| async move {
        gate::check_name(door.limits(), message.namespace())?;
        gate::authorize(&door, &client, method.path, message.namespace())?;
        client.version.clone()?;
        handler(door, client, message).await
    };
    Box::pin(answer(door, method, request, |message| message.namespace(), enter))
}

/// What the gate reads of a request whose method is not served: the namespace is its first field, whatever it is about.
#[derive(Clone, PartialEq, Message)]
struct Unserved {
    #[prost(string, tag = "1")]
    namespace: String,
}

/// A method that is declared in the API and not served by this version. On a secured server only those who might use it
/// are told so.
pub(crate) async fn not_yet(door: Arc<Door>, path: &str, request: HttpRequest) -> HttpResponse {
    door.metrics.record(NOT_YET, Code::Unimplemented, std::time::Duration::ZERO);
    let identified =
        gate::identify(&door, &request).and_then(|client| gate::admit(&door, &client, path).map(|()| client));
    let client = match identified {
        Ok(client) => client,
        Err(reject) => return to_status(&reject).into_http(),
    };
    let refusal = NotYet { door, client, path: path.to_owned() };
    let is_for_tenants =
        auth::permission(path).is_some_and(|permission| permission.tenants && permission.reach == Reach::Namespace);
    if !is_for_tenants || matches!(refusal.door.policy, Policy::Open) {
        return to_status(&refusal.by_name()).into_http();
    }
    let limit = largest_frame(&refusal.door);
    let mut grpc = Grpc::new(Prost::<Unserved, ()>::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(limit);
    settle(grpc.unary(refusal, request).await, limit).0
}

/// Refuses the one call it is made for: for want of a right, or else because the method is not served.
struct NotYet {
    door: Arc<Door>,
    client: Client,
    path: String,
}

impl NotYet {
    fn by_name(&self) -> Reject {
        Reject::unimplemented(self.path.rsplit('/').next().unwrap_or_default())
    }
}

impl UnaryService<Unserved> for NotYet {
    type Response = ();
    type Future = BoxFuture<Response<()>, Status>;

    fn call(&mut self, request: Request<Unserved>) -> Self::Future {
        let namespace = request.into_inner().namespace;
        let admitted = gate::check_name(self.door.limits(), &namespace)
            .and_then(|()| gate::authorize(&self.door, &self.client, &self.path, &namespace));
        let refusal = admitted.err().unwrap_or_else(|| self.by_name());
        let (door, client) = (self.door.clone(), self.client.clone());
        let method = self.path.rsplit('/').next().unwrap_or_default().to_owned();
        Box::pin(async move {
            gate::note(&door, &client, &method, namespace, &refusal).await;
            Err(to_status(&refusal))
        })
    }
}

async fn answer<Req, Res, H, F>(
    door: Arc<Door>,
    method: Method,
    mut request: HttpRequest,
    named: fn(&Req) -> &str,
    enter: H,
) -> Result<HttpResponse, Infallible>
where
    Req: Message + Default + 'static,
    Res: Reply,
    H: FnOnce(Arc<Door>, Client, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    let began = door.engine.now();
    let identified =
        gate::identify(&door, &request).and_then(|client| gate::admit(&door, &client, method.path).map(|()| client));
    let client = match identified {
        Ok(client) => client,
        Err(reject) => {
            let status = to_status(&reject);
            door.metrics.record(method.name(), status.code(), door.engine.now().since(began));
            return Ok(status.into_http());
        }
    };
    let once = Once { door: door.clone(), client, enter, method, named };
    let limit = largest_frame(&door);
    let response = match frame::take_message(&mut request, limit).await {
        Some(message) => {
            let reply = match codec::decode(message) {
                Ok(message) => once.answer(message).await,
                Err(status) => Err(status),
            };
            reply.and_then(|reply| frame::response(&reply, LARGEST_REPLY)).unwrap_or_else(Status::into_http)
        }
        // Rare and large.
        None => Box::pin(piecewise(once, request, limit)).await,
    };
    let (response, code) = settle(response, limit);
    let took = door.engine.now().since(began);
    door.metrics.record(method.name(), code, took);
    Ok(response)
}

/// The answer to a request whose message is compressed or comes in pieces.
async fn piecewise<Req, Res, H, F>(once: Once<Req, H>, request: HttpRequest, limit: usize) -> HttpResponse
where
    Req: Message + Default + 'static,
    Res: Reply,
    H: FnOnce(Arc<Door>, Client, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    let mut grpc = Grpc::new(Prost::<Req, Res>::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(limit)
        .max_encoding_message_size(LARGEST_REPLY);
    // As on the reference: a reply is compressed where the request was, so that nobody pays for it unasked.
    if request.headers().get("grpc-encoding").is_some_and(|encoding| encoding == "gzip") {
        grpc = grpc.send_compressed(CompressionEncoding::Gzip);
    }
    grpc.unary(Service(Some(once)), request).await
}

fn largest_frame(door: &Door) -> usize {
    door.limits().message_size
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
    (Status::resource_exhausted(text).into_http(), Code::ResourceExhausted)
}

/// The way of one call from its message to its reply.
struct Once<Req, H> {
    door: Arc<Door>,
    client: Client,
    enter: H,
    method: Method,
    /// The namespace that a request names.
    named: fn(&Req) -> &str,
}

impl<Req: 'static, H> Once<Req, H> {
    async fn answer<Res, F>(self, message: Req) -> Result<Res, Status>
    where
        H: FnOnce(Arc<Door>, Client, Req) -> F + Send + 'static,
        F: Future<Output = Result<Res, Reject>> + Send + 'static,
    {
        let Self { door, client, enter, method, named } = self;
        // An open server denies nothing, neither now nor later.
        let secured = matches!(door.policy, Policy::Secured(_));
        let kept = secured.then(|| (door.clone(), client.clone(), named(&message).to_owned()));
        // A handler's future is large, and it would be moved from one place to the next.
        let answering = Box::pin(enter(door, client, message));
        let answer = match &kept {
            Some((door, client, namespace)) => {
                gate::while_permitted(door, client, method.path, namespace, answering).await
            }
            None => answering.await,
        };
        match answer {
            Ok(reply) => Ok(reply),
            Err(reject) => {
                if reject.kind == Kind::Internal {
                    tracing::error!(method = method.name(), %reject, "a call failed");
                }
                if let Some((door, client, namespace)) = kept {
                    gate::note(&door, &client, method.name(), namespace, &reject).await;
                }
                Err(to_status(&reject))
            }
        }
    }
}

/// A service that answers the one call it is made for.
struct Service<Req, H>(Option<Once<Req, H>>);

impl<Req, Res, H, F> UnaryService<Req> for Service<Req, H>
where
    Req: Message + Default + 'static,
    Res: Reply,
    H: FnOnce(Arc<Door>, Client, Req) -> F + Send + 'static,
    F: Future<Output = Result<Res, Reject>> + Send + 'static,
{
    type Response = Res;
    type Future = BoxFuture<Response<Res>, Status>;

    fn call(&mut self, request: Request<Req>) -> Self::Future {
        let once = self.0.take();
        Box::pin(async move {
            let once = once.ok_or_else(|| Status::internal("a call was made twice"))?;
            once.answer(request.into_inner()).await.map(Response::new)
        })
    }
}
