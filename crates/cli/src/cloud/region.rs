//! `cloud region`: where namespaces can be.

use clap::{Args, Subcommand};
use proto::temporal::api::cloud::{
    cloudservice::v1::{GetRegionRequest, GetRegionsRequest},
    region::v1::Region,
};

use super::{present, print_list};
use crate::{
    context::Context,
    failure::{Attempt, Failure},
    output::blocks::{Card, Column, Table},
};

/// Show regions
///
/// A namespace is created in one region of the account.
#[derive(Args, Clone, Debug)]
pub struct RegionArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Show a region
    Get {
        /// Region. Required.
        #[arg(long, required = true, value_name = "string")]
        region: String,
    },
    /// List regions
    List,
}

impl RegionArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Get { region } => get(region, context).await,
            Verb::List => list(context).await,
        }
    }
}

async fn get(id: String, context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect_cloud().await?;
    let attempt = format!("unable to get region {id}");
    let answer = session.get_region(GetRegionRequest { region: id }).await.attempt(&attempt)?.into_inner();
    let region = present(answer.region, "region")?;
    let [id, provider, location] = cells(&region);
    context.printer.card(&Card::default().field("Id", id).field("Provider", provider).field("Location", location))?;
    context.printer.message(&region)
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let mut session = context.connect_cloud().await?;
    let answer = session.get_regions(GetRegionsRequest {}).await.attempt("unable to list regions")?.into_inner();
    let mut table = Table::new(["Id", "Provider", "Location"].map(Column::text));
    answer.regions.iter().for_each(|region| table.push(cells(region)));
    print_list(&mut context.printer, &answer.regions, &table)
}

fn cells(region: &Region) -> [String; 3] {
    let provider = region.cloud_provider().as_str_name();
    let provider = crate::output::names::short(provider, "CLOUD_PROVIDER_");
    [region.id.clone(), provider, region.location.clone()]
}
