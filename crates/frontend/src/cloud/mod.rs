//! The control plane's services: `temporal.api.cloud.cloudservice.v1.CloudService` as gRPC and as HTTP paths, and what
//! clients ask of every address beside it (`GetSystemInfo`, health, reflection).
//!
//! What a call means is decided in `control`, its rights in `auth`; here it is only carried there and back.

mod call;
mod endpoint;
mod http;
mod jobs;
mod json;
mod paths;
mod version;

use std::sync::Arc;

use control::{Control, NowAndSeed, RequestContext};
use tokio::sync::Notify;

pub(crate) use self::endpoint::serve_cloud;
pub use self::paths::http_path;
use crate::context::{Denials, Rates, ServerContext};

/// The service.
const SERVICE: &str = "temporal.api.cloud.cloudservice.v1.CloudService";

/// What the control plane's services work with.
pub(crate) struct Cloud {
    context: Arc<ServerContext>,
    control: Control,
    account_id: String,
    rates: Rates,
    /// Draws what ids and tokens are made of.
    seed: fn() -> u128,
    /// Rings when the account has work for the engine.
    job_bell: Notify,
}

impl Cloud {
    pub(crate) fn new(context: Arc<ServerContext>, control: Control, seed: fn() -> u128) -> Arc<Self> {
        let account_id = auth::Directory::account_id(&control).to_owned();
        context.denials.get_or_init(|| Denials::new(control.clone(), seed));
        let cloud = Self { context, control, account_id, rates: Rates::default(), seed, job_bell: Notify::new() };
        let cloud = Arc::new(cloud);
        let listening = Arc::downgrade(&cloud);
        cloud.control.on_job(Box::new(move || {
            if let Some(cloud) = listening.upgrade() {
                cloud.job_bell.notify_one();
            }
        }));
        let rights = cloud.context.rights.clone();
        cloud.control.on_rights(Box::new(move || rights.send_modify(|changes| *changes += 1)));
        cloud
    }

    fn now_and_seed(&self) -> NowAndSeed {
        NowAndSeed { now: self.context.engine.wall(), seed: (self.seed)() }
    }

    fn request_context(&self, address: String) -> RequestContext {
        RequestContext { at: self.now_and_seed(), address }
    }

    /// Does the account's work in the engine, what the last process left undone first. Never ends.
    pub(crate) async fn work(self: Arc<Self>) {
        jobs::work(&self).await;
    }
}
