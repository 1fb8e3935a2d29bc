//! The versioning section of `workflow describe`.

use proto::temporal::api::{
    enums::v1::VersioningBehavior,
    workflow::v1::{WorkflowExecutionVersioningInfo, versioning_override::Override},
};

use crate::output::{blocks::Card, names};

/// Which worker deployment version the run is on, is told to be on, and moves to.
pub(crate) fn card(info: &WorkflowExecutionVersioningInfo) -> Card {
    let (deployment, build_id) = version(info);
    let mut card = Card::default()
        .field("Behavior", behavior_name(info.behavior()))
        .field("DeploymentName", deployment)
        .field("BuildId", build_id);
    match info.versioning_override.as_ref().and_then(|versioning| versioning.r#override.as_ref()) {
        Some(Override::Pinned(pinned)) => {
            let version = pinned.version.clone().unwrap_or_default();
            card = card
                .field("OverrideBehavior", behavior_name(VersioningBehavior::Pinned))
                .optional("OverridePinnedVersionDeploymentName", version.deployment_name)
                .optional("OverridePinnedVersionBuildId", version.build_id);
        }
        Some(Override::AutoUpgrade(_)) => {
            card = card.field("OverrideBehavior", behavior_name(VersioningBehavior::AutoUpgrade));
        }
        Some(Override::OneTime(one_time)) => {
            let version = one_time.target_deployment_version.clone().unwrap_or_default();
            card = card
                .field("OverrideBehavior", "OneTime")
                .optional("OverrideTargetVersionDeploymentName", version.deployment_name)
                .optional("OverrideTargetVersionBuildId", version.build_id);
        }
        None => {}
    }
    let transition = info.version_transition.as_ref().and_then(|transition| transition.deployment_version.clone());
    let transition = transition.unwrap_or_default();
    card.optional("TransitionVersionDeploymentName", transition.deployment_name)
        .optional("TransitionVersionBuildId", transition.build_id)
}

fn version(info: &WorkflowExecutionVersioningInfo) -> (String, String) {
    match &info.deployment_version {
        Some(version) if !version.deployment_name.is_empty() => {
            (version.deployment_name.clone(), version.build_id.clone())
        }
        Some(_) | None => match info.version.split_once('.') {
            Some((deployment, build_id)) => (deployment.to_owned(), build_id.to_owned()),
            None => (String::new(), String::new()),
        },
    }
}

fn behavior_name(behavior: VersioningBehavior) -> String {
    names::short(behavior.as_str_name(), "VERSIONING_BEHAVIOR_")
}
