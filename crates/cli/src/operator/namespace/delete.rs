//! `operator namespace delete`.

use clap::Args;
use proto::temporal::api::operatorservice::v1::DeleteNamespaceRequest;

use super::NameArgs;
use crate::{
    context::Context,
    failure::{Attempt, Failure},
};

/// Delete a Namespace
///
/// Removes a Namespace from the Service, with all Workflow Executions in it.
#[derive(Args, Clone, Debug)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    name: NameArgs,
    /// Don't prompt to confirm deletion.
    #[arg(long, short)]
    yes: bool,
}

impl DeleteArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        let name = self.name.resolve(context)?;
        context.confirm_by_typing(
            &format!("Are you sure you want to delete namespace {name}? Type namespace name to confirm:"),
            &name,
            self.yes,
            "user denied confirmation or mistyped the namespace name",
        )?;
        let request = DeleteNamespaceRequest { namespace: name.clone(), ..Default::default() };
        let response = session.operator.delete_namespace(request).await;
        let response = response.attempt(&format!("unable to delete namespace {name}"))?.into_inner();
        context.printer.success(&format!("Namespace {name} has been deleted."))?;
        context.printer.message(&response)
    }
}
