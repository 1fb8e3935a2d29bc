//! The start of a server of any kind.

use crate::{
    Fault,
    catalog::Catalog,
    secured,
    server::{Kind, Launch, Server},
};

impl Server {
    /// Starts the server and waits until it answers.
    pub(crate) async fn start(launch: &Launch, catalog: &Catalog) -> Result<Server, Fault> {
        match launch.kind {
            Kind::Reference | Kind::Perdure => Server::start_open(launch, catalog).await,
            Kind::Secured => secured::start(launch, catalog).await,
        }
    }
}
