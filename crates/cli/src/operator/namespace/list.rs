//! `operator namespace list`.

use clap::Args;
use proto::temporal::api::workflowservice::v1::ListNamespacesRequest;

use super::describe::card;
use crate::{
    connect::Session,
    context::Context,
    failure::{Attempt, Failure},
    output::blocks::Card,
};

const PAGE_SIZE: i32 = 100;

/// List Namespaces
///
/// Display a detailed listing for all Namespaces on the Service.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListArgs {}

impl ListArgs {
    pub(crate) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut session = context.connect().await?;
        context.printer.start_list()?;
        let outcome = print_pages(context, &mut session).await;
        context.printer.end_list()?;
        outcome
    }
}

async fn print_pages(context: &mut Context, session: &mut Session) -> Result<(), Failure> {
    let mut request = ListNamespacesRequest { page_size: PAGE_SIZE, ..Default::default() };
    loop {
        let response = session.workflow.list_namespaces(request.clone()).await;
        let page = response.attempt("failed listing namespaces")?.into_inner();
        for namespace in &page.namespaces {
            context.printer.message(namespace)?;
        }
        let cards: Vec<Card> = page.namespaces.iter().map(card).collect();
        context.printer.cards(&cards)?;
        if page.next_page_token.is_empty() {
            return Ok(());
        }
        request.next_page_token = page.next_page_token;
    }
}
