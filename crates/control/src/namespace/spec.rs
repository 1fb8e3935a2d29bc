//! The rules that a namespace's spec keeps, and its normal form: deprecated fields moved into those that replaced them,
//! defaults filled in, so that two specs that mean the same are equal.

use base64::{Engine, prelude::BASE64_STANDARD};
use model::Reject;
use proto::temporal::api::cloud::namespace::v1::{
    CapacitySpec, CodecServerSpec, MtlsAuthSpec, NamespaceSpec, ReplicaSpec, capacity_spec,
};

use super::attributes;
use crate::{Settings, state::security, twins};

/// Days that closed workflows are kept when nobody says how long.
const DEFAULT_RETENTION_DAYS: i32 = 30;
const RETENTION_DAYS: std::ops::RangeInclusive<i32> = 1..=90;
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 2..=39;

/// The normal form of the spec of a new namespace.
///
/// # Errors
/// `InvalidArgument` with the first rule that it breaks, `Unimplemented` for what is not served.
pub(super) fn check_new(mut spec: NamespaceSpec, settings: &Settings) -> Result<NamespaceSpec, Reject> {
    check_name(&spec.name)?;
    if spec.retention_days == 0 {
        spec.retention_days = DEFAULT_RETENTION_DAYS;
    }
    normalise(&mut spec, settings)?;
    attributes::check(&spec.search_attributes)?;
    Ok(spec)
}

/// The normal form of the spec that shall replace `old`.
///
/// # Errors
/// As [`check_new`]; also for what can't be changed.
pub(super) fn check_change(
    old: &NamespaceSpec,
    mut spec: NamespaceSpec,
    settings: &Settings,
) -> Result<NamespaceSpec, Reject> {
    if spec.name.is_empty() {
        spec.name.clone_from(&old.name);
    }
    if spec.name != old.name {
        return Err(Reject::invalid("the name of a namespace cannot be changed"));
    }
    normalise(&mut spec, settings)?;
    attributes::check_change(&old.search_attributes, &spec.search_attributes)?;
    Ok(spec)
}

fn normalise(spec: &mut NamespaceSpec, settings: &Settings) -> Result<(), Reject> {
    if !RETENTION_DAYS.contains(&spec.retention_days) {
        let (first, last) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
        return Err(Reject::invalid(format!("retention days must be between {first} and {last}")));
    }
    place(spec, settings)?;
    authenticate(spec)?;
    twins::take_attributes(spec)
        .map_err(|name| Reject::invalid(format!("search attribute \"{name}\" has an unknown type")))?;
    if let Some(codec) = &spec.codec_server {
        check_codec_server(codec)?;
    }
    if !spec.connectivity_rule_ids.is_empty() {
        return Err(Reject::unimplemented("connectivity rules of a namespace"));
    }
    check_capacity(spec.capacity_spec.as_ref())?;
    // Absent and empty mean the same.
    spec.codec_server.take_if(|codec| *codec == CodecServerSpec::default());
    spec.lifecycle.take_if(|lifecycle| !lifecycle.enable_delete_protection);
    spec.fairness.take_if(|fairness| !fairness.task_queue_fairness_enabled);
    spec.high_availability.take_if(|high| !high.disable_managed_failover && !high.disable_passive_poller_forwarding);
    spec.capacity_spec = None;
    Ok(())
}

/// `^[a-z][a-z0-9-]*[a-z0-9]$`: a label of a host name.
fn check_name(name: &str) -> Result<(), Reject> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = NAME_LENGTH.contains(&name.len())
        && name.bytes().all(inner)
        && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    let (shortest, longest) = (NAME_LENGTH.start(), NAME_LENGTH.end());
    Err(Reject::invalid(format!(
        "invalid namespace name \"{name}\": it must have {shortest} to {longest} lower-case letters, digits and \
         hyphens, begin with a letter and end with a letter or digit"
    )))
}

/// There is one region; the older `regions` and the newer `replicas` say the same.
fn place(spec: &mut NamespaceSpec, settings: &Settings) -> Result<(), Reject> {
    let mut regions: Vec<String> = match spec.replicas.is_empty() {
        true => std::mem::take(&mut spec.regions),
        false => spec.replicas.iter().map(|replica| replica.region.clone()).collect(),
    };
    if regions.is_empty() {
        regions.push(settings.region.clone());
    }
    if let Some(other) = regions.iter().find(|region| **region != settings.region) {
        return Err(Reject::invalid(format!(
            "region \"{other}\" is not available, the available region is \"{}\"",
            settings.region
        )));
    }
    if regions.len() > 1 {
        return Err(Reject::invalid("a namespace can have one replica in a region"));
    }
    spec.regions = regions.clone();
    spec.replicas = regions.into_iter().map(|region| ReplicaSpec { region }).collect();
    Ok(())
}

/// How callers identify themselves: with certificates, API keys or both, but somehow.
fn authenticate(spec: &mut NamespaceSpec) -> Result<(), Reject> {
    if let Some(mtls) = &mut spec.mtls_auth {
        take_bundle(mtls)?;
        security::check(mtls)?;
    }
    spec.mtls_auth.take_if(|mtls| *mtls == MtlsAuthSpec::default());
    spec.api_key_auth.take_if(|api_key| !api_key.enabled);
    let by_certificate = spec.mtls_auth.as_ref().is_some_and(|mtls| mtls.enabled);
    if !by_certificate && spec.api_key_auth.is_none() {
        return Err(Reject::invalid("at least one of mtls_auth and api_key_auth must be enabled"));
    }
    Ok(())
}

/// Old clients send the bundle in base64.
fn take_bundle(mtls: &mut MtlsAuthSpec) -> Result<(), Reject> {
    let text = std::mem::take(&mut mtls.accepted_client_ca_deprecated);
    if mtls.accepted_client_ca.is_empty() && !text.is_empty() {
        let bytes = BASE64_STANDARD.decode(text.trim());
        mtls.accepted_client_ca =
            bytes.map_err(|_| Reject::invalid("the accepted client CA is not valid base64"))?.into();
    }
    Ok(())
}

fn check_codec_server(codec: &CodecServerSpec) -> Result<(), Reject> {
    let is_empty = *codec == CodecServerSpec::default();
    let is_https = codec.endpoint.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
    let is_clean = !codec.endpoint.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if is_empty || (is_https && is_clean) {
        return Ok(());
    }
    Err(Reject::invalid(format!("invalid codec server endpoint \"{}\": it must be an https URL", codec.endpoint)))
}

fn check_capacity(capacity: Option<&CapacitySpec>) -> Result<(), Reject> {
    match capacity.and_then(|capacity| capacity.spec.as_ref()) {
        Some(capacity_spec::Spec::Provisioned(_)) => Err(Reject::unimplemented("provisioned capacity")),
        Some(capacity_spec::Spec::OnDemand(_)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_of_host_names() {
        let long = "a".repeat(39);
        let too_long = "a".repeat(40);
        let rows = [
            ("orders", true),
            ("o1", true),
            ("a--b", true),
            ("orders-2", true),
            (long.as_str(), true),
            ("", false),
            ("o", false),
            ("1orders", false),
            ("-orders", false),
            ("orders-", false),
            ("Orders", false),
            ("or.ders", false),
            ("or_ders", false),
            ("órders", false),
            (too_long.as_str(), false),
        ];
        for (name, fits) in rows {
            assert_eq!(check_name(name).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn codec_servers_are_reached_by_https() {
        let rows = [
            ("https://codec.test/x", true),
            ("https://", false),
            ("http://codec.test", false),
            ("codec.test", false),
            ("https://a b", false),
        ];
        for (endpoint, fits) in rows {
            let codec = CodecServerSpec { endpoint: endpoint.to_owned(), ..CodecServerSpec::default() };
            assert_eq!(check_codec_server(&codec).is_ok(), fits, "{endpoint}");
        }
    }
}
