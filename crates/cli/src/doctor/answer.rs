//! What the server says: whether it knows us, whether the namespace lets us in, whether we may start something.

use proto::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
};
use tonic::{Code, Status};

use super::{
    Finding, Verdict,
    local::{GENERATE_LEAF, NEW_KEY, NEW_LEAF},
};
use crate::{
    connect::{Transport, settings::Settings},
    doctor::credential,
    failure::status_text,
};

/// For a name without an account.
const FULL_NAME: &str = "Pass --namespace NAME.ACCOUNT. See which there are: perdure cloud namespace list.";
/// For whoever shows nothing.
const SHOW_SOMETHING: &str = "Pass --api-key, or a client certificate with --tls-cert-path and --tls-key-path; with an \
                              IP address, also --tls-server-name with the name of the namespace's endpoint.";

/// Asks for the namespace, then whether a start would be allowed.
pub(super) async fn findings(settings: &Settings, transport: Transport) -> Vec<Finding> {
    let mut client = WorkflowServiceClient::new(transport);
    let namespace = settings.namespace.clone();
    let request = DescribeNamespaceRequest { namespace: namespace.clone(), ..Default::default() };
    if let Err(status) = client.describe_namespace(request).await {
        return vec![refusal(settings, &status)];
    }
    let known = Finding::good("namespace", format!("{namespace} lets us in"));
    // Without a Workflow Id nothing can start. Who may not start anything hears of that first.
    let request = StartWorkflowExecutionRequest { namespace: namespace.clone(), ..Default::default() };
    let rights = match client.start_workflow_execution(request).await {
        Err(status) if status.code() == Code::PermissionDenied => read_only(settings),
        Err(status) if status.code() == Code::InvalidArgument => {
            Finding::good("rights", "we may read, and start and change Workflow Executions")
        }
        Err(status) => Finding { verdict: Verdict::Skipped, ..Finding::good("rights", status_text(&status)) },
        Ok(_) => Finding::good("rights", "we may start Workflow Executions"),
    };
    vec![known, rights]
}

fn read_only(settings: &Settings) -> Finding {
    let namespace = &settings.namespace;
    Finding::bad(
        "rights",
        "we may only read: nothing can be started, signalled or served by a worker",
        format!(
            "Give the key's owner more rights: perdure cloud service-account set-namespace-access --service-account-id \
             ID --namespace {namespace} --permission write."
        ),
    )
}

/// Whether the server has only said that its port wants TLS.
pub(super) fn is_wrong_door(status: &Status) -> bool {
    status.code() == Code::FailedPrecondition && status.message().contains("TLS")
}

/// What an error says about the connection. The server tells nobody whether a namespace exists that they may not see,
/// and does not tell why a key is not taken, so these findings name what it can be.
pub(super) fn refusal(settings: &Settings, status: &Status) -> Finding {
    let namespace = &settings.namespace;
    let text = status_text(status);
    match status.code() {
        Code::Unauthenticated => unauthenticated(settings, &text),
        Code::PermissionDenied => denied(settings, &text),
        Code::NotFound | Code::InvalidArgument => Finding::bad(
            "namespace",
            format!("{namespace}: {text}"),
            "See which namespaces there are: perdure cloud namespace list, or perdure operator namespace list.",
        ),
        _ if is_wrong_door(status) => {
            Finding::bad("connection", text, "Retry with --tls, or write the address as https://HOST:PORT.")
        }
        Code::Unimplemented => Finding::bad(
            "server",
            format!("what answers at {} serves no namespaces: {text}", settings.address.authority()),
            "If it is the control plane's port, pass the data plane's: perdure cloud namespace get --namespace NAME \
             shows a namespace's addresses.",
        ),
        Code::ResourceExhausted => Finding::bad("namespace", text, "Wait a little: there are too many calls."),
        _ => Finding::bad("server", text, "See the server's log."),
    }
}

fn unauthenticated(settings: &Settings, text: &str) -> Finding {
    let Some(key) = &settings.api_key else {
        return match settings.tls.as_ref().is_some_and(|tls| tls.client.is_some()) {
            true => certificate(settings, text),
            false => Finding::bad("identity", format!("the server does not know who we are: {text}"), SHOW_SOMETHING),
        };
    };
    let id = credential::claims(key).and_then(|claims| claims.key_id);
    let remedy = match id {
        None => format!("Copy it again as it was printed. {NEW_KEY}"),
        Some(id) if text.contains("disabled") => format!("Enable it: perdure cloud apikey enable --id {id}."),
        Some(_) if text.contains("expired") => NEW_KEY.to_owned(),
        Some(_) if text.contains("another account") => {
            format!("Correct --address, or pass a key of this server's account. {NEW_KEY}")
        }
        Some(id) => format!(
            "It was cut, deleted, or made by another server. Look at it: perdure cloud apikey get --id {id}. {NEW_KEY}"
        ),
    };
    Finding::bad("API key", format!("the server does not take it: {text}"), remedy)
}

/// What is wrong with a client certificate that the server does not take. It tells nobody whether there is a namespace
/// of that name.
fn certificate(settings: &Settings, text: &str) -> Finding {
    let namespace = &settings.namespace;
    let remedy = if text.contains("not signed by a CA") && !namespace.contains('.') {
        FULL_NAME.to_owned()
    } else if text.contains("not signed by a CA") {
        format!(
            "Check the namespace's name and its address. See what it accepts: perdure cloud namespace \
             accepted-client-ca list --namespace {namespace}. Make a certificate with one of these: {GENERATE_LEAF}. Or \
             accept this one's: perdure cloud namespace accepted-client-ca add --namespace {namespace} --ca-file client-ca.pem."
        )
    } else if text.contains("not valid yet") {
        format!("Check the clocks of this machine and the server's. {NEW_LEAF}")
    } else if text.contains("no client certificate for a namespace") {
        "Say which namespace it is for: pass --namespace, and with an IP address --tls-server-name with the name of the \
         namespace's endpoint."
            .to_owned()
    } else {
        NEW_LEAF.to_owned()
    };
    Finding::bad("client certificate", format!("the server does not take it: {text}"), remedy)
}

fn denied(settings: &Settings, text: &str) -> Finding {
    let namespace = &settings.namespace;
    let has_certificate = settings.tls.as_ref().is_some_and(|tls| tls.client.is_some());
    let method = format!("perdure cloud namespace auth-method set --namespace {namespace} --method api_key_or_mtls");
    let (cause, remedy) = if text.contains("certificate filter") {
        (
            String::new(),
            format!(
                "See the filters: perdure cloud namespace certificate-filters export --namespace {namespace}. Make a \
                 certificate that matches: {GENERATE_LEAF}."
            ),
        )
    } else if text.contains("does not take API keys") {
        (String::new(), format!("Let it: {method}. Or pass a client certificate instead of the key."))
    } else if !namespace.contains('.') {
        (format!("{namespace} is not a full name"), FULL_NAME.to_owned())
    } else if settings.api_key.is_some() {
        (
            format!("there is no {namespace}, or the key's owner has no permission on it"),
            format!(
                "See what is there: perdure cloud namespace list. Give permission: perdure cloud service-account \
                 set-namespace-access --service-account-id ID --namespace {namespace} --permission write."
            ),
        )
    } else if has_certificate {
        (
            format!("there is no {namespace}, or the certificate is not one for it"),
            format!(
                "See what it accepts: perdure cloud namespace accepted-client-ca list --namespace {namespace}. With an \
                 IP address, pass --tls-server-name with the name of the namespace's endpoint."
            ),
        )
    } else {
        ("we have shown neither an API key nor a certificate".to_owned(), SHOW_SOMETHING.to_owned())
    };
    let text = text.trim_end_matches('.');
    let text = if cause.is_empty() { text.to_owned() } else { format!("{text}: {cause}") };
    Finding::bad("namespace", format!("the server does not let us in: {text}"), remedy)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::connect::settings::{Address, Client, TlsSettings};

    fn settings(namespace: &str, api_key: Option<&str>, certificate: bool) -> Settings {
        let client = certificate.then(Client::default);
        Settings {
            address: Address::parse("localhost:7233").unwrap(),
            namespace: namespace.to_owned(),
            identity: String::new(),
            authority: None,
            api_key: api_key.map(str::to_owned),
            headers: BTreeMap::new(),
            tls: Some(TlsSettings { client, ..TlsSettings::default() }),
            connect_timeout: Duration::from_secs(1),
        }
    }

    /// Its claims are an id, `k1`.
    const KEY: &str = "e30.eyJqdGkiOiJrMSJ9.c2ln";

    #[test]
    fn every_refusal_names_a_cause_and_a_command() {
        let denied = Status::permission_denied("Request unauthorized.");
        let filtered = Status::permission_denied("Request unauthorized: no certificate filter of namespace \"a.b\" …");
        let no_keys = Status::permission_denied("Request unauthorized: namespace \"a.b\" does not take API keys.");
        let unknown = Status::unauthenticated("request not authenticated");
        let disabled = Status::unauthenticated("request not authenticated: the API key is disabled");
        let expired = Status::unauthenticated("request not authenticated: the API key has expired");
        let wrong_port = Status::unimplemented("unknown method");
        let [foreign, stale, early, other] =
            ["is not signed by a CA of the namespace", "has expired", "is not valid yet", "is not one for clients"]
                .map(|cause| {
                    Status::unauthenticated(format!("request not authenticated: the client certificate {cause}"))
                });
        for (settings, status, cause, remedy) in [
            (settings("a.b", None, true), &foreign, "not signed by a CA", "accepted-client-ca add --namespace a.b"),
            (settings("a.b", None, true), &stale, "has expired", "perdure cloud cert generate-leaf"),
            (settings("a.b", None, true), &early, "not valid yet", "clocks"),
            (settings("a.b", None, true), &other, "not one for clients", "perdure cloud cert generate-leaf"),
            (settings("default", None, true), &foreign, "not signed by a CA", "NAME.ACCOUNT"),
            (settings("a.b", Some("k"), false), &unknown, "does not take it", "Copy it again"),
            (settings("a.b", Some(KEY), false), &unknown, "does not take it", "perdure cloud apikey get --id k1"),
            (settings("a.b", Some(KEY), false), &disabled, "is disabled", "perdure cloud apikey enable --id k1"),
            (settings("a.b", Some(KEY), false), &expired, "has expired", "perdure cloud apikey create"),
            (settings("a.b", Some(KEY), false), &wrong_port, "serves no namespaces", "the data plane's"),
            (settings("a.b", None, false), &unknown, "does not know who we are", "--api-key"),
            (settings("a.b", Some("k"), false), &denied, "no permission on it", "set-namespace-access"),
            (settings("a.b", None, true), &denied, "is not one for it", "accepted-client-ca list"),
            (settings("a.b", None, true), &filtered, "no certificate filter", "certificate-filters export"),
            (settings("a.b", Some("k"), false), &no_keys, "does not take API keys", "auth-method set"),
            (settings("a.b", None, false), &denied, "neither an API key nor a certificate", "--tls-cert-path"),
            (settings("default", Some("k"), false), &denied, "is not a full name", "NAME.ACCOUNT"),
        ] {
            let finding = refusal(&settings, status);
            assert!(finding.text.contains(cause), "{}", finding.text);
            assert!(finding.remedy.contains(remedy), "{}", finding.remedy);
        }
    }
}
