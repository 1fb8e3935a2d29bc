//! Regions: there is one, where this server runs.

use model::Reject;
use proto::temporal::api::cloud::{
    cloudservice::v1::{GetRegionRequest, GetRegionResponse, GetRegionsRequest, GetRegionsResponse},
    region::v1::{Region, region::CloudProvider},
};

use crate::{
    Settings,
    request::{ApiRequest, Query},
    turn::View,
};

impl ApiRequest for GetRegionsRequest {
    type Answer = GetRegionsResponse;
}

impl Query for GetRegionsRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        Ok(GetRegionsResponse { regions: vec![describe(view.settings)] })
    }
}

impl ApiRequest for GetRegionRequest {
    type Answer = GetRegionResponse;
}

impl Query for GetRegionRequest {
    fn answer(&self, view: View<'_>) -> Result<Self::Answer, Reject> {
        match self.region == view.settings.region {
            true => Ok(GetRegionResponse { region: Some(describe(view.settings)) }),
            false => Err(Reject::not_found(format!("region \"{}\" not found", self.region))),
        }
    }
}

/// The provider is read off the id where it has the form of a cloud's region, such as `aws-us-east-1`.
fn describe(settings: &Settings) -> Region {
    let (provider, text, region) = match settings.region.split_once('-') {
        Some(("aws", region)) => (CloudProvider::Aws, "aws", region),
        Some(("gcp", region)) => (CloudProvider::Gcp, "gcp", region),
        Some(_) | None => (CloudProvider::Unspecified, "", settings.region.as_str()),
    };
    Region {
        id: settings.region.clone(),
        cloud_provider_deprecated: text.to_owned(),
        cloud_provider: provider as i32,
        cloud_provider_region: region.to_owned(),
        location: settings.domain.clone(),
    }
}
