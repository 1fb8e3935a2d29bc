//! `cloud namespace accepted-client-ca`: the authorities whose client certificates a namespace accepts.

use clap::{Args, Subcommand};
use proto::temporal::api::cloud::namespace::v1::MtlsAuthSpec;

use super::ChangeArgs;
use crate::{
    certificate::{self, Certificate},
    connect::pem::holds_certificate,
    context::Context,
    failure::Failure,
    output::{
        blocks::{Column, Table},
        json::Json,
        time,
    },
};

/// Manage the authorities whose client certificates are accepted
///
/// To change authorities without a gap, add the new one, let all clients change their certificates, and remove the old
/// one.
#[derive(Args, Clone, Debug)]
pub(super) struct AuthorityArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Accept further authorities
    Add(FilesArgs),
    /// List the accepted authorities
    List,
    /// Accept authorities no longer
    Remove(RemoveArgs),
    /// Replace the accepted authorities
    Set(FilesArgs),
}

#[derive(Args, Clone, Debug)]
struct FilesArgs {
    /// File of certificates in PEM. Can be passed multiple times. Required.
    #[arg(long, visible_alias = "ca-certificate-file", required = true, value_name = "FILE")]
    ca_file: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Args, Clone, Debug)]
struct RemoveArgs {
    /// Fingerprint, as list shows it. Can be passed multiple times.
    #[arg(long, visible_alias = "ca-certificate-fingerprint", value_name = "string")]
    fingerprint: Vec<String>,
    /// File of certificates in PEM. Can be passed multiple times.
    #[arg(long, visible_alias = "ca-certificate-file", value_name = "FILE")]
    ca_file: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl AuthorityArgs {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        match self.verb {
            Verb::Add(FilesArgs { ca_file, change }) => {
                let added = read_files(&ca_file)?;
                change
                    .apply(context, |spec| {
                        let auth = spec.mtls_auth.get_or_insert_default();
                        let bundle = text(&auth.accepted_client_ca) + &added;
                        replace(auth, &bundle);
                        Ok(())
                    })
                    .await
            }
            Verb::Set(FilesArgs { ca_file, change }) => {
                let bundle = read_files(&ca_file)?;
                change
                    .apply(context, |spec| {
                        replace(spec.mtls_auth.get_or_insert_default(), &bundle);
                        Ok(())
                    })
                    .await
            }
            Verb::List => list(context).await,
            Verb::Remove(args) => args.run(context).await,
        }
    }
}

impl RemoveArgs {
    async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut unwanted: Vec<String> =
            self.fingerprint.iter().map(|text| text.to_lowercase().replace(':', "")).collect();
        unwanted.extend(parse(&read_files(&self.ca_file)?)?.iter().map(Certificate::fingerprint));
        if unwanted.is_empty() {
            return Err(Failure::told("no authority is named: pass --fingerprint or --ca-file"));
        }
        self.change
            .apply(context, |spec| {
                let auth = spec.mtls_auth.get_or_insert_default();
                let bundle = without(&text(&auth.accepted_client_ca), &unwanted)?;
                replace(auth, &bundle);
                Ok(())
            })
            .await
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let (_, namespace) = super::find(context).await?;
    let auth = namespace.spec.and_then(|spec| spec.mtls_auth).unwrap_or_default();
    let certificates = parse(&text(&auth.accepted_client_ca))?;
    let mut table = Table::new(["Fingerprint", "Subject", "NotBefore", "NotAfter"].map(Column::text));
    for certificate in &certificates {
        let [not_before, not_after] = [certificate.not_before, certificate.not_after].map(time::iso);
        table.push([certificate.fingerprint(), certificate.subject.clone(), not_before, not_after]);
    }
    context.printer.table(&table)?;
    let items = certificates.iter().map(|certificate| {
        Json::object([
            ("fingerprint", Json::string(certificate.fingerprint())),
            ("subject", Json::string(certificate.subject.as_str())),
            ("issuer", Json::string(certificate.issuer.as_str())),
            ("notBefore", Json::string(time::iso(certificate.not_before))),
            ("notAfter", Json::string(time::iso(certificate.not_after))),
            ("certificate", Json::string(certificate.to_pem())),
        ])
    });
    context.printer.json(&Json::Array(items.collect()))
}

/// The contents of files of PEM, one after the other. What is in them is checked by the server, whose rules they must
/// meet.
pub(super) fn read_files(paths: &[String]) -> Result<String, Failure> {
    let mut bundle = String::new();
    for path in paths {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::told(format!("the file {path:?} can't be read: {error}")))?;
        if !holds_certificate(text.as_bytes()) {
            return Err(Failure::told(format!("the file {path:?} has no certificate in PEM")));
        }
        bundle.push_str(text.trim());
        bundle.push('\n');
    }
    Ok(bundle)
}

/// Makes the bundle the accepted one. The older field of the same bundle is left out, so that the two can't disagree.
pub(super) fn replace(auth: &mut MtlsAuthSpec, bundle: &str) {
    auth.accepted_client_ca_deprecated.clear();
    auth.accepted_client_ca = bundle.as_bytes().to_vec().into();
}

fn text(bundle: &[u8]) -> String {
    let text = String::from_utf8_lossy(bundle).trim().to_owned();
    if text.is_empty() { text } else { text + "\n" }
}

fn parse(bundle: &str) -> Result<Vec<Certificate>, Failure> {
    certificate::read(bundle.as_bytes())
        .map_err(|error| Failure::told(format!("the authorities' certificates can't be read: {error}")))
}

/// The bundle without the certificates of these fingerprints, all of which must be there.
fn without(bundle: &str, unwanted: &[String]) -> Result<String, Failure> {
    let certificates = parse(bundle)?;
    let present: Vec<String> = certificates.iter().map(Certificate::fingerprint).collect();
    if let Some(missing) = unwanted.iter().find(|fingerprint| !present.contains(fingerprint)) {
        return Err(Failure::told(format!("the namespace accepts no authority with the fingerprint {missing}")));
    }
    let kept = certificates.iter().filter(|certificate| !unwanted.contains(&certificate.fingerprint()));
    Ok(kept.map(Certificate::to_pem).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::tests::AUTHORITY;

    #[test]
    fn authorities_are_removed_by_fingerprint() {
        let fingerprint = parse(AUTHORITY).unwrap()[0].fingerprint();
        assert_eq!(without(AUTHORITY, &[fingerprint]).unwrap(), "");
        assert!(without(AUTHORITY, &["00".to_owned()]).is_err());
        assert_eq!(without(AUTHORITY, &[]).unwrap(), AUTHORITY);
    }

    #[test]
    fn the_older_twin_of_the_bundle_is_left_out() {
        let mut auth = MtlsAuthSpec { accepted_client_ca_deprecated: "b2xk".to_owned(), ..Default::default() };
        replace(&mut auth, AUTHORITY);
        assert_eq!(
            (auth.accepted_client_ca_deprecated.as_str(), text(&auth.accepted_client_ca)),
            ("", AUTHORITY.to_owned())
        );
    }
}
